import { limits } from '../../contracts/limits.ts';
import { callDrainer } from '../../engine/delivery/drainer.ts';
import { type Subscription, scopeOf } from '../../ports/delivery/subscription-store.ts';
import type { DrainQueue } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { changeEndpoint, type EndpointPorts } from './change-endpoint.ts';

export interface AskForDrainPorts extends EndpointPorts {
  readonly drainQueue: DrainQueue;
  readonly clock: Clock;
}

/**
 * Start the drain of an endpoint, unless a drain is running, or was scheduled and starts soon enough. Call it after the
 * deliveries are stored.
 *
 * No wake-up is lost. It is counted first, and a run ends, or leaves for later, only if no wake-up was counted since it
 * read the backlog: either the run reads again, or the state read here says that no run is active. If the message
 * itself is lost, dispatch finds the endpoint due a minute after the drain should have started.
 *
 * @param isUrgent - Whether the new deliveries need not wait for those that were in the backlog before.
 */
export async function askForDrain(
  ports: AskForDrainPorts,
  subscription: Pick<Subscription, 'id' | 'tenant'>,
  isUrgent = false,
): Promise<void> {
  const scope = scopeOf(subscription);
  const woken = await ports.endpoints.wake({ endpoint: subscription.id, scope });
  if (callDrainer(woken, ports.clock.nowMs(), isUrgent) === undefined) return;
  const { result: beginsAtMs } = await changeEndpoint<number | undefined>(ports, woken, (current) => {
    const called = callDrainer(current, ports.clock.nowMs(), isUrgent);
    return called === undefined ? { result: undefined } : { state: called.state, result: called.beginsAtMs };
  });
  const delayMs = (beginsAtMs ?? Number.POSITIVE_INFINITY) - ports.clock.nowMs();
  // Dispatch starts drains that are further away than SQS can delay a message: the state says when they are due.
  if (delayMs <= limits.queueMaxDelayMs)
    await ports.drainQueue.send({ kind: 'drain', subscription: subscription.id, scope }, Math.max(0, delayMs));
}
