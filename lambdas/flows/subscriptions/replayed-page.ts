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

/** A delivery that a replay is asked for, and as it is stored. */
export interface FoundDelivery {
  readonly delivery: Delivery;
  readonly stored: Delivery | undefined;
}

export interface ReplayedPage {
  /** Those that the replay is asked for. */
  readonly deliveries: readonly FoundDelivery[];
  /** Those that wait already, for this replay or for another reason. */
  readonly waiting: readonly Delivery[];
  /** How many events of the page the subscription may want, whether or not the replay is asked for them. */
  readonly scanned: number;
  /** Sequence up to which the feed was read. */
  readonly reached: number;
  /** Epoch milliseconds until when a missing number may still be written; undefined where none is missing. */
  readonly holeUntilMs: number | undefined;
}

/**
 * Read the next events of a replay's window, and what is stored of their deliveries.
 *
 * @param position - Sequence after which the page begins; `upTo` is the last one of the window.
 */
export async function readReplayedPage(
  ports: PagePorts,
  prepared: PreparedSubscription,
  { tenant, mode, ratePerSecond }: Pick<Replay, 'tenant' | 'mode' | 'ratePerSecond'>,
  position: number,
  upTo: number,
): Promise<ReplayedPage> {
  const { subscription } = prepared;
  // A page is no more than a few seconds' worth, so that the rate is even.
  const size = Math.max(1, Math.min(pageSize, ratePerSecond * 2, upTo - position));
  const gapless = await readGaplessRows(ports, tenant, position, Math.ceil(size));
  const rows = gapless.rows
    .filter((row) => isEvent(row))
    .filter((row) => row.sequence <= upTo && mayWant(subscription, row));
  const known = new Map(
    (await ports.deliveries.getMany(rows.map((row) => deliveryOf(subscription, row)))).map((one) => [one.event, one]),
  );
  const asked = rows.filter((row) => isAskedFor(mode, known.get(row.id)));
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
  // What waits is sent anyway.
  if (delivery?.state === 'waiting' || delivery?.state === 'retrying') return false;
  if (mode === 'all') return true;
  if (mode === 'failed') return delivery?.state === 'exhausted' || delivery?.state === 'cancelled';
  return delivery?.state !== 'delivered';
}
