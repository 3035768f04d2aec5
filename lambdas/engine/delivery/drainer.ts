import { limits } from '../../contracts/limits.ts';
import { blockedUntilMs, type EndpointState, noFailures } from './endpoint-state.ts';

/** A drainer that was asked for and has not begun. */
export const pendingDrainer = 'pending';

/** How long a drainer that was asked for may take to begin. */
const pendingDrainerMs = 60_000;

/** Something was put into the backlog. */
export function woken(before: EndpointState): EndpointState {
  return { ...before, hasBacklog: true, wakeups: before.wakeups + 1 };
}

/**
 * Ask for a drainer, for when it may begin.
 *
 * @param isUrgent - Not to wait for one that was asked to come later than that.
 * @returns Undefined where one is at it, or was asked for.
 */
export function callDrainer(
  before: EndpointState,
  nowMs: number,
  isUrgent = false,
): { readonly state: EndpointState; readonly beginsAtMs: number } | undefined {
  const beginsAtMs = Math.max(nowMs, blockedUntilMs(before));
  const isTooLate = isUrgent && (drainAskedForMs(before) ?? 0) > beginsAtMs;
  if (before.drainer !== undefined && before.drainer.untilMs > nowMs && !isTooLate) return undefined;
  // A message that is overtaken comes all the same: the drainer that is asked for now needs no other for then.
  const messageAtMs = beginsAtMs > nowMs ? messageFor(beginsAtMs, nowMs) : delayedMessageMs(before, nowMs);
  return { state: leaveDrain(before, beginsAtMs, messageAtMs), beginsAtMs };
}

/** When a drain message is shown that is sent now for a time. Undefined where SQS cannot delay it so long. */
export function messageFor(atMs: number, nowMs: number): number | undefined {
  return atMs - nowMs <= limits.queueMaxDelayMs ? atMs : undefined;
}

/** When a drain message is going to be shown that was sent for later; undefined where none is known. */
export function delayedMessageMs({ drainer }: EndpointState, nowMs: number): number | undefined {
  const atMs = drainer?.messageAtMs;
  return atMs !== undefined && atMs > nowMs ? atMs : undefined;
}

/** For when a drainer was asked that has not begun; undefined where none was. */
function drainAskedForMs({ drainer }: EndpointState): number | undefined {
  return drainer?.id === pendingDrainer ? drainer.untilMs - pendingDrainerMs : undefined;
}

/** Become the drainer. @returns Undefined where another run drains. */
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
 * Stop draining, the backlog being empty. @returns Undefined where something was put into it since it
 * was looked at.
 */
export function finishDrain(before: EndpointState, seenWakeups: number): EndpointState | undefined {
  if (before.wakeups !== seenWakeups) return undefined;
  return { ...before, hasBacklog: false, drainer: undefined };
}

/**
 * Stop draining, although something is left. Another was asked to go on then; if none does, dispatch
 * asks again a little later.
 *
 * @param messageAtMs - When a drain message is shown that was, or is going to be, sent for later.
 */
export function leaveDrain(before: EndpointState, goesOnAtMs: number, messageAtMs?: number): EndpointState {
  const drainer = { id: pendingDrainer, untilMs: goesOnAtMs + pendingDrainerMs };
  return { ...before, drainer: messageAtMs === undefined ? drainer : { ...drainer, messageAtMs } };
}

/** What is in the backlog is not wanted any more: dispatch need not look at it. */
export function letRest(before: EndpointState): EndpointState {
  return { ...before, hasBacklog: false, drainer: undefined, ...noFailures };
}
