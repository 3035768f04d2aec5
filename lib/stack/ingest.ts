import { Duration } from 'aws-cdk-lib';
import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { environmentKeys } from '../../lambdas/contracts/environment.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { IngressNote, IngressOutcome } from '../../lambdas/contracts/outcomes.ts';
import type { PublicHttpApi } from '../constructs/public-http-api.ts';
import type { WorkQueue } from '../constructs/work-queue.ts';
import { batchOf } from '../constructs/work-queue.ts';
import type { Deliver } from './deliver.ts';
import type { EngineBuilder } from './engine-builder.ts';
import { engineMetric } from './engine-metric.ts';
import { webhookRoutes, webhookThrottle } from './http-apis.ts';
import type { Storage } from './storage.ts';

export type Ingest = ReturnType<typeof createIngest>;

/** Parts that ingest uses besides the storage. */
export interface IngestParts {
  readonly deliver: Deliver;
  readonly enrichQueue: WorkQueue;
  readonly pollQueue: WorkQueue;
  /** HTTP APIs that take webhooks. */
  readonly webhookApis: readonly PublicHttpApi[];
}

/** Accepts webhooks and turns them into events: ingress, the raw queue, and normalize. */
export function createIngest(
  builder: EngineBuilder,
  storage: Storage,
  { deliver, enrichQueue, pollQueue, webhookApis }: IngestParts,
) {
  const rawQueue = builder.queue('RawQueue', 'raw-queue', limits.normalizeTimeoutSeconds, Duration.minutes(5));
  builder.setEnvironment({
    [environmentKeys.rawQueueUrl]: rawQueue.queue.queueUrl,
    [environmentKeys.rawDeadLetterQueueUrl]: rawQueue.deadLetterQueue.queueUrl,
  });
  createIngress(builder, storage, rawQueue, webhookApis);
  return { rawQueue, normalize: createNormalize(builder, storage, { ...deliver, enrichQueue, pollQueue }, rawQueue) };
}

/** Verifies webhooks and puts them on the raw queue. */
function createIngress(
  builder: EngineBuilder,
  { tables, buckets }: Storage,
  rawQueue: WorkQueue,
  webhookApis: readonly PublicHttpApi[],
): void {
  const ingress = builder.function('Ingress', 'ingress', {
    timeoutSeconds: limits.ingressTimeoutSeconds,
    memorySizeMb: 512,
  });
  // PutItem: stores a secret that a provider chooses in its handshake.
  tables.accounts.grant(ingress, 'GetItem', 'PutItem');
  tables.integrationSettings.grant(ingress, 'GetItem', 'PutItem');
  tables.accountContexts.grant(ingress, 'Query');
  tables.limits.grant(ingress, 'GetItem', 'UpdateItem');
  tables.idempotency.grant(ingress, 'PutItem');
  tables.statistics.grant(ingress, 'UpdateItem');
  buckets.raw.grantPut(ingress);
  buckets.raw.grantRetain(ingress);
  rawQueue.queue.grantSendMessages(ingress);

  for (const webhookApi of webhookApis) webhookApi.route(ingress, webhookThrottle(builder.config), ...webhookRoutes);
  ingressAlarms(builder);
}

