import { limits } from '../../../contracts/limits.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { Pause } from '../../../ports/runtime/pause.ts';
import { isForGood } from '../../feed/read-event.ts';

/** Makes a write, and makes it again while its store refuses it. To make it twice must be as good as once. */
export type RecordWrite = <T>(write: () => Promise<T>) => Promise<T>;

const firstPauseMs = 200;
const longestPauseMs = 2_000;

/**
 * How the records of posts are written. A post whose record is lost is made again, so that a store that throttles is
 * asked again for much longer than other writes: for 10 s from now on, as long as the function has time for it. What
 * fails for good is not tried again.
 *
 * @param functionEndsAtMs - When the function is ended, at the latest.
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

/** Wait for both to end, also where one fails, and then throw its error. */
export async function bothOf<A, B>(first: Promise<A>, second: Promise<B>): Promise<readonly [A, B]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}
