import type { LimitStanding } from '../../../flows/access/limit-call-rate.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';

/**
 * Headers with a caller's remaining calls: `"key";r=2999;t=1` of `"key";q=3000;w=60`, one entry per limit.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
export function rateLimitHeaders(standings: readonly LimitStanding[]): Readonly<Record<string, string>> {
  if (standings.length === 0) return {};
  const inSeconds = (ms: number) => Math.ceil(ms / 1000);
  const policies = standings.map(({ name, limit }) => `"${name}";q=${limit.calls};w=${inSeconds(limit.windowMs)}`);
  const left = standings.map(({ name, admission }) =>
    admission.kind === 'admitted'
      ? `"${name}";r=${admission.remaining};t=${inSeconds(admission.fullInMs)}`
      : `"${name}";r=0;t=${inSeconds(admission.retryAfterMs)}`,
  );
  return { 'ratelimit-policy': policies.join(', '), ratelimit: left.join(', ') };
}

/** @throws {ProblemError} 429 for a call over a limit. */
export function refuseOverLimit(standings: readonly LimitStanding[]): void {
  const waits = standings.flatMap(({ name, limit, admission }) =>
    admission.kind === 'limited' ? [{ name, limit, retryAfterMs: admission.retryAfterMs }] : [],
  );
  const [longest] = waits.sort((one, other) => other.retryAfterMs - one.retryAfterMs);
  if (longest === undefined) return;
  const seconds = Math.ceil(longest.retryAfterMs / 1000);
  throw new ProblemError({
    status: 429,
    detail: `More than ${longest.limit.calls} calls of this ${longest.name} in ${longest.limit.windowMs / 1000} s. Try again in ${seconds} s.`,
    headers: { 'retry-after': String(seconds) },
  });
}
