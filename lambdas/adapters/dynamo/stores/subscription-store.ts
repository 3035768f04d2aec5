import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  type Subscription,
  type SubscriptionStore,
  type SubscriptionWriter,
  scopeOf,
} from '../../../ports/delivery/subscription-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { createDynamoSubscriptionRoutes, writeNewVersion } from './subscription-routes.ts';

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
export function createDynamoSubscriptionWriter(
  client: DynamoDBClient,
  table: string,
  randomness: Randomness,
): SubscriptionWriter {
  return {
    async replace(subscription) {
      const scope = scopeOf(subscription);
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({ ...subscription, tenant: scope, revision: subscription.revision + 1 }),
        ConditionExpression: 'revision = :read',
        ExpressionAttributeValues: toItem({ ':read': subscription.revision }),
      });
      const isReplaced = await putOnCondition(client, put);
      if (isReplaced) await writeNewVersion(client, table, scope, randomness);
      return isReplaced;
    },
  };
}

/** The engine's side of the subscriptions table. */
export function createDynamoSubscriptionStore(client: DynamoDBClient, table: string, clock: Clock): SubscriptionStore {
  return {
    ...createDynamoSubscriptionRoutes(client, table, clock),
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
