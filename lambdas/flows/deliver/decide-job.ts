import type { DeliveryJob } from '../../contracts/messages.ts';
import type { Delivery } from '../../engine/delivery/delivery.ts';
import { newDelivery } from '../../engine/delivery/record-attempt.ts';
import type { EventRow } from '../../ports/events/event-store.ts';
import { isMine } from './attempt/attempt-delivery.ts';
import type { PreparedSubscription } from './attempt/prepare-subscription.ts';

/** One message of the delivery queue. */
export interface JobDelivery {
  readonly messageId: string;
  readonly job: DeliveryJob;
  /**
   * Whether the message was received before: an earlier run of it failed or died, and counted nothing.
   *
   * @default false
   */
  readonly isRepeated?: boolean;
}

/** How one job ended. */
export type DeliveryOutcome =
  | { readonly kind: 'delivered'; readonly status: number }
  | { readonly kind: 'retried'; readonly delayMs: number; readonly status: number | undefined }
  /** Put into its endpoint's backlog, which its drain sends in order. */
  | { readonly kind: 'parked' }
  /** Queued again for seconds later: others hold the slots of its endpoint, or its last attempt is not recorded yet. */
  | { readonly kind: 'postponed' }
  /** All attempts failed; kept with its attempts, and replayable. */
  | { readonly kind: 'dead-lettered'; readonly reason: string }
  /** Another job, or another run of the same job, makes the attempt or has made it. */
  | { readonly kind: 'duplicate' }
  /** Not wanted: the filter rejects it, or the subscription or the event is gone. */
  | { readonly kind: 'filtered'; readonly reason: string }
  /** Nothing was done and nothing is lost: the message must be redelivered. */
  | { readonly kind: 'failed'; readonly error: unknown };

interface Ready {
  readonly kind: 'ready';
  readonly prepared: PreparedSubscription;
  readonly row: EventRow;
  readonly delivery: Delivery;
  /** Whether the delivery is stored, so that another run may change it at the same time. */
  readonly isStored: boolean;
  /** The steps that an earlier run of the job left to do. */
  readonly left: 'all' | 'successor' | 'wake' | 'report';
  /** How often the job was queued again without an attempt. */
  readonly postponed: number;
}

/** A job whose earlier attempt is not recorded yet, or never will be, because the run that made it died. */
interface Early {
  readonly kind: 'early';
  /** The group of the job in the queue. */
  readonly group: string;
}

/** A retry whose event is no longer stored: its delivery ends, and is told. */
interface Expired {
  readonly kind: 'expired';
  readonly prepared: PreparedSubscription;
  readonly delivery: Delivery;
}

export interface ReadyJob extends Ready {
  readonly index: number;
}

export function decide(
  job: DeliveryJob,
  prepared: PreparedSubscription | undefined,
  row: EventRow | undefined,
  stored: Delivery | undefined,
  isRepeated: boolean,
): Ready | Early | Expired | DeliveryOutcome {
  if (prepared === undefined) return { kind: 'filtered', reason: 'subscription-gone' };
  if (row === undefined)
    return stored !== undefined && stored.waitsIn === 'queue' && !isOver(stored)
      ? { kind: 'expired', prepared, delivery: stored }
      : { kind: 'filtered', reason: 'event-expired' };
  // The queue's message points to this row; a subscription of another tenant must never see it.
  if (!isMine(prepared, row)) return { kind: 'filtered', reason: 'other-tenant' };
  // A drain queues the next attempt before it records the last one. That record may be late.
  if (stored !== undefined && job.attempt > stored.attemptCount + 1) return { kind: 'early', group: row.account };
  const delivery = stored ?? newDelivery(job);
  const ready = {
    kind: 'ready',
    prepared,
    row,
    delivery,
    isStored: stored !== undefined,
    postponed: job.postponed ?? 0,
  } as const;
  if (delivery.waitsIn === 'backlog') return { ...ready, left: 'wake' };
  if (delivery.attemptCount < job.attempt) return isOver(delivery) ? { kind: 'duplicate' } : { ...ready, left: 'all' };
  const isLastAttempt = delivery.attemptCount === job.attempt;
  if (isLastAttempt && delivery.state === 'retrying' && delivery.waitsIn === 'queue')
    return { ...ready, left: 'successor' };
  // An earlier run of this message made the attempt, and died before it acknowledged the message.
  if (isLastAttempt && isRepeated && delivery.state === 'delivered')
    return { kind: 'delivered', status: delivery.attempts.at(-1)?.status ?? 0 };
  if (isLastAttempt && delivery.state === 'exhausted') return { ...ready, left: 'report' };
  return { kind: 'duplicate' };
}

function isOver({ state }: Delivery): boolean {
  return state === 'delivered' || state === 'exhausted' || state === 'cancelled';
}
