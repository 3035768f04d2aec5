import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { createSqsPollQueue } from '../../lambdas/adapters/aws/sqs-queues.ts';
import { createDynamoDeliveryStore } from '../../lambdas/adapters/dynamo/stores/delivery-store.ts';
import { createDynamoRequestParking } from '../../lambdas/adapters/dynamo/stores/parked-requests.ts';
import { createDynamoSyncStore } from '../../lambdas/adapters/dynamo/stores/sync-store.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import { shardOf } from '../../lambdas/contracts/shards.ts';
import type { Delivery } from '../../lambdas/engine/delivery/delivery.ts';
import { newDelivery } from '../../lambdas/engine/delivery/record-attempt.ts';
import { noCounts } from '../../lambdas/engine/sync/sync-state.ts';
import type { SyncKey } from '../../lambdas/ports/sync/sync-store.ts';

const dayMs = 86_400_000;
/** Twice the retention period. */
const ageMs = 2 * limits.retentionDays * dayMs;

/** Rows that the engine wrote long ago and that have expired since. DynamoDB deletes expired rows only days later. */
export interface Leftovers {
  /** Pointers from a subscription's backlog to deliveries that no longer exist. They sort before today's pointers. */
  inBacklog(subscription: { readonly id: string; readonly tenant: string }, count: number): Promise<void>;
  /** The same pointers in the due index, in the shard of an event. */
  inDueIndex(
    subscription: { readonly id: string; readonly tenant: string },
    event: string,
    count: number,
  ): Promise<void>;
  /** Requests that wait for an account, under a value that no account has. */
  inParking(integration: string, value: string, count: number): Promise<void>;
  /** Runs of a sync that ended long ago. @returns Their ids. */
  inRuns(sync: SyncKey & { readonly tenant: string }, count: number): Promise<readonly string[]>;
  /** A message that asks for a run of a sync that may be gone. */
  inPollQueue(sync: SyncKey): Promise<void>;
}

export function createLeftovers(
  client: DynamoDBClient,
  sqs: SQSClient,
  names: {
    readonly deliveries: string;
    readonly parkedRequests: string;
    readonly syncs: string;
    readonly pollQueueUrl: string;
  },
  nowMs: () => number,
): Leftovers {
  const options = { clock: { nowMs: () => nowMs() - ageMs }, retentionDays: limits.retentionDays };
  const deliveries = createDynamoDeliveryStore(client, names.deliveries, options);
  const parking = createDynamoRequestParking(client, names.parkedRequests, options);
  const syncs = createDynamoSyncStore(client, names.syncs, options.clock);
  const pollQueue = createSqsPollQueue(sqs, names.pollQueueUrl);
  const longAgo = () => new Date(options.clock.nowMs()).toISOString();

  const pointTo = (
    { id, tenant }: { readonly id: string; readonly tenant: string },
    events: readonly string[],
    waiting: Pick<Delivery, 'state' | 'waitsIn' | 'nextAttemptAt'>,
  ) => {
    const job = { subscription: id, scope: tenant, tenant, sequence: 0, timestamp: longAgo() };
    return deliveries.remind(events.map((event) => ({ ...newDelivery({ ...job, event }), ...waiting })));
  };

  return {
    async inBacklog(subscription, count) {
      const waiting = { state: 'waiting', waitsIn: 'backlog', nextAttemptAt: undefined } as const;
      await pointTo(subscription, namesOf('evt_old_', count), waiting);
    },
    async inDueIndex(subscription, event, count) {
      const shard = shardOf(event);
      const waiting = { state: 'retrying', waitsIn: 'due-index', nextAttemptAt: longAgo() } as const;
      const events = namesOf('evt_old_', count, (name) => shardOf(name) === shard);
      await pointTo(subscription, events, waiting);
    },
    async inParking(integration, value, count) {
      for (const rawId of namesOf('raw_0000_', count)) {
        const request = { method: 'POST', url: 'http://localhost/', path: '/', query: '', headers: {} };
        const body = { kind: 'inline', encoding: 'utf8', content: '{}' } as const;
        await parking.park(integration, [value], { rawId, integration, receivedAt: longAgo(), request, body });
      }
    },
    async inRuns({ tenant, ...key }, count) {
      const ids = namesOf('run_0old_', count);
      const ended = { mode: 'incremental', outcome: 'succeeded', startedAt: longAgo(), endedAt: longAgo() } as const;
      for (const id of ids) await syncs.putRun({ ...key, tenant, run: { id, ...ended, ...noCounts } });
      return ids;
    },
    inPollQueue: ({ account, sync }) => pollQueue.send({ kind: 'poll', account, sync }, 0),
  };
}

function namesOf(prefix: string, count: number, isWanted: (name: string) => boolean = () => true): readonly string[] {
  const found: string[] = [];
  for (let at = 0; found.length < count; at += 1) {
    const name = `${prefix}${String(at).padStart(5, '0')}`;
    if (isWanted(name)) found.push(name);
  }
  return found;
}
