import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { AccountContextRegistry, AccountContexts } from '../../ports/account-contexts.ts';
import { readPartition, writeRows } from './dynamo-rows.ts';

/** A row for each value of each account: partition by integration and value, sorted by account. */
export function createDynamoAccountContexts(
  client: DynamoDBClient,
  table: string,
): AccountContexts & AccountContextRegistry {
  return {
    async find(integration, value) {
      const rows = await readPartition(client, table, ['context', contextKey(integration, value)]);
      return rows.map((row) => String(row['account']));
    },
    async register(integration, values, account) {
      await writeRows(
        client,
        table,
        values.map((value) => ({ context: contextKey(integration, value), account })),
      );
    },
  };
}

/** An integration's name has no space, so that no two pairs give one key. */
export function contextKey(integration: string, value: string): string {
  return `${integration} ${value}`;
}
