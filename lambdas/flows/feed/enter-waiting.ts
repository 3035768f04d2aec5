import { limits } from '../../contracts/limits.ts';
import type { WaitingCalls } from '../../ports/events/waiting-calls.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Principal } from '../access/identify-caller.ts';

/** How many waiting calls of a key, and of all keys of a tenant together, may occupy a function. */
export interface WaitingPolicy {
  readonly perKey: number;
  readonly perTenant: number;
}

export interface WaitingPorts {
  readonly waitingCalls: WaitingCalls;
  readonly waitingPolicy: WaitingPolicy;
  readonly clock: Clock;
}

export type WaitingPermit =
  | { readonly kind: 'entered'; readonly leave: () => Promise<void> }
  /** The key or the tenant already has `most` waiting calls. */
  | { readonly kind: 'full'; readonly whose: 'key' | 'tenant'; readonly most: number };

/**
 * Count a call that occupies its function for seconds, for as long as it waits. All functions of an AWS account share
 * one concurrency limit, and one caller's long polls must not exhaust it (invariant 12).
 *
 * A call by a key for all tenants counts for the key only.
 */
export async function enterWaiting(
  { waitingCalls, waitingPolicy, clock }: WaitingPorts,
  { keyId, tenant }: Pick<Principal, 'keyId' | 'tenant'>,
): Promise<WaitingPermit> {
  const { perKey, perTenant } = waitingPolicy;
  const buckets = [
    { whose: 'key' as const, name: `key#${keyId}`, most: perKey },
    ...(tenant === null ? [] : [{ whose: 'tenant' as const, name: `tenant#${tenant}`, most: perTenant }]),
  ];
  const untilMs = clock.nowMs() + limits.apiTimeoutSeconds * 1000;
  const entry = await waitingCalls.enter(
    buckets.map(({ name, most }) => ({ name, most })),
    untilMs,
  );
  if (entry.kind === 'entered') return entry;
  const { whose, most } = buckets.find(({ name }) => name === entry.name) ?? { whose: 'key', most: perKey };
  return { kind: 'full', whose, most };
}
