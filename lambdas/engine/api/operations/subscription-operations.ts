import { z } from 'zod';
import { recordEventType, resourceName } from '../../feed/filter-schema.ts';
import { operation } from '../operation.ts';
import { replay } from '../replay-schema.ts';
import {
  emptyBody,
  metadataListQuery,
  metadataView,
  pageOf,
  tenantName,
  time,
  tooManyWaiting,
} from '../shared-schema.ts';
import { subscriptionBody, subscriptionPatch } from '../subscription-body-schema.ts';

/** What a receiver may meet, and has to stand. */
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
  catch_up: z.boolean().default(false).describe('Send what was published while it was disabled, too.'),
  tenant: tenantName.optional().describe('Whose events are caught up with, where it serves all tenants.'),
});

const rotateBody = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(86_400)
    .describe('How long the former secrets go on signing.'),
});

const testBody = z.strictObject({
  simulate: z.enum(simulations).optional(),
  type: recordEventType.optional(),
  resource: resourceName.optional(),
});

const subscriptionShape = {
  id: z.string(),
  url: z.string(),
  tenant: z.string().nullable(),
  description: z.string().nullable(),
  metadata: metadataView,
  status: z.enum(['enabled', 'disabled']),
  disabled: z.object({ by: z.enum(['owner', 'failures', 'gone']), at: time }).nullable(),
  types: z.array(z.string()),
  resources: z.array(z.string()),
  integrations: z.array(z.string()),
  accounts: z.array(z.string()),
  filter: z.string().nullable(),
  fields: z.object({ include: z.array(z.string()).optional(), drop: z.array(z.string()).optional() }).nullable(),
  encrypt: z.object({ fields: z.array(z.string()), jwk: z.record(z.string(), z.unknown()) }).nullable(),
  batch: z.object({ max_events: z.int(), max_wait_seconds: z.int() }).nullable(),
  transform: z.string().nullable(),
  envelope: z.enum(['tributary', 'cloudevents']),
  schema_versions: z.record(z.string(), z.int()).describe('Major versions that it is sent, by resource.'),
  ordering: z.enum(['none', 'record', 'tenant']),
  rate_per_second: z.number().nullable(),
  concurrency: z.int(),
  retry: z.object({ schedule_seconds: z.array(z.number()), max_age_seconds: z.number() }),
  disable_after_seconds: z.number(),
  signatures: z.array(z.enum(['v1', 'v1a'])),
  secrets: z
    .array(z.object({ created_at: time, expires_at: time.nullable() }))
    .describe('When each was made and when it ends; the secrets themselves are never shown.'),
  auth: z
    .object({
      type: z.enum(['basic', 'bearer', 'oauth2']),
      username: z.string().optional(),
      token_url: z.string().optional(),
      client_id: z.string().optional(),
      scope: z.string().optional(),
      audience: z.string().optional(),
      auth_style: z.enum(['basic', 'body']).optional(),
    })
    .nullable(),
  headers: z.record(z.string(), z.string()).describe('Their names; values are masked.'),
  client_certificate: z
    .object({ subject: z.string(), expires_at: z.string(), fingerprint_sha256: z.string() })
    .nullable(),
  timeout_seconds: z.number(),
  health: z.object({
    circuit: z.enum(['closed', 'open', 'half-open']),
    blocked_until: time.nullable(),
    paused_until: time.nullable(),
    failing_since: time.nullable(),
    disables_at: time.nullable(),
    has_backlog: z.boolean(),
    latency_ms: z.int().nullable(),
  }),
  created_at: time,
};

const subscription = z.object(subscriptionShape).meta({ id: 'Subscription' });
const withSecret = z
  .object({ ...subscriptionShape, secret: z.string().describe('`whsec_…`, in this answer only.') })
  .meta({ id: 'SubscriptionWithSecret' });
const enabled = z
  .object({ ...subscriptionShape, disabled_since: time.nullable(), catch_up: replay.nullable() })
  .meta({ id: 'EnabledSubscription' });

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
        standard_webhooks: z.string().describe('The same key as `whpk_…`.'),
        expires_at: time.nullable(),
      }),
    ),
  })
  .meta({ id: 'KeySet' });

