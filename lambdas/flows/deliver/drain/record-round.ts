import { parked, type recordAttempt } from '../../../engine/delivery/record-attempt.ts';
import type { BacklogEntry } from '../../../ports/delivery/delivery-store.ts';
import { parkNew } from '../attempt/attempt-delivery.ts';
import { bothOf, type RecordWrite } from '../attempt/record-writes.ts';
import { keepAttempts, successorOf } from '../attempt/store-attempts.ts';
import { removeEntries, type WorkItem } from './backlog-work.ts';
import { ended, noteDone, type Run } from './drain-run.ts';

type Recorded = { readonly item: WorkItem } & ReturnType<typeof recordAttempt>;

/**
 * Make the attempts of a round durable, and what follows them.
 *
 * @returns Those that no other run has overtaken, and the entries that are to be removed when they are told of.
 */
export async function recordRound(
  run: Run,
  record: RecordWrite,
  recorded: readonly Recorded[],
  parking: readonly WorkItem[],
): Promise<{ readonly done: readonly Recorded[]; readonly moved: readonly BacklogEntry[] }> {
  const { ports } = run;
  const delivered = recorded.filter(({ decision }) => decision.kind === 'delivered');
  const entriesOf = (some: readonly Recorded[]) => some.flatMap(({ item }) => item.entry ?? []);
  const failed = recorded.filter(({ decision }) => decision.kind !== 'delivered');
  const successors = failed.flatMap(({ delivery, item }) =>
    delivery.waitsIn === 'queue' ? [successorOf(ports, delivery, item.row)] : [],
  );
  const keepDelivered = async () => {
    await record(() => ports.deliveries.putMany(delivered.map(({ delivery }) => delivery)));
    // As soon as it is so, and before the entry is gone: of what a run has not lived to tell the next one tells.
    noteDone(
      run,
      delivered.map(({ delivery }) => ended(delivery)),
    );
    await record(() => removeEntries(ports, entriesOf(delivered)));
  };
  const keepFailed = async () => {
    // Before the delivery says that it waits in the queue: a job too many finds out that it is one.
    if (successors.length > 0) await record(() => ports.deliveryQueue.sendAll(successors));
    // Each as soon as it is kept: one that the feed gave has no entry by which the next run would find it, and its
    // subscription may be disabled by then.
    return keepAttempts(ports, record, failed, ({ delivery }) => noteDone(run, [ended(delivery)]));
  };
  // Both at once: neither is to wait while the other is tried again.
  const [, kept] = await bothOf(keepDelivered(), keepFailed());
  // After those that failed: what waits for one of them must not be found without it.
  await parkNew(
    ports,
    parking.map(({ delivery }) => parked(delivery)),
  );
  const moved = entriesOf([...kept].filter(({ delivery }) => delivery.waitsIn !== 'backlog'));
  const done = new Set([...delivered, ...kept]);
  for (const one of recorded) run.ordered?.settle(one.item, done.has(one) ? one.delivery : undefined);
  for (const item of parking) run.ordered?.settle(item, parked(item.delivery));
  return { done: [...done], moved };
}
