import { z } from 'zod';
import { resourcePattern, typePattern } from '../../feed/filter-schema.ts';
import { operation } from '../operation.ts';
import { commaList, identifier, instant, listQuery, pageOf, tenantName, time } from '../shared-schema.ts';
import { delivery, deliveryExample, deliveryStates, subscriptionExampleId } from './delivery-operations.ts';

/** Statuses such as `503`, classes such as `5xx`, or `none` for attempts without an answer. */
const statusText = z
  .string()
  .regex(/^([1-5]\d\d|[1-5]xx|none)$/, 'expected a status such as 503, a class such as 5xx, or none');

const searchQuery = listQuery.extend({
  limit: z.coerce.number().int().min(1).max(200).default(50).describe('Maximum number of entries in a page.'),
  tenant: tenantName.optional().describe('Only deliveries to subscriptions of this tenant.'),
  subscription: identifier.optional().describe('Only deliveries to this subscription.'),
  state: commaList(z.enum(deliveryStates)).default([]).describe('States, separated by commas.'),
  status: commaList(statusText)
    .default([])
    .describe('Result of the last attempt: statuses (`503`), classes (`5xx`) or `none`, separated by commas.'),
  types: commaList(typePattern).default([]).describe('Types of events, separated by commas.'),
  resources: commaList(resourcePattern).default([]).describe('Resources or patterns, separated by commas.'),
  integration: commaList(z.string().min(1).max(64)).default([]).describe('Integrations, separated by commas.'),
  account: commaList(identifier).default([]).describe('Ids of accounts, separated by commas.'),
  record_id: z.string().min(1).max(512).optional(),
  event: z.string().min(1).max(128).optional().describe('Id of an event.'),
  since: instant.optional().describe('Time of the event, included.'),
  until: instant.optional().describe('Time of the event, not included.'),
});

/** A delivery, with what it delivers. */
const foundDelivery = delivery
  .extend({
    event: z
      .object({
        type: z.string(),
        resource: z.string(),
        integration: z.string(),
        account: z.string(),
        record_id: z.string(),
        timestamp: time,
      })
      .nullable()
      .describe('Null where the event is no longer kept.'),
  })
  .meta({ id: 'FoundDelivery' });

const foundExample = {
  ...deliveryExample,
  event: {
    type: 'record:updated',
    resource: 'hris/employees',
    integration: 'hibob',
    account: 'acc_hibob_acme',
    record_id: '123',
    timestamp: '2026-11-27T12:00:00.000Z',
  },
};

const errorsQuery = z.strictObject({
  tenant: tenantName.optional().describe('Only subscriptions of this tenant.'),
  subscription: identifier.optional(),
  since: instant.optional().describe('Default: 24 hours ago.'),
  until: instant.optional(),
});

const errorGroup = z
  .object({
    fingerprint: z
      .string()
      .describe('The same for failures that are alike: status or error, and the shape of the answer.'),
    subscription_id: z.string(),
    tenant: z.string().nullable(),
    status: z.int().nullable(),
    error: z.string().nullable(),
    response: z.string().nullable().describe('Beginning of the latest answer.'),
    deliveries: z.int(),
    waiting: z.int().describe('Deliveries that are tried again by themselves.'),
    ended: z.int().describe('Exhausted deliveries: only a replay sends them.'),
    first_at: time,
    last_at: time,
    latest: z.string().describe('Id of the latest delivery.'),
  })
  .meta({ id: 'DeliveryErrorGroup' });

const sentRequest = z
  .object({
    url: z.string(),
    headers: z.record(z.string(), z.string()).describe('Values that may hold credentials are masked.'),
    body: z.string(),
    body_bytes: z.int(),
    is_batched: z
      .boolean()
      .describe('Whether the subscription sends several events in one request: then this one was not sent as it is.'),
    signed_content: z.string().describe('What `v1` signs with HMAC-SHA256: `<webhook-id>.<webhook-timestamp>.<body>`.'),
  })
  .meta({ id: 'SentRequest' });

const providerRequest = z
  .object({
    id: z.string(),
    integration: z.string(),
    account: z.string().nullable().describe('Null for a request at the URL for all accounts.'),
    received_at: time,
    method: z.string(),
    path: z.string(),
    headers: z.record(z.string(), z.string()).describe('Without credentials.'),
    body: z.string(),
    body_bytes: z.int(),
    encoding: z.enum(['utf8', 'base64']),
  })
  .meta({ id: 'ProviderRequest' });

const ofEvent = { id: deliveryExample.event_id };

