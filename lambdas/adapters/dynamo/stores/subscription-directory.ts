import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import type { Page } from '../../../ports/accounts/account-store.ts';
import {
  type Subscription,
  type SubscriptionDirectory,
  type SubscriptionKey,
  scopeOf,
} from '../../../ports/delivery/subscription-store.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { countPartition, fromItem, type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { writeNewVersion } from './subscription-routes.ts';
import { createDynamoSubscriptionWriter, idScope, toSubscription } from './subscription-store.ts';

/** The administration's side of the subscriptions table. */
export function createDynamoSubscriptionDirectory(
  client: DynamoDBClient,
  table: string,
  randomness: Randomness,
): SubscriptionDirectory {
  return {
    async find(id) {
      const place = await getRow(client, table, { tenant: idScope, id });
      const row = place === undefined ? undefined : await getRow(client, table, { tenant: String(place['scope']), id });
      return row === undefined ? undefined : toSubscription(row);
    },
    reserve: (key) => reserveId(client, table, key),
    async create(subscription) {
      const scope = scopeOf(subscription);
      // After a crash behind this row, the id belongs to the same tenant, whose retry completes the subscription.
      if ((await reserveId(client, table, { scope, id: subscription.id })) === 'taken') return 'exists';
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({ ...subscription, tenant: scope }),
        ConditionExpression: 'attribute_not_exists(id)',
      });
      const isCreated = await putOnCondition(client, put);
      // Even where it exists: the call that created it may have stopped before it wrote the version.
      await writeNewVersion(client, table, scope, randomness);
      return isCreated ? 'created' : 'exists';
    },
    ...createDynamoSubscriptionWriter(client, table, randomness),
    async remove(subscription) {
      const { id } = subscription;
      // The row under `#id` stays, so that no other tenant can take the id.
      const scope = scopeOf(subscription);
      await client.send(new DeleteItemCommand({ TableName: table, Key: toItem({ tenant: scope, id }) }));
      await writeNewVersion(client, table, scope, randomness);
    },
    announce: (subscription) => writeNewVersion(client, table, scopeOf(subscription), randomness),
    // The partition of a scope holds only its subscriptions.
    count: (tenant, most) => countPartition(client, table, ['tenant', scopeOf({ tenant })], most),
    list: (tenant, limit, after) => listSubscriptions(client, table, tenant, limit, after),
  };
}

async function getRow(client: DynamoDBClient, table: string, key: Row): Promise<Row | undefined> {
  const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: toItem(key), ConsistentRead: true }));
  return Item === undefined ? undefined : fromItem(Item);
}

async function reserveId(
  client: DynamoDBClient,
  table: string,
  { scope, id }: SubscriptionKey,
): Promise<'reserved' | 'taken'> {
  const put = new PutItemCommand({
    TableName: table,
    Item: toItem({ tenant: idScope, id, scope }),
    ConditionExpression: 'attribute_not_exists(id) OR #scope = :scope',
    ExpressionAttributeNames: { '#scope': 'scope' },
    ExpressionAttributeValues: toItem({ ':scope': scope }),
  });
  return (await putOnCondition(client, put)) ? 'reserved' : 'taken';
}

async function listSubscriptions(
  client: DynamoDBClient,
  table: string,
  tenant: string | undefined,
  limit: number,
  after: string | undefined,
): Promise<Page<Subscription>> {
  // Every subscription has a row under `#id`, so that scope lists all tenants.
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
}
