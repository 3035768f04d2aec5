import { limits } from '../../contracts/limits.ts';
import { blockedUntilMs, type EndpointState, noFailures } from './endpoint-state.ts';

/** Id of a drainer that was requested and has not started. */
export const pendingDrainer = 'pending';

/** How long a requested drainer may take to start. */
const pendingDrainerMs = 60_000;

/** The state after a delivery was added to the backlog. */
export function woken(before: EndpointState): EndpointState {
  return { ...before, hasBacklog: true, wakeups: before.wakeups + 1 };
}

/**
 * Request a drainer, for the time at which it may start.
 *
 * @param isUrgent - Also request one if the drainer that is already requested would start later than that.
 * @returns Undefined if a drainer is running or already requested.
 */
export function callDrainer(
  before: EndpointState,
  nowMs: number,
  isUrgent = false,
): { readonly state: EndpointState; readonly beginsAtMs: number } | undefined {
  const beginsAtMs = Math.max(nowMs, blockedUntilMs(before));
  const isTooLate = isUrgent && (drainAskedForMs(before) ?? 0) > beginsAtMs;
  if (before.drainer !== undefined && before.drainer.untilMs > nowMs && !isTooLate) return undefined;
  // The earlier delayed message still arrives, so the new drainer need not send another for that time.
  const messageAtMs = beginsAtMs > nowMs ? messageFor(beginsAtMs, nowMs) : delayedMessageMs(before, nowMs);
  return { state: leaveDrain(before, beginsAtMs, messageAtMs), beginsAtMs };
}

/** When a drain message sent now becomes visible; undefined if SQS cannot delay a message that long. */
export function messageFor(atMs: number, nowMs: number): number | undefined {
  return atMs - nowMs <= limits.queueMaxDelayMs ? atMs : undefined;
}

/** When the known delayed drain message becomes visible; undefined if there is none. */
export function delayedMessageMs({ drainer }: EndpointState, nowMs: number): number | undefined {
  const atMs = drainer?.messageAtMs;
  return atMs !== undefined && atMs > nowMs ? atMs : undefined;
}

/** Start time of a drainer that was requested and has not started; undefined if there is none. */
export function drainAskedForMs({ drainer }: EndpointState): number | undefined {
  return drainer?.id === pendingDrainer ? drainer.untilMs - pendingDrainerMs : undefined;
}

/**
 * Become the drainer.
 *
 * @returns Undefined if another run is draining.
 */
export function claimDrain(
  before: EndpointState,
  drainer: { readonly id: string; readonly durationMs: number },
  nowMs: number,
): EndpointState | undefined {
  const { drainer: current } = before;
  const isOthers = current !== undefined && current.id !== pendingDrainer && current.id !== drainer.id;
  if (isOthers && current.untilMs > nowMs) return undefined;
  return { ...before, drainer: { id: drainer.id, untilMs: nowMs + drainer.durationMs } };
}

/**
 * Stop draining because the backlog is empty.
 *
 * @returns Undefined if a delivery was added since the backlog was read.
 */
export function finishDrain(before: EndpointState, seenWakeups: number): EndpointState | undefined {
  if (before.wakeups !== seenWakeups) return undefined;
  return { ...before, hasBacklog: false, drainer: undefined };
}

/**
 * Stop draining with deliveries left. A drainer is requested for then; if it never starts, dispatch requests another
 * shortly after.
 *
 * @param messageAtMs - When a delayed drain message, sent or about to be sent, becomes visible.
 */
export function leaveDrain(before: EndpointState, goesOnAtMs: number, messageAtMs?: number): EndpointState {
  const drainer = { id: pendingDrainer, untilMs: goesOnAtMs + pendingDrainerMs };
  return { ...before, drainer: messageAtMs === undefined ? drainer : { ...drainer, messageAtMs } };
}

/** The deliveries in the backlog are no longer wanted, so dispatch can ignore it. */
export function letRest(before: EndpointState): EndpointState {
  return { ...before, hasBacklog: false, drainer: undefined, ...noFailures };
}
