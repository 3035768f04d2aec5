import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { RecordDirectory } from '../../../ports/events/record-states.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { Eraser } from '../../../ports/tenants/tenant-erasers.ts';
import { fromKey, pageSize, queryPage, toKey } from '../rows/erasable-rows.ts';
import { recordPartition, recordShards, toRecordState } from '../rows/record-rows.ts';
import { isLive, type Row, toItem } from '../rows/row-codecs.ts';
import { changeRows } from '../rows/row-writes.ts';

/** A place in the partitions of an account: a shard, and the last key read in it. */
interface Place {
  readonly shard: number;
  /** Sort key. */
  readonly after?: string | undefined;
}

/** Lists the records of an account, one partition after the other. */
export function createDynamoRecordDirectory(client: DynamoDBClient, table: string, clock: Clock): RecordDirectory {
  return {
    async list({ tenant, account, incarnation }, limit, after, resource) {
      const page = await readShard(client, table, account, limit, after, resource);
      const own = page.rows.filter(
        (row) => row['tenant'] === tenant && row['incarnation'] === incarnation && isLive(row, clock.nowMs()),
      );
      return {
        items: own.map((row) => ({
          resource: String(row['resource']),
          recordId: String(row['recordId']),
          state: toRecordState(row),
          next: writePlace({ shard: page.shard, after: String(row['record']) }),
        })),
        next: page.next,
      };
    },
  };
}

/** Removes the records of an account. The owner is the account's id. */
export function createDynamoRecordEraser(client: DynamoDBClient, table: string): Eraser {
  return {
    async find(account, after) {
      const { rows, next } = await readShard(client, table, account, pageSize, after);
      return { items: rows.map((row) => ({ kind: 'record_states', key: toKey(keyOf(row)) })), next };
    },
    async remove(_, items) {
      await changeRows(client, table, [], items.map(fromKey));
    },
  };
}

async function readShard(
  client: DynamoDBClient,
  table: string,
  account: string,
  limit: number,
  after: string | undefined,
  resource?: string,
): Promise<{ readonly rows: readonly Row[]; readonly shard: number; readonly next: string | undefined }> {
  const { shard, after: record } = readPlace(after);
  const source = recordPartition(account, shard);
  const { rows, next } = await queryPage(
    client,
    {
      TableName: table,
      ConsistentRead: true,
      Limit: limit,
      KeyConditionExpression: `#source = :source${resource === undefined ? '' : ' AND begins_with(#record, :resource)'}`,
      ExpressionAttributeNames: { '#source': 'source', ...(resource === undefined ? {} : { '#record': 'record' }) },
      ExpressionAttributeValues: toItem({
        ':source': source,
        ...(resource === undefined ? {} : { ':resource': `${resource}#` }),
      }),
    },
    record === undefined ? undefined : toKey({ source, record }),
  );
  const last = rows.at(-1);
  if (next !== undefined && last !== undefined)
    return { rows, shard, next: writePlace({ shard, after: String(last['record']) }) };
  return { rows, shard, next: shard + 1 < recordShards ? writePlace({ shard: shard + 1 }) : undefined };
}

function keyOf({ source, record }: Row): Row {
  return { source, record };
}

/** The number of a shard, and a sort key in it: `3 crm/contacts#42`. */
function writePlace({ shard, after }: Place): string {
  return after === undefined ? String(shard) : `${shard} ${after}`;
}

function readPlace(text = '0'): Place {
  const [, shard, after] = /^(\d+)(?: (.+))?$/s.exec(text) ?? [];
  if (shard === undefined) throw new RangeError('a position in the records of an account begins with a shard');
  return { shard: Number(shard), after };
}