/** An event's way: from the provider's request to each callback. */
export const traceOperations = {
  searchDeliveries: operation({
    method: 'GET',
    path: '/v1/deliveries',
    tag: 'Deliveries',
    summary: 'Search deliveries, newest first',
    description:
      'Without `subscription`, deliveries to all subscriptions of the caller, of which there may be at most 25. A page may be short, or empty, and not be the last.',
    access: 'subscriptions:read',
    query: searchQuery,
    answers: { 200: { description: 'A page of deliveries with their events.', body: pageOf(foundDelivery) } },
    problems: { 400: 'The caller has more than 25 subscriptions: name one.' },
    example: { query: { status: '5xx,none', tenant: 'acme' }, answer: { data: [foundExample], next_cursor: null } },
  }),
  listDeliveryErrors: operation({
    method: 'GET',
    path: '/v1/delivery-errors',
    tag: 'Deliveries',
    summary: 'Group failed deliveries by what went wrong',
    description: 'Of the newest thousand deliveries of each subscription in the window.',
    access: 'subscriptions:read',
    query: errorsQuery,
    answers: {
      200: {
        description: 'Groups, the largest first.',
        body: z.object({ data: z.array(errorGroup), is_complete: z.boolean() }),
      },
    },
    problems: { 400: 'The caller has more than 25 subscriptions: name one.' },
    example: {
      query: { tenant: 'acme' },
      answer: {
        data: [
          {
            fingerprint: '5f3a9c0d1e2b',
            subscription_id: subscriptionExampleId,
            tenant: 'acme',
            status: 503,
            error: null,
            response: 'upstream connect error',
            deliveries: 41,
            waiting: 38,
            ended: 3,
            first_at: '2026-11-27T11:02:00.000Z',
            last_at: '2026-11-27T12:00:00.000Z',
            latest: deliveryExample.id,
          },
        ],
        is_complete: true,
      },
    },
  }),
  getDeliveryRequest: operation({
    method: 'GET',
    path: '/v1/deliveries/{id}/request',
    tag: 'Deliveries',
    summary: 'Get the request of an attempt',
    description:
      'Attempts are not stored with their bodies: the request is made anew from the stored event, the subscription as it is now, and the time of the attempt. Nothing is sent. The key needs `subscriptions:read`, too.',
    access: 'events:read',
    query: z.strictObject({
      attempt: z.coerce
        .number()
        .int()
        .min(1)
        .max(1_000)
        .optional()
        .describe('Number of the attempt. Default: the last; before the first, with the time of the event.'),
    }),
    answers: { 200: { description: 'The request.', body: sentRequest } },
    problems: {
      403: 'The key lacks `subscriptions:read`.',
      404: 'There is no such delivery or attempt.',
      409: '`reason` is `event-expired`: the event is no longer kept; or `not-prepared`: no callback can be made of it.',
    },
    example: {
      params: { id: deliveryExample.id },
      query: { attempt: '1' },
      answer: {
        url: 'https://app.example.com/hooks',
        headers: {
          'webhook-id': deliveryExample.event_id,
          'webhook-timestamp': '1795780800',
          'webhook-signature': 'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
        },
        body: '{}',
        body_bytes: 2,
        is_batched: false,
        signed_content: `${deliveryExample.event_id}.1795780800.{}`,
      },
    },
  }),
  listEventDeliveries: operation({
    method: 'GET',
    path: '/v1/events/{id}/deliveries',
    tag: 'Events',
    summary: 'List the deliveries of an event',
    access: 'subscriptions:read',
    answers: {
      200: {
        description: 'The deliveries to subscriptions of the caller.',
        body: z.object({ data: z.array(delivery) }),
      },
    },
    example: { params: ofEvent, answer: { data: [deliveryExample] } },
  }),
  getEventRequest: operation({
    method: 'GET',
    path: '/v1/events/{id}/request',
    tag: 'Events',
    summary: "Get the provider's request that brought an event",
    description:
      'From the archive of raw requests. An event that a poll, a comparison or a test made has none. A request at the URL for all accounts is shown to keys for all tenants only. Secrets of the account and its integration are masked, and so are members such as `token`.',
    access: 'events:read',
    answers: { 200: { description: 'The request as it was received.', body: providerRequest } },
    problems: {
      404: '`reason` is `event-unknown`, `not-a-webhook`, `not-kept`, `not-searched` or `shared-request`.',
    },
    example: {
      params: ofEvent,
      answer: {
        id: 'req_0mvk2j1x4a1b2c3d',
        integration: 'hibob',
        account: 'acc_hibob_acme',
        received_at: '2026-11-27T12:00:00.000Z',
        method: 'POST',
        path: '/webhooks/hibob/acc_hibob_acme',
        headers: { 'content-type': 'application/json' },
        body: '{"type":"employee.updated"}',
        body_bytes: 27,
        encoding: 'utf8',
      },
    },
  }),
} as const;
