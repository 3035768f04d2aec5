import { Duration } from 'aws-cdk-lib';
import { environmentKeys } from '../../lambdas/contracts/environment.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { EngineFunction } from '../constructs/engine-function.ts';
import type { WorkQueue } from '../constructs/work-queue.ts';
import type { Deliver } from './deliver.ts';
import type { EngineBuilder } from './engine-builder.ts';
import type { Storage } from './storage.ts';

/** The queue whose messages start the reading of records. */
export function createEnrichQueue(builder: EngineBuilder): WorkQueue {
  // Messages wait here for a provider's budget, for up to SQS's maximum delay.
  const enrichQueue = builder.queue(
    'EnrichQueue',
    'enrich-queue',
    limits.enrichTimeoutSeconds,
    Duration.minutes(10).plus(Duration.millis(limits.queueMaxDelayMs)),
  );
  builder.setEnvironment({ [environmentKeys.enrichQueueUrl]: enrichQueue.queue.queueUrl });
  return enrichQueue;
}

/** Reads the records of thin webhooks from their providers, and publishes them. */
export function createEnrich(
  builder: EngineBuilder,
  storage: Storage,
  { deliveryQueue, drainQueue }: Deliver,
  enrichQueue: WorkQueue,
): EngineFunction<'enrich'> {
  const { tables, buckets } = storage;
  const enrich = builder.function('Enrich', 'enrich', {
    timeoutSeconds: limits.enrichTimeoutSeconds,
    memorySizeMb: 1024,
  });
  tables.accounts.grant(enrich, 'GetItem');
  tables.fetches.grant(enrich, 'BatchGetItem', 'DeleteItem', 'PutItem', 'Query', 'UpdateItem');
  grantProviderCalls(storage, enrich);
  // What publishing takes, as for normalize.
  tables.tenants.grant(enrich, 'BatchGetItem');
  tables.subscriptions.grant(enrich, 'BatchGetItem', 'Query');
  tables.events.grant(enrich, 'BatchGetItem', 'BatchWriteItem', 'UpdateItem');
  tables.idempotency.grant(enrich, 'BatchGetItem', 'BatchWriteItem', 'PartiQLInsert', 'PutItem');
  tables.records.grant(enrich, 'BatchGetItem', 'PartiQLInsert', 'PartiQLUpdate', 'UpdateItem');
  tables.statistics.grant(enrich, 'UpdateItem');
  buckets.payloads.grantPut(enrich);
  buckets.payloads.grantRetain(enrich);
  deliveryQueue.queue.grantSendMessages(enrich);
  // Also an endpoint's state, for ordered subscriptions, and budgets.
  tables.limits.grant(enrich, 'BatchGetItem', 'PutItem', 'UpdateItem');
  drainQueue.queue.grantSendMessages(enrich);
  enrichQueue.queue.grantSendMessages(enrich);
  enrichQueue.consumedBy(enrich, builder.config.enrichMaxConcurrency, limits.enrichBatchSize);
  return enrich;
}

/** Calls providers: opens credentials, refreshes tokens, and keeps budgets. No other function may. */
export function grantProviderCalls(
  { tables, credentialsKey }: Storage,
  caller: EngineFunction<'enrich' | 'api'>,
): void {
  tables.credentials.grant(caller, 'BatchGetItem', 'PutItem');
  tables.limits.grant(caller, 'BatchGetItem', 'PutItem');
  credentialsKey.grantDecrypt(caller);
  credentialsKey.grantGenerateDataKey(caller);
}
