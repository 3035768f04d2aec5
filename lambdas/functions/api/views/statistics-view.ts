import type { IntegrationStatistics } from '../../../engine/statistics/integration-statistics.ts';
import type { Statistics, SubscriptionStatistics } from '../../../flows/statistics/read-statistics.ts';

/** The answer of `GET /v1/stats`. */
export function statisticsView({ window, subscriptions, integrations }: Statistics) {
  return {
    window,
    subscriptions: subscriptions.map(subscriptionStatisticsView),
    integrations_window: integrations.window,
    integrations_is_complete: integrations.isComplete,
    integrations: integrations.items.map(integrationStatisticsView),
  };
}

function subscriptionStatisticsView(statistics: SubscriptionStatistics) {
  const { subscription, sample, deliveries, attempts, backlog } = statistics;
  const { noAnswer, ...byClass } = attempts.byClass;
  return {
    subscription_id: subscription.id,
    tenant: subscription.tenant,
    sample: {
      deliveries: sample.deliveries,
      since: sample.since,
      until: sample.until,
      is_complete: sample.isComplete,
    },
    deliveries,
    success_rate: statistics.successRate ?? null,
    attempts: {
      total: attempts.total,
      retries: attempts.retries,
      detailed: attempts.detailed,
      by_class: { ...byClass, no_answer: noAnswer },
      by_status: attempts.byStatus,
      by_error: attempts.byError,
    },
    latency_ms: statistics.latencyMs ?? null,
    time_to_delivery_ms: statistics.timeToDeliveryMs ?? null,
    backlog: { count: backlog.count, is_complete: backlog.isComplete },
    oldest_waiting_at: statistics.oldestWaitingAt ?? null,
  };
}

function integrationStatisticsView({ rejected, deadLettered, schemaDrift, ...counts }: IntegrationStatistics) {
  return {
    ...counts,
    rejected: { total: rejected.total, by_reason: rejected.byReason },
    dead_lettered: deadLettered,
    schema_drift: schemaDrift,
  };
}
