import { errorAnswer, type ProviderAnswer, writePlace } from '../answers/provider-answer.ts';
import { placeOf } from '../expressions/expression-place.ts';
import type { LimitState } from './limit-meter.ts';

/** Write the state of the limits into an answer, in the places that the definition reads. */
export function writeLimits(answer: ProviderAnswer, states: readonly LimitState[], nowMs: number): ProviderAnswer {
  return states.reduce((written, state) => writeLimit(written, state, nowMs), answer);
}

function writeLimit(answer: ProviderAnswer, state: LimitState, nowMs: number): ProviderAnswer {
  const { spec, maximum, remaining, charged, resetsAtMs } = state;
  const used = maximum - remaining;
  if (spec.pattern !== undefined) {
    const text = textOfPattern(spec.pattern, { maximum, remaining, used });
    return write(answer, spec.used ?? spec.remaining, text);
  }
  const values: readonly (readonly [string | undefined, unknown])[] = [
    [spec.remaining, remaining],
    [spec.maximum, maximum],
    [spec.used, used],
    [spec.charged, charged],
    [spec.reset?.from, spec.reset === undefined ? undefined : timeAs(spec.reset.as, resetsAtMs, nowMs)],
  ];
  return values.reduce((written, [text, value]) => write(written, text, value), answer);
}

function write(answer: ProviderAnswer, text: string | undefined, value: unknown): ProviderAnswer {
  const found = text === undefined || value === undefined ? undefined : placeOf(text);
  // An answer that has no body does not get one.
  if (found === undefined || (found.place.kind === 'member' && answer.body === undefined)) return answer;
  const conditioned = found.conditions.reduce(
    (made, { place, value: fixed }) => writePlace(made, place, fixed),
    answer,
  );
  return writePlace(conditioned, found.place, value);
}

/** A text that a pattern such as `api-usage=(?<used>\d+)/(?<maximum>\d+)` reads; undefined for a more complex pattern. */
export function textOfPattern(pattern: string, numbers: Readonly<Record<string, number>>): string | undefined {
  const text = pattern
    .replace(/\(\?<(\w+)>[^()]*\)/g, (_, name: string) => String(numbers[name] ?? 0))
    .replace(/\\s[*+]?/g, ' ')
    .replace(/\\(.)/g, '$1')
    .replace(/^\^|\$$/g, '');
  const groups = new RegExp(pattern).exec(text)?.groups;
  return groups !== undefined && Object.entries(groups).every(([name, value]) => value === String(numbers[name] ?? 0))
    ? text
    : undefined;
}

function timeAs(form: 'seconds' | 'ms' | 'epoch_s' | 'epoch_ms' | 'iso' | 'http_date', atMs: number, nowMs: number) {
  switch (form) {
    case 'seconds':
      return Math.max(0, Math.ceil((atMs - nowMs) / 1000));
    case 'ms':
      return Math.max(0, Math.ceil(atMs - nowMs));
    case 'epoch_s':
      return Math.ceil(atMs / 1000);
    case 'epoch_ms':
      return Math.ceil(atMs);
    case 'iso':
      return new Date(Math.ceil(atMs / 1000) * 1000).toISOString();
    case 'http_date':
      return new Date(Math.ceil(atMs / 1000) * 1000).toUTCString();
  }
}

/** The answer to a call beyond a limit. @param retryAfterSeconds - Replaces the time until the limit has room. */
export function tooManyRequests(
  limit: string,
  freeAtMs: number,
  nowMs: number,
  retryAfterSeconds: number | undefined,
): ProviderAnswer {
  const seconds = retryAfterSeconds ?? Math.max(1, Math.ceil((freeAtMs - nowMs) / 1000));
  const answer = errorAnswer(429, 'rate_limited', `the limit ${limit} is used up`);
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(seconds) } };
}
