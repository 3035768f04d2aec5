import { limits } from '../../../contracts/limits.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { Pause } from '../../../ports/runtime/pause.ts';
import { isForGood } from '../../feed/read-event.ts';

/** Makes a write, and retries it while the store rejects it. The write must be idempotent. */
export type RecordWrite = <T>(write: () => Promise<T>) => Promise<T>;

const firstPauseMs = 200;
const longestPauseMs = 2_000;

/**
 * Write the records of posts. A post whose record is lost is made again, so these writes are retried much longer than
 * others when the store throttles: for 10 s from now, as far as the function has time. A permanent failure is not
 * retried.
 *
 * @param functionEndsAtMs - When the function times out.
 */
export function createRecordWrite(
  { clock, pause }: { readonly clock: Clock; readonly pause: Pause },
  functionEndsAtMs: number,
): RecordWrite {
  const untilMs = Math.min(clock.nowMs() + limits.recordRetryMs, functionEndsAtMs - limits.recordTryMs);
  return async (write) => {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await write();
      } catch (error) {
        if (isForGood(error) || clock.nowMs() + pauseMs > untilMs) throw error;
      }
      await pause(pauseMs);
    }
  };
}

/** Wait for both to end, even when one fails; then throw its error. */
export async function bothOf<A, B>(first: Promise<A>, second: Promise<B>): Promise<readonly [A, B]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}
