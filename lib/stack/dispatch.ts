import { Duration } from 'aws-cdk-lib';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { DispatchNote } from '../../lambdas/contracts/outcomes.ts';
import { MinuteSchedule } from '../constructs/minute-schedule.ts';
import type { WorkQueue } from '../constructs/work-queue.ts';
import type { Deliver } from './deliver.ts';
import type { EngineBuilder } from './engine-builder.ts';
import { engineMetric } from './engine-metric.ts';
import type { Govern } from './govern.ts';
import type { Storage } from './storage.ts';

/** Parts that dispatch uses besides the storage. */
export interface DispatchParts {
  readonly deliver: Deliver;
  readonly govern: Govern;
  readonly enrichQueue: WorkQueue;
  readonly pollQueue: WorkQueue;
}

/** Starts due work every minute. */
export function createDispatch(
  builder: EngineBuilder,
  { tables }: Storage,
  { deliver: { deliveryQueue, drainQueue }, govern: { governanceQueue }, enrichQueue, pollQueue }: DispatchParts,
): void {
  const dispatch = builder.function('Dispatch', 'dispatch', {
    timeoutSeconds: limits.dispatchTimeoutSeconds,
    memorySizeMb: 512,
  });
  tables.events.grant(dispatch, 'BatchGetItem');
  // GetItem, PutItem: restarts stalled replays and erasures.
  tables.deliveries.grant(dispatch, 'BatchGetItem', 'BatchWriteItem', 'GetItem', 'PutItem', 'Query');
  tables.tenants.grant(dispatch, 'GetItem');
  governanceQueue.queue.grantSendMessages(dispatch);
  // UpdateItem: marks an endpoint whose drain was requested.
  tables.limits.grant(dispatch, 'Query', 'UpdateItem');
  deliveryQueue.queue.grantSendMessages(dispatch);
  drainQueue.queue.grantSendMessages(dispatch);
  // PutItem: marks a queue of fetches whose run was requested.
  tables.fetches.grant(dispatch, 'PutItem', 'Query');
  enrichQueue.queue.grantSendMessages(dispatch);
  // PutItem: marks a sync whose run was requested.
  tables.syncs.grant(dispatch, 'BatchGetItem', 'PutItem', 'Query');
  pollQueue.queue.grantSendMessages(dispatch);
  silentWorkAlarm(builder);
  new MinuteSchedule(builder.scope, 'DispatchSchedule', {
    target: dispatch,
    runbookEntry: 'dispatch-silent',
    alarms: builder.alarms,
  });
}

/** Dispatch restarts the work; a person must find out why it stalled. */
function silentWorkAlarm({ scope, alarms, config }: EngineBuilder): void {
  const note: DispatchNote = 'silent-work-restarted';
  alarms.add(scope, 'SilentWorkAlarm', {
    meaning: 'A replay or an erasure had not gone on for 15 minutes, and was started again.',
    runbookEntry: 'silent-work',
    metric: engineMetric(config, 'dispatch', note, { statistic: 'Sum', period: Duration.minutes(5) }),
    threshold: 1,
  });
}
