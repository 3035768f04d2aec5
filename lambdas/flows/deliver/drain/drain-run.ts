import { limits } from '../../../contracts/limits.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { leaveDrain, letRest, messageFor } from '../../../engine/delivery/drainer.ts';
import type { EndpointState } from '../../../engine/delivery/endpoint-state.ts';
import { traceOfEvent } from '../../../engine/trace/trace-ids.ts';
import type { DeliveryLog } from '../../../ports/delivery/delivery-store.ts';
import type { EventReader } from '../../../ports/events/event-store.ts';
import { reportDelivery } from '../../publish/publish-operational-events.ts';
import type { PreparedSubscription } from '../attempt/prepare-subscription.ts';
import { changeEndpoint } from '../change-endpoint.ts';
import type { DeliverPorts } from '../deliver-ports.ts';
import type { OrderedBacklog } from './ordered-backlog.ts';

export interface DrainPorts extends DeliverPorts {
  readonly events: DeliverPorts['events'] & EventReader;
  readonly deliveries: DeliverPorts['deliveries'] & Pick<DeliveryLog, 'list'>;
}

/** How a drain ended. */
export type DrainOutcome =
  | ({ readonly kind: 'drained' } & Drained)
  /** Some deliveries still wait; another drain is scheduled. */
  | ({ readonly kind: 'left' } & Drained)
  /** Another drainer is active, or the backlog is not wanted. */
  | { readonly kind: 'not-mine' };

interface Drained {
  readonly deliveries: readonly DrainedDelivery[];
  /** How long after the time at which the backlog could be sent the drain began. */
  readonly lateMs: number;
}

export interface DrainedDelivery {
  /** `filtered`: no longer wanted, because the filter rejects the event or the event is gone. */
  readonly kind: 'delivered' | 'retried' | 'dead-lettered' | 'filtered';
  readonly delivery: Delivery;
}

/** A drainer counts as alive for this long after its last heartbeat: one round, with its writes. */
export const drainerMs = 120_000;

/** Longest pause within a run; a longer wait is left to a delayed message, or to dispatch. */
export const maxPauseMs = 1_000;

/** Let another drainer start at once; if none starts, dispatch asks for one shortly after. */
export async function release(run: Run): Promise<void> {
  await changeEndpoint(run.ports, run.state, (current) =>
    hasEndpoint(run, current)
      ? { state: leaveDrain(current, run.ports.clock.nowMs()), result: undefined }
      : { result: undefined },
  );
}

export const leftBy = ({ deliveries, lateMs }: Run): DrainOutcome => ({ kind: 'left', deliveries, lateMs });

/** End the run because the subscription is disabled; or leave, if the owner has enabled it again in the meantime. */
export async function rest(run: Run): Promise<DrainOutcome> {
  const { ports, prepared } = run;
  const { id, tenant } = prepared.subscription;
  // Read the wake-ups before the subscription: a call that enables it wakes the endpoint afterwards.
  const { wakeups, scope } = run.state;
  const [stored] = await ports.subscriptions.getMany([{ scope, id }]);
  const isEnabled = stored !== undefined && stored.tenant === tenant && stored.status === 'enabled';
  const rested = isEnabled
    ? { result: false }
    : await changeEndpoint(ports, run.state, (current) =>
        current.wakeups === wakeups ? { state: letRest(current), result: true } : { result: false },
      );
  if (!rested.result) await leave(run, ports.clock.nowMs());
  return leftBy(run);
}

export interface Run {
  readonly ports: DrainPorts;
  readonly prepared: PreparedSubscription;
  /** The known backlog; only for an ordered subscription. */
  readonly ordered: OrderedBacklog | undefined;
  readonly drainer: { readonly id: string; readonly durationMs: number };
  readonly startedAtMs: number;
  /** When a drain message that was already delayed at the start of this run becomes visible. */
  readonly messageAtMs: number | undefined;
  readonly lateMs: number;
  readonly deliveries: DrainedDelivery[];
  readonly onDone: (deliveries: readonly DrainedDelivery[]) => void;
  state: EndpointState;
}

export function hasEndpoint({ drainer }: Run, state: EndpointState): boolean {
  return state.drainer?.id === drainer.id;
}

