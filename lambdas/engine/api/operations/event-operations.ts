import { z } from 'zod';
import { origins } from '../../event/canonical-event.ts';
import { resourcePattern, typePattern } from '../../feed/filter-schema.ts';
import { readCorrelationId } from '../../trace/trace-ids.ts';
import { event, eventExample } from '../event-schema.ts';
import { deprecationHeaders, notMappable, schema, since, waitHeader, waitSeconds } from '../feed-schema.ts';
import { operation } from '../operation.ts';
import { commaList, identifier, listQuery, tenantName } from '../shared-schema.ts';
import { consumerExample } from './consumer-operations.ts';

const feedQuery = listQuery.extend({
  tenant: tenantName.optional().describe('The tenant. Required unless the key belongs to a tenant.'),
  types: commaList(typePattern).default([]).describe('Types or patterns such as `record:*`, separated by commas.'),
  resources: commaList(resourcePattern)
    .default([])
    .describe('Resources or patterns such as `hris/*`, separated by commas.'),
  account: commaList(identifier).default([]).describe('Ids of accounts, separated by commas.'),
  integration: commaList(z.string().min(1).max(64)).default([]).describe('Names of integrations, separated by commas.'),
  origin: commaList(z.enum(origins))
    .default([])
    .describe('How Tributary learned of the changes; values separated by commas.'),
  record_id: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe('The history of one record. Ids are unique within an account and a resource: give both.'),
  correlation_id: z
    .string()
    .max(64)
    .transform((text, context) => {
      const traceId = readCorrelationId(text);
      if (traceId !== undefined) return traceId;
      context.addIssue({
        code: 'custom',
        message: 'expected 32 hexadecimal digits, or the id of a request (raw_…) or of a run (run_…)',
      });
      return z.NEVER;
    })
    .optional()
    .describe(
      'The events that one webhook or run brought: their `correlation_id`, or the id of the request (`raw_…`) or of the run (`run_…`). Without `since`, the page starts at the time that the id holds.',
    ),
  since: since.optional(),
  wait: waitSeconds.default(0),
  schema,
});

const feed = z
  .object({
    data: z.array(event),
    next_cursor: z.string().describe('Position after this page. Valid with any filters.'),
    caught_up: z
      .boolean()
      .describe('Whether there are no more events now. A short or empty page is not necessarily the last.'),
  })
  .meta({ id: 'FeedPage' });

/** The pull feed, and single events. */
export const eventOperations = {
  readFeed: operation({
    method: 'GET',
    path: '/v1/events',
    tag: 'Events',
    summary: 'Read the events of a tenant in sequence order, without gaps',
    description:
      'Follow `next_cursor` to read on. With `wait`, the call returns an empty page only after that time. If too many of your calls are waiting, it returns at once with `Tributary-Wait: full`. Filters may change from page to page, because the cursor is a position in the sequence. Give `cursor` or `since`, not both.',
    access: 'events:read',
    query: feedQuery,
    answers: {
      200: {
        description: 'A page of events.',
        body: feed,
        headers: { ...deprecationHeaders, ...waitHeader },
      },
    },
    problems: {
      403: "The tenant's delivery mode is `push`, and the key is its own (reason `delivery-push`).",
      500: notMappable,
    },
    example: {
      query: { tenant: 'acme', resources: 'hris/*', wait: '20' },
      answer: { data: [eventExample], next_cursor: consumerExample.cursor, caught_up: true },
    },
  }),
  getEvent: operation({
    method: 'GET',
    path: '/v1/events/{id}',
    tag: 'Events',
    summary: 'Get an event',
    access: 'events:read',
    query: z.strictObject({ schema }),
    answers: { 200: { description: 'The event.', body: event, headers: deprecationHeaders } },
    problems: { 500: notMappable },
    example: { params: { id: eventExample.id }, answer: eventExample },
  }),
} as const;
