import { limits } from '../../../contracts/limits.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { leaveDrain, letRest, messageFor } from '../../../engine/delivery/drainer.ts';
import type { EndpointState } from '../../../engine/delivery/endpoint-state.ts';
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
  | { readonly kind: 'drained'; readonly deliveries: readonly DrainedDelivery[] }
  /** Something is left, which waits for its time; another drain is asked for. */
  | { readonly kind: 'left'; readonly deliveries: readonly DrainedDelivery[] }
  /** Another drainer is at work, or the backlog is not wanted. */
  | { readonly kind: 'not-mine' };

export interface DrainedDelivery {
  /** `filtered`: it is not wanted any more; the filter says so, or its event is gone. */
  readonly kind: 'delivered' | 'retried' | 'dead-lettered' | 'filtered';
  readonly delivery: Delivery;
}

/** A drainer is believed to live for this long after its last sign: a round, with all that follows it. */
export const drainerMs = 120_000;

/** A wait up to this is sat out; a longer one is left to a delayed message, or to dispatch. */
export const maxPauseMs = 1_000;

/** Let another drainer begin at once; where none does, dispatch asks for one a little later. */
export async function release(run: Run): Promise<void> {
  await changeEndpoint(run.ports, run.state, (current) =>
    hasEndpoint(run, current)
      ? { state: leaveDrain(current, run.ports.clock.nowMs()), result: undefined }
      : { result: undefined },
  );
}

export const leftBy = ({ deliveries }: Run): DrainOutcome => ({ kind: 'left', deliveries });

/** End the run, since nothing more is wanted; or leave, where the owner has enabled the subscription meanwhile. */
export async function rest(run: Run): Promise<DrainOutcome> {
  const { ports, prepared } = run;
  const { id, tenant } = prepared.subscription;
  // A call that enables a subscription wakes its endpoint afterwards.
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
  /** What is known of the backlog, where the subscription is ordered. */
  readonly ordered: OrderedBacklog | undefined;
  readonly drainer: { readonly id: string; readonly durationMs: number };
  readonly startedAtMs: number;
  /** When a drain message is shown that had been sent for later, when this run began. */
  readonly messageAtMs: number | undefined;
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
  /** Another run has the endpoint now, or none may have it. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'empty' }
  /** `seenWakeups`: whatever was put into the backlog since may be a reason not to wait so long. */
  | { readonly kind: 'wait'; readonly untilMs: number; readonly seenWakeups?: number }
  /** Nothing more is sent: its owner, or what it answered, has said so. */
  | { readonly kind: 'disabled' };

/** Tell of what a run before this one has ended, and may have died before it told of it. Told twice, it is one event. */
export async function reportEnded({ ports, prepared }: Run, deliveries: readonly Delivery[]): Promise<void> {
  const exhausted = deliveries.filter(({ state }) => state === 'exhausted');
  if (exhausted.length === 0) return;
  const rows = new Map((await ports.events.getMany(exhausted)).map((row) => [row.id, row]));
  await reportDelivery(
    ports,
    prepared.subscription,
    exhausted.map((delivery) => ({ delivery, hops: rows.get(delivery.event)?.hops })),
  );
}

/** Wait for a moment here, or leave. */
export async function waitUntil(run: Run, untilMs: number): Promise<Step> {
  const { ports } = run;
  const leftMs = untilMs - ports.clock.nowMs();
  if (leftMs > maxPauseMs) return { kind: 'wait', untilMs };
  await ports.pause(Math.max(1, leftMs));
  // What was waited for is what others do: the state as it was would say the same for ever.
  const [stored] = await ports.endpoints.getMany([run.state]);
  run.state = stored ?? run.state;
  return { kind: 'more' };
}

/**
 * End the run, although something is left, and see to it that another goes on in time.
 *
 * @param seenWakeups - Wakeups that were counted before this run looked, where it may not leave if there are more: those
 *   who woke it have seen it at work, and have sent no message.
 * @returns False where there are more.
 */
export async function leave(run: Run, wantedUntilMs: number, seenWakeups?: number): Promise<boolean> {
  const { ports, prepared } = run;
  const nowMs = ports.clock.nowMs();
  const goesOnAtMs = Math.max(wantedUntilMs, nowMs);
  const { messageAtMs } = run;
  // The message of one that is still to come goes on: with each run's own there would be more and more of them.
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
  // What is further away than SQS can delay is dispatch's: the state says when it is due.
  if (left.result === 'left' && !hasMessage && delayMs <= limits.queueMaxDelayMs) {
    const { id: subscription } = prepared.subscription;
    await ports.drainQueue.send({ kind: 'drain', subscription, scope: run.state.scope }, delayMs);
  }
  return true;
}
