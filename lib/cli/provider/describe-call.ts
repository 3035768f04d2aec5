import { checkResource, type PreparedResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import type { ReadRecord, UnreadRecord } from '../../../lambdas/engine/provider/answer/read-answer.ts';
import type { ObservedLimit } from '../../../lambdas/engine/provider/answer/read-limits.ts';
import type { Meaning } from '../../../lambdas/engine/provider/language/errors-schema.ts';
import type { CallOutcome } from '../../../lambdas/flows/provider/call-provider.ts';
import { count } from '../command.ts';
import { collapseRepeated, describeDataFault } from '../explain/explain-mapping.ts';
import { showTokenAnswer } from './hide-secrets.ts';
import type { MadeCall, ShownExchange, WantedCall } from './make-call.ts';

/** What the engine does after an answer. */
const meaningTexts: Readonly<Record<Meaning, string>> = {
  ok: 'a success',
  partial: 'the data is used, but it is not complete',
  empty: 'no records, and no fault',
  gone: 'the record does not exist',
  'slow-down': 'the provider wants fewer calls',
  retry: 'the engine calls again, later',
  refresh: 'the engine takes a new token, once',
  'auth-failed': 'the account waits for new credentials',
  forbidden: 'the credentials may not read this resource',
  invalid: 'the call, so the definition, is at fault',
  restart: 'the cursor has ended: the listing starts again',
  split: 'the engine asks for less',
  unchanged: 'nothing has changed since it was read last',
};

/** What the common codes of the network mean. */
const failures: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no host has this name',
  EAI_AGAIN: 'the name of the host cannot be resolved now',
  ECONNREFUSED: 'no server listens there',
  ECONNRESET: 'the server closed the connection',
};

/** A request and its answer, for programs. */
export interface ExchangeView {
  readonly purpose: 'token' | 'call';
  readonly method: string;
  readonly url: string;
  /** Null without an answer. */
  readonly status: number | null;
  readonly error: string | null;
  readonly duration_ms: number;
  readonly means: Meaning | null;
  /** Only with `--raw`. */
  readonly raw?: {
    readonly request: { readonly headers: Readonly<Record<string, string>>; readonly body: string | null };
    readonly answer: { readonly headers: Readonly<Record<string, string>>; readonly body: string } | null;
  };
}

/** What came of a call, for programs. */
export interface CallView {
  readonly outcome: CallOutcome['kind'];
  readonly means: Meaning | null;
  /** Why nothing was read; null where something was. */
  readonly reason: string | null;
  readonly exchanges: readonly ExchangeView[];
  readonly limits: readonly LimitView[];
  readonly records: readonly RecordView[];
  readonly unread: readonly UnreadRecord[];
  /** Where records do not fit the schema of their resource. */
  readonly drift: readonly string[];
  /** Whether another page follows. */
  readonly more: boolean;
}

interface LimitView {
  readonly name: string;
  readonly remaining: number | null;
  readonly maximum: number | null;
  readonly charged: number | null;
  readonly resets_at: string | null;
}

