import { z } from 'zod';
import { missingReason } from '../../request/rejection-reason.ts';
import { renderText, type Template, type TemplateInput, toTemplate } from '../../template/template.ts';
import { template } from '../../template/template-schema.ts';
import type { CheckAuthoring, CheckKind, TimeUnit } from '../check-kind.ts';
import type { Verdict } from '../verdict.ts';

/** Checks that a signed timestamp is within bounds. */
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

/** @returns Epoch milliseconds; undefined if the text is not a time in this unit. */
export function parseTimestamp(text: string, unit: TimeUnit): number | undefined {
  if (unit === 'iso8601') {
    // Without an offset, Date.parse would use the machine's time zone.
    const timestampMs = /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
    return Number.isNaN(timestampMs) ? undefined : timestampMs;
  }
  if (!/^\d{1,15}$/.test(text)) return undefined;
  return unit === 's' ? Number(text) * 1000 : Number(text);
}

export type FreshnessSpec = z.output<ReturnType<typeof schema>>;

function schema() {
  return z.strictObject({
    timestamp: template.describe('Where the request carries the timestamp; it must be part of the signed message.'),
    unit: z.enum(['s', 'ms', 'iso8601']),
    max_age_seconds: z.int().positive().describe('Maximum age of a request.'),
    max_ahead_seconds: z.int().nonnegative().describe('How far the clock of the provider may be ahead.'),
  });
}

export const freshnessAuthoring: CheckAuthoring<FreshnessSpec> = {
  schema,
  proof: ({ unit }, { nowMs }) => timestampText(unit, nowMs),
  place: ({ timestamp }) => ({ template: timestamp, placeholder: 'timestamp' }),
  keys: () => [],
  // An unsigned timestamp could be set by anyone.
  protects: ({ timestamp }) => ({ signed: [{ template: timestamp }], proofs: [] }),
  authenticates: () => false,
  time: ({ timestamp, unit }) => ({ timestamp, unit }),
};

export function timestampText(unit: TimeUnit, nowMs: number): string {
  if (unit === 'iso8601') return new Date(nowMs).toISOString();
  return String(unit === 's' ? Math.floor(nowMs / 1000) : nowMs);
}
