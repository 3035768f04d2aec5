import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Subscription, SubscriptionStore } from '../../ports/subscription-store.ts';
import { type Row, readPartition, readRows } from './dynamo-rows.ts';

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
      const scopes = await Promise.all([tenant, '*'].map((scope) => readPartition(client, table, ['tenant', scope])));
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
