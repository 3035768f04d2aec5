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

/** A request that its caller may repeat, and that the engine carries out once. */
export interface RepeatableRequest {
  /** Id of the caller; two callers may choose the same `name`. */
  readonly caller: string;
  /** `Idempotency-Key`. */
  readonly name: string;
  readonly method: string;
  /** Includes the query. */
  readonly path: string;
  readonly body: string;
}

export type OnceOutcome<Answer extends StoredAnswer> =
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** The stored answer of an earlier call. */
  | { readonly kind: 'repeated'; readonly answer: StoredAnswer }
  | { readonly kind: 'in-progress'; readonly retryAfterMs: number }
  /** The idempotency key belongs to another request. */
  | { readonly kind: 'mismatch' };

const storedSeconds = 24 * 3600;

/** A length prefix on each part keeps different lists of parts from hashing alike. */
function digest(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  return hash.digest('hex');
}

/** The body as canonical JSON; unchanged if it is not JSON. */
function meaningOf(body: string): string {
  try {
    return canonicalJson(JSON.parse(body));
  } catch {
    return body;
  }
}

/**
 * Carry out a request once, and repeat its answer for a day.
 *
 * Refusals are not stored: the next call with the key is carried out, whatever its body. After a run that crashed or
 * failed, its progress is unknown, so a retry of the same request waits until that run's lease ends. Objects get their
 * ids from the first run's seed, so the retry finds what that run created. A key that is reused after a day gets a new
 * seed.
 *
 * @param carryOut - Receives the seed: 16 hexadecimal digits.
 * @param isRefusal - Whether an error means that the call changed nothing.
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
    // The table stores only a digest of the name, so the table alone does not yield this key.
    sealKey: createHmac('sha256', request.name).update(`tributary answer, version 1 ${fingerprint}`).digest(),
    // One second longer than the function can run.
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
    // If this fails, the lease still expires.
    await (isRefusal(error) ? ports.answers.release(held) : ports.answers.leave(held)).catch(() => undefined);
    throw error;
  }
  if (answer.status < 300) await ports.answers.complete(held, answer);
  else await ports.answers.release(held);
  return { kind: 'answered', answer };
}
