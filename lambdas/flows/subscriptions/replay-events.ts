import { limits } from '../../contracts/limits.ts';
import type { Delivery } from '../../engine/delivery/delivery.ts';
import { parked, restarted } from '../../engine/delivery/record-attempt.ts';
import type { DeliveryStore } from '../../ports/delivery/delivery-store.ts';
import type { Replay, ReplayMode, ReplayStore } from '../../ports/delivery/replay-store.ts';
import { type Subscription, scopeOf } from '../../ports/delivery/subscription-store.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { EventReader } from '../../ports/events/event-store.ts';
import type { DrainQueue } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { RunningWorkLog } from '../../ports/runtime/running-work.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { askForDrain } from '../deliver/ask-for-drain.ts';
import { parkNew } from '../deliver/attempt/attempt-delivery.ts';
import type { PreparedSubscription } from '../deliver/attempt/prepare-subscription.ts';
import type { EndpointPorts } from '../deliver/change-endpoint.ts';
import { silentAfterMs } from '../deliver/restart-silent.ts';
import { findSequenceAt } from '../feed/find-sequence.ts';
import type { PinPorts } from '../feed/pin-events.ts';
import { type FoundDelivery, readReplayedPage } from './replayed-page.ts';

/** What is to be sent again. */
export interface ReplayRequest {
  readonly tenant: string;
  readonly mode: ReplayMode;
  /** Epoch milliseconds; undefined for all that is kept. */
  readonly sinceMs?: number | undefined;
  /** Epoch milliseconds; undefined for the moment of the call. */
  readonly untilMs?: number | undefined;
  readonly ratePerSecond: number;
}

export interface ReplayPorts extends EndpointPorts, PinPorts {
  readonly events: EventReader;
  readonly payloads: Pick<ClaimStore, 'get'>;
  readonly deliveries: Pick<DeliveryStore, 'addMany' | 'getMany' | 'remind' | 'replace'>;
  readonly replays: ReplayStore;
  readonly runningWork: Pick<RunningWorkLog, 'expect'>;
  readonly drainQueue: DrainQueue;
  readonly clock: Clock;
  readonly randomness: Randomness;
}

/** How long one run goes on; the rest is the next one's. */
const runMs = 40_000;
/** A wait up to this is sat out; a longer one is left to a delayed message. */
const maxPauseMs = 5_000;
/** A count that takes longer is told as what it has found so far. */
const countMs = 15_000;
/** Stored deliveries that are replaced at a time. */
const replacedTogether = 25;

/** The window of a request, in sequences. */
async function windowOf(
  ports: Pick<ReplayPorts, 'events' | 'clock'>,
  { tenant, sinceMs, untilMs }: ReplayRequest,
): Promise<{ readonly afterSequence: number; readonly upToSequence: number }> {
  const upTo = await findSequenceAt(ports, tenant, untilMs ?? ports.clock.nowMs());
  const after = sinceMs === undefined ? 0 : await findSequenceAt(ports, tenant, sinceMs - 1);
  return { afterSequence: Math.min(after, upTo), upToSequence: upTo };
}

/** Begin to send a subscription's past again. It goes on by itself, and can be looked at and cancelled. */
export async function startReplay(
  ports: ReplayPorts,
  subscription: Subscription,
  request: ReplayRequest,
  followsUntilMs?: number,
): Promise<Replay> {
  const nowMs = ports.clock.nowMs();
  const window = await windowOf(ports, request);
  const replay: Replay = {
    // Ids rise with time, so that a list of them is in order.
    id: `rpl_${nowMs.toString(36).padStart(9, '0')}${ports.randomness.bytes(6).toString('hex')}`,
    subscription: subscription.id,
    scope: scopeOf(subscription),
    tenant: request.tenant,
    mode: request.mode,
    ...window,
    followsUntilMs,
    position: window.afterSequence,
    ratePerSecond: request.ratePerSecond,
    state: 'running',
    scanned: 0,
    replayed: 0,
    createdAt: new Date(nowMs).toISOString(),
    endedAt: undefined,
    revision: 1,
  };
  const { id, scope } = replay;
  // Before there is a replay: one that dies before its message is sent is started by dispatch.
  await ports.runningWork.expect({ kind: 'replay', subscription: subscription.id, replay: id }, nowMs + silentAfterMs);
  await ports.replays.create(replay);
  await ports.drainQueue.send({ kind: 'replay', replay: id, subscription: subscription.id, scope }, 0);
  return replay;
}

