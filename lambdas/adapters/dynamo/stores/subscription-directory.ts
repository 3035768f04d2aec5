import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import {
  type SubscriptionDirectory,
  type SubscriptionKey,
  scopeOf,
} from '../../../ports/delivery/subscription-store.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { countPartition, fromItem, readRows, toItem } from '../rows/row-codecs.ts';
import { writeNewVersion } from './subscription-routes.ts';
import { createDynamoSubscriptionWriter, idScope, toSubscription } from './subscription-store.ts';

/** The administration's side of the subscriptions table. */
export function createDynamoSubscriptionDirectory(
  client: DynamoDBClient,
  table: string,
  randomness: Randomness,
): SubscriptionDirectory {
  async function get(tenant: string, id: string) {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: table, Key: toItem({ tenant, id }), ConsistentRead: true }),
    );
    return Item === undefined ? undefined : fromItem(Item);
  }
  async function reserve({ scope, id }: SubscriptionKey): Promise<'reserved' | 'taken'> {
    const put = new PutItemCommand({
      TableName: table,
      Item: toItem({ tenant: idScope, id, scope }),
      ConditionExpression: 'attribute_not_exists(id) OR #scope = :scope',
      ExpressionAttributeNames: { '#scope': 'scope' },
      ExpressionAttributeValues: toItem({ ':scope': scope }),
    });
    return (await putOnCondition(client, put)) ? 'reserved' : 'taken';
  }
  return {
    async find(id) {
      const place = await get(idScope, id);
      const row = place === undefined ? undefined : await get(String(place['scope']), id);
      return row === undefined ? undefined : toSubscription(row);
    },
    reserve,
    async create(subscription) {
      const scope = scopeOf(subscription);
      // A crash after this row leaves the id to the same tenant, whose next try completes it.
      if ((await reserve({ scope, id: subscription.id })) === 'taken') return 'exists';
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({ ...subscription, tenant: scope }),
        ConditionExpression: 'attribute_not_exists(id)',
      });
      const isCreated = await putOnCondition(client, put);
      // Where it exists, too: the call that made it may have been cut off before it came to this.
      await writeNewVersion(client, table, scope, randomness);
      return isCreated ? 'created' : 'exists';
    },
    ...createDynamoSubscriptionWriter(client, table, randomness),
    async remove(subscription) {
      const { id } = subscription;
      // Its row stays, empty, so that no other tenant can take the id.
      const scope = scopeOf(subscription);
      await client.send(new DeleteItemCommand({ TableName: table, Key: toItem({ tenant: scope, id }) }));
      await writeNewVersion(client, table, scope, randomness);
    },
    announce: (subscription) => writeNewVersion(client, table, scopeOf(subscription), randomness),
    // The partition of a scope holds its subscriptions and nothing else.
    count: (tenant, most) => countPartition(client, table, ['tenant', scopeOf({ tenant })], most),
    async list(tenant, limit, after) {
      // Every subscription has its row under `#id`, so a list over all tenants is a list of that scope.
      const scope = tenant ?? idScope;
      const answer = await client.send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          Limit: limit,
          KeyConditionExpression: 'tenant = :scope',
          ExpressionAttributeValues: toItem({ ':scope': scope }),
          ...(after === undefined ? {} : { ExclusiveStartKey: toItem({ tenant: scope, id: after }) }),
        }),
      );
      const found = (answer.Items ?? []).map(fromItem);
      const rows =
        tenant === undefined
          ? await readRows(
              client,
              table,
              found.map((row) => ({ tenant: row['scope'], id: row['id'] })),
            )
          : found;
      const items = rows.map(toSubscription).sort((a, b) => (a.id < b.id ? -1 : 1));
      const next = answer.LastEvaluatedKey === undefined ? undefined : String(fromItem(answer.LastEvaluatedKey)['id']);
      return { items, next };
    },
  };
}
