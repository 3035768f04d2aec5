import { Duration } from 'aws-cdk-lib';
import { environmentKeys } from '../../lambdas/contracts/environment.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { EngineFunction } from '../constructs/engine-function.ts';
import type { WorkQueue } from '../constructs/work-queue.ts';
import type { Deliver } from './deliver.ts';
import type { EngineBuilder } from './engine-builder.ts';
import { engineMetric } from './engine-metric.ts';
import { grantProviderCalls, grantPublishing } from './enrich.ts';
import type { Storage } from './storage.ts';

/** Parts that poll uses besides the storage. */
export interface PollParts {
  readonly deliver: Deliver;
  readonly enrichQueue: WorkQueue;
  readonly pollQueue: WorkQueue;
}

/** The queue whose messages start and continue the runs of syncs. */
export function createPollQueue(builder: EngineBuilder): WorkQueue {
  // Messages wait here for a provider's budget, for up to SQS's maximum delay.
  const pollQueue = builder.queue(
    'PollQueue',
    'poll-queue',
    limits.pollTimeoutSeconds,
    Duration.minutes(10).plus(Duration.millis(limits.queueMaxDelayMs)),
  );
  builder.setEnvironment({ [environmentKeys.pollQueueUrl]: pollQueue.queue.queueUrl });
  return pollQueue;
}

/** Polls providers: runs the syncs of accounts, and publishes what has changed. */
export function createPoll(
  builder: EngineBuilder,
  storage: Storage,
  { deliver, enrichQueue, pollQueue }: PollParts,
): EngineFunction<'poll'> {
  const { tables, buckets } = storage;
  const poll = builder.function('Poll', 'poll', { timeoutSeconds: limits.pollTimeoutSeconds, memorySizeMb: 1024 });
  tables.accounts.grant(poll, 'GetItem');
  // DeleteItem and BatchWriteItem: also removes the syncs of accounts that are gone.
  tables.syncs.grant(poll, 'BatchGetItem', 'BatchWriteItem', 'DeleteItem', 'PutItem', 'Query');
  grantProviderCalls(storage, poll);
  grantPublishing(storage, deliver, poll);
  // Lists the records that the engine knows of an account.
  tables.records.grant(poll, 'Query');
  // Pages wait there until all of them are read.
  buckets.payloads.grantGet(poll);
  // What the tenant must know about credentials.
  enrichQueue.queue.grantSendMessages(poll);
  pollQueue.queue.grantSendMessages(poll);
  pollQueue.consumedBy(poll, builder.config.pollMaxConcurrency, { size: limits.pollBatchSize });
  freshnessAlarm(builder);
  return poll;
}

/** The tenant of a sync that fails is told; that many are late at the same time concerns the operator. */
function freshnessAlarm({ scope, alarms, config }: EngineBuilder): void {
  alarms.addTrend(scope, 'SyncsLateAlarm', {
    meaning: 'A tenth of the syncs that ran are an hour or more behind their schedules.',
    runbookEntry: 'syncs-late',
    metric: engineMetric(config, 'poll', 'sync-lag', { statistic: 'p90', period: Duration.minutes(15) }),
    threshold: Duration.hours(1).toSeconds(),
  });
}
