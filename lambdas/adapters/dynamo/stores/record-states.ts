import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { RecordKey, RecordStates, StoredRecord } from '../../../ports/events/record-states.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { recordRowKey, toRecordAttributes, toRecordState } from '../rows/record-rows.ts';
import { isLive, type Row, readRows } from '../rows/row-codecs.ts';
import { insertRows, updateRow } from '../rows/row-writes.ts';

/** How long the state of a deleted record is kept, so that a late webhook does not bring it back. */
const tombstoneSeconds = 90 * 86_400;

/** Keeps record states in the records table: reads of a batch share one request, and so do its writes. */
export function createDynamoRecordStates(client: DynamoDBClient, table: string, clock: Clock): RecordStates {
  return {
    async getMany(keys) {
      const rows = await readRows(client, table, keys.map(recordRowKey));
      const byName = new Map(rows.map((row) => [nameOf(row), row]));
      return keys.map((key) => toStored(key, byName.get(nameOf(recordRowKey(key))), clock.nowMs()));
    },

    async write(key, before, next) {
      const expiry = next.isDeleted ? Math.ceil(clock.nowMs() / 1000) + tombstoneSeconds : undefined;
      const attributes: Row = { ...toRecordAttributes(key, next), [ttlAttribute]: expiry };
      if (before.lastN === 0) {
        const [insertion] = await insertRows(client, table, [{ ...recordRowKey(key), ...attributes }]);
        if (insertion instanceof Error) throw insertion;
        return insertion === 'inserted';
      }
      const entries = Object.entries(attributes);
      return updateRow(client, {
        table,
        key: recordRowKey(key),
        set: Object.fromEntries(entries.filter(([, value]) => value !== undefined)),
        removed: entries.filter(([, value]) => value === undefined).map(([name]) => name),
        conditions: [{ attribute: 'n', is: before.lastN }],
        mayCreate: false,
      });
    },
  };
}

function toStored(key: RecordKey, row: Row | undefined, nowMs: number): StoredRecord {
  if (row === undefined) return { state: undefined, lastN: 0 };
  const state = toRecordState(row);
  const isOwn = row['tenant'] === key.tenant && row['incarnation'] === key.incarnation;
  const counts = isOwn && isLive(row, nowMs);
  return { state: counts ? state : undefined, lastN: state.n };
}

function nameOf({ source, record }: Row): string {
  return JSON.stringify([source, record]);
}
