import { z } from 'zod';
import { operation } from '../operation.ts';
import { instant, listQuery, tenantName, time } from '../shared-schema.ts';

/** Small, because the statistics of each subscription read up to a thousand deliveries. */
const maxSubscriptions = 50;

const statsQuery = listQuery.extend({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(maxSubscriptions)
    .default(20)
    .describe('Maximum number of subscriptions in a page.'),
  tenant: tenantName.optional().describe('Only this tenant. A key of a tenant sees only its own tenant.'),
  since: instant.optional().describe('Start of the window. Default: 24 hours ago. At most 35 days ago.'),
  until: instant.optional(),
});

const spread = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() }).nullable();
const span = z.object({ since: time, until: time });
const counts = z.record(z.string(), z.int());

const subscriptionStatistics = z
  .object({
    subscription_id: z.string(),
    tenant: z.string().nullable(),
    sample: z
      .object({ deliveries: z.int(), since: time, until: time, is_complete: z.boolean() })
      .describe('The deliveries that the statistics are based on: at most the newest thousand in the window.'),
    deliveries: z.object({
      total: z.int(),
      waiting: z.int(),
      retrying: z.int(),
      delivered: z.int(),
      exhausted: z.int(),
      cancelled: z.int(),
    }),
    success_rate: z.number().nullable().describe('Share of delivered among delivered and exhausted deliveries.'),
    attempts: z.object({
      total: z.int(),
      retries: z.int(),
      detailed: z.int().describe('Attempts that the `by_…` members count: the last 20 of each delivery.'),
      by_class: counts.describe('Attempts by result: `2xx` to `5xx`, and `no_answer`.'),
      by_status: counts,
      by_error: counts,
    }),
    latency_ms: spread.describe('Response times of the endpoint.'),
    time_to_delivery_ms: spread.describe('Time from the event to its delivery, without replays.'),
    backlog: z.object({ count: z.int(), is_complete: z.boolean() }),
    oldest_waiting_at: time.nullable(),
  })
  .meta({ id: 'SubscriptionStatistics' });

const integrationStatistics = z
  .object({
    integration: z.string().describe('Name of the integration; `*` for requests to URLs of unknown integrations.'),
    verified: z.int(),
    rejected: z.object({ total: z.int(), by_reason: counts }),
    mapped: z.int(),
    ignored: z.int(),
    confirmed: z.int(),
    unrouted: z.int(),
    dead_lettered: z.int(),
    published: z.int(),
    duplicate: z.int(),
    stale: z.int().describe('Inputs older than what the engine knows of their record.'),
    unchanged: z.int().describe('Inputs that say what the engine knows of their record.'),
    enriching: z.int().describe('Thin events whose records were to be read first; the others count how that ended.'),
    coalesced: z.int().describe('Thin events that shared the read, and the event, of a later one of their record.'),
    schema_drift: z.int(),
    drift: counts.describe('Changes that only a comparison of all records found, by cause.'),
  })
  .meta({ id: 'IntegrationStatistics' });

const statistics = z
  .object({
    window: span,
    subscriptions: z.array(subscriptionStatistics),
    integrations_window: span.describe('The window, extended to whole hours (UTC).'),
    integrations_is_complete: z.boolean(),
    integrations: z
      .array(integrationStatistics)
      .describe('On the first page only. Work that is processed again is counted again.'),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'Statistics' });

const seriesQuery = z.strictObject({
  tenant: tenantName.optional().describe('Only this tenant. A key of a tenant sees only its own tenant.'),
  since: instant.optional().describe('Default: 24 hours ago. At most 35 days ago.'),
  until: instant.optional(),
});

const hourlyCounts = z
  .object({
    hour: time.describe('When the hour begins (UTC).'),
    verified: z.int().describe('Requests of providers.'),
    rejected: z.int(),
    published: z.int().describe('Events, of webhooks and of polls.'),
    dead_lettered: z.int(),
  })
  .meta({ id: 'HourlyCounts' });

/** Statistics of subscriptions and integrations. */
export const statisticsOperations = {
  getStatisticsSeries: operation({
    method: 'GET',
    path: '/v1/stats/series',
    tag: 'Statistics',
    summary: 'Get the number of requests and events by hour',
    access: 'stats:read',
    query: seriesQuery,
    answers: {
      200: {
        description: 'Every hour of the window, oldest first.',
        body: z.object({ data: z.array(hourlyCounts), is_complete: z.boolean() }),
      },
    },
    example: {
      query: { tenant: 'acme' },
      answer: {
        data: [{ hour: '2026-11-27T12:00:00.000Z', verified: 412, rejected: 3, published: 408, dead_lettered: 0 }],
        is_complete: true,
      },
    },
  }),
  getStatistics: operation({
    method: 'GET',
    path: '/v1/stats',
    tag: 'Statistics',
    summary: 'Get statistics of subscriptions and integrations',
    access: 'stats:read',
    query: statsQuery,
    answers: {
      200: { description: 'A page of subscriptions and, on the first page, the integrations.', body: statistics },
    },
    example: {
      query: { tenant: 'acme' },
      answer: {
        window: { since: '2026-11-26T12:00:00.000Z', until: '2026-11-27T12:00:00.000Z' },
        subscriptions: [
          {
            subscription_id: 'sub_acme',
            tenant: 'acme',
            sample: {
              deliveries: 412,
              since: '2026-11-26T12:00:00.000Z',
              until: '2026-11-27T12:00:00.000Z',
              is_complete: true,
            },
            deliveries: { total: 412, waiting: 0, retrying: 2, delivered: 409, exhausted: 1, cancelled: 0 },
            success_rate: 0.9976,
            attempts: {
              total: 420,
              retries: 8,
              detailed: 420,
              by_class: { '2xx': 409, '3xx': 0, '4xx': 0, '5xx': 9, no_answer: 2 },
              by_status: { '204': 409, '503': 9 },
              by_error: { timeout: 2 },
            },
            latency_ms: { p50: 41, p95: 90, p99: 210, max: 388 },
            time_to_delivery_ms: { p50: 120, p95: 310, p99: 5400, max: 61_000 },
            backlog: { count: 0, is_complete: true },
            oldest_waiting_at: null,
          },
        ],
        integrations_window: { since: '2026-11-26T12:00:00.000Z', until: '2026-11-27T13:00:00.000Z' },
        integrations_is_complete: true,
        integrations: [
          {
            integration: 'github',
            verified: 412,
            rejected: { total: 3, by_reason: { 'signature-mismatch': 3 } },
            mapped: 410,
            ignored: 2,
            confirmed: 0,
            unrouted: 0,
            dead_lettered: 0,
            published: 408,
            duplicate: 4,
            stale: 1,
            unchanged: 3,
            enriching: 12,
            coalesced: 4,
            schema_drift: 0,
            drift: {},
          },
        ],
        next_cursor: null,
      },
    },
  }),
} as const;
