import type { CallbackOutcome } from '../../../engine/delivery/callback-outcome.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import type { ExpressionRun } from '../../../ports/runtime/expressions.ts';

export type ExpressionFailure = Extract<CallbackOutcome, { kind: 'failed' }>;

/**
 * The owner of a subscription's expressions. Expressions of one owner share turns and are suspended together. All
 * subscriptions of a tenant have one owner, so many subscriptions give a tenant no more time than one. A subscription
 * to all tenants is an owner by itself.
 */
export function ownerOf({ tenant, id }: Subscription): string {
  return tenant === null ? `subscription ${id}` : `tenant ${tenant}`;
}

export function notSent(error: string): ExpressionFailure {
  return { kind: 'failed', error, durationMs: 0, isOwn: true };
}

/** The outcome of a callback that is not sent because an expression of its subscription exceeded its limits. */
export function diedBefore(
  what: string,
  { by, reason }: Extract<ExpressionRun<unknown>, { kind: 'died' }>,
): ExpressionFailure {
  return { ...notSent(`${what}: ${reason}`), hasDied: true, ...(by === 'suspended' ? { isSuspended: true } : {}) };
}
