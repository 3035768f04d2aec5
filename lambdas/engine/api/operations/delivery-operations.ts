import { z } from 'zod';
import { operation } from '../operation.ts';
import { replay } from '../replay-schema.ts';
import {
  emptyBody,
  identifier,
  instant,
  listQuery,
  pageOf,
  tenantName,
  time,
  tooManyWaiting,
} from '../shared-schema.ts';

const states = ['waiting', 'retrying', 'delivered', 'exhausted', 'cancelled'] as const;

const deliveriesQuery = listQuery.extend({ state: z.enum(states).optional() });
const redeliverBody = z.strictObject({ subscription: identifier });

const replayBody = z
  .strictObject({
    mode: z
      .enum(['all', 'failed', 'missing'])
      .optional()
      .describe('All that it wants; what was tried in vain or cancelled; what was never delivered.'),
    tenant: tenantName.optional().describe('Whose events, where the subscription is of all tenants.'),
    since: instant.optional(),
    until: instant.optional(),
    event: z.string().min(1).max(128).optional().describe('One event, alone.'),
    rate_per_second: z.number().min(1).max(1000).optional(),
    dry_run: z.boolean().default(false).describe('Count, and send nothing.'),
  })
  .superRefine(({ event, mode, since, until, ...rest }, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (event === undefined && mode === undefined) fault('mode', 'expected all, failed or missing; or an event');
    if (since !== undefined && until !== undefined && since >= until) fault('until', 'expected a time after since');
    if (event === undefined) return;
    const others = Object.entries({ mode, tenant: rest.tenant, since, until, rate_per_second: rest.rate_per_second });
    for (const [name, value] of others)
      if (value !== undefined) fault(name, 'an event is sent again alone: expected no other choice beside it');
  })
  .transform(({ event, mode = 'missing', ...rest }) => ({
    isDryRun: rest.dry_run,
    what: event === undefined ? ({ kind: 'window', mode, ...rest } as const) : ({ kind: 'event', event } as const),
  }));

const delivery = z
  .object({
    id: z.string(),
    event_id: z.string(),
    subscription_id: z.string(),
    tenant: z.string(),
    sequence: z.int(),
    state: z.enum(states),
    exhausted_by: z.enum(['gone', 'attempts-exhausted', 'too-old', 'event-expired']).nullable(),
    replay: z.string().nullable(),
    attempt_count: z.int(),
    attempts: z
      .array(
        z.object({
          number: z.int(),
          trigger: z.enum(['schedule', 'probe', 'manual']),
          at: time,
          duration_ms: z.number(),
          status: z.int().nullable(),
          error: z.string().nullable(),
          response: z.string().nullable(),
        }),
      )
      .describe('The last 20, oldest first.'),
    waits_for: z.enum(['endpoint', 'time']).nullable(),
    next_attempt_at: time.nullable(),
  })
  .meta({ id: 'Delivery' });

const count = z
  .object({ dry_run: z.literal(true), scanned: z.int(), matched: z.int(), is_complete: z.boolean() })
  .meta({ id: 'ReplayCount' });

