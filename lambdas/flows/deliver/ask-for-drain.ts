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
 * Have an endpoint drained, unless a drain is under way, or was asked for and comes soon enough. Called after what
 * is to be sent is stored.
 *
 * No wake-up is lost. It is counted first, and a run ends, or leaves for later, only on condition that none was counted
 * since it looked: either the run looks again, or the state that is given here says that no run is at work. Where the
 * message itself is lost, dispatch finds the endpoint due a minute after the drain was to begin.
 *
 * @param isUrgent - Whether what is to be sent now need not wait for what was there before.
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
  // What is further away than SQS can delay is dispatch's: the state says when it is due.
  if (delayMs <= limits.queueMaxDelayMs)
    await ports.drainQueue.send({ kind: 'drain', subscription: subscription.id, scope }, Math.max(0, delayMs));
}
