import { createHash } from 'node:crypto';
import { limits } from '../contracts/limits.ts';
import type { AnswerClaim, AnswerStore, StoredAnswer } from '../ports/answer-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { Randomness } from '../ports/randomness.ts';

export interface OncePorts {
  readonly answers: AnswerStore;
  readonly clock: Clock;
  readonly randomness: Randomness;
}

/** A request that its caller may send again without having it carried out again. */
export interface RepeatableRequest {
  /** Id of the key that calls: two callers may choose the same name. */
  readonly caller: string;
  /** `Idempotency-Key`. */
  readonly name: string;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: string;
}

export type OnceOutcome<Answer extends StoredAnswer> =
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** The answer that was given before. */
  | { readonly kind: 'repeated'; readonly answer: StoredAnswer }
  | { readonly kind: 'in-progress'; readonly retryAfterMs: number }
  /** The name was used for another request. */
  | { readonly kind: 'mismatch' };

const storedSeconds = 24 * 3600;

/** Parts are prefixed with their lengths, so that no two lists of them run together. */
function digest(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  return hash.digest('hex');
}

/**
 * Carry a request out once, and answer it the same for a day.
 *
 * What was refused is not kept: the next try is carried out. Nor is it known of a run that was cut off how far it
 * came; the next try is carried out once that run is certainly dead. So what it makes has the id of
 * {@link stableId}, by which a second try finds what the first has made.
 */
export async function answerOnce<Answer extends StoredAnswer>(
  ports: OncePorts,
  request: RepeatableRequest,
  carryOut: () => Promise<Answer>,
): Promise<OnceOutcome<Answer>> {
  const nowMs = ports.clock.nowMs();
  const claim: AnswerClaim = {
    id: `api#${request.caller}#${digest(request.name)}`,
    fingerprint: digest(request.method, request.path, request.body),
    owner: ports.randomness.bytes(8).toString('hex'),
    // A second more than its function lives.
    leaseUntilMs: nowMs + (limits.apiTimeoutSeconds + 1) * 1000,
    expiresAtEpochSeconds: Math.ceil(nowMs / 1000) + storedSeconds,
  };
  const standing = await ports.answers.claim(claim);
  if (standing.kind !== 'claimed' && standing.fingerprint !== claim.fingerprint) return { kind: 'mismatch' };
  if (standing.kind === 'answered') return { kind: 'repeated', answer: standing.answer };
  if (standing.kind === 'running')
    return { kind: 'in-progress', retryAfterMs: Math.max(standing.leaseUntilMs - nowMs, 1000) };
  let answer: Answer;
  try {
    answer = await carryOut();
  } catch (error) {
    // The lease ends by itself where this fails, too.
    await ports.answers.release(claim).catch(() => undefined);
    throw error;
  }
  if (answer.status < 300) await ports.answers.complete(claim, answer);
  else await ports.answers.release(claim);
  return { kind: 'answered', answer };
}

/** Part of the id of what a repeatable request makes: the same for each of its tries. 16 hexadecimal digits. */
export function stableId({ caller, name, path }: Pick<RepeatableRequest, 'caller' | 'name' | 'path'>): string {
  return digest(caller, name, path).slice(0, 16);
}
