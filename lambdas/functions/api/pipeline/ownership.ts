import { type EventPlaces, findEventRow } from '../../../flows/feed/read-event.ts';
import { isErasing } from '../../../flows/tenants/manage-tenant.ts';
import type { Subscription, SubscriptionDirectory } from '../../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import type { TenantPolicies, TenantStore } from '../../../ports/tenants/tenant-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import { type AnyCall, bodyProblem } from './api-call.ts';
import { mayAccess, notFound, type Principal } from './principal.ts';

interface SubscriptionPorts {
  readonly subscriptions: Pick<SubscriptionDirectory, 'find'>;
}

/**
 * Find the subscription of a call, if its principal may access it.
 *
 * @param id - Undefined for the one that the path names.
 * @throws {ProblemError} 404, the same for one that does not exist and for another tenant's.
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
 * Find an event to send to a subscription, if the principal may access it.
 *
 * @throws {ProblemError} 404, the same for one that does not exist and for another tenant's; 422 for one that
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
    throw new ProblemError({ status: 422, detail: 'The event and the subscription belong to different tenants.' });
  return row;
}

/** The 409 for calls that would create data for a tenant while its data is being erased. */
export function erasing(): ProblemError {
  return new ProblemError({
    status: 409,
    detail: "The tenant's data is being erased. Use the tenant again when the erasure is done.",
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

/**
 * Refuse the feed to a tenant whose delivery mode is `push`. Its events are stored all the same, for replays and for the
 * operator, whose keys still read them.
 *
 * @throws {ProblemError} 403 for a key of the tenant.
 */
export async function mustBePulled(
  { tenantPolicies }: { readonly tenantPolicies: TenantPolicies },
  principal: Principal,
  tenant: string,
): Promise<void> {
  if (principal.tenant === null) return;
  const policy = (await tenantPolicies.getMany([tenant])).get(tenant);
  if (policy?.delivery?.mode !== 'push') return;
  throw new ProblemError({
    status: 403,
    detail: 'The tenant\'s events are delivered by callbacks only: its delivery mode is "push".',
    extensions: { reason: 'delivery-push' },
  });
}

/** @throws {ProblemError} 409 while a tenant's delivery mode is `pull`: nothing is delivered, and nothing of the past again. */
export async function mustBePushed(
  { tenants }: { readonly tenants: Pick<TenantStore, 'find'> },
  tenant: string,
): Promise<void> {
  if ((await tenants.find(tenant))?.delivery?.mode !== 'pull') return;
  throw new ProblemError({
    status: 409,
    detail: 'Nothing is delivered: the tenant\'s delivery mode is "pull". Read its events from the feed.',
    extensions: { reason: 'delivery-pull' },
  });
}

/** @throws {ProblemError} 409 for a disabled subscription, to which nothing is sent. */
export function mustBeEnabled({ status }: Subscription): void {
  if (status === 'disabled')
    throw new ProblemError({ status: 409, detail: 'The subscription is disabled: enable it first.' });
}

/**
 * The tenant whose events a call selects.
 *
 * @throws {ProblemError} 422 if the call names no tenant for a subscription to all tenants, or another tenant than the
 *   subscription's.
 */
export function namedTenant({ tenant }: Subscription, named: string | undefined): string {
  const meant = named ?? tenant;
  if (meant === null)
    throw bodyProblem('tenant', 'expected a tenant: the subscription is to all tenants, and this call works on one');
  if (tenant !== null && meant !== tenant)
    throw bodyProblem('tenant', "expected the subscription's tenant, or no tenant");
  return meant;
}
