import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { environmentKeys, type FunctionName } from '../../lambdas/contracts/environment.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import { type EndpointNote, metricsNamespace } from '../../lambdas/contracts/outcomes.ts';
import type { EngineBuilder } from './engine-builder.ts';
import type { Storage } from './storage.ts';

export type Deliver = ReturnType<typeof createDeliver>;

/** Sends callbacks: deliver, which serves fast endpoints, and drain, which serves the others from their backlogs. */
export function createDeliver(builder: EngineBuilder, { tables, buckets }: Storage) {
  const { scope, config } = builder;
  // Retries wait in this queue for as long as SQS delays a message: their age alone says nothing.
  const deliveryQueue = builder.queue(
    'DeliveryQueue',
    'delivery-queue',
    limits.deliverTimeoutSeconds,
    Duration.minutes(10).plus(Duration.millis(limits.queueMaxDelayMs)),
  );
  // Drains wait here in the same way for an endpoint's next probe, or for the end of its pause.
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
    // Query: who wants to be told of a subscription. PutItem: an endpoint that fails is disabled.
    tables.subscriptions.grant(sender, 'BatchGetItem', 'PutItem', 'Query');
    // What is to be told is published like any event.
    tables.events.grant(sender, 'BatchGetItem', 'BatchWriteItem', 'UpdateItem');
    tables.idempotency.grant(sender, 'BatchGetItem', 'PartiQLInsert', 'PutItem');
    // Query: the backlog, of which deliver asks whether it fills a batch.
    tables.deliveries.grant(sender, 'BatchGetItem', 'BatchWriteItem', 'PartiQLInsert', 'PutItem', 'Query');
    tables.limits.grant(sender, 'BatchGetItem', 'PartiQLUpdate', 'UpdateItem');
    buckets.payloads.grantGet(sender);
    buckets.payloads.grantPut(sender);
    buckets.payloads.grantRetain(sender);
    deliveryQueue.queue.grantSendMessages(sender);
    drainQueue.queue.grantSendMessages(sender);
    defaultBus.grantPutEventsTo(sender);
  }
  // The feed, which ordered subscriptions and replays follow; the replay itself.
  tables.events.grant(drain, 'Query');
  tables.deliveries.grant(drain, 'GetItem');
  deliveryQueue.consumedBy(deliver, config.deliverMaxConcurrency);
  drainQueue.consumedBy(drain, config.drainMaxConcurrency, limits.drainBatchSize);
  endpointAlarms(builder);
  return { deliveryQueue, drainQueue, deliver, drain };
}

/** How endpoints fare is counted by both functions that send. */
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
