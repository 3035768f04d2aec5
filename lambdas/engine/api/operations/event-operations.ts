import { z } from 'zod';
import { origins } from '../../event/canonical-event.ts';
import { resourcePattern, typePattern } from '../../feed/filter-schema.ts';
import { event, eventExample } from '../event-schema.ts';
import { deprecationHeaders, notMappable, schema, since, waitHeader, waitSeconds } from '../feed-schema.ts';
import { operation } from '../operation.ts';
import { commaList, identifier, listQuery, tenantName } from '../shared-schema.ts';
import { consumerExample } from './consumer-operations.ts';

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

/** The pull feed, and single events. */
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
} as const;
