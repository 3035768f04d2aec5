import { z } from 'zod';
import { origins } from '../../event/canonical-event.ts';
import { feedStartForms, parseFeedStart } from '../../feed/feed-start.ts';
import { resourcePattern, typePattern } from '../../feed/filter-schema.ts';
import { schemaPins, schemaPinsText } from '../../schema-versions/schema-pins-schema.ts';
import { event, eventExample } from '../event-schema.ts';
import { operation } from '../operation.ts';
import { commaList, identifier, listQuery, pageOf, tenantName, time } from '../shared-schema.ts';

/** Where a reader begins, as it writes it. */
const since = z
  .string()
  .max(64)
  .transform((text, context) => {
    const start = parseFeedStart(text);
    if (start !== undefined) return start;
    context.addIssue({ code: 'custom', message: `expected ${feedStartForms}` });
    return z.NEVER;
  })
  .describe('`beginning`, `now`, a sequence number or an ISO 8601 time, from which on (inclusive) to read.');

const waitSeconds = z.coerce
  .number()
  .min(0)
  .max(20)
  .describe('Seconds to wait for an event where there is none (long poll).');

/** The versions that a reader is written against; without it, events come as they are stored. */
const schema = schemaPinsText
  .optional()
  .describe('Major versions of schemas that the reader understands: `hris/employees@1`; several with commas.');

/** Of an answer in an older version. */
const deprecationHeaders = {
  Deprecation: 'Since when a pinned major version of a schema is deprecated (RFC 9745).',
  Sunset: 'From when it may be served no longer (RFC 8594).',
  Link: 'Where to read about it.',
};
/** Of a page that came at once although it was to wait. */
const waitHeader = {
  'Tributary-Wait':
    '`full`: nothing came, and the call did not wait, since as many calls of its key, or of its tenant, wait already as may. Wait a second before you ask again.',
};
const notMappable = 'An event cannot be had in the version that is asked for: read it without `schema`.';

const tenantQuery = z.strictObject({
  tenant: tenantName.optional().describe('Whose; a key of a tenant needs none.'),
});

const feedQuery = listQuery.extend({
  tenant: tenantName.optional().describe('Whose events; a key of a tenant needs none.'),
  types: commaList(typePattern).default([]).describe('Such as `record:*`; several with commas.'),
  resources: commaList(resourcePattern).default([]).describe('Such as `hris/*`; several with commas.'),
  account: commaList(identifier).default([]).describe('Ids of accounts; several with commas.'),
  integration: commaList(z.string().min(1).max(64)).default([]).describe('Names of integrations; several with commas.'),
  origin: commaList(z.enum(origins)).default([]).describe('How events were learnt; several with commas.'),
  since: since.optional(),
  wait: waitSeconds.default(0),
  schema,
});

const feed = z
  .object({
    data: z.array(event),
    next_cursor: z.string().describe('From where to go on; good whatever the filters.'),
    caught_up: z
      .boolean()
      .describe('Whether there is no more now. A page may be short, or empty, without being the last.'),
  })
  .meta({ id: 'FeedPage' });

const filterFields = {
  types: z.array(typePattern).max(100).default([]),
  resources: z.array(resourcePattern).max(100).default([]),
  accounts: z.array(identifier).max(100).default([]),
  integrations: z.array(z.string().min(1).max(64)).max(100).default([]),
  origins: z.array(z.enum(origins)).max(10).default([]),
};

const consumerBody = z.strictObject({
  name: identifier,
  tenant: tenantName.optional(),
  since: since.prefault('now'),
  ...filterFields,
});

const leaseBody = z.strictObject({
  lease: z.string().max(64).optional().describe('The lease that you hold, to go on with it.'),
  ttl_seconds: z.int().min(5).max(3600).default(60).describe('How long nobody else may read.'),
  limit: z.int().min(1).max(500).default(100),
  wait: z.number().min(0).max(20).default(0).describe('Seconds to wait for an event where there is none.'),
  schema_versions: schemaPins.optional().describe('Major versions that the reader understands.'),
});