interface RecordView {
  readonly id: string;
  readonly version: string | null;
  readonly updated: string | number | null;
  /** The record does not belong to the resource, or stands for a deleted one. */
  readonly absent: boolean;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What came of a call. It may hold secrets of the account. */
export function viewCall(
  { exchanges, outcome, hasMore }: MadeCall,
  { resource }: WantedCall,
  resources: PreparedResources,
  isRaw: boolean,
): CallView {
  const reads = exchanges.flatMap(({ read }) => read ?? []);
  const records = reads.flatMap((read) => read.records);
  const last = reads.at(-1);
  return {
    outcome: outcome.kind,
    means: last?.classification.means ?? null,
    reason: reasonOf(outcome),
    exchanges: exchanges.map((exchange) => viewExchange(exchange, isRaw)),
    limits: (last?.limits ?? []).map(viewLimit),
    records: records.map(viewRecord),
    unread: reads.flatMap((read) => read.unread),
    drift: resource === undefined ? [] : driftOf(resources, resource, records),
    more: hasMore,
  };
}

function viewExchange({ purpose, shown, answer, durationMs, read }: ShownExchange, isRaw: boolean): ExchangeView {
  const isAnswered = answer.kind === 'answered';
  const body = isAnswered ? answer.body.toString('utf8') : '';
  const raw = {
    request: { headers: shown.headers, body: shown.body ?? null },
    answer: isAnswered ? { headers: answer.headers, body: purpose === 'token' ? showTokenAnswer(body) : body } : null,
  };
  return {
    purpose,
    method: shown.method,
    url: shown.url,
    status: isAnswered ? answer.status : null,
    error: isAnswered ? null : answer.error,
    duration_ms: durationMs,
    means: read?.classification.means ?? null,
    ...(isRaw ? { raw } : {}),
  };
}

function viewLimit({ name, remaining, maximum, charged, resetAtMs }: ObservedLimit): LimitView {
  return {
    name,
    remaining: remaining ?? null,
    maximum: maximum ?? null,
    charged: charged ?? null,
    resets_at: resetAtMs === undefined ? null : new Date(resetAtMs).toISOString(),
  };
}

function viewRecord({ id, version, updated, isAbsent, data }: ReadRecord): RecordView {
  return { id, version: version ?? null, updated: updated ?? null, absent: isAbsent, data };
}

function driftOf(resources: PreparedResources, resource: string, records: readonly ReadRecord[]): readonly string[] {
  return records.flatMap((record, index) =>
    record.isAbsent
      ? []
      : (checkResource(resources, resource, record.data) ?? []).map((fault) =>
          describeDataFault(resources, resource, index, fault).replace(/^events/, 'records'),
        ),
  );
}

function reasonOf(outcome: CallOutcome): string | null {
  switch (outcome.kind) {
    case 'read':
      return outcome.answer.fault ?? null;
    case 'wait':
      return `${outcome.stoppedBy === '' ? 'a limit' : outcome.stoppedBy} leaves no call before ${new Date(outcome.untilMs).toISOString()}`;
    case 'unavailable':
    case 'auth-failed':
    case 'unusable':
      return outcome.reason;
  }
}

/** Whether the provider gave what was asked for, and all of it can be read. */
export function isRead({ outcome, means, reason, unread }: CallView): boolean {
  const isGood = means === 'ok' || means === 'partial' || means === 'empty';
  return outcome === 'read' && isGood && reason === null && unread.length === 0;
}

/** What came of a call, in lines for people. */
export function describeCall(
  view: CallView,
  { hasSchema, isListing }: { readonly hasSchema: boolean; readonly isListing: boolean },
): readonly string[] {
  const { records, unread, drift, limits, more, reason } = view;
  const isShown = reason === null || view.exchanges.at(-1)?.error === reason;
  return [
    ...view.exchanges.flatMap(describeExchange),
    ...(isShown ? [] : [`not read: ${reason}`]),
    ...limits.map(describeLimit),
    ...records.flatMap(describeRecord),
    ...unread.map(({ id, reason: why }) => `unreadable record ${id ?? 'without an id'}: ${why}`),
    ...collapseRepeated(drift).map((line) => `drift ${line}`),
    ...(hasSchema || records.length === 0 ? [] : ['drift was not checked: the resource has no schema']),
    ...(records.length > 0 || (isListing && isRead(view))
      ? [`${count(records.length, 'record')}${more ? '; another page follows (--pages reads more)' : ''}`]
      : []),
  ];
}

function describeExchange({ purpose, method, url, status, error, duration_ms: ms, means, raw }: ExchangeView) {
  const why = error === null ? undefined : failures[error];
  const failed = `no answer: ${error}${why === undefined ? '' : ` (${why})`}`;
  const answered = status === null ? failed : `${status} in ${ms} ms`;
  return [
    `${method} ${url}${purpose === 'token' ? '   (for a token)' : ''}`,
    ...(raw === undefined ? [] : describeMessage('>', raw.request.headers, raw.request.body ?? '')),
    `${answered}${means === null ? '' : `: ${means}, ${meaningTexts[means]}`}`,
    ...(raw?.answer == null ? [] : describeMessage('<', raw.answer.headers, raw.answer.body)),
  ];
}

function describeMessage(mark: string, headers: Readonly<Record<string, string>>, body: string): readonly string[] {
  return [
    ...Object.entries(headers).map(([name, value]) => `${mark} ${name}: ${value}`),
    ...(body === '' ? [] : body.split('\n').map((line) => `${mark} ${line}`)),
  ];
}

function describeLimit({ name, remaining, maximum, charged, resets_at: reset }: LimitView): string {
  const parts = [
    ...(remaining === null ? [] : [`${remaining}${maximum === null ? '' : ` of ${maximum}`} left`]),
    ...(remaining === null && maximum !== null ? [`${maximum} in all`] : []),
    ...(charged === null ? [] : [`the call cost ${charged}`]),
    ...(reset === null ? [] : [`starts anew at ${reset}`]),
  ];
  return `limit ${name}: ${parts.join(', ')}`;
}

function describeRecord({ id, version, absent, data }: RecordView): readonly string[] {
  const head = `record ${id}${version === null ? '' : `, version ${version}`}`;
  if (absent) return [`${head}: does not belong to the resource, or is deleted`];
  return [
    head,
    ...JSON.stringify(data, undefined, 2)
      .split('\n')
      .map((line) => `  ${line}`),
  ];
}
