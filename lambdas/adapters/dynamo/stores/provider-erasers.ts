import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import type { CredentialEraser, Eraser } from '../../../ports/tenants/tenant-erasers.ts';
import { fromKey, pageSize, toKey } from '../rows/erasable-rows.ts';
import { fromItem, type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { changeRows } from '../rows/row-writes.ts';
import { kindOfRow } from '../rows/sync-rows.ts';

/** Rows of one page. The keys of all of them, of up to 750 bytes each, must fit into the row that holds them. */
const scannedRows = 4 * pageSize;

/** Erases the credentials of accounts. */
export function createDynamoCredentialEraser(client: DynamoDBClient, table: string): CredentialEraser {
  const keysOf = (accounts: readonly string[]) => accounts.map((account) => ({ account }));
  return {
    async findExisting(tenant, accounts) {
      const rows = await readRows(client, table, keysOf(accounts));
      return rows.filter((row) => row['tenant'] === tenant).map((row) => String(row['account']));
    },
    async removeMany(accounts) {
      await changeRows(client, table, [], keysOf(accounts));
    },
  };
}

/**
 * Erases the waiting fetches of a tenant, by a scan: no index leads to them, and erasures are rare. Runs have no tenant,
 * hold no data, and expire.
 */
export function createDynamoFetchEraser(client: DynamoDBClient, table: string): Eraser {
  return createScanningEraser(client, table, ['queue', 'record'], () => 'fetches');
}

/** Erases a tenant's syncs, with their cursors and runs, by a scan: no index leads to them, and erasures are rare. */
export function createDynamoSyncEraser(client: DynamoDBClient, table: string): Eraser {
  return createScanningEraser(client, table, ['account', 'row'], kindOfRow);
}

/** @param kindOf - The kind under which a row is counted, by its key. */
function createScanningEraser(
  client: DynamoDBClient,
  table: string,
  [partition, sort]: readonly [partition: string, sort: string],
  kindOf: (key: Row) => string,
): Eraser {
  return {
    async find(tenant, after) {
      const answer = await client.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          Limit: scannedRows,
          FilterExpression: '#tenant = :tenant',
          ProjectionExpression: '#partition, #sort',
          ExpressionAttributeNames: { '#tenant': 'tenant', '#partition': partition, '#sort': sort },
          ExpressionAttributeValues: toItem({ ':tenant': tenant }),
          ...(after === undefined ? {} : { ExclusiveStartKey: toItem(JSON.parse(after) as Row) }),
        }),
      );
      const last = answer.LastEvaluatedKey;
      return {
        items: (answer.Items ?? []).map(fromItem).map((row) => ({
          kind: kindOf(row),
          key: toKey({ [partition]: row[partition], [sort]: row[sort] }),
        })),
        next: last === undefined ? undefined : toKey(fromItem(last)),
      };
    },
    async remove(_, items) {
      await changeRows(client, table, [], items.map(fromKey));
    },
  };
}
