import { DeleteItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { RawMessage } from '../../../contracts/messages.ts';
import { parkedShards, shardOf } from '../../../contracts/shards.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { ParkedRequests, RequestParking } from '../../../ports/accounts/parked-requests.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { queryMerged } from '../rows/merged-query.ts';
import { isLive, toItem } from '../rows/row-codecs.ts';
import { writeRows } from '../rows/row-writes.ts';
import { contextKey } from './account-contexts.ts';

const secondsPerDay = 86_400;

/*
 * Requests that wait under one value are sharded by a hash of their ids, because ids rise with time: a row holds a body
 * of up to 8 KiB, which is nine write units, and one partition takes 1,000 write units a second.
 */

const partitionOf = (integration: string, value: string, shard: number) => `${shard} ${contextKey(integration, value)}`;
/** The partitions of a value's requests. */
export const parkedPartitions = (integration: string, value: string) =>
  Array.from({ length: parkedShards }, (_, shard) => partitionOf(integration, value, shard));
const rowKey = (integration: string, value: string, rawId: string) => ({
  context: partitionOf(integration, value, shardOf(rawId, parkedShards)),
  rawId,
});

/** A row for each request under each value. It holds the original message, so a replay sends that message again. */
export function createDynamoRequestParking(
  client: DynamoDBClient,
  table: string,
  options: { readonly clock: Clock; readonly retentionDays: number },
): RequestParking {
  return {
    async park(integration, values, message) {
      const expiresAt = Math.ceil(options.clock.nowMs() / 1000) + options.retentionDays * secondsPerDay;
      await writeRows(
        client,
        table,
        values.map((value) => ({
          ...rowKey(integration, value, message.rawId),
          message: JSON.stringify(message),
          [ttlAttribute]: expiresAt,
        })),
      );
    },
  };
}

export function createDynamoParkedRequests(client: DynamoDBClient, table: string, clock: Clock): ParkedRequests {
  return {
    async list(integration, value, limit, after) {
      const { rows, isComplete } = await queryMerged(client, {
        table,
        key: { partition: 'context', sort: 'rawId' },
        partitions: parkedPartitions(integration, value),
        order: 'rising',
        limit,
        after,
        isConsistent: true,
      });
      return {
        items: rows.map((row) => ({
          message: JSON.parse(String(row['message'])) as RawMessage,
          isExpired: !isLive(row, clock.nowMs()),
        })),
        next: isComplete ? undefined : String(rows.at(-1)?.['rawId']),
      };
    },
    async remove(integration, value, rawId) {
      await client.send(new DeleteItemCommand({ TableName: table, Key: toItem(rowKey(integration, value, rawId)) }));
    },
  };
}
