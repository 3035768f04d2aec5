import type { EventReader } from '../../ports/events/event-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

/** Above the event count of any tenant. */
const maxSequence = 2 ** 52;

/**
 * The last sequence number that a tenant wrote at or before a time; 0 if there is none.
 *
 * Numbers are written in the order of time, except within one moment. So a binary search finds the place, with as many
 * reads as the number has binary digits. Expired rows carry their time like others.
 */
export async function findSequenceAt(
  ports: { readonly events: Pick<EventReader, 'firstAfter'>; readonly clock: Clock },
  tenant: string,
  timeMs: number,
): Promise<number> {
  let low = 0;
  let high = 1;
  const writtenAfter = async (sequence: number) => ports.events.firstAfter(tenant, sequence);
  // Invariant: the first row after `low` is at or before the time; the first row after `high` is later or missing.
  const isEarly = async (sequence: number) => {
    const row = await writtenAfter(sequence);
    return row !== undefined && row.writtenAtMs <= timeMs;
  };
  if (!(await isEarly(0))) return 0;
  while (high < maxSequence && (await isEarly(high))) {
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await isEarly(middle)) low = middle;
    else high = middle;
  }
  // The row after `low` is the last match: all rows behind it are later.
  return (await writtenAfter(low))?.sequence ?? low;
}
