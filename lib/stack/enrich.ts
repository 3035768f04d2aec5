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
  deliver: Deliver,
  enrichQueue: WorkQueue,
): EngineFunction<'enrich'> {
  const { tables } = storage;
  const enrich = builder.function('Enrich', 'enrich', {
    timeoutSeconds: limits.enrichTimeoutSeconds,
    memorySizeMb: 1024,
  });
  tables.accounts.grant(enrich, 'GetItem');
  tables.fetches.grant(enrich, 'BatchGetItem', 'DeleteItem', 'PutItem', 'Query', 'UpdateItem');
  grantProviderCalls(storage, enrich);
  grantPublishing(storage, deliver, enrich);
  enrichQueue.queue.grantSendMessages(enrich);
  enrichQueue.consumedBy(enrich, builder.config.enrichMaxConcurrency, { size: limits.enrichBatchSize });
  return enrich;
}

/** Calls providers: opens credentials, refreshes tokens, and keeps budgets. No other function may. */
export function grantProviderCalls(
  { tables, credentialsKey }: Storage,
  caller: EngineFunction<'enrich' | 'poll' | 'api'>,
): void {
  tables.credentials.grant(caller, 'BatchGetItem', 'PutItem');
  tables.limits.grant(caller, 'BatchGetItem', 'PutItem');
  credentialsKey.grantDecrypt(caller);
  credentialsKey.grantGenerateDataKey(caller);
}

/** Publishes the events of records that were read from providers, and counts them. */
export function grantPublishing(
  { tables, buckets }: Storage,
  { deliveryQueue, drainQueue, shadowQueue }: Deliver,
  publisher: EngineFunction<'enrich' | 'poll'>,
): void {
  tables.tenants.grant(publisher, 'BatchGetItem');
  tables.subscriptions.grant(publisher, 'BatchGetItem', 'Query');
  tables.events.grant(publisher, 'BatchGetItem', 'BatchWriteItem', 'UpdateItem');
  tables.idempotency.grant(publisher, 'BatchGetItem', 'BatchWriteItem', 'PartiQLInsert', 'PutItem');
  tables.records.grant(publisher, 'BatchGetItem', 'PartiQLInsert', 'PartiQLUpdate', 'UpdateItem');
  tables.statistics.grant(publisher, 'UpdateItem');
  buckets.payloads.grantPut(publisher);
  buckets.payloads.grantRetain(publisher);
  deliveryQueue.queue.grantSendMessages(publisher);
  // An endpoint's state, for ordered subscriptions.
  tables.limits.grant(publisher, 'BatchGetItem', 'UpdateItem');
  drainQueue.queue.grantSendMessages(publisher);
  shadowQueue.queue.grantSendMessages(publisher);
}
