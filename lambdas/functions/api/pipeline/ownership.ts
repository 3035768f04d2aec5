import { type EventPlaces, findEventRow } from '../../../flows/feed/read-event.ts';
import { isErasing } from '../../../flows/tenants/manage-tenant.ts';
import type { Subscription, SubscriptionDirectory } from '../../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import type { TenantStore } from '../../../ports/tenants/tenant-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import { type AnyCall, bodyProblem } from './api-call.ts';
import { mayAccess, notFound } from './principal.ts';

interface SubscriptionPorts {
  readonly subscriptions: Pick<SubscriptionDirectory, 'find'>;
}

/**
 * The subscription that a call is about, which is its principal's.
 *
 * @param id - Undefined for the one that the path names.
 * @throws {ProblemError} 404, the same for one that there is not and for another tenant's.
 */
export async function findSubscription(
  { subscriptions }: SubscriptionPorts,
  { params, principal }: AnyCall,
  id = params['id'] ?? '',
): Promise<Subscription> {
  const subscription = await subscriptions.find(id);
  if (subscription === undefined || !mayAccess(principal, subscription.tenant)) throw notFound('subscription');
  return subscription;
}

/**
 * An event that is to be sent to a subscription, both of which are the principal's.
 *
 * @throws {ProblemError} 404, the same for one that there is not and for another tenant's; 422 for one that
 *   the subscription may not see (invariant 3).
 */
export async function findEventFor(
  places: EventPlaces,
  { principal }: AnyCall,
  subscription: Subscription,
  id: string,
): Promise<EventRow> {
  const row = await findEventRow(places, id);
  if (row === undefined || !mayAccess(principal, row.tenant)) throw notFound('event');
  if (subscription.tenant !== null && subscription.tenant !== row.tenant)
    throw new ProblemError({ status: 422, detail: 'The event and the subscription are of two tenants.' });
  return row;
}

/** The 409 for what would give a tenant something while all that it has is being erased. */
export function erasing(): ProblemError {
  return new ProblemError({
    status: 409,
    detail: "The tenant's data is being erased: it may be used anew when that is done.",
    extensions: { reason: 'tenant-erasing' },
  });
}

/** @throws {ProblemError} 409 while a tenant's data is being erased. */
export async function mustNotBeErasing(
  { tenants }: { readonly tenants: Pick<TenantStore, 'find'> },
  tenant: string | null,
): Promise<void> {
  if (tenant !== null && isErasing(await tenants.find(tenant))) throw erasing();
}

/** @throws {ProblemError} 409 for what sends, where nothing is to be sent. */
export function mustBeEnabled({ status }: Subscription): void {
  if (status === 'disabled')
    throw new ProblemError({ status: 409, detail: 'The subscription is disabled: enable it first.' });
}

/**
 * The tenant whose events are meant.
 *
 * @throws {ProblemError} 422 where a subscription of all tenants names none, or one of a tenant another.
 */
export function namedTenant({ tenant }: Subscription, named: string | undefined): string {
  const meant = named ?? tenant;
  if (meant === null)
    throw bodyProblem('tenant', 'expected a tenant: the subscription is of all tenants, and this is done for one');
  if (tenant !== null && meant !== tenant) throw bodyProblem('tenant', `expected the subscription's own, or none`);
  return meant;
}
