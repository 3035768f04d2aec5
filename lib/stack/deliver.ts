import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { environmentKeys, type FunctionName } from '../../lambdas/contracts/environment.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import { type EndpointNote, metricsNamespace } from '../../lambdas/contracts/outcomes.ts';
import { batchOf } from '../constructs/work-queue.ts';
import { grantDestinations } from './destinations.ts';
import type { EngineBuilder } from './engine-builder.ts';
import type { Storage } from './storage.ts';

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
  builder.setEnvironment({
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
  endpointAlarms(builder);
  return { deliveryQueue, drainQueue, deliver, drain };
}

/** Alarms on endpoints; both sending functions count the outcomes. */
function endpointAlarms({ scope, alarms, config }: EngineBuilder): void {
  const period = Duration.minutes(5);
  const counted = (note: EndpointNote) =>
    new MathExpression({
      expression: 'SUM(FILL(METRICS(), 0))',
      label: note,
      period,
      usingMetrics: Object.fromEntries(
        (['deliver', 'drain'] satisfies FunctionName[]).map((service) => [
          service,
          new Metric({
            namespace: metricsNamespace,
            metricName: note,
            dimensionsMap: { service, stage: config.stage },
            statistic: 'Sum',
            period,
          }),
        ]),
      ),
    });
  alarms.add(scope, 'SubscriptionDisablingAlarm', {
    meaning: 'A subscription has had nothing but failures for so long that it is on its way to being disabled.',
    runbookEntry: 'subscription-disabling',
    metric: counted('subscription-disabling'),
    threshold: 1,
  });
  alarms.add(scope, 'SubscriptionDisabledAlarm', {
    meaning: 'A subscription was disabled: its endpoint only failed, or said that it is gone.',
    runbookEntry: 'subscription-disabled',
    metric: counted('subscription-disabled'),
    threshold: 1,
  });
}
