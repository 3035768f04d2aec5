import { type RecordRead, readRecords, type WantedRecord } from '../read/read-records.ts';
import { firstPauseMs, maxTries, priorityOf, stopOf } from './call-page.ts';
import { type Advance, currentOf, type RunWork } from './part-work.ts';

/** Reads of single records at the same time. */
const readsAtATime = 5;

type InFull = Exclude<RecordRead, { kind: 'wait' | 'unavailable' | 'auth-failed' }>;

/**
 * Read records of a run in full. Those whose read has a fault of the moment are tried again: of many calls some fail,
 * and the others must not be made once more for them.
 *
 * @returns In the order of the wanted records, or why the run must wait.
 */
export async function readInFull(
  work: RunWork,
  resource: string,
  wanted: readonly WantedRecord[],
): Promise<readonly InFull[] | Extract<Advance, { kind: 'stop' | 'failed' }>> {
  const { ports, caller, tally } = work;
  const { clock, pause, randomness } = ports.provider;
  const reads = new Map<number, InFull>();
  let left: readonly number[] = [...wanted.keys()];
  for (let count = 1; left.length > 0; count += 1) {
    const tried = await readRecords(
      ports.provider,
      caller,
      resource,
      left.map((place) => wanted[place] as WantedRecord),
      {
        priority: priorityOf(currentOf(work)),
        deadlineMs: Math.min(clock.nowMs() + 10_000, work.endsByMs),
        endsByMs: work.endsByMs,
        callsAtATime: readsAtATime,
        onAnswer: () => tally.add({ calls: 1 }),
      },
    );
    const again: number[] = [];
    for (const [index, read] of tried.entries()) {
      const place = left[index] as number;
      if (read.kind === 'wait' || read.kind === 'auth-failed') return stopOf(read, clock.nowMs());
      // Half an answer is a fault of the moment, too; one that stays so is the record's own.
      const isCut = read.kind === 'unreadable' && (read.status ?? 500) < 300 && count < maxTries && !work.isOver();
      if (isCut) again.push(place);
      else if (read.kind !== 'unavailable') reads.set(place, read);
      else if (count === maxTries || work.isOver() || (read.notBeforeMs ?? 0) > clock.nowMs() + firstPauseMs)
        return stopOf(read, clock.nowMs());
      else again.push(place);
    }
    left = again;
    if (left.length > 0) await pause(firstPauseMs * 2 ** (count - 1) * (0.75 + 0.5 * randomness.fraction()));
  }
  return wanted.map((_, place) => reads.get(place) as InFull);
}
