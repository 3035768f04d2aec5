import { createHash, createHmac } from 'node:crypto';
import { limits } from '../../contracts/limits.ts';
import { canonicalJson } from '../../engine/governance/erasure-certificate.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { AnswerClaim, AnswerStore, StoredAnswer } from '../../ports/tenants/idempotency-store.ts';

export interface OncePorts {
  readonly answers: AnswerStore;
  readonly clock: Clock;
  readonly randomness: Randomness;
}

/** A request that its caller may send again without having it carried out again. */
export interface RepeatableRequest {
  /** Who calls: two callers may choose the same name. */
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

/** A body's JSON, however it is written; what is none, as it is. */
function meaningOf(body: string): string {
  try {
    return canonicalJson(JSON.parse(body));
  } catch {
    return body;
  }
}

/**
 * Carry a request out once, and answer it the same for a day.
 *
 * What was refused is not kept: the next try is carried out, whatever it says. Of a run that was cut off, or
 * failed, it is not known how far it came; the next try of the same request is carried out once that run is
 * certainly dead. What it makes has its id from the seed of the first run, by which a second finds what the
 * first has made. A name that is used again after its day has another seed.
 *
 * @param carryOut - Is given the seed: 16 hexadecimal digits.
 * @param isRefusal - Whether an error says that nothing was done.
 */
export async function answerOnce<Answer extends StoredAnswer>(
  ports: OncePorts,
  request: RepeatableRequest,
  carryOut: (seed: string) => Promise<Answer>,
  isRefusal: (error: unknown) => boolean,
): Promise<OnceOutcome<Answer>> {
  const nowMs = ports.clock.nowMs();
  const { method, path } = request;
  const fingerprint = digest(method, path, meaningOf(request.body));
  const claim: AnswerClaim = {
    id: `api#${request.caller}#${digest(request.name)}`,
    fingerprint,
    owner: ports.randomness.bytes(8).toString('hex'),
    seed: ports.randomness.bytes(8).toString('hex'),
    // Of the name only a digest is stored: who reads the table alone cannot make this.
    sealKey: createHmac('sha256', request.name).update(`tributary answer, version 1 ${fingerprint}`).digest(),
    // A second more than its function lives.
    leaseUntilMs: nowMs + (limits.apiTimeoutSeconds + 1) * 1000,
    expiresAtEpochSeconds: Math.ceil(nowMs / 1000) + storedSeconds,
  };
  const standing = await ports.answers.claim(claim);
  if (standing.kind === 'mismatch') return { kind: 'mismatch' };
  if (standing.kind === 'answered') return { kind: 'repeated', answer: standing.answer };
  if (standing.kind === 'running')
    return { kind: 'in-progress', retryAfterMs: Math.max(standing.leaseUntilMs - nowMs, 1000) };
  const held: AnswerClaim = { ...claim, seed: standing.seed };
  let answer: Answer;
  try {
    answer = await carryOut(held.seed);
  } catch (error) {
    // The lease ends by itself where this fails, too.
    await (isRefusal(error) ? ports.answers.release(held) : ports.answers.leave(held)).catch(() => undefined);
    throw error;
  }
  if (answer.status < 300) await ports.answers.complete(held, answer);
  else await ports.answers.release(held);
  return { kind: 'answered', answer };
}
