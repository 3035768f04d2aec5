import { limits } from '../../contracts/limits.ts';
import type { Delivery } from '../../engine/delivery/delivery.ts';
import { retriedForMs } from '../../engine/delivery/message-backoff.ts';
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
import type { TenantPolicies } from '../../ports/tenants/tenant-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { askForDrain } from '../deliver/ask-for-drain.ts';
import { parkNew } from '../deliver/attempt/attempt-delivery.ts';
import type { PreparedSubscription } from '../deliver/attempt/prepare-subscription.ts';
import type { EndpointPorts } from '../deliver/change-endpoint.ts';
import { silentAfterMs } from '../deliver/restart-silent.ts';
import { findSequenceAt } from '../feed/find-sequence.ts';
import type { PinPorts } from '../feed/pin-events.ts';
import { type FoundDelivery, readReplayedPage } from './replayed-page.ts';

/** Events to send again. */
export interface ReplayRequest {
  readonly tenant: string;
  readonly mode: ReplayMode;
  /** Epoch milliseconds; undefined for all stored events. */
  readonly sinceMs?: number | undefined;
  /** Epoch milliseconds; undefined for the time of the call. */
  readonly untilMs?: number | undefined;
  readonly ratePerSecond: number;
  /** Epoch milliseconds: events before are sent only if they were never tried. @default - all times are alike */
  readonly triedSinceMs?: number | undefined;
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

export interface RunReplayPorts extends ReplayPorts {
  readonly tenantPolicies: TenantPolicies;
}

/** Time limit of one run; the next run does the rest. */
const runMs = 40_000;
/** A run waits up to this long itself; for a longer wait it sends a delayed message. */
const maxPauseMs = 5_000;
/** Stored deliveries replaced concurrently. */
const replacedTogether = 25;

/** The window of a request, in sequences. */
export async function windowOf(
  ports: Pick<ReplayPorts, 'events' | 'clock'>,
  { tenant, sinceMs, untilMs }: ReplayRequest,
): Promise<{ readonly afterSequence: number; readonly upToSequence: number }> {
  const upTo = await findSequenceAt(ports, tenant, untilMs ?? ports.clock.nowMs());
  const after = sinceMs === undefined ? 0 : await findSequenceAt(ports, tenant, sinceMs - 1);
  return { afterSequence: Math.min(after, upTo), upToSequence: upTo };
}

/** Start a replay of a subscription's past events. It runs in the background, and can be inspected and cancelled. */
export async function startReplay(
  ports: ReplayPorts,
  subscription: Subscription,
  request: ReplayRequest,
  followsUntilMs?: number,
): Promise<Replay> {
  const nowMs = ports.clock.nowMs();
  const window = await windowOf(ports, request);
  const replay: Replay = {
    // Ids sort by time.
    id: `rpl_${nowMs.toString(36).padStart(9, '0')}${ports.randomness.bytes(6).toString('hex')}`,
    subscription: subscription.id,
    scope: scopeOf(subscription),
    tenant: request.tenant,
    mode: request.mode,
    ...window,
    ...(request.triedSinceMs === undefined
      ? {}
      : { triedAfterSequence: await findSequenceAt(ports, request.tenant, request.triedSinceMs - 1) }),
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
  // Register it before it exists: if this call dies before it sends the message, dispatch starts the replay.
  await ports.runningWork.expect({ kind: 'replay', subscription: subscription.id, replay: id }, nowMs + silentAfterMs);
  await ports.replays.create(replay);
  await ports.drainQueue.send({ kind: 'replay', replay: id, subscription: subscription.id, scope }, 0);
  return replay;
}

/** Events that were published within this time before may have been tried. */
const catchUpMarginMs = 120_000;
/** A running publish may still see the subscription as disabled; its writes end within this time. */
const stillPublishingMs = limits.sequenceHoleLifetimeMs + 10_000;

/** Send the events that a subscription missed while it was disabled. */
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
      // The publisher of an older event may have died before it queued the delivery, and found the subscription disabled
      // when it was tried again.
      sinceMs: disabledSinceMs - retriedForMs,
      triedSinceMs: disabledSinceMs - catchUpMarginMs,
      ratePerSecond: replayRateOf(subscription),
    },
    ports.clock.nowMs() + stillPublishingMs,
  );
}

/**
 * The sequence up to which an ordered subscription has followed the feed: what comes after is sent in its order, and not
 * by a replay, whose events later ones overtake. Undefined for one without an order.
 */
export async function followerPosition(
  { endpoints }: Pick<ReplayPorts, 'endpoints'>,
  { subscription }: PreparedSubscription,
): Promise<number | undefined> {
  if (subscription.ordering === 'none') return undefined;
  const [state] = await endpoints.getMany([{ endpoint: subscription.id, scope: scopeOf(subscription) }]);
  return state?.position ?? 0;
}