/** Maps the requests of the raw queue to events and publishes them. */
function createNormalize(
  builder: EngineBuilder,
  { tables, buckets }: Storage,
  {
    deliveryQueue,
    drainQueue,
    shadowQueue,
    enrichQueue,
    pollQueue,
  }: Pick<Deliver, 'deliveryQueue' | 'drainQueue' | 'shadowQueue'> & Pick<IngestParts, 'enrichQueue' | 'pollQueue'>,
  rawQueue: WorkQueue,
) {
  const normalize = builder.function('Normalize', 'normalize', {
    timeoutSeconds: limits.normalizeTimeoutSeconds,
    memorySizeMb: 1024,
  });
  // UpdateItem: an account's first request creates the key of its archived requests.
  tables.accounts.grant(normalize, 'BatchGetItem', 'GetItem', 'UpdateItem');
  tables.integrationSettings.grant(normalize, 'GetItem');
  tables.accountContexts.grant(normalize, 'BatchGetItem', 'Query');
  tables.parkedRequests.grant(normalize, 'BatchWriteItem');
  tables.tenants.grant(normalize, 'BatchGetItem');
  // Publishing caches subscriptions: BatchGetItem reads their versions, Query those that changed.
  tables.subscriptions.grant(normalize, 'BatchGetItem', 'Query');
  tables.events.grant(normalize, 'BatchGetItem', 'BatchWriteItem', 'UpdateItem');
  // A claim of a fact is an insert; where a record's event is found is a put in a batch.
  tables.idempotency.grant(normalize, 'BatchGetItem', 'BatchWriteItem', 'PartiQLInsert', 'PutItem');
  // A batch of updates of one is no statement.
  tables.records.grant(normalize, 'BatchGetItem', 'PartiQLInsert', 'PartiQLUpdate', 'UpdateItem');
  tables.statistics.grant(normalize, 'UpdateItem');
  buckets.raw.grantGet(normalize);
  // Archives every request that it has finished.
  buckets.raw.grantPut(normalize);
  buckets.raw.grantRetain(normalize);
  buckets.payloads.grantPut(normalize);
  buckets.payloads.grantRetain(normalize);
  deliveryQueue.queue.grantSendMessages(normalize);
  // Ordered subscriptions read events from the feed: publishing starts their drain, unless one is scheduled.
  tables.limits.grant(normalize, 'BatchGetItem', 'UpdateItem');
  drainQueue.queue.grantSendMessages(normalize);
  shadowQueue.queue.grantSendMessages(normalize);
  // Thin events wait here until their records are read.
  tables.fetches.grant(normalize, 'PutItem', 'UpdateItem');
  enrichQueue.queue.grantSendMessages(normalize);
  // A webhook may say that something was missed.
  pollQueue.queue.grantSendMessages(normalize);
  rawQueue.deadLetterQueue.grantSendMessages(normalize);
  rawQueue.consumedBy(normalize, builder.config.normalizeMaxConcurrency, batchOf(builder.config));
  return normalize;
}

/** Alarms on webhooks that the engine rejects. */
function ingressAlarms({ scope, alarms, config }: EngineBuilder): void {
  const period = Duration.minutes(5);
  const counted = (name: IngressNote | IngressOutcome) =>
    engineMetric(config, 'ingress', name, { statistic: 'Sum', period });
  alarms.addTrend(scope, 'HopLimitAlarm', {
    meaning: 'A loop was cut: a receiver of callbacks sends them back as webhooks.',
    runbookEntry: 'hop-limit',
    metric: counted('hop-limit'),
    threshold: 1,
  });
  alarms.addTrend(scope, 'RateLimitedAlarm', {
    meaning: 'Webhooks were refused: an account, or a tenant, brings more than it may.',
    runbookEntry: 'rate-limited',
    metric: counted('rate-limited'),
    threshold: 1,
  });
  alarms.addTrend(scope, 'VerificationFailuresAlarm', {
    meaning: `More than ${mostFailuresPercent} percent of the webhooks at known URLs fail verification.`,
    runbookEntry: 'verification-failures',
    metric: new MathExpression({
      expression: `IF(FILL(failed, 0) >= ${leastFailures}, 100 * FILL(failed, 0) / (FILL(failed, 0) + FILL(accepted, 0)), 0)`,
      label: 'webhooks that fail verification, percent',
      period,
      usingMetrics: { failed: counted('verification-failed'), accepted: counted('accepted') },
    }),
    threshold: mostFailuresPercent,
    periods: 2,
  });
}

/** A provider that renews its secret, or a stranger that forges many requests, exceeds both. */
const mostFailuresPercent = 20;
const leastFailures = 50;
