import { z } from 'zod';
import { recordEventType, resourceName } from '../../feed/filter-schema.ts';
import { shapingSchema } from '../../shaping/shaping-schema.ts';
import { operation } from '../operation.ts';
import {
  deliveryPull,
  emptyBody,
  metadataListQuery,
  pageOf,
  tenantName,
  time,
  tooManyWaiting,
} from '../shared-schema.ts';
import { subscriptionBody, subscriptionPatch } from '../subscription-body-schema.ts';
import {
  enabledSubscription,
  subscription,
  subscriptionExample,
  subscriptionWithSecret,
} from '../subscription-schema.ts';

/** Difficult situations that a receiver must handle. */
export const simulations = [
  'duplicate',
  'out-of-order',
  'delayed',
  'burst',
  'bad-signature',
  'old-timestamp',
  'oversized',
] as const;

const enableBody = z.strictObject({
  catch_up: z
    .boolean()
    .default(false)
    .describe('Also send the events that were published while the subscription was disabled.'),
  tenant: tenantName
    .optional()
    .describe('The tenant whose missed events to send, if the subscription serves all tenants.'),
});

const rotateBody = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(86_400)
    .describe('How long the previous secrets continue to sign, in seconds.'),
});

const testBody = z.strictObject({
  simulate: z.enum(simulations).optional(),
  type: recordEventType.optional(),
  resource: resourceName.optional(),
});

const keySet = z
  .object({
    keys: z.array(
      z.object({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string(),
        kid: z.string(),
        use: z.literal('sig'),
        alg: z.literal('EdDSA'),
        standard_webhooks: z.string().describe('The same key in the `whpk_…` form of Standard Webhooks.'),
        expires_at: time.nullable(),
      }),
    ),
  })
  .meta({ id: 'KeySet' });

const testResult = z
  .object({
    simulate: z.enum(simulations).nullable(),
    passed: z.boolean(),
    expected: z.string().describe('What a correct receiver does with these callbacks.'),
    posts: z.array(
      z.object({
        event_id: z.string(),
        type: z.string(),
        resource: z.string(),
        passed: z.boolean(),
        status: z.int().nullable(),
        response: z.string().nullable(),
        error: z.string().nullable(),
        duration_ms: z.number(),
        request: z
          .object({ headers: z.record(z.string(), z.string()), body: z.string(), body_bytes: z.int() })
          .nullable(),
      }),
    ),
  })
  .meta({ id: 'EndpointTest' });

const previewBody = z.strictObject({
  event: z.string().min(1).max(128).describe('Id of a stored event.'),
  filter: shapingSchema.shape.filter,
  fields: shapingSchema.shape.fields,
  transform: shapingSchema.shape.transform,
  envelope: shapingSchema.shape.envelope,
});

const preview = z
  .object({
    wanted: z.boolean().nullable().describe('Whether the filter passes the event; null if it could not decide.'),
    body: z.string().nullable().describe('The body of the callback, its first 256 KiB. Null if none can be made.'),
    body_bytes: z.int().nullable(),
    content_type: z.string().nullable(),
    fault: z.object({ of: z.enum(['filter', 'transform', 'event']), message: z.string() }).nullable(),
  })
  .meta({ id: 'SubscriptionPreview' });

const params = { id: 'sub_acme' };