/** Before this much of the time at which it was disabled, a subscription got all: publishing is not instant. */
const catchUpMarginMs = 120_000;
/** A run that publishes now may have seen the subscription as it was: what it writes is written by then. */
const stillPublishingMs = limits.sequenceHoleLifetimeMs + 10_000;

/** Send what a subscription was not sent while it was disabled. */
export async function catchUpReplay(
  ports: ReplayPorts,
  subscription: Subscription,
  tenant: string,
  disabledSinceMs: number,
): Promise<Replay> {
  return startReplay(
    ports,
    subscription,
    {
      tenant,
      mode: 'missing',
      sinceMs: disabledSinceMs - catchUpMarginMs,
      ratePerSecond: replayRateOf(subscription),
    },
    ports.clock.nowMs() + stillPublishingMs,
  );
}

export interface ReplayCount {
  readonly scanned: number;
  readonly matched: number;
  /** Whether the whole window was looked at. */
  readonly isComplete: boolean;
}

/** How many events a replay would send. */
export async function countReplay(
  ports: ReplayPorts,
  prepared: PreparedSubscription,
  request: ReplayRequest,
): Promise<ReplayCount> {
  const untilMs = ports.clock.nowMs() + countMs;
  const { afterSequence, upToSequence } = await windowOf(ports, request);
  let position = afterSequence;
  let scanned = 0;
  let matched = 0;
  while (position < upToSequence && ports.clock.nowMs() < untilMs) {
    const page = await readReplayedPage(ports, prepared, request, position, upToSequence);
    if (page.reached === position) break;
    position = page.reached;
    scanned += page.scanned;
    matched += page.deliveries.length;
  }
  return { scanned, matched, isComplete: position >= upToSequence };
}

/**
 * Go on with a replay: put its next events into the endpoint's backlog, at its rate.
 *
 * @param restarts - Of the message; where dispatch has started the replay again since, another message goes on with it.
 */
export async function runReplay(
  ports: ReplayPorts,
  prepared: PreparedSubscription,
  id: string,
  restarts = 0,
): Promise<'done' | 'continued' | 'ended'> {
  const { subscription } = prepared;
  let replay = await ports.replays.find(subscription.id, id);
  const untilMs = ports.clock.nowMs() + runMs;
  while (replay?.state === 'running' && (replay.restarts ?? 0) === restarts) {
    const startedAtMs = ports.clock.nowMs();
    if (startedAtMs >= untilMs) return goOnLater(ports, replay, 0);
    const { followsUntilMs = 0 } = replay;
    const upTo = followsUntilMs === 0 ? replay.upToSequence : Number.POSITIVE_INFINITY;
    const page = await readReplayedPage(ports, prepared, replay, replay.position, upTo);
    if (page.reached === replay.position && page.reached < upTo) {
      // A number that may still be written, or a publisher that may still be at work.
      const nextMs = page.holeUntilMs ?? followsUntilMs;
      if (nextMs > startedAtMs) return goOnLater(ports, replay, nextMs - startedAtMs);
    }
    const queued = await queueAgain(ports, id, page.deliveries);
    // A run before this one may have died between the deliveries, their entries, and the drain.
    const begun = page.waiting.filter((delivery) => delivery.replay === id && delivery.waitsIn === 'backlog');
    if (begun.length > 0) await ports.deliveries.remind(begun);
    // What an ordered one tries again later holds up no other record.
    if (queued.length + begun.length > 0) await askForDrain(ports, subscription, subscription.ordering !== 'none');
    const isDone = page.reached >= upTo || page.reached === replay.position;
    const next: Replay = {
      ...replay,
      position: page.reached,
      scanned: replay.scanned + page.scanned,
      replayed: replay.replayed + queued.length,
      ...(isDone ? { state: 'done', endedAt: new Date(ports.clock.nowMs()).toISOString() } : {}),
    };
    // It was cancelled, or another run goes on with it: that counts.
    if (!(await ports.replays.replace(next))) replay = await ports.replays.find(subscription.id, id);
    else if (isDone) return 'done';
    else replay = { ...next, revision: next.revision + 1 };
    const ownMs = (queued.length / (replay?.ratePerSecond ?? 1)) * 1000;
    const restMs = ownMs - (ports.clock.nowMs() - startedAtMs);
    // At a slow rate this does not wait: a pause could be longer than a function may live.
    if (restMs > maxPauseMs && replay?.state === 'running') return goOnLater(ports, replay, restMs);
    if (restMs > 0) await ports.pause(restMs);
  }
  return 'ended';
}

