import { type DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import type { AccountContextRegistry, AccountContexts } from '../../ports/account-contexts.ts';
import { fromItem, type Item, toItem, writeRows } from './dynamo-rows.ts';

/** A row for each value of each account: partition by integration and value, sorted by account. */
export function createDynamoAccountContexts(
  client: DynamoDBClient,
  table: string,
): AccountContexts & AccountContextRegistry {
  return {
    async find(integration, value) {
      const accounts: string[] = [];
      let start: Item | undefined;
      do {
        const answer = await client.send(
          new QueryCommand({
            TableName: table,
            ConsistentRead: true,
            KeyConditionExpression: '#context = :context',
            ExpressionAttributeNames: { '#context': 'context' },
            ExpressionAttributeValues: toItem({ ':context': contextKey(integration, value) }),
            ...(start === undefined ? {} : { ExclusiveStartKey: start }),
          }),
        );
        accounts.push(...(answer.Items ?? []).map((item) => String(fromItem(item)['account'])));
        start = answer.LastEvaluatedKey;
      } while (start !== undefined);
      return accounts;
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
