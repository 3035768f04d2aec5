import type { CallbackOutcome } from '../../../engine/delivery/callback-outcome.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import type { ExpressionRun } from '../../../ports/runtime/expressions.ts';

export type ExpressionFailure = Extract<CallbackOutcome, { kind: 'failed' }>;

/**
 * Whose expressions a subscription's are: they are stopped, and take turns, together. A tenant's are one, so that many
 * subscriptions give it no more than one. Those to all tenants are the operator's.
 */
export function ownerOf({ tenant, id }: Subscription): string {
  return tenant === null ? `subscription ${id}` : `tenant ${tenant}`;
}

export function notSent(error: string): ExpressionFailure {
  return { kind: 'failed', error, durationMs: 0, isOwn: true };
}

/** The outcome of a callback that is not made because an expression of its subscription was stopped. */
export function diedBefore(
  what: string,
  { by, reason }: Extract<ExpressionRun<unknown>, { kind: 'died' }>,
): ExpressionFailure {
  return { ...notSent(`${what}: ${reason}`), hasDied: true, ...(by === 'suspended' ? { isSuspended: true } : {}) };
}
