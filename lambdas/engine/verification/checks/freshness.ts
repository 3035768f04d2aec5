import { z } from 'zod';
import { missingReason } from '../../request/rejection-reason.ts';
import { renderText, type Template, type TemplateInput, toTemplate } from '../../template/template.ts';
import { template } from '../../template/template-schema.ts';
import type { CheckAuthoring, CheckKind, TimeUnit } from '../check-kind.ts';
import type { Verdict } from '../verdict.ts';

/** A signed time within bounds. */
export const freshness: CheckKind<FreshnessSpec> = {
  prepare(spec) {
    const check = { spec, timestamp: toTemplate(spec.timestamp) };
    return (input, { nowMs }) => verifyFreshness(check, input, nowMs);
  },
};

interface FreshnessCheck {
  readonly spec: FreshnessSpec;
  readonly timestamp: Template;
}

/** Check that the signed timestamp lies within the definition's bounds around `nowMs`. */
function verifyFreshness(check: FreshnessCheck, input: TemplateInput, nowMs: number): Verdict {
  const { spec } = check;
  const text = renderText(check.timestamp, input);
  if (text === undefined) return { kind: 'rejected', reason: missingReason(spec.timestamp), detail: spec.timestamp };
  const timestampMs = parseTimestamp(text, spec.unit);
  if (timestampMs === undefined) return { kind: 'rejected', reason: 'timestamp-malformed', detail: spec.timestamp };
  if (nowMs - timestampMs > spec.max_age_seconds * 1000)
    return { kind: 'rejected', reason: 'timestamp-too-old', detail: `older than ${spec.max_age_seconds} s` };
  if (timestampMs - nowMs > spec.max_ahead_seconds * 1000)
    return {
      kind: 'rejected',
      reason: 'timestamp-in-the-future',
      detail: `ahead by more than ${spec.max_ahead_seconds} s`,
    };
  return { kind: 'verified' };
}

/** @returns Epoch milliseconds; undefined where the text is no time in this unit. */
export function parseTimestamp(text: string, unit: TimeUnit): number | undefined {
  if (unit === 'iso8601') {
    // Without an offset, Date.parse would take the time as that of the machine's own zone.
    const timestampMs = /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
    return Number.isNaN(timestampMs) ? undefined : timestampMs;
  }
  if (!/^\d{1,15}$/.test(text)) return undefined;
  return unit === 's' ? Number(text) * 1000 : Number(text);
}

export type FreshnessSpec = z.output<ReturnType<typeof schema>>;

function schema() {
  return z.strictObject({
    timestamp: template.describe('Where the timestamp stands; it must be part of what is signed.'),
    unit: z.enum(['s', 'ms', 'iso8601']),
    max_age_seconds: z.int().positive().describe('How old a request may be.'),
    max_ahead_seconds: z.int().nonnegative().describe('How far ahead the clock of the provider may be.'),
  });
}

export const freshnessAuthoring: CheckAuthoring<FreshnessSpec> = {
  schema,
  proof: ({ unit }, { nowMs }) => timestampText(unit, nowMs),
  place: ({ timestamp }) => ({ template: timestamp, placeholder: 'timestamp' }),
  keys: () => [],
  // A stranger could set a time that is not signed.
  protects: ({ timestamp }) => ({ signed: [{ template: timestamp }], proofs: [] }),
  authenticates: () => false,
  time: ({ timestamp, unit }) => ({ timestamp, unit }),
};

export function timestampText(unit: TimeUnit, nowMs: number): string {
  if (unit === 'iso8601') return new Date(nowMs).toISOString();
  return String(unit === 's' ? Math.floor(nowMs / 1000) : nowMs);
}
