import { holdsScope } from '../../../engine/access/scopes.ts';
import type { traceOperations } from '../../../engine/api/operations/trace-operations.ts';
import { findEventRow } from '../../../flows/feed/read-event.ts';
import { showProviderRequest } from '../../../flows/feed/show-provider-request.ts';
import { groupDeliveryErrors } from '../../../flows/subscriptions/group-delivery-errors.ts';
import { deliveriesOf, searchDeliveries } from '../../../flows/subscriptions/search-deliveries.ts';
import { showRequest } from '../../../flows/subscriptions/show-request.ts';
import type { SubscriptionRoute } from '../../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import type { AnyCall, ApiAnswer, ApiCall, Handlers } from '../pipeline/api-call.ts';
import { findSubscription } from '../pipeline/ownership.ts';
import { lacksScope, mayAccess, notFound, tenantOf } from '../pipeline/principal.ts';
import { whileCounted } from '../pipeline/waiting.ts';
import { deliveryId, readDeliveryId } from '../views/delivery-id.ts';
import { deliveryView } from '../views/delivery-view.ts';

const msPerDay = 86_400_000;
/** Subscriptions whose deliveries one call reads. */
const mostSubscriptions = 25;
/** Deliveries of one event in an answer. */
const mostDeliveries = 200;
/** Groups of errors in an answer, and characters of what an endpoint answered. */
const mostGroups = 100;
const shownResponse = 500;
/** A search of more subscriptions than these takes seconds, and is counted as such. */
const fewSubscriptions = 5;
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
  const after = await cursors.after();
  const search = () =>
    searchDeliveries(
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
      after,
    );
  const page =
    subscriptions.length > fewSubscriptions ? await whileCounted(ports, call.principal, search) : await search();
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
  const { groups, isComplete } = await whileCounted(ports, call.principal, () =>
    groupDeliveryErrors(ports, [...tenants.keys()], window),
  );
  const data = groups.slice(0, mostGroups).map((group) => ({
    fingerprint: group.fingerprint,
    subscription_id: group.subscription,
    tenant: tenants.get(group.subscription) ?? null,
    status: group.status ?? null,
    error: group.error ?? null,
    response: group.response?.slice(0, shownResponse) ?? null,
    deliveries: group.deliveries,
    waiting: group.waiting,
    ended: group.ended,
    first_at: group.firstAt,
    last_at: group.lastAt,
    latest: deliveryId(group.latest),
  }));
  return { status: 200, body: { data, is_complete: isComplete && groups.length <= mostGroups } };
}

async function handleDeliveryRequest(
  ports: ApiPorts,
  { params, query, principal }: ApiCall<'getDeliveryRequest'>,
): Promise<ApiAnswer<'getDeliveryRequest'>> {
  // A request holds the event's data, and a delivery belongs to a subscription.
  if (!holdsScope(principal.scopes, 'subscriptions:read')) throw lacksScope('subscriptions:read');
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
  if (attempt === undefined && query.attempt !== undefined) throw notFound('attempt');
  const [row] = await ports.events.getMany([delivery]);
  if (row?.id !== delivery.event)
    throw new ProblemError({
      status: 409,
      detail: 'The event is no longer kept, so its request cannot be shown.',
      extensions: { reason: 'event-expired' },
    });
  const request = await showRequest(ports, subscription, row, {
    // Before the first attempt, an old time: a signature of now would be one that a receiver takes.
    atMs: Date.parse(attempt?.at ?? row.timestamp),
    attempt: attempt?.number ?? 1,
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
      is_batched: subscription.shaping.batch !== undefined,
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
  return {
    status: 200,
    body: { data: deliveries.slice(0, mostDeliveries).map((delivery) => deliveryView(delivery, { isListed: true })) },
  };
}

const requestProblems = {
  'not-a-webhook': 'No request of a provider brought this event.',
  'not-kept': 'The request is no longer in the archive.',
  shared:
    'The request came to the URL for all accounts, where it may hold the data of others: keys for all tenants see it.',
  'not-searched': 'More was received at that time than one call can search.',
} as const;

async function handleEventRequest(
  ports: ApiPorts,
  { params, principal }: ApiCall<'getEventRequest'>,
): Promise<ApiAnswer<'getEventRequest'>> {
  const row = await findEventRow(ports, params['id'] ?? '');
  if (row === undefined || !mayAccess(principal, row.tenant))
    throw new ProblemError({ status: 404, detail: 'There is no such event.', extensions: { reason: 'event-unknown' } });
  const found = await whileCounted(ports, principal, () => showProviderRequest(ports, row, principal.tenant === null));
  if (found.kind !== 'shown')
    throw new ProblemError({
      status: 404,
      detail: requestProblems[found.kind],
      extensions: { reason: found.kind === 'shared' ? 'shared-request' : found.kind },
    });
  return {
    status: 200,
    body: {
      id: found.id,
      integration: found.integration,
      account: found.account ?? null,
      received_at: found.receivedAt,
      method: found.method,
      path: found.path,
      headers: found.headers,
      body: found.body.slice(0, shownBody),
      body_bytes: found.bodyBytes,
      encoding: found.encoding,
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