const example = {
  id: 'dlv_c3ViX2FjbWUgbWl6MHRoN2sgZXZ0XzVlMmY',
  event_id: 'evt_5e2f0c1b7a9d4e6f8a0b2c4d6e8f0a1b',
  subscription_id: 'sub_acme',
  tenant: 'acme',
  sequence: 4211,
  state: 'delivered',
  exhausted_by: null,
  replay: null,
  attempt_count: 1,
  attempts: [
    {
      number: 1,
      trigger: 'schedule',
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
const replayExample = {
  id: 'rpl_0123456789abcdef',
  subscription_id: 'sub_acme',
  tenant: 'acme',
  mode: 'missing',
  state: 'running',
  rate_per_second: 50,
  scanned: 0,
  replayed: 0,
  after_sequence: 0,
  up_to_sequence: 4211,
  position: 0,
  created_at: '2026-11-27T12:00:00.000Z',
  ended_at: null,
};
const ofDelivery = { id: example.id };
const ofSubscription = { id: 'sub_acme' };
const ofReplay = { id: 'sub_acme', replay: replayExample.id };

/** What became of an event at a subscription, and its past sent again. They are their subscription's owner's. */
export const deliveryOperations = {
  listDeliveries: operation({
    method: 'GET',
    path: '/v1/subscriptions/{id}/deliveries',
    tag: 'Deliveries',
    summary: "List a subscription's deliveries, newest first",
    access: 'subscriptions:read',
    query: deliveriesQuery,
    answers: { 200: { description: 'A page; it may be short without being the last.', body: pageOf(delivery) } },
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
    summary: 'Read a delivery, with the answers of its endpoint',
    access: 'subscriptions:read',
    answers: { 200: { description: 'The delivery.', body: delivery } },
    example: { params: ofDelivery, answer: example },
  }),
  retryDelivery: operation({
    method: 'POST',
    path: '/v1/deliveries/{id}/retry',
    tag: 'Deliveries',
    summary: 'Make the next attempt now',
    access: 'subscriptions:write',
    body: emptyBody,
    hasOptionalBody: true,
    answers: { 202: { description: 'It is on its way.', body: delivery } },
    problems: { 409: 'The subscription is disabled, or the event is kept no longer.' },
    example: {
      params: ofDelivery,
      answer: { ...example, state: 'retrying', waits_for: 'endpoint' },
    },
  }),
  cancelDelivery: operation({
    method: 'POST',
    path: '/v1/deliveries/{id}/cancel',
    tag: 'Deliveries',
    summary: 'Give a delivery up',
    access: 'subscriptions:write',
    body: emptyBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'It is cancelled.', body: delivery } },
    problems: { 409: 'It has ended: nothing is left to cancel.' },
    example: { params: ofDelivery, answer: { ...example, state: 'cancelled' } },
  }),
  redeliverEvent: operation({
    method: 'POST',
    path: '/v1/events/{id}/redeliver',
    tag: 'Deliveries',
    summary: 'Send an event to a subscription again',
    access: 'subscriptions:write',
    body: redeliverBody,
    answers: { 202: { description: 'It is on its way.', body: delivery } },
    problems: { 409: 'The subscription is disabled.' },
    example: {
      params: { id: example.event_id },
      body: { subscription: 'sub_acme' },
      answer: { ...example, state: 'retrying', waits_for: 'endpoint' },
    },
  }),
  startReplay: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/replay',
    tag: 'Replays',
    summary: 'Send a subscription its past, or one event, again; or count what that would be',
    access: 'subscriptions:write',
    body: replayBody,
    answers: {
      202: {
        description: 'The replay that runs; or the delivery, where one event was named.',
        body: z.union([replay, delivery]),
      },
      200: { description: 'With `dry_run`: how many.', body: count },
    },
    problems: { 409: 'The subscription is disabled.', 429: `With \`dry_run\`: ${tooManyWaiting}` },
    example: {
      params: ofSubscription,
      body: { mode: 'missing', dry_run: true },
      answer: { dry_run: true, scanned: 8120, matched: 412, is_complete: true },
    },
  }),
  listReplays: operation({
    method: 'GET',
    path: '/v1/subscriptions/{id}/replays',
    tag: 'Replays',
    summary: "List a subscription's replays, newest first",
    access: 'subscriptions:read',
    query: listQuery,
    answers: { 200: { description: 'A page.', body: pageOf(replay) } },
    example: { params: ofSubscription, answer: { data: [replayExample], next_cursor: null } },
  }),
  getReplay: operation({
    method: 'GET',
    path: '/v1/subscriptions/{id}/replays/{replay}',
    tag: 'Replays',
    summary: 'Read how far a replay is',
    access: 'subscriptions:read',
    answers: { 200: { description: 'The replay.', body: replay } },
    example: { params: ofReplay, answer: replayExample },
  }),
  cancelReplay: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/replays/{replay}/cancel',
    tag: 'Replays',
    summary: 'Stop a replay',
    description: 'One that has ended stays as it is.',
    access: 'subscriptions:write',
    body: emptyBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The replay as it is now.', body: replay } },
    example: {
      params: ofReplay,
      answer: { ...replayExample, state: 'cancelled', ended_at: '2026-11-27T12:01:00.000Z' },
    },
  }),
} as const;
