import type { traceOperations } from '../../../engine/api/operations/trace-operations.ts';
import { findRequest } from '../../../flows/feed/find-request.ts';
import { findEventRow } from '../../../flows/feed/read-event.ts';
import { groupDeliveryErrors } from '../../../flows/subscriptions/group-delivery-errors.ts';
import { deliveriesOf, searchDeliveries } from '../../../flows/subscriptions/search-deliveries.ts';
import { showRequest } from '../../../flows/subscriptions/show-request.ts';
import type { SubscriptionRoute } from '../../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import type { AnyCall, ApiAnswer, ApiCall, Handlers } from '../pipeline/api-call.ts';
import { findSubscription } from '../pipeline/ownership.ts';
import { mayAccess, notFound, tenantOf } from '../pipeline/principal.ts';
import { deliveryId, readDeliveryId } from '../views/delivery-id.ts';
import { deliveryView } from '../views/delivery-view.ts';

const msPerDay = 86_400_000;
/** Subscriptions whose deliveries one call reads. */
const mostSubscriptions = 25;
/** Characters of bodies in answers. */
const shownBody = 262_144;

/** What a search covers. */
interface Coverage {
  /** Undefined for deliveries of all tenants. */
  readonly tenant: string | undefined;
  readonly subscriptions: readonly Pick<SubscriptionRoute, 'id' | 'tenant'>[];
}

/**
 * The subscriptions that a search covers: the one that it names, or all of the caller. Of one tenant, those that serve
 * all tenants have deliveries, too; only a caller for all tenants sees them.
 */
async function coveredBy(
  ports: ApiPorts,
  call: AnyCall,
  named: { readonly subscription?: string | undefined; readonly tenant?: string | undefined },
): Promise<Coverage> {
  const tenant = tenantOf(call.principal, named.tenant) ?? undefined;
  if (named.subscription !== undefined)
    return { tenant, subscriptions: [await findSubscription(ports, call, named.subscription)] };
  const subscriptions =
    tenant === undefined
      ? (await ports.subscriptions.list(undefined, mostSubscriptions + 1, undefined)).items
      : (await ports.subscriptionRoutes.listFor(tenant)).filter((route) => mayAccess(call.principal, route.tenant));
  if (subscriptions.length > mostSubscriptions)
    throw new ProblemError({
      status: 400,
      detail: `There are more than ${mostSubscriptions} subscriptions. Name one: ?subscription=…`,
      extensions: { reason: 'too-many-subscriptions' },
    });
  return { tenant, subscriptions };
}

function eventView(row: EventRow | undefined) {
  if (row === undefined || row.unreadable !== undefined) return null;
  const { type, resource, integration, account, record_id, timestamp } = row;
  return { type, resource, integration, account, record_id, timestamp };
}

async function handleSearch(
  ports: ApiPorts,
  call: ApiCall<'searchDeliveries'>,
): Promise<ApiAnswer<'searchDeliveries'>> {
  const { query, cursors } = call;
  const { tenant, subscriptions } = await coveredBy(ports, call, query);
  const page = await searchDeliveries(
    ports,
    {
      tenant,
      subscriptions: subscriptions.map(({ id }) => id),
      states: query.state,
      statuses: query.status,
      types: query.types,
      resources: query.resources,
      integrations: query.integration,
      accounts: query.account,
      recordId: query.record_id,
      event: query.event,
      sinceMs: query.since,
      untilMs: query.until,
    },
    query.limit,
    await cursors.after(),
  );
  const data = page.items.map(({ delivery, event }) => ({
    ...deliveryView(delivery, { isListed: true }),
    event: eventView(event),
  }));
  return { status: 200, body: { data, next_cursor: await cursors.next(page.next) } };
}

async function handleErrors(
  ports: ApiPorts,
  call: ApiCall<'listDeliveryErrors'>,
): Promise<ApiAnswer<'listDeliveryErrors'>> {
  const untilMs = call.query.until ?? ports.clock.nowMs();
  const sinceMs = call.query.since ?? untilMs - msPerDay;
  if (sinceMs >= untilMs) throw new ProblemError({ status: 400, detail: 'Expected since before until.' });
  const { tenant, subscriptions } = await coveredBy(ports, call, call.query);
  const tenants = new Map(subscriptions.map(({ id, tenant }) => [id, tenant]));
  const window = { tenant, sinceMs, untilMs };
  const { groups, isComplete } = await groupDeliveryErrors(ports, [...tenants.keys()], window);
  const data = groups.map((group) => ({
    fingerprint: group.fingerprint,
    subscription_id: group.subscription,
    tenant: tenants.get(group.subscription) ?? null,
    status: group.status ?? null,
    error: group.error ?? null,
    response: group.response ?? null,
    deliveries: group.deliveries,
    waiting: group.waiting,
    ended: group.ended,
    first_at: group.firstAt,
    last_at: group.lastAt,
    latest: deliveryId(group.latest),
  }));
  return { status: 200, body: { data, is_complete: isComplete } };
}

