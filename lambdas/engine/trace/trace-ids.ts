import { hash } from 'node:crypto';

/*
 * A correlation id is a W3C trace id: 32 hexadecimal digits. It follows from what began the work, so that no message and
 * no row of an earlier version lacks it:
 *
 *   a webhook   raw_<time><random>  ->  its time (12 digits) and its random bytes (20 digits)
 *   a sync      run_<time><random>  ->  its time, and a hash of the id
 *   else        evt_<digits>        ->  the digits of the event's own id
 *
 * Spans have ids that follow from what they are about, so their parents need not be carried either.
 */

/** Digits of the time, in milliseconds, that the id of a webhook or a run begins with. */
const timeDigits = 12;
const traceDigits = 32;

/** @see https://www.w3.org/TR/trace-context/#trace-id */
export function isTraceId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text);
}

/**
 * Read a correlation id as people write it: a trace id, or the id of a request or a run.
 *
 * @returns Undefined for any other text.
 */
export function readCorrelationId(text: string): string | undefined {
  if (isTraceId(text)) return text;
  if (/^raw_[0-9a-z]{1,9}_[0-9a-f]{20}$/.test(text)) return traceOfRequest(text);
  return /^run_[0-9a-z]{21}$/.test(text) ? traceOfRun(text) : undefined;
}

/** The trace of a provider's request. @param rawId - As ingress names it. */
export function traceOfRequest(rawId: string): string {
  const [, time, random] = /^raw_([0-9a-z]{1,9})_([0-9a-f]{20})$/.exec(rawId) ?? [];
  return time === undefined || random === undefined ? digestOf(rawId) : `${timeText(time)}${random}`;
}

/** The trace of a sync's run. */
export function traceOfRun(runId: string): string {
  const [, time] = /^run_([0-9a-z]{9})/.exec(runId) ?? [];
  if (time === undefined) return digestOf(runId);
  return `${timeText(time)}${hash('sha256', runId).slice(0, traceDigits - timeDigits)}`;
}

/** An event's trace: that of what brought it, else its own. */
export function traceOfEvent(event: { readonly id: string; readonly correlation_id?: string | undefined }): string {
  return event.correlation_id ?? traceOfId(event.id);
}

/** The trace of an event, or of a batch, that nothing else began. */
export function traceOfId(id: string): string {
  const digits = id.slice(id.indexOf('_') + 1);
  return isTraceId(digits) ? digits : digestOf(id);
}

/**
 * When the work of a trace began, if its id says so.
 *
 * @param nowMs - A time after it is none: the digits of an event's id are no time.
 */
export function traceBeganAtMs(traceId: string, nowMs: number): number | undefined {
  const ms = Number.parseInt(traceId.slice(0, timeDigits), 16);
  return ms >= firstTimeMs && ms <= nowMs ? ms : undefined;
}

/** No deployment is older. */
const firstTimeMs = Date.UTC(2026, 0, 1);

/** The span of a provider's request, from its arrival to its answer: the root of its trace. */
export function requestSpan(traceId: string): string {
  return traceId.slice(traceDigits / 2);
}

/** The span in which a provider's request became events. */
export function normalizeSpan(traceId: string): string {
  return spanOf('normalize', traceId);
}

/** The span in which the record of a thin event was read. */
export function readSpan(traceId: string, resource: string, recordId: string, firstAtMs: number): string {
  return spanOf('read', traceId, resource, recordId, String(firstAtMs));
}

/** The span of one invocation's work on a run: the first is the root of the run's trace, the others its children. */
export function runSpan(traceId: string, workedAtMs: number): string {
  return spanOf('run', traceId, String(workedAtMs));
}

/** The span of an event's publication. */
export function publishSpan(eventId: string): string {
  return spanOf('publish', eventId);
}

/** The span of an attempt to deliver. @param id - Of the event, or the batch. @param attempt - Counts from 1. */
export function attemptSpan(id: string, subscription: string, attempt: number): string {
  return spanOf('attempt', id, subscription, String(attempt));
}

/** The span of a copy for a second endpoint: not that of the attempt which it copies. @param id - Of the event. */
export function shadowSpan(id: string, subscription: string): string {
  return spanOf('shadow', id, subscription);
}

function spanOf(...parts: readonly string[]): string {
  return hash('sha256', JSON.stringify(parts)).slice(0, traceDigits / 2);
}

function digestOf(text: string): string {
  return hash('sha256', text).slice(0, traceDigits);
}

function timeText(base36: string): string {
  return Number.parseInt(base36, 36).toString(16).padStart(timeDigits, '0');
}