/** Callback endpoints. Only the answer that creates a secret shows it. */
export const subscriptionOperations = {
  createSubscription: operation({
    method: 'POST',
    path: '/v1/subscriptions',
    tag: 'Subscriptions',
    summary: 'Create a callback endpoint',
    access: 'subscriptions:write',
    body: subscriptionBody,
    answers: {
      201: {
        description: 'The subscription with its secret. The secret is not shown again.',
        body: subscriptionWithSecret,
      },
    },
    problems: {
      404: 'The key cannot access this tenant.',
      409: 'A subscription with this id exists or existed, or the tenant is being erased.',
    },
    example: {
      body: {
        id: 'sub_acme',
        tenant: 'acme',
        url: 'https://app.example.com/hooks',
        resources: ['hris/*'],
        description: 'Employees, for payroll',
        metadata: { team: 'payroll' },
      },
      answer: { ...subscriptionExample, secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD' },
    },
  }),
  listSubscriptions: operation({
    method: 'GET',
    path: '/v1/subscriptions',
    tag: 'Subscriptions',
    summary: 'List subscriptions',
    access: 'subscriptions:read',
    query: metadataListQuery.extend({
      tenant: tenantName.optional().describe('Only subscriptions of this tenant.'),
    }),
    answers: { 200: { description: 'A page of subscriptions, sorted by id.', body: pageOf(subscription) } },
    example: { query: { limit: '50' }, answer: { data: [subscriptionExample], next_cursor: null } },
  }),
  getSubscription: operation({
    method: 'GET',
    path: '/v1/subscriptions/{id}',
    tag: 'Subscriptions',
    summary: 'Get a subscription with the health of its endpoint',
    access: 'subscriptions:read',
    answers: { 200: { description: 'The subscription.', body: subscription } },
    example: { params, answer: subscriptionExample },
  }),
  updateSubscription: operation({
    method: 'PATCH',
    path: '/v1/subscriptions/{id}',
    tag: 'Subscriptions',
    summary: 'Update a subscription',
    description:
      'Each member replaces the current value; null resets it to its default. A `url` with a different origin (scheme, host or port) clears `auth`, `headers` and `client_certificate`, because they were meant for the previous receiver. The same request may set them anew.',
    access: 'subscriptions:write',
    body: subscriptionPatch,
    answers: { 200: { description: 'The updated subscription.', body: subscription } },
    example: {
      params,
      body: { rate_per_second: 10, filter: null },
      answer: { ...subscriptionExample, rate_per_second: 10 },
    },
  }),
  deleteSubscription: operation({
    method: 'DELETE',
    path: '/v1/subscriptions/{id}',
    tag: 'Subscriptions',
    summary: 'Delete a subscription and cancel its pending deliveries',
    access: 'subscriptions:write',
    answers: { 204: { description: 'The subscription is deleted.' } },
    problems: {
      503: 'The subscription is disabled, and its pending deliveries are being cancelled. Call again to continue.',
    },
    example: { params },
  }),
  enableSubscription: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/enable',
    tag: 'Subscriptions',
    summary: 'Enable a subscription and close its circuit breaker',
    access: 'subscriptions:write',
    body: enableBody,
    hasOptionalBody: true,
    answers: {
      200: {
        description: 'The subscription, and the replay that sends the missed events, if requested.',
        body: enabledSubscription,
      },
    },
    problems: { 409: `With \`catch_up\`: ${deliveryPull}` },
    example: { params, body: {}, answer: { ...subscriptionExample, disabled_since: null, catch_up: null } },
  }),
  disableSubscription: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/disable',
    tag: 'Subscriptions',
    summary: 'Disable a subscription; the feed still stores its events',
    access: 'subscriptions:write',
    body: emptyBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The updated subscription.', body: subscription } },
    example: {
      params,
      answer: { ...subscriptionExample, status: 'disabled', disabled: { by: 'owner', at: '2026-11-27T12:00:00.000Z' } },
    },
  }),
  rotateSecret: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/rotate-secret',
    tag: 'Subscriptions',
    summary: 'Create a new signing secret; previous secrets also sign during the overlap',
    access: 'subscriptions:write',
    body: rotateBody,
    hasOptionalBody: true,
    answers: {
      200: {
        description: 'The subscription with its new secret. The secret is not shown again.',
        body: subscriptionWithSecret,
      },
    },
    example: {
      params,
      body: { overlap_seconds: 3600 },
      answer: { ...subscriptionExample, secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD' },
    },
  }),
  listSigningKeys: operation({
    method: 'GET',
    path: '/v1/subscriptions/{id}/keys',
    tag: 'Subscriptions',
    summary: 'List the public keys of `v1a` signatures (JWKS)',
    description: 'Receivers use these keys to verify callbacks.',
    access: 'public',
    answers: { 200: { description: 'The current signing keys, newest first.', body: keySet } },
    example: {
      params,
      answer: {
        keys: [
          {
            kty: 'OKP',
            crv: 'Ed25519',
            x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
            kid: 'key_kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
            use: 'sig',
            alg: 'EdDSA',
            standard_webhooks: 'whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=',
            expires_at: null,
          },
        ],
      },
    },
  }),
  previewSubscription: operation({
    method: 'POST',
    path: '/v1/subscription-preview',
    isAudited: false,
    tag: 'Subscriptions',
    summary: 'Try a filter, fields and a transform on a stored event',
    description: 'Nothing is stored or sent. The event must be of the tenant of the caller.',
    access: 'events:read',
    body: previewBody,
    answers: { 200: { description: 'What a subscription with these options would send.', body: preview } },
    problems: { 404: 'There is no such event of the caller.', 429: tooManyWaiting },
    example: {
      body: { event: 'evt_5e2f0c1b7a9d4e6f8a0b2c4d6e8f0a1b', filter: 'data.status = "active"' },
      answer: {
        wanted: true,
        body: '{"id":"evt_5e2f0c1b7a9d4e6f8a0b2c4d6e8f0a1b"}',
        body_bytes: 45,
        content_type: 'application/json',
        fault: null,
      },
    },
  }),
  testSubscription: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/test',
    tag: 'Subscriptions',
    summary: 'Send a test event now and return the response of the endpoint',
    access: 'subscriptions:write',
    body: testBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'What was sent, and how the endpoint answered.', body: testResult } },
    problems: { 429: tooManyWaiting },
    example: {
      params,
      body: { simulate: 'bad-signature' },
      answer: {
        simulate: 'bad-signature',
        passed: true,
        expected: 'It rejects the callback, for example with 400, 401 or 403.',
        posts: [
          {
            event_id: 'evt_5e2f0c1b7a9d4e6f8a0b2c4d6e8f0a1b',
            type: 'record:updated',
            resource: 'hris/employees',
            passed: true,
            status: 401,
            response: '',
            error: null,
            duration_ms: 12,
            request: { headers: { 'webhook-id': 'evt_5e2f0c1b7a9d4e6f8a0b2c4d6e8f0a1b' }, body: '{}', body_bytes: 2 },
          },
        ],
      },
    },
  }),
} as const;
