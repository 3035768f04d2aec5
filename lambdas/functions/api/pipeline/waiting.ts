import { enterWaiting, type WaitingPermit, type WaitingPorts } from '../../../flows/feed/enter-waiting.ts';
import type { FeedPage } from '../../../flows/feed/read-feed.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { Principal } from './principal.ts';

/** What a read is told that was not allowed to wait. */
const waitHeader = 'tributary-wait';
/** Others that wait are done within half a minute; most are sooner. */
const retryAfterSeconds = 5;

/** Tell a reader that its page came at once because too many wait already, so that it slows down. */
export function waitHeaders({ isWaitRefused }: Pick<FeedPage, 'isWaitRefused'>): Readonly<Record<string, string>> {
  return isWaitRefused === true ? { [waitHeader]: 'full' } : {};
}

/**
 * Whether a read may wait. One that cannot be counted does not: it is answered at once, as it would be without `wait`.
 *
 * @param warn - Called where it cannot be counted.
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
 * Do work that takes seconds, counted while it goes on.
 *
 * @throws {ProblemError} 429 where too many calls of the key, or of its tenant, are at such work or wait.
 */
export async function whileCounted<T>(ports: WaitingPorts, principal: Principal, work: () => Promise<T>): Promise<T> {
  const permit = await enterWaiting(ports, principal);
  if (permit.kind === 'full')
    throw new ProblemError({
      status: 429,
      detail: `${permit.most} calls of this ${permit.whose} that take seconds are under way, as many as may be at a time: reads with "wait", tests and dry runs. Try again in ${retryAfterSeconds} s.`,
      extensions: { reason: 'too-many-waiting' },
      headers: { 'retry-after': String(retryAfterSeconds) },
    });
  try {
    return await work();
  } finally {
    await permit.leave();
  }
}
