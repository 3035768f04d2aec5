import { type DynamoDBClient, QueryCommand, type QueryCommandInput } from '@aws-sdk/client-dynamodb';
import type { Erasable } from '../../../ports/tenants/tenant-store.ts';
import { fromItem, type Row, toItem } from './row-codecs.ts';

/** Rows that one page of an erasure finds and removes. */
export const pageSize = 100;

export const toKey = (row: Row): string => JSON.stringify(row);
export const fromKey = ({ key }: Erasable): Row => JSON.parse(key) as Row;

/** Read one page of a query. @returns The rows, and the key after which the next page begins. */
export async function queryPage(
  client: DynamoDBClient,
  input: Omit<QueryCommandInput, 'ExclusiveStartKey'>,
  after: string | undefined,
): Promise<{ readonly rows: readonly Row[]; readonly next: string | undefined }> {
  const answer = await client.send(
    new QueryCommand({
      Limit: pageSize,
      ...input,
      ...(after === undefined ? {} : { ExclusiveStartKey: toItem(JSON.parse(after) as Row) }),
    }),
  );
  const last = answer.LastEvaluatedKey;
  return { rows: (answer.Items ?? []).map(fromItem), next: last === undefined ? undefined : toKey(fromItem(last)) };
}
