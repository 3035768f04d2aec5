import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import type { ApiKey, ApiKeyStore } from '../../ports/api-key-store.ts';
import { fromItem, type Row, toItem } from './dynamo-rows.ts';

export function createDynamoApiKeyStore(client: DynamoDBClient, table: string): ApiKeyStore {
  return {
    async find(id) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem({ id }), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : toApiKey(fromItem(Item));
    },
  };
}

/** Rows of this table may be written by hand: one that is not whole opens nothing. */
function toApiKey({ id, secretSha256, tenant }: Row): ApiKey | undefined {
  const isWhole = typeof id === 'string' && typeof secretSha256 === 'string';
  return isWhole && (tenant === null || typeof tenant === 'string') ? { id, secretSha256, tenant } : undefined;
}
