import { z } from 'zod';
import { replay } from './replay-schema.ts';
import { metadataView, time } from './shared-schema.ts';

const role = {
  role_arn: z.string(),
  external_id: z.string().describe('What the trust policy of the role must require (`sts:ExternalId`).'),
  principal: z.string().describe('What the trust policy of the role must name: the account of Tributary.'),
};

const destination = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('http'), url: z.string() }),
    z.object({ type: z.literal('sqs'), queue_url: z.string(), ...role }),
    z.object({ type: z.literal('eventbridge'), bus_arn: z.string(), source: z.string(), ...role }),
    z.object({ type: z.literal('kinesis'), stream_arn: z.string(), ...role }),
  ])
  .meta({ id: 'Destination' });

const subscriptionShape = {
  id: z.string(),
  url: z.string().describe('Where callbacks go; of a destination in AWS, its URL or ARN.'),
  destination,
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
  include_previous: z.union([z.literal(true), z.array(z.string())]).nullable(),
  encrypt: z.object({ fields: z.array(z.string()), jwk: z.record(z.string(), z.unknown()) }).nullable(),
  batch: z.object({ max_events: z.int(), max_wait_seconds: z.int() }).nullable(),
  transform: z.string().nullable(),
  envelope: z.enum(['tributary', 'cloudevents']),
  schema_versions: z
    .record(z.string(), z.int())
    .describe('Major schema version that the endpoint receives, by resource.'),
  ordering: z.enum(['none', 'record', 'tenant']),
  rate_per_second: z.number().nullable(),
  concurrency: z.int(),
  retry: z.object({ schedule_seconds: z.array(z.number()), max_age_seconds: z.number() }),
  disable_after_seconds: z.number(),
  signatures: z.array(z.enum(['v1', 'v1a'])),
  secrets: z
    .array(z.object({ created_at: time, expires_at: time.nullable() }))
    .describe('When each secret was created and when it expires. The secrets themselves are never shown.'),
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
  headers: z.record(z.string(), z.string()).describe('Header names. The values are masked.'),
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

/** A subscription as answers show it. */
export const subscription = z.object(subscriptionShape).meta({ id: 'Subscription' });
export const subscriptionWithSecret = z
  .object({ ...subscriptionShape, secret: z.string().describe('`whsec_…`. Shown in this response only.') })
  .meta({ id: 'SubscriptionWithSecret' });
export const enabledSubscription = z
  .object({ ...subscriptionShape, disabled_since: time.nullable(), catch_up: replay.nullable() })
  .meta({ id: 'EnabledSubscription' });

export const subscriptionExample = {
  id: 'sub_acme',
  url: 'https://app.example.com/hooks',
  destination: { type: 'http' as const, url: 'https://app.example.com/hooks' },
  tenant: 'acme',
  description: 'Employees, for payroll',
  metadata: { team: 'payroll' },
  status: 'enabled',
  disabled: null,
  types: ['record:*'],
  resources: ['hris/*'],
  integrations: [],
  accounts: [],
  filter: null,
  fields: null,
  include_previous: null,
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
