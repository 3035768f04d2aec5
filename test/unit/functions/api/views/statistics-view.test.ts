import { expect, test } from 'vitest';
import { deliveryStatistics } from '../../../../../lambdas/engine/statistics/delivery-statistics.ts';
import { integrationStatistics } from '../../../../../lambdas/engine/statistics/integration-statistics.ts';
import { statisticsView } from '../../../../../lambdas/functions/api/views/statistics-view.ts';
import { aSubscription } from '../../../../fakes/samples.ts';

const window = { since: '2026-11-20T12:30:00.000Z', until: '2026-11-21T12:30:00.000Z' };

test('statistics are answered in snake case, with null for unknown values, and show nothing else of a subscription (invariant 10)', () => {
  const { oldestWaitingAt, ...statistics } = deliveryStatistics([]);
  const view = statisticsView({
    window,
    subscriptions: [
      {
        ...statistics,
        oldestWaitingAt,
        subscription: aSubscription({ tenant: null }),
        sample: { deliveries: 0, ...window, isComplete: true },
        backlog: { count: 10_000, isComplete: false },
      },
    ],
    integrations: {
      window: { since: '2026-11-20T12:00:00.000Z', until: '2026-11-21T13:00:00.000Z' },
      isComplete: true,
      items: integrationStatistics([{ integration: 'staff', counts: { verified: 1, 'rejected:header-missing': 2 } }]),
    },
  });
  expect(JSON.parse(JSON.stringify(view))).toEqual({
    window,
    subscriptions: [
      {
        subscription_id: 'sub_1',
        tenant: null,
        sample: { deliveries: 0, ...window, is_complete: true },
        deliveries: { total: 0, waiting: 0, retrying: 0, delivered: 0, exhausted: 0, cancelled: 0 },
        success_rate: null,
        attempts: {
          total: 0,
          retries: 0,
          detailed: 0,
          by_class: { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, other: 0, no_answer: 0 },
          by_status: {},
          by_error: {},
        },
        latency_ms: null,
        time_to_delivery_ms: null,
        backlog: { count: 10_000, is_complete: false },
        oldest_waiting_at: null,
      },
    ],
    integrations_window: { since: '2026-11-20T12:00:00.000Z', until: '2026-11-21T13:00:00.000Z' },
    integrations_is_complete: true,
    integrations: [
      {
        integration: 'staff',
        verified: 1,
        rejected: { total: 2, by_reason: { 'header-missing': 2 } },
        mapped: 0,
        ignored: 0,
        confirmed: 0,
        unrouted: 0,
        dead_lettered: 0,
        published: 0,
        duplicate: 0,
        stale: 0,
        unchanged: 0,
        enriching: 0,
        coalesced: 0,
        schema_drift: 0,
        drift: {},
      },
    ],
  });
});
