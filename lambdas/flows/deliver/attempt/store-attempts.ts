import type { CallbackOutcome } from '../../../engine/delivery/callback-outcome.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { type Attempted, abandoned, jobOf, parked, recordAttempt } from '../../../engine/delivery/record-attempt.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import type { DeliveryOutcome, ReadyJob } from '../decide-job.ts';
import type { DeliverPorts } from '../deliver-ports.ts';
import { momentOf, parkNew } from './attempt-delivery.ts';
import type { PreparedSubscription } from './prepare-subscription.ts';
import { bothOf, type RecordWrite } from './record-writes.ts';

/** The results of the jobs of an endpoint. */
interface Made {
  readonly attempts: ReadonlyMap<ReadyJob, CallbackOutcome>;
  /** Jobs without an attempt: they wait for the drain. */
  readonly parking: readonly ReadyJob[];
  /** The parked jobs on which the filter has not decided. */
  readonly unjudged: ReadonlySet<ReadyJob>;
  /** The parked jobs whose post may have arrived. */
  readonly abandoned: ReadonlyMap<ReadyJob, AbandonedPost>;
}

/** A post that was ended before its answer came. */
export interface AbandonedPost {
  readonly startedAtMs: number;
  readonly error: string;
  readonly durationMs: number;
}

/** Record attempts, then their consequences. Attempts come first: a post without a record is made again. */
export async function recordAll(
  ports: DeliverPorts,
  record: RecordWrite,
  prepared: PreparedSubscription,
  { attempts, parking, unjudged, abandoned: given }: Made,
): Promise<readonly (readonly [ReadyJob, DeliveryOutcome, Delivery])[]> {
  const attempted = [...attempts].map(([job, outcome]) => ({
    job,
    outcome,
    ...recordAttempt(prepared.rules, job.delivery, outcome, momentOf(ports, false)),
  }));
  const delivered = attempted.filter(({ decision }) => decision.kind === 'delivered');
  const setAside = parking.map((job) => ({
    job,
    delivery: { ...setAsideOf(job.delivery, given.get(job)), isUnjudged: unjudged.has(job) || undefined },
  }));
  const failed = attempted.filter(({ decision }) => decision.kind !== 'delivered');
  // Write both in parallel, so a retry of one does not delay the other.
  const [, kept] = await bothOf(
    record(() => ports.deliveries.putMany(delivered.map(({ delivery }) => delivery))),
    keepAttempts(ports, record, failed),
  );
  const successors = [...kept].flatMap(({ delivery, job }) =>
    delivery.waitsIn === 'queue' ? [successorOf(ports, delivery, job.row)] : [],
  );
  if (successors.length > 0) await ports.deliveryQueue.sendAll(successors);
  const added = await parkNew(
    ports,
    setAside.flatMap(({ job, delivery }) => (job.isStored ? [] : delivery)),
  );
  const keptAside = await keepAttempts(
    ports,
    (write) => write(),
    setAside.filter(({ job }) => job.isStored),
  );
  // A drain may have read the entry before its delivery said that it waits there, and have removed the entry.
  if (keptAside.size > 0) await ports.deliveries.remind([...keptAside].map(({ delivery }) => delivery));
  const overtaken = new Set(failed.filter((one) => !kept.has(one)));
  return [
    ...setAside.map((one) => {
      const kind = keptAside.has(one) || added.has(one.delivery) ? 'parked' : 'duplicate';
      return [one.job, { kind }, one.job.delivery] as const;
    }),
    ...attempted.map((one) => {
      const { job, outcome, decision, delivery } = one;
      const status = outcome.kind === 'answered' ? outcome.status : undefined;
      // A person cancelled it, or asked for an attempt, in the meantime: that change takes precedence.
      if (overtaken.has(one)) return [job, { kind: 'duplicate' }, delivery] as const;
      if (decision.kind === 'delivered') return [job, { kind: 'delivered', status: status ?? 0 }, delivery] as const;
      if (decision.kind === 'exhausted')
        return [job, { kind: 'dead-lettered', reason: decision.reason }, delivery] as const;
      return [job, { kind: 'retried', delayMs: decision.delayMs, status }, delivery] as const;
    }),
  ];
}

function setAsideOf(delivery: Delivery, post: AbandonedPost | undefined): Delivery {
  return post === undefined ? parked(delivery) : abandoned(delivery, post.error, post.startedAtMs, post.durationMs);
}

/**
 * Store deliveries after attempts that failed, or that have to wait.
 *
 * @returns The deliveries stored; another writer changed the others first.
 */
export async function keepAttempts<T extends Pick<Attempted, 'delivery'>>(
  { deliveries }: Pick<DeliverPorts, 'deliveries'>,
  record: RecordWrite,
  changed: readonly T[],
  onKept: (one: T) => void = () => {},
): Promise<ReadonlySet<T>> {
  const kept = new Set<T>();
  const settled = await Promise.allSettled(
    changed.map(async (one) => {
      if (!(await record(() => isKept(one)))) return;
      kept.add(one);
      onKept(one);
    }),
  );
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return kept;

  async function isKept({ delivery }: T): Promise<boolean> {
    const replaced = await deliveries.replace(delivery).catch((error: unknown) => ({ error }));
    if (replaced === true) return true;
    // A write whose response was lost may have succeeded; the client's retry of it is then rejected. So check whether
    // the stored delivery is this write.
    const [stored] = await deliveries.getMany([delivery]);
    const isOwnAttempt = stored?.attempts.at(-1)?.at === delivery.attempts.at(-1)?.at;
    const waitsAsOwn = stored?.nextAttemptAt === delivery.nextAttemptAt && stored?.waitsIn === delivery.waitsIn;
    if (isOwnAttempt && waitsAsOwn && stored?.revision === delivery.revision + 1) return true;
    if (replaced !== false) throw replaced.error;
    return false;
  }
}

/** The job of a delivery's next attempt, delayed until it is due. */
export function successorOf({ clock }: Pick<DeliverPorts, 'clock'>, delivery: Delivery, row: EventRow) {
  const delayMs = Math.max(0, Date.parse(delivery.nextAttemptAt ?? '') - clock.nowMs());
  return { job: jobOf(delivery), group: row.account, delayMs };
}
