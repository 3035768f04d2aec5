import { environmentKeys } from '../../lambdas/contracts/environment.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { EngineBuilder } from './engine-builder.ts';
import type { Ingest } from './ingest.ts';
import type { Storage } from './storage.ts';

/** Tenants whose data is erased concurrently: SQS's minimum. */
const governMaxConcurrency = 2;

export type Govern = ReturnType<typeof createGovern>;

/** Erases tenants. */
export function createGovern(builder: EngineBuilder, { tables, buckets }: Storage, { rawQueue }: Ingest) {
  // Dispatch restarts an erasure that does not go on, and that raises an alarm.
  const governanceQueue = builder.queue('GovernanceQueue', 'governance-queue', limits.governTimeoutSeconds, undefined);
  builder.setEnvironment({ [environmentKeys.governanceQueueUrl]: governanceQueue.queue.queueUrl });
  const govern = builder.function('Govern', 'govern', {
    timeoutSeconds: limits.governTimeoutSeconds,
    memorySizeMb: 512,
  });
  // An erasure records what it has found before it removes it, and reads nothing else of a tenant.
  tables.tenants.grant(govern, 'GetItem', 'PutItem');
  // Scan: no index leads from a tenant to its deleted accounts, its keys, its fetches or its syncs, or from an account
  // to its contexts.
  tables.accounts.grant(govern, 'Query', 'Scan', 'UpdateItem');
  tables.accountContexts.grant(govern, 'DeleteItem', 'PutItem', 'Query', 'Scan');
  tables.apiKeys.grant(govern, 'BatchWriteItem', 'Scan');
  tables.credentials.grant(govern, 'BatchGetItem', 'BatchWriteItem');
  tables.fetches.grant(govern, 'BatchWriteItem', 'Scan');
  tables.syncs.grant(govern, 'BatchWriteItem', 'Scan');
  tables.consumers.grant(govern, 'BatchWriteItem', 'Query');
  tables.statistics.grant(govern, 'BatchWriteItem', 'Query');
  tables.parkedRequests.grant(govern, 'DeleteItem', 'Query');
  tables.subscriptions.grant(govern, 'BatchGetItem', 'BatchWriteItem', 'Query');
  tables.deliveries.grant(govern, 'BatchWriteItem', 'Query');
  tables.limits.grant(govern, 'BatchGetItem', 'BatchWriteItem');
  tables.events.grant(govern, 'BatchWriteItem', 'Query');
  tables.records.grant(govern, 'BatchWriteItem', 'Query');
  tables.idempotency.grant(govern, 'BatchGetItem', 'BatchWriteItem');
  buckets.payloads.grantErase(govern);
  buckets.raw.grantErase(govern);
  rawQueue.deadLetterQueue.grantConsumeMessages(govern);
  governanceQueue.queue.grantSendMessages(govern);
  governanceQueue.consumedBy(govern, governMaxConcurrency, { size: limits.governBatchSize });

  return { governanceQueue, govern };
}
