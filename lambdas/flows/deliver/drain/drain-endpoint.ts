import { limits } from '../../../contracts/limits.ts';
import type { DrainMessage } from '../../../contracts/messages.ts';
import { claimDrain, delayedMessageMs, drainAskedForMs, letRest } from '../../../engine/delivery/drainer.ts';
import { changeEndpoint } from '../change-endpoint.ts';
import { leaseId } from '../lease-endpoint.ts';
import { drainRound } from './drain-round.ts';
import {
  type DrainedDelivery,
  type DrainOutcome,
  type DrainPorts,
  drainerMs,
  leave,
  leftBy,
  type Run,
  release,
  rest,
} from './drain-run.ts';
import { createOrderedBacklog } from './ordered-backlog.ts';
import { tellOwner } from './tell-owner.ts';

/**
 * Send an endpoint's backlog, in its order, as fast as the endpoint accepts it.
 *
 * An endpoint has one drainer at a time. The drainer stops when the circuit opens, when the endpoint asks for a pause,
 * or when its time is over. It then schedules the next run: nothing waits in memory.
 *
 * @param onDone - Called with deliveries as soon as they are done: they stay done even if the run fails later.
 */
export async function drainEndpoint(
  ports: DrainPorts,
  message: DrainMessage,
  onDone: (deliveries: readonly DrainedDelivery[]) => void = () => {},
): Promise<DrainOutcome> {
  const startedAtMs = ports.clock.nowMs();
  const key = { endpoint: message.subscription, scope: message.scope };
  const [[subscription], [known]] = await Promise.all([
    ports.subscriptions.getMany([{ scope: message.scope, id: message.subscription }]),
    ports.endpoints.getMany([key]),
  ]);
  if (known === undefined) return { kind: 'not-mine' };
  // Neither the endpoint nor its subscription is stored: do not write a useless row.
  if (subscription === undefined && known.revision === 0 && known.wakeups === 0) return { kind: 'not-mine' };
  if (subscription === undefined || subscription.status === 'disabled') {
    // It may have been enabled since it was read, and be drained again.
    await changeEndpoint(ports, known, (current) =>
      current.wakeups === known.wakeups ? { state: letRest(current), result: undefined } : { result: undefined },
    );
    return { kind: 'not-mine' };
  }
  const prepared = ports.prepare(subscription);
  const drainer = { id: leaseId(ports), durationMs: drainerMs };
  const claim = await changeEndpoint(ports, known, (current) => {
    const claimed = claimDrain(current, drainer, ports.clock.nowMs());
    if (claimed === undefined) return { result: undefined };
    const nowMs = ports.clock.nowMs();
    const messageAtMs = delayedMessageMs(current, nowMs);
    const lateMs = Math.max(0, nowMs - (drainAskedForMs(current) ?? nowMs));
    return { state: { ...claimed, hasBacklog: true }, result: { messageAtMs, lateMs } };
  });
  if (claim.result === undefined) {
    // The active run reads the backlog again before it ends.
    await ports.endpoints.wake(key);
    return { kind: 'not-mine' };
  }

  const { messageAtMs, lateMs } = claim.result;
  const ordered = subscription.ordering === 'none' ? undefined : createOrderedBacklog(ports, prepared);
  const { state } = claim;
  const times = { startedAtMs, messageAtMs, lateMs };
  const run: Run = { ports, prepared, ordered, drainer, ...times, deliveries: [], onDone, state };
  try {
    return await drainUntilEmpty(run);
  } catch (error) {
    // The message is redelivered in seconds, and must not find this failed run still registered as the drainer. If even
    // the release fails, dispatch asks for a drain when this run's registration ends.
    await release(run).catch(() => undefined);
    throw error;
  }
}

async function drainUntilEmpty(run: Run): Promise<DrainOutcome> {
  const { ports } = run;
  await tellOwner(run);
  const untilMs = ports.clock.nowMs() + limits.drainRunMs;
  while (ports.clock.nowMs() < untilMs) {
    const step = await drainRound(run);
    if (step.kind === 'empty') return { kind: 'drained', deliveries: run.deliveries, lateMs: run.lateMs };
    if (step.kind === 'wait' && (await leave(run, step.untilMs, step.seenWakeups))) return leftBy(run);
    if (step.kind === 'taken') return leftBy(run);
    if (step.kind === 'disabled') return rest(run);
  }
  await leave(run, ports.clock.nowMs());
  return leftBy(run);
}
