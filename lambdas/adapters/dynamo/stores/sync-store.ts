import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { syncsByDueIndex } from '../../../contracts/tables.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { RunRow, SyncKey, SyncRow, SyncStore } from '../../../ports/sync/sync-store.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { queryPage } from '../rows/erasable-rows.ts';
import { queryLive } from '../rows/live-rows.ts';
import { isLive, type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { changeRows, writeRows } from '../rows/row-writes.ts';
import {
  cursorPrefix,
  cursorRowKey,
  fromCursorRow,
  fromRunRow,
  fromSyncRow,
  runBounds,
  runRowKey,
  type SyncTableKey,
  syncPrefix,
  syncRowKey,
  toCursorRow,
  toRunRow,
  toSyncRow,
} from '../rows/sync-rows.ts';

interface SyncTable {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
}

/** Syncs, their cursors and their runs: a partition for each account. */
export function createDynamoSyncStore(client: DynamoDBClient, table: string, clock: Clock): SyncStore {
  const own: SyncTable = { client, table, clock };
  return {
    async get(key) {
      const [row] = await readRows(client, table, [syncRowKey(key)]);
      return row === undefined ? undefined : fromSyncRow(row);
    },
    async list(account) {
      return (await readPrefix(own, account, syncPrefix)).map(fromSyncRow);
    },
    replace: async (row) => replaceSync(own, row),
    remove: async (row) => removeSync(own, row),
    listDue: async (shard, untilMs, limit) => listDue(own, shard, untilMs, limit),
    async getCursor(key) {
      const [row] = await readRows(client, table, [cursorRowKey(key)]);
      return row === undefined ? undefined : fromCursorRow(row);
    },
    async putCursor(key, cursor, tenant) {
      await writeRows(client, table, [toCursorRow(key, cursor, tenant)]);
    },
    removeCursors: async (key) => removeCursors(own, key),
    async putRun(row) {
      await writeRows(client, table, [toRunRow(row, clock.nowMs())]);
    },
    async addRun(row) {
      const Item = toItem(toRunRow(row, clock.nowMs()));
      const put = new PutItemCommand({
        TableName: table,
        Item,
        ConditionExpression: 'attribute_not_exists(#row)',
        ExpressionAttributeNames: { '#row': 'row' },
      });
      await putOnCondition(client, put);
    },
    async getRun(key, id) {
      const [row] = await readRows(client, table, [runRowKey(key, id)]);
      return row !== undefined && isLive(row, clock.nowMs()) ? fromRunRow(row) : undefined;
    },
    listRuns: async (key, limit, after) => listRuns(own, key, limit, after),
  };
}

/** A new sync begins without the cursors that a former one of its name may have left. */
async function replaceSync(own: SyncTable, row: SyncRow): Promise<SyncRow | undefined> {
  const isNew = row.revision === 0;
  if (isNew) await removeCursors(own, row);
  const next = toSyncRow({ ...row, revision: row.revision + 1 });
  const put = new PutItemCommand({
    TableName: own.table,
    Item: toItem(next),
    ...(isNew ? { ConditionExpression: 'attribute_not_exists(revision)' } : asRead(row)),
  });
  return (await putOnCondition(own.client, put)) ? fromSyncRow(next) : undefined;
}

/**
 * The row goes first, so that no run goes on with a part of its cursors. A call that is cut off after that is repeated,
 * or the next sync of that name removes what it left.
 */
async function removeSync(own: SyncTable, row: SyncRow): Promise<boolean> {
  const { ConditionExpression, ...read } = asRead(row);
  const removal = new DeleteItemCommand({
    TableName: own.table,
    Key: toItem(syncRowKey(row)),
    ConditionExpression: `attribute_not_exists(revision) OR ${ConditionExpression}`,
    ...read,
  });
  try {
    await own.client.send(removal);
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
  await removeCursors(own, row);
  return true;
}

/** Holds where nothing was written since the row was read. */
function asRead({ revision }: SyncRow) {
  return {
    ConditionExpression: 'revision = :read',
    ExpressionAttributeValues: toItem({ ':read': revision }),
  };
}

/** The index lags and holds keys only: what is due is decided by the rows themselves. */
async function listDue(
  { client, table, clock }: SyncTable,
  shard: number,
  untilMs: number,
  limit: number,
): Promise<readonly SyncRow[]> {
  const query = {
    TableName: table,
    IndexName: syncsByDueIndex,
    KeyConditionExpression: 'dueShard = :shard AND dueAtMs <= :until',
    ExpressionAttributeValues: toItem({ ':shard': String(shard), ':until': untilMs }),
  };
  const keys = (await queryLive(client, query, clock.nowMs(), limit)).map(keyOf);
  return (await readRows(client, table, keys))
    .map(fromSyncRow)
    .filter(({ dueAtMs = Number.POSITIVE_INFINITY }) => dueAtMs <= untilMs)
    .toSorted((a, b) => (a.dueAtMs ?? 0) - (b.dueAtMs ?? 0));
}

async function removeCursors({ client, table }: SyncTable, key: SyncKey): Promise<void> {
  const query = { ...prefixQuery(table, key.account, cursorPrefix(key)), ProjectionExpression: '#account, #row' };
  let after: string | undefined;
  do {
    const { rows, next } = await queryPage(client, query, after);
    await changeRows(client, table, [], rows.map(keyOf));
    after = next;
  } while (after !== undefined);
}

async function listRuns({ client, table, clock }: SyncTable, key: SyncKey, limit: number, after: string | undefined) {
  const { first, last } = runBounds(key);
  const query = {
    TableName: table,
    ConsistentRead: true,
    ScanIndexForward: false,
    KeyConditionExpression: '#account = :account AND #row BETWEEN :first AND :last',
    ExpressionAttributeNames: { '#account': 'account', '#row': 'row' },
    ExpressionAttributeValues: toItem({
      ':account': key.account,
      ':first': first,
      ':last': after === undefined ? last : runRowKey(key, after).row,
    }),
  };
  // One more than the page, which tells whether another follows; the bound itself was in the page before.
  const most = limit + (after === undefined ? 1 : 2);
  const runs = (await queryLive(client, query, clock.nowMs(), most))
    .map(fromRunRow)
    .filter(({ run }) => run.id !== after);
  const items: readonly RunRow[] = runs.slice(0, limit);
  return { items, next: runs.length > limit ? items.at(-1)?.run.id : undefined };
}

async function readPrefix({ client, table, clock }: SyncTable, account: string, prefix: string) {
  return queryLive(client, prefixQuery(table, account, prefix), clock.nowMs());
}

function prefixQuery(table: string, account: string, prefix: string) {
  return {
    TableName: table,
    ConsistentRead: true,
    KeyConditionExpression: '#account = :account AND begins_with(#row, :prefix)',
    ExpressionAttributeNames: { '#account': 'account', '#row': 'row' },
    ExpressionAttributeValues: toItem({ ':account': account, ':prefix': prefix }),
  };
}

function keyOf({ account, row }: Row): SyncTableKey {
  return { account: String(account), row: String(row) };
}
