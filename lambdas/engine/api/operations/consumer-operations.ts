import { z } from 'zod';
import { schemaPins } from '../../schema-versions/schema-pins-schema.ts';
import { event, eventExample } from '../event-schema.ts';
import { deprecationHeaders, filterFields, notMappable, since, tenantQuery, waitHeader } from '../feed-schema.ts';
import { operation } from '../operation.ts';
import { identifier, listQuery, pageOf, tenantName, time } from '../shared-schema.ts';

const consumerBody = z.strictObject({
  name: identifier,
  tenant: tenantName.optional(),
  since: since.prefault('now'),
  ...filterFields,
});

const leaseBody = z.strictObject({
  lease: z.string().max(64).optional().describe('The lease that you hold, to renew it.'),
  ttl_seconds: z.int().min(5).max(3600).default(60).describe('How long the lease keeps other readers out, in seconds.'),
  limit: z.int().min(1).max(500).default(100),
  wait: z.number().min(0).max(20).default(0).describe('Seconds to wait for an event if there is none (long polling).'),
  schema_versions: schemaPins.optional().describe('Major schema versions that the reader understands, by resource.'),
});

const commitBody = z.strictObject({
  lease: z.string().min(1).max(64),
  cursor: z.string().min(1).max(1024).describe('`next_cursor` of the last page that you have processed.'),
  release: z.boolean().default(false).describe('Also end the lease.'),
});

const seekBody = z.strictObject({ since });

const consumer = z
  .object({
    name: z.string(),
    tenant: z.string(),
    types: z.array(z.string()),
    resources: z.array(z.string()),
    accounts: z.array(z.string()),
    integrations: z.array(z.string()),
    origins: z.array(z.string()),
    cursor: z.string().describe('The committed position. Also valid as `cursor` of the feed.'),
    sequence: z.int().describe('The committed position as a sequence number.'),
    leased_until: time.nullable(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Consumer' });

const lease = z
  .object({
    lease: z.string(),
    expires_at: time,
    data: z.array(event),
    next_cursor: z.string().describe('Commit this cursor when you have processed these events.'),
    caught_up: z.boolean(),
  })
  .meta({ id: 'Lease' });

export const consumerExample = {
  name: 'warehouse',
  tenant: 'acme',
  types: [],
  resources: ['hris/*'],
  accounts: [],
  integrations: [],
  origins: [],
  cursor: 'eyJ0ZW5hbnQiOiJhY21lIiwic2VxdWVuY2UiOjQyMTF9',
  sequence: 4211,
  leased_until: null,
  created_at: '2026-11-27T12:00:00.000Z',
  updated_at: '2026-11-27T12:00:00.000Z',
};

const ofConsumer = { name: 'warehouse' };

const held = 'Another reader holds the lease. `Retry-After` says for how long.';

/** Named readers of the feed, whose positions the engine stores. */
export const consumerOperations = {
  createConsumer: operation({
    method: 'POST',
    path: '/v1/consumers',
    tag: 'Consumers',
    summary: 'Create a consumer, whose position in the feed the engine stores',
    access: 'events:read',
    body: consumerBody,
    answers: { 201: { description: 'The consumer.', body: consumer } },
    problems: {
      404: 'The key cannot access this tenant.',
      409: 'A consumer with this name exists, or the tenant is being erased.',
    },
    example: { body: { name: 'warehouse', resources: ['hris/*'], since: 'now' }, answer: consumerExample },
  }),
  listConsumers: operation({
    method: 'GET',
    path: '/v1/consumers',
    tag: 'Consumers',
    summary: 'List the consumers of a tenant',
    access: 'events:read',
    query: listQuery.extend(tenantQuery.shape),
    answers: { 200: { description: 'A page of consumers, sorted by name.', body: pageOf(consumer) } },
    example: { answer: { data: [consumerExample], next_cursor: null } },
  }),
  getConsumer: operation({
    method: 'GET',
    path: '/v1/consumers/{name}',
    tag: 'Consumers',
    summary: 'Get a consumer',
    access: 'events:read',
    query: tenantQuery,
    answers: { 200: { description: 'The consumer.', body: consumer } },
    example: { params: ofConsumer, answer: consumerExample },
  }),
  deleteConsumer: operation({
    method: 'DELETE',
    path: '/v1/consumers/{name}',
    tag: 'Consumers',
    summary: 'Delete a consumer',
    access: 'consumers:write',
    query: tenantQuery,
    answers: { 204: { description: 'The consumer is deleted.' } },
    example: { params: ofConsumer },
  }),
  leaseConsumer: operation({
    method: 'POST',
    path: '/v1/consumers/{name}/lease',
    isAudited: false,
    tag: 'Consumers',
    summary: 'Lease a consumer and read from its committed position',
    description:
      'Until the lease ends, no other reader can read as this consumer. Call again with `lease` to renew it and to read from the committed position.',
    access: 'events:read',
    query: tenantQuery,
    body: leaseBody,
    hasOptionalBody: true,
    answers: {
      200: {
        description: 'The lease, and a page of events.',
        body: lease,
        headers: { ...deprecationHeaders, ...waitHeader },
      },
    },
    problems: {
      403: "The tenant's delivery mode is `push`, and the key is its own (reason `delivery-push`).",
      409: held,
      500: notMappable,
    },
    example: {
      params: ofConsumer,
      body: { ttl_seconds: 60, limit: 100 },
      answer: {
        lease: 'lse_0123456789abcdef',
        expires_at: '2026-11-27T12:01:00.000Z',
        data: [eventExample],
        next_cursor: consumerExample.cursor,
        caught_up: true,
      },
    },
  }),
  commitConsumer: operation({
    method: 'POST',
    path: '/v1/consumers/{name}/commit',
    isAudited: false,
    tag: 'Consumers',
    summary: 'Commit the position of a consumer',
    access: 'events:read',
    query: tenantQuery,
    body: commitBody,
    answers: { 200: { description: 'The updated consumer.', body: consumer } },
    problems: { 409: 'The lease has ended, another reader holds it, or the cursor was not read under it.' },
    example: {
      params: ofConsumer,
      body: { lease: 'lse_0123456789abcdef', cursor: consumerExample.cursor },
      answer: consumerExample,
    },
  }),
  seekConsumer: operation({
    method: 'POST',
    path: '/v1/consumers/{name}/seek',
    tag: 'Consumers',
    summary: 'Set the position of a consumer and end any lease',
    access: 'consumers:write',
    query: tenantQuery,
    body: seekBody,
    answers: { 200: { description: 'The updated consumer.', body: consumer } },
    example: { params: ofConsumer, body: { since: '2026-11-20T00:00:00Z' }, answer: consumerExample },
  }),
} as const;
