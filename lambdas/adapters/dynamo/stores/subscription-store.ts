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
 * Partition of ids. A subscription's key is its scope (a tenant, or `*`) and its id, so one query returns a scope's
 * subscriptions. A second row, in this partition, makes the id unique across tenants and tells its scope.
 */
export const idScope = '#id';

export function toSubscription(row: Row): Subscription {
  const { tenant, ...rest } = row;
  return { ...rest, tenant: tenant === '*' ? null : tenant } as unknown as Subscription;
}

/** Replaces subscriptions, if they are unchanged since they were read. */
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
