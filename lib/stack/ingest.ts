import { Duration } from 'aws-cdk-lib';
import { HttpMethod, HttpRouteKey } from 'aws-cdk-lib/aws-apigatewayv2';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { environmentKeys, type FunctionName } from '../../lambdas/contracts/environment.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import { type IngressNote, metricsNamespace } from '../../lambdas/contracts/outcomes.ts';
import type { PublicHttpApi } from '../constructs/public-http-api.ts';
import type { Deliver } from './deliver.ts';
import type { EngineBuilder } from './engine-builder.ts';
import type { Storage } from './storage.ts';

export type Ingest = ReturnType<typeof createIngest>;

/** Takes webhooks, and makes events of them: ingress, the raw queue, and normalize. */
export function createIngest(
  builder: EngineBuilder,
  { tables, buckets }: Storage,
  deliver: Deliver,
  httpApi: PublicHttpApi,
) {
  const { config } = builder;
  const { deliveryQueue, drainQueue } = deliver;
  const rawQueue = builder.queue('RawQueue', 'raw-queue', limits.normalizeTimeoutSeconds, Duration.minutes(5));
  builder.setEnvironment({
    [environmentKeys.rawQueueUrl]: rawQueue.queue.queueUrl,
    [environmentKeys.rawDeadLetterQueueUrl]: rawQueue.deadLetterQueue.queueUrl,
  });

  const ingress = builder.function('Ingress', 'ingress', {
    timeoutSeconds: limits.ingressTimeoutSeconds,
    memorySizeMb: 512,
  });
  // A secret that a provider chooses in its handshake is stored where the others are.
  tables.accounts.grant(ingress, 'GetItem', 'PutItem');
  tables.integrationSettings.grant(ingress, 'GetItem', 'PutItem');
  tables.accountContexts.grant(ingress, 'Query');
  tables.limits.grant(ingress, 'GetItem', 'UpdateItem');
  tables.idempotency.grant(ingress, 'PutItem');
  tables.statistics.grant(ingress, 'UpdateItem');
  buckets.raw.grantPut(ingress);
  buckets.raw.grantRetain(ingress);
  rawQueue.queue.grantSendMessages(ingress);

  httpApi.route(
    ingress,
    {
      ratePerSecond: config.ingressThrottleRatePerSecond ?? config.throttleRatePerSecond,
      burst: config.ingressThrottleBurst ?? config.throttleBurst,
    },
    HttpRouteKey.with('/in/{integration}', HttpMethod.ANY),
    HttpRouteKey.with('/in/{integration}/{account}', HttpMethod.ANY),
  );
  ingressAlarms(builder);

  const normalize = builder.function('Normalize', 'normalize', {
    timeoutSeconds: limits.normalizeTimeoutSeconds,
    memorySizeMb: 1024,
  });
  // An account gets the key of what is archived of it with its first request.
  tables.accounts.grant(normalize, 'BatchGetItem', 'GetItem', 'UpdateItem');
  tables.integrationSettings.grant(normalize, 'GetItem');
  tables.accountContexts.grant(normalize, 'BatchGetItem', 'Query');
  tables.parkedRequests.grant(normalize, 'BatchWriteItem');
  tables.tenants.grant(normalize, 'BatchGetItem');
  // Versions of what publishing remembers; and what has changed.
  tables.subscriptions.grant(normalize, 'BatchGetItem', 'Query');
  tables.events.grant(normalize, 'BatchGetItem', 'BatchWriteItem', 'UpdateItem');
  tables.idempotency.grant(normalize, 'BatchGetItem', 'PartiQLInsert', 'PutItem');
  tables.statistics.grant(normalize, 'UpdateItem');
  buckets.raw.grantGet(normalize);
  // Every request that has ended is archived.
  buckets.raw.grantPut(normalize);
  buckets.raw.grantRetain(normalize);
  buckets.payloads.grantPut(normalize);
  buckets.payloads.grantRetain(normalize);
  deliveryQueue.queue.grantSendMessages(normalize);
  // Ordered subscriptions take their events from the feed: they are told that there are some, unless they know.
  tables.limits.grant(normalize, 'BatchGetItem', 'UpdateItem');
  drainQueue.queue.grantSendMessages(normalize);
  rawQueue.deadLetterQueue.grantSendMessages(normalize);
  rawQueue.consumedBy(normalize, config.normalizeMaxConcurrency);

  return { rawQueue, normalize };
}

/** How webhooks fare that the engine does not take although they are genuine. */
function ingressAlarms({ scope, alarms, config }: EngineBuilder): void {
  const counted = (note: IngressNote) =>
    new Metric({
      namespace: metricsNamespace,
      metricName: note,
      dimensionsMap: { service: 'ingress' satisfies FunctionName, stage: config.stage },
      statistic: 'Sum',
      period: Duration.minutes(5),
    });
  alarms.add(scope, 'HopLimitAlarm', {
    meaning: 'A loop was cut: a receiver of callbacks sends them back as webhooks.',
    runbookEntry: 'hop-limit',
    metric: counted('hop-limit'),
    threshold: 1,
  });
  alarms.add(scope, 'RateLimitedAlarm', {
    meaning: 'Webhooks were refused: an account, or a tenant, brings more than it may.',
    runbookEntry: 'rate-limited',
    metric: counted('rate-limited'),
    threshold: 1,
  });
}