/**
 * Continue a replay: put its next events into the endpoint's backlog, at the replay's rate. Cancels it once its tenant
 * only pulls.
 *
 * @param restarts - From the message. If dispatch has restarted the replay since, a newer message continues it.
 */
export async function runReplay(
  ports: RunReplayPorts,
  prepared: PreparedSubscription,
  id: string,
  restarts = 0,
): Promise<'done' | 'continued' | 'ended'> {
  const { subscription } = prepared;
  let replay = await ports.replays.find(subscription.id, id);
  const untilMs = ports.clock.nowMs() + runMs;
  while (replay?.state === 'running' && (replay.restarts ?? 0) === restarts) {
    if (await isPullOnly(ports, replay)) {
      await cancelReplay(ports, subscription.id, id, 'delivery-pull');
      return 'ended';
    }
    const startedAtMs = ports.clock.nowMs();
    if (startedAtMs >= untilMs) return goOnLater(ports, replay, 0);
    const { followsUntilMs = 0 } = replay;
    const upTo = followsUntilMs === 0 ? replay.upToSequence : Number.POSITIVE_INFINITY;
    const followedFrom = await followerPosition(ports, prepared);
    const page = await readReplayedPage(ports, prepared, { ...replay, followedFrom }, replay.position, upTo);
    if (page.reached === replay.position && page.reached < upTo) {
      // A missing number may still be written, or a publisher may still be running.
      const nextMs = page.holeUntilMs ?? followsUntilMs;
      if (nextMs > startedAtMs) return goOnLater(ports, replay, nextMs - startedAtMs);
    }
    const queued = await queueAgain(ports, id, page.deliveries);
    // An earlier run may have died after writing deliveries, before writing their backlog entries or starting a drain.
    const begun = page.waiting.filter((delivery) => delivery.replay === id && delivery.waitsIn === 'backlog');
    if (begun.length > 0) await ports.deliveries.remind(begun);
    // A retrying delivery of an ordered subscription does not block other records.
    if (queued.length + begun.length > 0) await askForDrain(ports, subscription, subscription.ordering !== 'none');
    const isDone = page.reached >= upTo || page.reached === replay.position;
    const next: Replay = {
      ...replay,
      position: page.reached,
      scanned: replay.scanned + page.scanned,
      replayed: replay.replayed + queued.length,
      ...(isDone ? { state: 'done', endedAt: new Date(ports.clock.nowMs()).toISOString() } : {}),
    };
    // The replay was cancelled, or another run continues it: use the stored version.
    if (!(await ports.replays.replace(next))) replay = await ports.replays.find(subscription.id, id);
    else if (isDone) return 'done';
    else replay = { ...next, revision: next.revision + 1 };
    const ownMs = (queued.length / (replay?.ratePerSecond ?? 1)) * 1000;
    const restMs = ownMs - (ports.clock.nowMs() - startedAtMs);
    // At a slow rate, continue by message: the pause could outlast the function.
    if (restMs > maxPauseMs && replay?.state === 'running') return goOnLater(ports, replay, restMs);
    if (restMs > 0) await ports.pause(restMs);
  }
  return 'ended';
}

/**
 * Whether the tenant of a replay has only pulled since the replay began. The call that began it read the tenant's row
 * itself: a policy that may be older says nothing, or a replay right after the change back would be cancelled.
 */
async function isPullOnly({ tenantPolicies, clock }: RunReplayPorts, { tenant, createdAt }: Replay): Promise<boolean> {
  if (clock.nowMs() - Date.parse(createdAt) <= limits.tenantPolicyMaxAgeMs) return false;
  return (await tenantPolicies.getMany([tenant])).get(tenant)?.delivery?.mode === 'pull';
}

/**
 * Put deliveries into the backlog again.
 *
 * @returns The deliveries that no other writer changed in between. If the answer to a write is lost, the client's retry is
 *   refused; a delivery that waits for this replay is therefore counted as written here.
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
  // A drain may have read the backlog entry before the delivery existed, and removed it.
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

/** @param cancelledBy - Undefined for a caller. */
export async function cancelReplay(
  ports: Pick<ReplayPorts, 'replays' | 'clock'>,
  subscription: string,
  id: string,
  cancelledBy?: Replay['cancelledBy'],
): Promise<Replay | undefined> {
  for (;;) {
    const replay = await ports.replays.find(subscription, id);
    if (replay?.state !== 'running') return replay;
    const endedAt = new Date(ports.clock.nowMs()).toISOString();
    const ended: Replay = { ...replay, state: 'cancelled', cancelledBy, endedAt };
    if (await ports.replays.replace(ended)) return { ...ended, revision: ended.revision + 1 };
  }
}

/** Default rate of a replay in events per second: no more than the endpoint accepts. */
export function replayRateOf({ ratePerSecond = limits.replayRatePerSecond }: Subscription): number {
  // A rate below 1 is enforced when the backlog is drained.
  return Math.max(1, ratePerSecond);
}
