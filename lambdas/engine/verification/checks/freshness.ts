import type { FreshnessSpec } from '../../definition/schema.ts';
import type { Verdict } from '../../request/webhook-request.ts';
import { renderText, type Template, type TemplateInput } from '../../template/template.ts';
import { missingReason } from '../signatures/signature-candidates.ts';

export interface FreshnessCheck {
  readonly spec: FreshnessSpec;
  readonly timestamp: Template;
}

/** Check that the signed timestamp lies within the definition's bounds around `nowMs`. */
export function verifyFreshness(check: FreshnessCheck, input: TemplateInput, nowMs: number): Verdict {
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

function parseTimestamp(text: string, unit: FreshnessSpec['unit']): number | undefined {
  if (unit === 'iso8601') {
    // Without an offset, Date.parse would take the time as that of the machine's own zone.
    const timestampMs = /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
    return Number.isNaN(timestampMs) ? undefined : timestampMs;
  }
  if (!/^\d{1,15}$/.test(text)) return undefined;
  return unit === 's' ? Number(text) * 1000 : Number(text);
}
