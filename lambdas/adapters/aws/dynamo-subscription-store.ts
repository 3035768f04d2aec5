import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  type Subscription,
  type SubscriptionStore,
  type SubscriptionWriter,
  scopeOf,
} from '../../ports/subscription-store.ts';
import { putOnCondition } from './dynamo-conditions.ts';
import { type Row, readPartition, readRows, toItem } from './dynamo-rows.ts';
import { createGatherer } from './gatherer.ts';

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

/** Replaces subscriptions that were read. */
export function createDynamoSubscriptionWriter(client: DynamoDBClient, table: string): SubscriptionWriter {
  return {
    async replace(subscription) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({ ...subscription, tenant: scopeOf(subscription), revision: subscription.revision + 1 }),
        ConditionExpression: 'revision = :read',
        ExpressionAttributeValues: toItem({ ':read': subscription.revision }),
      });
      return putOnCondition(client, put);
    },
  };
}

/** The engine's side of the subscriptions table. */
export function createDynamoSubscriptionStore(client: DynamoDBClient, table: string): SubscriptionStore {
  // The tenants of a batch ask at once: what is for all of them is read once.
  const forAll = createGatherer(() => readPartition(client, table, ['tenant', '*']));
  return {
    async listFor(tenant) {
      const scopes = await Promise.all([readPartition(client, table, ['tenant', tenant]), forAll.current().answer]);
      return scopes.flat().map(toSubscription);
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