async function handleDeliveryRequest(
  ports: ApiPorts,
  { params, query, principal }: ApiCall<'getDeliveryRequest'>,
): Promise<ApiAnswer<'getDeliveryRequest'>> {
  const key = readDeliveryId(params['id'] ?? '');
  const subscription = key === undefined ? undefined : await ports.subscriptions.find(key.subscription);
  if (key === undefined || subscription === undefined || !mayAccess(principal, subscription.tenant))
    throw notFound('delivery');
  const delivery = await ports.deliveries.find(key);
  if (delivery === undefined) throw notFound('delivery');
  const attempt =
    query.attempt === undefined
      ? delivery.attempts.at(-1)
      : delivery.attempts.find(({ number }) => number === query.attempt);
  // Before the first attempt, the request is what would be sent now.
  if (attempt === undefined && query.attempt !== undefined) throw notFound('attempt');
  const [row] = await ports.events.getMany([delivery]);
  if (row?.id !== delivery.event)
    throw new ProblemError({
      status: 409,
      detail: 'The event is no longer kept, so its request cannot be shown.',
      extensions: { reason: 'event-expired' },
    });
  const request = await showRequest(ports, subscription, row, {
    atMs: attempt === undefined ? ports.clock.nowMs() : Date.parse(attempt.at),
    isReplay: delivery.replay !== undefined,
  });
  if (request.kind === 'failed')
    throw new ProblemError({ status: 409, detail: request.reason, extensions: { reason: 'not-prepared' } });
  const { headers, body } = request.sent;
  return {
    status: 200,
    body: {
      url: request.url,
      headers,
      body: body.slice(0, shownBody),
      body_bytes: Buffer.byteLength(body),
      signed_content: request.signedContent.slice(0, shownBody),
    },
  };
}

async function handleEventDeliveries(
  ports: ApiPorts,
  { params, principal }: ApiCall<'listEventDeliveries'>,
): Promise<ApiAnswer<'listEventDeliveries'>> {
  const row = await findEventRow(ports, params['id'] ?? '');
  if (row === undefined || !mayAccess(principal, row.tenant)) throw notFound('event');
  const routes = await ports.subscriptionRoutes.listFor(row.tenant);
  const own = routes.filter(({ tenant }) => mayAccess(principal, tenant)).map(({ id }) => id);
  const deliveries = await deliveriesOf(ports, own, row);
  return { status: 200, body: { data: deliveries.map((delivery) => deliveryView(delivery)) } };
}

const requestProblems = {
  'not-a-webhook': 'No request of a provider brought this event.',
  'not-kept': 'The request is no longer in the archive.',
  shared: 'Accounts of several tenants share the request, so it is shown to keys for all tenants only.',
} as const;

async function handleEventRequest(
  ports: ApiPorts,
  { params, principal }: ApiCall<'getEventRequest'>,
): Promise<ApiAnswer<'getEventRequest'>> {
  const row = await findEventRow(ports, params['id'] ?? '');
  if (row === undefined || !mayAccess(principal, row.tenant))
    throw new ProblemError({ status: 404, detail: 'There is no such event.', extensions: { reason: 'event-unknown' } });
  const found = await findRequest(ports, row, principal.tenant);
  if (found.kind !== 'found')
    throw new ProblemError({
      status: 404,
      detail: requestProblems[found.kind],
      extensions: { reason: found.kind === 'shared' ? 'shared-request' : found.kind },
    });
  const { message, body } = found;
  const { request, rawId, integration, account, receivedAt } = message;
  const text = body.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(body);
  return {
    status: 200,
    body: {
      id: rawId,
      integration,
      account: account ?? null,
      received_at: receivedAt,
      method: request.method,
      // Providers put secrets into queries.
      path: `${request.path}${request.query === '' ? '' : '?…'}`,
      headers: request.headers,
      body: (isText ? text : body.toString('base64')).slice(0, shownBody),
      body_bytes: body.byteLength,
      encoding: isText ? ('utf8' as const) : ('base64' as const),
    },
  };
}

/** An event's way: from the provider's request to each callback. */
export function traceHandlers(ports: ApiPorts): Handlers<keyof typeof traceOperations> {
  return {
    searchDeliveries: (call) => handleSearch(ports, call),
    listDeliveryErrors: (call) => handleErrors(ports, call),
    getDeliveryRequest: (call) => handleDeliveryRequest(ports, call),
    listEventDeliveries: (call) => handleEventDeliveries(ports, call),
    getEventRequest: (call) => handleEventRequest(ports, call),
  };
}