/**
 * Put deliveries into the backlog once more.
 *
 * @returns Those that no other writer has changed meanwhile. A write whose answer was lost is made again by the client,
 *   and then refused: what waits for this very replay is its own.
 */
async function queueAgain(
  ports: Pick<ReplayPorts, 'deliveries'>,
  replay: string,
  found: readonly FoundDelivery[],
): Promise<readonly Delivery[]> {
  const asked = found.map(({ delivery, stored }) => ({
    stored,
    delivery: parked({ ...restarted(delivery), replay, isManual: true }),
  }));
  const queued = await parkNew(
    ports,
    asked.flatMap(({ delivery, stored }) => (stored === undefined ? delivery : [])),
  );
  const again: Delivery[] = [];
  const refused: Delivery[] = [];
  await forEachAtMost(replacedTogether, asked, async ({ delivery, stored }) => {
    if (stored === undefined) return;
    const isReplaced = await ports.deliveries.replace(delivery, stored.state === 'delivered');
    (isReplaced ? again : refused).push(delivery);
  });
  if (refused.length > 0) {
    const waiting = await ports.deliveries.getMany(refused);
    again.push(...waiting.filter((delivery) => delivery.replay === replay && delivery.waitsIn === 'backlog'));
  }
  // Who drains may have seen the entry before the delivery, and have removed it.
  if (again.length > 0) await ports.deliveries.remind(again);
  return [...queued, ...again];
}

async function goOnLater(ports: ReplayPorts, replay: Replay, delayMs: number): Promise<'continued'> {
  const { id, subscription, scope, restarts } = replay;
  const dueAtMs = ports.clock.nowMs() + delayMs;
  await ports.runningWork.expect({ kind: 'replay', subscription, replay: id }, dueAtMs + silentAfterMs);
  await ports.drainQueue.send({ kind: 'replay', replay: id, subscription, scope, restarts }, delayMs);
  return 'continued';
}

export async function cancelReplay(
  ports: Pick<ReplayPorts, 'replays' | 'clock'>,
  subscription: string,
  id: string,
): Promise<Replay | undefined> {
  for (;;) {
    const replay = await ports.replays.find(subscription, id);
    if (replay?.state !== 'running') return replay;
    const ended: Replay = { ...replay, state: 'cancelled', endedAt: new Date(ports.clock.nowMs()).toISOString() };
    if (await ports.replays.replace(ended)) return { ...ended, revision: ended.revision + 1 };
  }
}

/** Events that a replay sends in a second where the request names no rate: no more than the endpoint takes. */
export function replayRateOf({ ratePerSecond = limits.replayRatePerSecond }: Subscription): number {
  // A slower one is slowed down by its own rate, when its backlog is drained.
  return Math.max(1, ratePerSecond);
}
