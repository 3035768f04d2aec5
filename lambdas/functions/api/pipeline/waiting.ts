import { enterWaiting, type WaitingPermit, type WaitingPorts } from '../../../flows/feed/enter-waiting.ts';
import type { FeedPage } from '../../../flows/feed/read-feed.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { Principal } from './principal.ts';

/** Header of a read that was not allowed to wait. */
const waitHeader = 'tributary-wait';
/** Waiting calls end within 30 s, most of them sooner. */
const retryAfterSeconds = 5;

/** Tells a reader that its page came at once because too many calls wait already, so that it slows down. */
export function waitHeaders({ isWaitRefused }: Pick<FeedPage, 'isWaitRefused'>): Readonly<Record<string, string>> {
  return isWaitRefused === true ? { [waitHeader]: 'full' } : {};
}

/**
 * Decide whether a read may wait. A read that cannot be counted is answered at once, as without `wait`.
 *
 * @param warn - Called if the read cannot be counted.
 */
export function mayWait(
  ports: WaitingPorts,
  principal: Principal,
  warn: (error: unknown) => void,
): () => Promise<WaitingPermit> {
  return () =>
    enterWaiting(ports, principal).catch((error: unknown): WaitingPermit => {
      warn(error);
      return { kind: 'full', whose: 'key', most: 0 };
    });
}

/**
 * Do work that takes seconds, and count the call as waiting meanwhile.
 *
 * @throws {ProblemError} 429 while too many calls of the key or its tenant do such work or wait.
 */
export async function whileCounted<T>(ports: WaitingPorts, principal: Principal, work: () => Promise<T>): Promise<T> {
  const permit = await enterWaiting(ports, principal);
  if (permit.kind === 'full')
    throw new ProblemError({
      status: 429,
      detail: `${permit.most} calls of this ${permit.whose} that take seconds are running, which is the limit: reads with "wait", tests and dry runs. Try again in ${retryAfterSeconds} s.`,
      extensions: { reason: 'too-many-waiting' },
      headers: { 'retry-after': String(retryAfterSeconds) },
    });
  try {
    return await work();
  } finally {
    await permit.leave();
  }
}