const commitBody = z.strictObject({
  lease: z.string().min(1).max(64),
  cursor: z.string().min(1).max(1024).describe('`next_cursor` of the page that is done with.'),
  release: z.boolean().default(false).describe('End the lease, too.'),
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
    cursor: z.string().describe('The committed position; good as `cursor` of the feed.'),
    sequence: z.int().describe('The committed position as a number.'),
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
    next_cursor: z.string().describe('Commit it when these events are done with.'),
    caught_up: z.boolean(),
  })
  .meta({ id: 'Lease' });

const consumerExample = {
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
const held = 'Somebody else holds the lease; Retry-After says until when.';

/** The pull feed, single events, and positions that the engine keeps for readers. */
export const eventOperations = {
  readFeed: operation({
    method: 'GET',
    path: '/v1/events',
    tag: 'Events',
    summary: "Read a tenant's events, in sequence order, none left out",
    description:
      'Follow `next_cursor`. With `wait` an empty page comes after that time at the earliest; where too many of your calls wait, it comes at once, with `Tributary-Wait: full`. Filters may change from page to page: the cursor is a place in the sequence. `cursor` and `since` exclude each other.',
    access: 'events:read',
    query: feedQuery,
    answers: {
      200: {
        description: 'A page.',
        body: feed,
        headers: { ...deprecationHeaders, ...waitHeader },
      },
    },
    problems: { 500: notMappable },
    example: {
      query: { tenant: 'acme', resources: 'hris/*', wait: '20' },
      answer: { data: [eventExample], next_cursor: consumerExample.cursor, caught_up: true },
    },
  }),
  getEvent: operation({
    method: 'GET',
    path: '/v1/events/{id}',
    tag: 'Events',
    summary: 'Read an event',
    access: 'events:read',
    query: z.strictObject({ schema }),
    answers: { 200: { description: 'The event.', body: event, headers: deprecationHeaders } },
    problems: { 500: notMappable },
    example: { params: { id: eventExample.id }, answer: eventExample },
  }),
  createConsumer: operation({
    method: 'POST',
    path: '/v1/consumers',
    tag: 'Consumers',
    summary: 'Have the engine keep the position of a reader',
    access: 'events:read',
    body: consumerBody,
    answers: { 201: { description: 'The consumer.', body: consumer } },
    problems: {
      404: "The tenant is not the key's.",
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
    answers: { 200: { description: 'A page, by name.', body: pageOf(consumer) } },
    example: { answer: { data: [consumerExample], next_cursor: null } },
  }),
  getConsumer: operation({
    method: 'GET',
    path: '/v1/consumers/{name}',
    tag: 'Consumers',
    summary: 'Read a consumer',
    access: 'events:read',
    query: tenantQuery,
    answers: { 200: { description: 'The consumer.', body: consumer } },
    example: { params: ofConsumer, answer: consumerExample },
  }),
  deleteConsumer: operation({
    method: 'DELETE',
    path: '/v1/consumers/{name}',
    tag: 'Consumers',
    summary: 'Forget a consumer',
    access: 'consumers:write',
    query: tenantQuery,
    answers: { 204: { description: 'It is gone.' } },
    example: { params: ofConsumer },
  }),
  leaseConsumer: operation({
    method: 'POST',
    path: '/v1/consumers/{name}/lease',
    isAudited: false,
    tag: 'Consumers',
    summary: 'Read from the committed position, alone',
    description:
      'Until the lease ends nobody else reads as this consumer. Whoever holds it may ask again with `lease`: it is prolonged, and reads from the committed position.',
    access: 'events:read',
    query: tenantQuery,
    body: leaseBody,
    hasOptionalBody: true,
    answers: {
      200: {
        description: 'The lease, and events.',
        body: lease,
        headers: { ...deprecationHeaders, ...waitHeader },
      },
    },
    problems: { 409: held, 500: notMappable },
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
    summary: 'Move the position on to what is done with',
    access: 'events:read',
    query: tenantQuery,
    body: commitBody,
    answers: { 200: { description: 'The consumer as it is now.', body: consumer } },
    problems: { 409: 'The lease has ended, or is somebody else’s; or the cursor was not read under it.' },
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
    summary: 'Set the position; a lease that somebody holds ends',
    access: 'consumers:write',
    query: tenantQuery,
    body: seekBody,
    answers: { 200: { description: 'The consumer as it is now.', body: consumer } },
    example: { params: ofConsumer, body: { since: '2026-11-20T00:00:00Z' }, answer: consumerExample },
  }),
} as const;