const testResult = z
  .object({
    simulate: z.enum(simulations).nullable(),
    passed: z.boolean(),
    expected: z.string().describe('What a correct receiver does.'),
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

const example = {
  id: 'sub_acme',
  url: 'https://app.example.com/hooks',
  tenant: 'acme',
  description: 'People, for the payroll',
  metadata: { team: 'payroll' },
  status: 'enabled',
  disabled: null,
  types: ['record:*'],
  resources: ['hris/*'],
  integrations: [],
  accounts: [],
  filter: null,
  fields: null,
  encrypt: null,
  batch: null,
  transform: null,
  envelope: 'tributary',
  schema_versions: {},
  ordering: 'none',
  rate_per_second: null,
  concurrency: 10,
  retry: {
    schedule_seconds: [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400],
    max_age_seconds: 345_600,
  },
  disable_after_seconds: 432_000,
  signatures: ['v1'],
  secrets: [{ created_at: '2026-11-27T12:00:00.000Z', expires_at: null }],
  auth: null,
  headers: {},
  client_certificate: null,
  timeout_seconds: 15,
  health: {
    circuit: 'closed',
    blocked_until: null,
    paused_until: null,
    failing_since: null,
    disables_at: null,
    has_backlog: false,
    latency_ms: null,
  },
  created_at: '2026-11-27T12:00:00.000Z',
};
const params = { id: 'sub_acme' };

/** Callback endpoints. A secret is in the answer to its making, and in no other. */
export const subscriptionOperations = {
  createSubscription: operation({
    method: 'POST',
    path: '/v1/subscriptions',
    tag: 'Subscriptions',
    summary: 'Create a callback endpoint',
    access: 'subscriptions:write',
    body: subscriptionBody,
    answers: { 201: { description: 'The subscription, with its secret, this once.', body: withSecret } },
    problems: {
      404: "The tenant is not the key's.",
      409: 'A subscription with this id exists, or existed; or the tenant is being erased.',
    },
    example: {
      body: {
        id: 'sub_acme',
        tenant: 'acme',
        url: 'https://app.example.com/hooks',
        resources: ['hris/*'],
        description: 'People, for the payroll',
        metadata: { team: 'payroll' },
      },
      answer: { ...example, secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD' },
    },
  }),
  listSubscriptions: operation({
    method: 'GET',
    path: '/v1/subscriptions',
    tag: 'Subscriptions',
    summary: 'List subscriptions',
    access: 'subscriptions:read',
    query: metadataListQuery,
    answers: { 200: { description: 'A page, by id.', body: pageOf(subscription) } },
    example: { query: { limit: '50' }, answer: { data: [example], next_cursor: null } },
  }),
  getSubscription: operation({
    method: 'GET',
    path: '/v1/subscriptions/{id}',
    tag: 'Subscriptions',
    summary: 'Read a subscription, and how its endpoint does',
    access: 'subscriptions:read',
    answers: { 200: { description: 'The subscription.', body: subscription } },
    example: { params, answer: example },
  }),
  updateSubscription: operation({
    method: 'PATCH',
    path: '/v1/subscriptions/{id}',
    tag: 'Subscriptions',
    summary: 'Change a subscription',
    description:
      'Each member replaces what there is as a whole; null takes it back to what it is by default. A `url` of another origin (scheme, host or port) clears `auth`, `headers` and `client_certificate`, each unless the same request gives it: they were meant for the receiver before.',
    access: 'subscriptions:write',
    body: subscriptionPatch,
    answers: { 200: { description: 'The subscription as it is now.', body: subscription } },
    example: { params, body: { rate_per_second: 10, filter: null }, answer: { ...example, rate_per_second: 10 } },
  }),
  deleteSubscription: operation({
    method: 'DELETE',
    path: '/v1/subscriptions/{id}',
    tag: 'Subscriptions',
    summary: 'Delete a subscription; what waits for it is cancelled',
    access: 'subscriptions:write',
    answers: { 204: { description: 'It is gone.' } },
    problems: { 503: 'It is disabled, and what waits is being cancelled: call again to go on.' },
    example: { params },
  }),
  enableSubscription: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/enable',
    tag: 'Subscriptions',
    summary: 'Begin again to send, with a closed circuit',
    access: 'subscriptions:write',
    body: enableBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The subscription, and the replay that catches up.', body: enabled } },
    example: { params, body: {}, answer: { ...example, disabled_since: null, catch_up: null } },
  }),
  disableSubscription: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/disable',
    tag: 'Subscriptions',
    summary: 'Send nothing; events go on being stored',
    access: 'subscriptions:write',
    body: emptyBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The subscription as it is now.', body: subscription } },
    example: {
      params,
      answer: { ...example, status: 'disabled', disabled: { by: 'owner', at: '2026-11-27T12:00:00.000Z' } },
    },
  }),
  rotateSecret: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/rotate-secret',
    tag: 'Subscriptions',
    summary: 'Make a new signing secret; the former ones sign, too, until the overlap is over',
    access: 'subscriptions:write',
    body: rotateBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The subscription, with its new secret, this once.', body: withSecret } },
    example: {
      params,
      body: { overlap_seconds: 3600 },
      answer: { ...example, secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD' },
    },
  }),
  listSigningKeys: operation({
    method: 'GET',
    path: '/v1/subscriptions/{id}/keys',
    tag: 'Subscriptions',
    summary: 'The public keys of its `v1a` signatures (JWKS)',
    description: 'Receivers of callbacks verify them with these, and need no key for the API.',
    access: 'public',
    answers: { 200: { description: 'The keys that sign now, newest first.', body: keySet } },
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
  testSubscription: operation({
    method: 'POST',
    path: '/v1/subscriptions/{id}/test',
    tag: 'Subscriptions',
    summary: 'Send an invented event now, and tell how it was answered',
    access: 'subscriptions:write',
    body: testBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'What was sent, and how it was answered.', body: testResult } },
    problems: { 429: tooManyWaiting },
    example: {
      params,
      body: { simulate: 'bad-signature' },
      answer: {
        simulate: 'bad-signature',
        passed: true,
        expected: 'It refuses it, with 400, 401 or 403 for example.',
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
