import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import type { ApiKey, ApiKeyStore } from '../../ports/api-key-store.ts';
import { fromItem, toItem } from './dynamo-rows.ts';

export function createDynamoApiKeyStore(client: DynamoDBClient, table: string): ApiKeyStore {
  return {
    async find(id) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem({ id }), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : (fromItem(Item) as unknown as ApiKey);
    },
  };
}
