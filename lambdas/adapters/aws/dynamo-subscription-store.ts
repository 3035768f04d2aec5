import { type DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import type { Subscription, SubscriptionStore } from '../../ports/subscription-store.ts';
import { fromItem, type Item, type Row, readRows, toItem } from './dynamo-rows.ts';

/**
 * How subscriptions stand in their table. A row's key is its scope (a tenant, or `*`) and its id, so
 * that one query gives all that may want a tenant's events. That an id is used once, by one tenant, is
 * held by a second row under the scope `#id`, which also tells where an id stands.
 */
export const idScope = '#id';

export function toSubscription(row: Row): Subscription {
  const { tenant, ...rest } = row;
  return { ...rest, tenant: tenant === '*' ? null : tenant } as unknown as Subscription;
}

/** The engine's side of the subscriptions table. */
export function createDynamoSubscriptionStore(client: DynamoDBClient, table: string): SubscriptionStore {
  return {
    async listFor(tenant) {
      const scopes = await Promise.all([queryScope(client, table, tenant), queryScope(client, table, '*')]);
      return scopes.flat().map((item) => toSubscription(fromItem(item)));
    },
    async getMany(keys) {
      const rows = await readRows(
        client,
        table,
        keys.map(({ scope, id }) => ({ tenant: scope, id })),
      );
      return rows.map(toSubscription);
    },
  };
}

async function queryScope(client: DynamoDBClient, table: string, scope: string): Promise<Item[]> {
  const items: Item[] = [];
  let start: Item | undefined;
  do {
    const answer = await client.send(
      new QueryCommand({
        TableName: table,
        ConsistentRead: true,
        KeyConditionExpression: 'tenant = :scope',
        ExpressionAttributeValues: toItem({ ':scope': scope }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    items.push(...(answer.Items ?? []));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return items;
}
