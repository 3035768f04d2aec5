import type { EventReader } from '../../ports/events/event-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

/** No tenant has had more events. */
const maxSequence = 2 ** 52;

/**
 * The last sequence number of a tenant that was written at a time, or before it; 0 where there is none.
 *
 * Numbers are written in the order of time, but for those of one moment: a search by halves finds the
 * place, with as many reads as the number has binary digits. Rows that have expired tell the time as others do.
 */
export async function findSequenceAt(
  ports: { readonly events: Pick<EventReader, 'firstAfter'>; readonly clock: Clock },
  tenant: string,
  timeMs: number,
): Promise<number> {
  let low = 0;
  let high = 1;
  const writtenAfter = async (sequence: number) => ports.events.firstAfter(tenant, sequence);
  // The first row after `low` is at or before the time; the first one after `high` is later, or there is none.
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
  // The row after `low` is the last that counts: those behind it are later.
  return (await writtenAfter(low))?.sequence ?? low;
}
