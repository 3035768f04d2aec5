import { Duration } from 'aws-cdk-lib';
import { MathExpression, type Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { environmentKeys, type FunctionName } from '../../lambdas/contracts/environment.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { DeliverOutcome, DrainOutcome, EndpointNote } from '../../lambdas/contracts/outcomes.ts';
import type { TributaryConfig } from '../config.ts';
import { batchOf } from '../constructs/work-queue.ts';
import { grantDestinations } from './destinations.ts';
import type { EngineBuilder } from './engine-builder.ts';
import { engineMetric, sumOf } from './engine-metric.ts';
import type { Storage } from './storage.ts';

/** Invocations that second endpoints may hold, all together. */
const shadowMaxConcurrency = 5;

export type Deliver = ReturnType<typeof createDeliver>;

/** Sends callbacks: deliver serves fast endpoints, drain serves the others from their backlogs. */
export function createDeliver(builder: EngineBuilder, { tables, buckets }: Storage) {
  const { scope, config } = builder;
  // Retries wait in this queue for up to SQS's maximum delay, so the alarm's age is longer than that.
  const deliveryQueue = builder.queue(
    'DeliveryQueue',
    'delivery-queue',
    limits.deliverTimeoutSeconds,
    Duration.minutes(10).plus(Duration.millis(limits.queueMaxDelayMs)),
  );
  // Drains wait in this queue in the same way, for an endpoint's next probe or for the end of its pause.
  const drainQueue = builder.queue(
    'DrainQueue',
    'drain-queue',
    limits.drainTimeoutSeconds,
    Duration.minutes(10).plus(Duration.millis(limits.queueMaxDelayMs)),
  );
  // Copies for the second endpoints of tenants. A queue of their own: however they hang, they hold only these invocations.
  const shadowQueue = builder.queue('ShadowQueue', 'shadow-queue', limits.drainTimeoutSeconds, Duration.minutes(15));
  builder.setEnvironment({
    [environmentKeys.shadowQueueUrl]: shadowQueue.queue.queueUrl,
    [environmentKeys.deliveryQueueUrl]: deliveryQueue.queue.queueUrl,
    [environmentKeys.drainQueueUrl]: drainQueue.queue.queueUrl,
  });

  const deliver = builder.function('Deliver', 'deliver', {
    timeoutSeconds: limits.deliverTimeoutSeconds,
    memorySizeMb: 512,
  });
  const drain = builder.function('Drain', 'drain', { timeoutSeconds: limits.drainTimeoutSeconds, memorySizeMb: 512 });
  const defaultBus = EventBus.fromEventBusName(scope, 'DefaultBus', 'default');
  for (const sender of [deliver, drain]) {
    tables.tenants.grant(sender, 'BatchGetItem');
    // Query: subscriptions to operational events. PutItem: disables the subscription of a failing endpoint.
    tables.subscriptions.grant(sender, 'BatchGetItem', 'PutItem', 'Query');
    // Operational events are published like any event.
    tables.events.grant(sender, 'BatchGetItem', 'BatchWriteItem', 'UpdateItem');
    tables.idempotency.grant(sender, 'BatchGetItem', 'PartiQLInsert', 'PutItem');
    // Query: the backlog; deliver checks whether it fills a batch.
    tables.deliveries.grant(sender, 'BatchGetItem', 'BatchWriteItem', 'PartiQLInsert', 'PutItem', 'Query');
    tables.limits.grant(sender, 'BatchGetItem', 'PartiQLUpdate', 'UpdateItem');
    buckets.payloads.grantGet(sender);
    buckets.payloads.grantPut(sender);
    buckets.payloads.grantRetain(sender);
    deliveryQueue.queue.grantSendMessages(sender);
    drainQueue.queue.grantSendMessages(sender);
    defaultBus.grantPutEventsTo(sender);
    grantDestinations(builder, sender);
  }
  // Query: the feed, for ordered subscriptions and replays. GetItem: the replay.
  tables.events.grant(drain, 'Query');
  tables.deliveries.grant(drain, 'GetItem');
  deliveryQueue.consumedBy(deliver, config.deliverMaxConcurrency, batchOf(config));
  drainQueue.consumedBy(drain, config.drainMaxConcurrency, { size: limits.drainBatchSize });
  shadowQueue.consumedBy(drain, shadowMaxConcurrency, { size: limits.drainBatchSize });
  endpointAlarms(builder);
  return { deliveryQueue, drainQueue, shadowQueue, deliver, drain };
}

/** Deliver and drain both send callbacks; what they count belongs together. */
const senders = ['deliver', 'drain'] as const satisfies readonly FunctionName[];

/** Alarms on endpoints, and on what all of them have in common. */
function endpointAlarms({ scope, alarms, config }: EngineBuilder): void {
  const period = Duration.minutes(5);
  const note: EndpointNote = 'subscription-disabled';
  const counted = senders.map((service) => [
    service,
    engineMetric(config, service, note, { statistic: 'Sum', period }),
  ]);
  alarms.addTrend(scope, 'SubscriptionDisabledAlarm', {
    meaning: 'A subscription was disabled: its endpoint only failed, or said that it is gone.',
    runbookEntry: 'subscription-disabled',
    metric: sumOf(Object.fromEntries(counted), note, period),
    threshold: 1,
  });
  alarms.addTrend(scope, 'DeliverySuccessAlarm', {
    meaning: `Of all callbacks, less than ${leastSuccessPercent} percent succeed: many endpoints fail at the same time.`,
    runbookEntry: 'delivery-success',
    metric: deliverySuccess(config, period),
    threshold: leastSuccessPercent,
    whenBelow: 'value',
    periods: 3,
  });
  alarms.addTrend(scope, 'BacklogLateAlarm', {
    meaning: 'Backlogs that may be sent wait for half an hour before their drain begins.',
    runbookEntry: 'backlog-late',
    metric: engineMetric(config, 'drain', 'backlog-age', { statistic: 'p90', period }),
    threshold: Duration.minutes(30).toSeconds(),
    periods: 2,
  });
}

/** One failing endpoint of many must not raise the alarm: its circuit opens, and then it gets a probe at a time. */
const leastSuccessPercent = 70;
/** Attempts of a period below which a share says nothing. */
const leastAttempts = 50;

/** The percentage of attempts that succeeded; 100 while there are few. */
export function deliverySuccess(config: TributaryConfig, period: Duration): MathExpression {
  const counted = (outcome: DeliverOutcome & DrainOutcome) =>
    senders.map((service): [string, Metric] => [
      `${outcome}By${service}`,
      engineMetric(config, service, outcome, { statistic: 'Sum', period }),
    ]);
  const [delivered, retried] = [counted('delivered'), counted('retried')];
  const sum = (metrics: typeof delivered) => metrics.map(([id]) => `FILL(${id}, 0)`).join(' + ');
  return new MathExpression({
    expression: `IF(${sum([...delivered, ...retried])} >= ${leastAttempts}, 100 * (${sum(delivered)}) / (${sum([...delivered, ...retried])}), 100)`,
    label: 'callbacks that succeed, percent',
    period,
    usingMetrics: Object.fromEntries([...delivered, ...retried]),
  });
}
