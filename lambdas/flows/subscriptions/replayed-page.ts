import type { Delivery } from '../../engine/delivery/delivery.ts';
import type { DeliveryStore } from '../../ports/delivery/delivery-store.ts';
import type { Replay, ReplayMode } from '../../ports/delivery/replay-store.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { EventReader } from '../../ports/events/event-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { judgeRows } from '../deliver/attempt/judge-events.ts';
import type { PreparedSubscription } from '../deliver/attempt/prepare-subscription.ts';
import { deliveryOf } from '../deliver/drain/follow-ordered-feed.ts';
import { isEvent, readGaplessRows } from '../feed/gapless-rows.ts';
import type { PinPorts } from '../feed/pin-events.ts';
import { mayWant } from '../feed/read-event.ts';

const pageSize = 100;

interface PagePorts extends PinPorts {
  readonly events: EventReader;
  readonly payloads: Pick<ClaimStore, 'get'>;
  readonly deliveries: Pick<DeliveryStore, 'getMany'>;
  readonly clock: Clock;
}

/** A delivery to replay, and its stored version. */
export interface FoundDelivery {
  readonly delivery: Delivery;
  readonly stored: Delivery | undefined;
}

export interface ReplayedPage {
  /** Deliveries that the replay has to send. */
  readonly deliveries: readonly FoundDelivery[];
  /** Deliveries that already wait, for this replay or for another reason. */
  readonly waiting: readonly Delivery[];
  /** Number of events in the page that the subscription may want, including those that the replay skips. */
  readonly scanned: number;
  /** Sequence up to which this page has read the feed. */
  readonly reached: number;
  /** Epoch milliseconds until which a missing number may still be written; undefined if no number is missing. */
  readonly holeUntilMs: number | undefined;
}

/**
 * Read the next events of a replay's window, and their stored deliveries.
 *
 * @param position - Sequence after which the page begins; `upTo` is the last one of the window.
 */
export async function readReplayedPage(
  ports: PagePorts,
  prepared: PreparedSubscription,
  {
    tenant,
    mode,
    ratePerSecond,
    triedAfterSequence = 0,
    followedFrom = Number.POSITIVE_INFINITY,
  }: Pick<Replay, 'tenant' | 'mode' | 'ratePerSecond' | 'triedAfterSequence'> & {
    readonly followedFrom?: number | undefined;
  },
  position: number,
  upTo: number,
): Promise<ReplayedPage> {
  const { subscription } = prepared;
  // A page covers at most two seconds at the replay's rate, so that the rate is even.
  const size = Math.max(1, Math.min(pageSize, ratePerSecond * 2, upTo - position));
  const gapless = await readGaplessRows(ports, tenant, position, Math.ceil(size));
  const rows = gapless.rows
    .filter((row) => isEvent(row))
    .filter((row) => row.sequence <= upTo && mayWant(subscription, row))
    // The follower of an ordered subscription sends what is behind its position, but for what its tenant only pulled.
    .filter((row) => row.sequence <= followedFrom || row.pullOnly === true);
  const known = new Map(
    (await ports.deliveries.getMany(rows.map((row) => deliveryOf(subscription, row)))).map((one) => [one.event, one]),
  );
  const asked = rows.filter((row) => {
    const delivery = known.get(row.id);
    return isAskedFor(mode, delivery) && (delivery === undefined || row.sequence > triedAfterSequence);
  });
  const judgements = await judgeRows(ports, prepared, asked);
  const deliveries = asked.flatMap((row, index): readonly FoundDelivery[] => {
    const judgement = judgements[index];
    if (judgement === 'unwanted') return [];
    const stored = known.get(row.id);
    const delivery = stored ?? deliveryOf(subscription, row);
    return [{ stored, delivery: { ...delivery, isUnjudged: judgement === 'unjudged' || undefined } }];
  });
  return {
    deliveries,
    waiting: [...known.values()].filter(({ state }) => state === 'waiting'),
    scanned: rows.length,
    reached: Math.min(gapless.reached, Math.max(upTo, position)),
    holeUntilMs: gapless.holeUntilMs,
  };
}

function isAskedFor(mode: ReplayMode, delivery: Delivery | undefined): boolean {
  // Waiting deliveries are sent anyway.
  if (delivery?.state === 'waiting' || delivery?.state === 'retrying') return false;
  if (mode === 'all') return true;
  if (mode === 'failed') return delivery?.state === 'exhausted' || delivery?.state === 'cancelled';
  return delivery?.state !== 'delivered';
}
