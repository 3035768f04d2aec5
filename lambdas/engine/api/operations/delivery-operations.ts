import { z } from 'zod';
import { operation } from '../operation.ts';
import { deliveryPull, emptyBody, identifier, listQuery, pageOf, time } from '../shared-schema.ts';

export const deliveryStates = ['waiting', 'retrying', 'delivered', 'exhausted', 'cancelled'] as const;

const deliveriesQuery = listQuery.extend({ state: z.enum(deliveryStates).optional() });

const redeliverBody = z.strictObject({ subscription: identifier });

export const delivery = z
  .object({
    id: z.string(),
    event_id: z.string(),
    subscription_id: z.string(),
    tenant: z.string(),
    sequence: z.int(),
    state: z.enum(deliveryStates),
    exhausted_by: z.enum(['gone', 'attempts-exhausted', 'too-old', 'too-large', 'event-expired']).nullable(),
    replay: z.string().nullable(),
    attempt_count: z.int(),
    attempts: z
      .array(
        z.object({
          number: z.int(),
          trigger: z
            .enum(['schedule', 'probe', 'manual'])
            .describe('A probe does not count against the schedule; a post that was ended early is one, too.'),
          at: time,
          duration_ms: z.number(),
          status: z.int().nullable(),
          error: z.string().nullable(),
          response: z.string().nullable(),
        }),
      )
      .describe('The last 20 attempts, oldest first.'),
    waits_for: z.enum(['endpoint', 'time']).nullable(),
    next_attempt_at: time.nullable(),
  })
  .meta({ id: 'Delivery' });

export const count = z
  .object({ dry_run: z.literal(true), scanned: z.int(), matched: z.int(), is_complete: z.boolean() })
  .meta({ id: 'ReplayCount' });

export const deliveryExample = {
  id: 'dlv_c3ViX2FjbWUgbWl6MHRoN2sgZXZ0XzVlMmY',
  event_id: 'evt_5e2f0c1b7a9d4e6f8a0b2c4d6e8f0a1b',
  subscription_id: 'sub_acme',
  tenant: 'acme',
  sequence: 4211,
  state: 'delivered' as const,
  exhausted_by: null,
  replay: null,
  attempt_count: 1,
  attempts: [
    {
      number: 1,
      trigger: 'schedule' as const,
      at: '2026-11-27T12:00:00.000Z',
      duration_ms: 48,
      status: 204,
      error: null,
      response: null,
    },
  ],
  waits_for: null,
  next_attempt_at: null,
};

const example = deliveryExample;

const ofDelivery = { id: example.id };

export const subscriptionExampleId = 'sub_acme';
export const ofSubscription = { id: subscriptionExampleId };

/** Deliveries of events to subscriptions. A delivery belongs to the owner of its subscription. */
export const deliveryOperations = {
  listDeliveries: operation({
    method: 'GET',
    path: '/v1/subscriptions/{id}/deliveries',
    tag: 'Deliveries',
    summary: 'List the deliveries of a subscription, newest first',
    access: 'subscriptions:read',
    query: deliveriesQuery,
    answers: {
      200: { description: 'A page of deliveries. A short page is not necessarily the last.', body: pageOf(delivery) },
    },
    example: {
      params: ofSubscription,
      query: { state: 'delivered' },
      answer: { data: [example], next_cursor: null },
    },
  }),
  getDelivery: operation({
    method: 'GET',
    path: '/v1/deliveries/{id}',
    tag: 'Deliveries',
    summary: 'Get a delivery with its attempts',
    access: 'subscriptions:read',
    answers: { 200: { description: 'The delivery.', body: delivery } },
    example: { params: ofDelivery, answer: example },
  }),
  retryDelivery: operation({
    method: 'POST',
    path: '/v1/deliveries/{id}/retry',
    tag: 'Deliveries',
    summary: 'Retry a delivery now',
    access: 'subscriptions:write',
    body: emptyBody,
    hasOptionalBody: true,
    answers: { 202: { description: 'The next attempt is queued.', body: delivery } },
    problems: { 409: `The subscription is disabled, the event is no longer stored, or ${deliveryPull}` },
    example: {
      params: ofDelivery,
      answer: { ...example, state: 'retrying', waits_for: 'endpoint' },
    },
  }),
  cancelDelivery: operation({
    method: 'POST',
    path: '/v1/deliveries/{id}/cancel',
    tag: 'Deliveries',
    summary: 'Cancel a delivery',
    access: 'subscriptions:write',
    body: emptyBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The cancelled delivery.', body: delivery } },
    problems: { 409: 'The delivery has already ended.' },
    example: { params: ofDelivery, answer: { ...example, state: 'cancelled' } },
  }),
  redeliverEvent: operation({
    method: 'POST',
    path: '/v1/events/{id}/redeliver',
    tag: 'Deliveries',
    summary: 'Deliver an event to a subscription again',
    access: 'subscriptions:write',
    body: redeliverBody,
    answers: { 202: { description: 'The delivery is queued.', body: delivery } },
    problems: { 409: `The subscription is disabled, or ${deliveryPull}` },
    example: {
      params: { id: example.event_id },
      body: { subscription: 'sub_acme' },
      answer: { ...example, state: 'retrying', waits_for: 'endpoint' },
    },
  }),
} as const;