export function noteDone(run: Run, deliveries: readonly DrainedDelivery[]): void {
  if (deliveries.length === 0) return;
  run.deliveries.push(...deliveries);
  run.onDone(deliveries);
}

export const filtered = (delivery: Delivery): DrainedDelivery => ({ kind: 'filtered', delivery });

export function ended(delivery: Delivery): DrainedDelivery {
  if (delivery.exhaustedBy === 'event-expired') return filtered(delivery);
  const { state } = delivery;
  return { kind: state === 'delivered' ? 'delivered' : state === 'exhausted' ? 'dead-lettered' : 'retried', delivery };
}

export type Step =
  | { readonly kind: 'more' }
  /** Another run has the endpoint now, or no run may have it. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'empty' }
  /** `seenWakeups`: entries added to the backlog since may be due sooner. */
  | { readonly kind: 'wait'; readonly untilMs: number; readonly seenWakeups?: number }
  /** Nothing more is sent: the owner, or the endpoint's answer, has disabled the subscription. */
  | { readonly kind: 'disabled' };

/** Report deliveries that an earlier run ended and may not have reported. A second report publishes no second event. */
export async function reportEnded({ ports, prepared }: Run, deliveries: readonly Delivery[]): Promise<void> {
  const exhausted = deliveries.filter(({ state }) => state === 'exhausted');
  if (exhausted.length === 0) return;
  const rows = new Map((await ports.events.getMany(exhausted)).map((row) => [row.id, row]));
  await reportDelivery(
    ports,
    prepared.subscription,
    exhausted.map((delivery) => {
      const row = rows.get(delivery.event);
      return { delivery, hops: row?.hops, traceId: row === undefined ? undefined : traceOfEvent(row) };
    }),
  );
}

/** Pause until a time at most a second away; otherwise return the wait. */
export async function waitUntil(run: Run, untilMs: number): Promise<Step> {
  const { ports } = run;
  const leftMs = untilMs - ports.clock.nowMs();
  if (leftMs > maxPauseMs) return { kind: 'wait', untilMs };
  await ports.pause(Math.max(1, leftMs));
  // Read the state again: the run waited for changes by other writers.
  const [stored] = await ports.endpoints.getMany([run.state]);
  run.state = stored ?? run.state;
  return { kind: 'more' };
}

/**
 * End the run although deliveries are left, and schedule the run that continues.
 *
 * @param seenWakeups - The count of wake-ups before this run read the backlog. The run may not leave when there are
 *   more: their callers saw an active run, so they sent no message.
 * @returns False when there are more.
 */
export async function leave(run: Run, wantedUntilMs: number, seenWakeups?: number): Promise<boolean> {
  const { ports, prepared } = run;
  const nowMs = ports.clock.nowMs();
  const goesOnAtMs = Math.max(wantedUntilMs, nowMs);
  const { messageAtMs } = run;
  // Rely on a message that is already delayed: a message from each run would add up.
  const hasMessage = messageAtMs !== undefined && messageAtMs > nowMs && messageAtMs <= goesOnAtMs;
  const left = await changeEndpoint<'left' | 'woken' | 'taken'>(ports, run.state, (current) => {
    if (!hasEndpoint(run, current)) return { result: 'taken' };
    if (seenWakeups !== undefined && current.wakeups !== seenWakeups) return { result: 'woken' };
    const state = hasMessage
      ? leaveDrain(current, messageAtMs, messageAtMs)
      : leaveDrain(current, goesOnAtMs, messageFor(goesOnAtMs, nowMs));
    return { state, result: 'left', isUnwoken: seenWakeups !== undefined };
  });
  run.state = left.state;
  if (left.result === 'woken') return false;
  const delayMs = goesOnAtMs - nowMs;
  // Dispatch starts drains that are further away than SQS can delay a message: the state says when they are due.
  if (left.result === 'left' && !hasMessage && delayMs <= limits.queueMaxDelayMs) {
    const { id: subscription } = prepared.subscription;
    await ports.drainQueue.send({ kind: 'drain', subscription, scope: run.state.scope }, delayMs);
  }
  return true;
}
