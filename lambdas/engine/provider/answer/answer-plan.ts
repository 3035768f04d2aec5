import type { PageSpec } from '../language/call-schema.ts';
import type { ErrorRuleSpec } from '../language/errors-schema.ts';
import type { LimitSpec } from '../language/limits-schema.ts';
import type { PagePosition } from '../request/page-position.ts';

/** How to read the records of a resource. */
export interface RecordPlan {
  readonly map: string;
  readonly id: string;
  readonly version?: string | undefined;
  readonly updated?: string | undefined;
  readonly keep?: string | undefined;
  readonly deleted?: string | undefined;
}

/** What a limit reads in answers. */
export type LimitReading = Pick<LimitSpec, 'name' | 'remaining' | 'used' | 'maximum' | 'pattern' | 'charged' | 'reset'>;

/** Everything that reading an answer takes; JSON, because it goes to the process that evaluates expressions. */
export interface AnswerPlan {
  readonly format: 'json' | 'xml' | 'jsonl' | 'csv' | 'text';
  readonly selects: 'record' | 'records' | 'nothing';
  /** Of the record or the records. */
  readonly selection: string;
  readonly expect?: string | undefined;
  readonly whenEmpty?: 'gone' | 'fault' | undefined;
  /** Those that apply to the call. */
  readonly errors: readonly ErrorRuleSpec[];
  /** Whether a 404 means that the record does not exist. */
  readonly isGet: boolean;
  readonly limits: readonly LimitReading[];
  readonly record?: RecordPlan | undefined;
  /** Where rows, and the answer, say from where the next run reads. */
  readonly cursor?: { readonly row?: string; readonly answer?: string } | undefined;
  readonly page?: PageSpec | undefined;
  readonly position?: PagePosition | undefined;
}

/** An answer of a provider. */
export interface ProviderAnswerText {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The URL that was called, for relative links. */
  readonly url: string;
  /** Epoch milliseconds of its receipt. */
  readonly receivedAtMs: number;
}
