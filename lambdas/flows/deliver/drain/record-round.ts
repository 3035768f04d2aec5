import { parked, type recordAttempt } from '../../../engine/delivery/record-attempt.ts';
import type { BacklogEntry } from '../../../ports/delivery/delivery-store.ts';
import { parkNew } from '../attempt/attempt-delivery.ts';
import { bothOf, type RecordWrite } from '../attempt/record-writes.ts';
import { keepAttempts, successorOf } from '../attempt/store-attempts.ts';
import { removeEntries, type WorkItem } from './backlog-work.ts';
import { ended, noteDone, type Run } from './drain-run.ts';

type Recorded = { readonly item: WorkItem } & ReturnType<typeof recordAttempt>;

/**
 * Record the attempts of a round, and their consequences.
 *
 * @returns The attempts that no other writer has overtaken, and the entries to remove once those are reported.
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
    // Report before the entry is removed: if this run dies in between, the next run reports from the entry.
    noteDone(
      run,
      delivered.map(({ delivery }) => ended(delivery)),
    );
    await record(() => removeEntries(ports, entriesOf(delivered)));
  };
  const keepFailed = async () => {
    // Queue the job before the delivery says that it waits in the queue: a superfluous job detects that it is one.
    if (successors.length > 0) await record(() => ports.deliveryQueue.sendAll(successors));
    // Report each as soon as it is stored: a delivery from the feed has no entry through which the next run would find
    // it, and its subscription may be disabled by then.
    return keepAttempts(ports, record, failed, ({ delivery }) => noteDone(run, [ended(delivery)]));
  };
  // Write both in parallel, so a retry of one does not delay the other.
  const [, kept] = await bothOf(keepDelivered(), keepFailed());
  // Park after the failed ones are stored: a run must not find an event without the failed one that it waits for.
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
