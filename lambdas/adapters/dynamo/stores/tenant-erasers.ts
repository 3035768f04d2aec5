import {
  type DynamoDBClient,
  QueryCommand,
  type QueryCommandInput,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { accountsByTenantIndex } from '../../../contracts/tables.ts';
import type { Page } from '../../../ports/accounts/account-store.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import type {
  AccountContext,
  AccountContextEraser,
  AccountEraser,
  DeliveryEraser,
  EndpointEraser,
  Eraser,
  SubscriptionEraser,
} from '../../../ports/tenants/tenant-erasers.ts';
import type { Erasable } from '../../../ports/tenants/tenant-store.ts';
import { updateOnCondition } from '../rows/conditions.ts';
import { fromItem, type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { changeRows, writeRows } from '../rows/row-writes.ts';
import { claimsIn, claimsKey, readContextKey } from './account-contexts.ts';
import { backlogPartitions, deliveryPartitions, pointerKey, toDelivery } from './delivery-store.ts';
import { endpointRowId } from './endpoint-store.ts';
import { counterSequence, type EventTables } from './event-store.ts';
import { replaysOf } from './replay-store.ts';
import { newVersionRow } from './subscription-routes.ts';
import { idScope } from './subscription-store.ts';

/*
 * The side of the tables from which a tenant's data is removed. Rows that have expired and still stand are
 * removed, too.
 */

/** Rows that are found and removed together. */
const pageSize = 100;

const toKey = (row: Row): string => JSON.stringify(row);
const fromKey = ({ key }: Erasable): Row => JSON.parse(key) as Row;

/** One page of a query, and where the next begins. */
async function queryPage(
  client: DynamoDBClient,
  input: Omit<QueryCommandInput, 'ExclusiveStartKey'>,
  after: string | undefined,
): Promise<{ readonly rows: readonly Row[]; readonly next: string | undefined }> {
  const answer = await client.send(
    new QueryCommand({
      Limit: pageSize,
      ...input,
      ...(after === undefined ? {} : { ExclusiveStartKey: toItem(JSON.parse(after) as Row) }),
    }),
  );
  const last = answer.LastEvaluatedKey;
  return { rows: (answer.Items ?? []).map(fromItem), next: last === undefined ? undefined : toKey(fromItem(last)) };
}

export function createDynamoAccountEraser(client: DynamoDBClient, table: string): AccountEraser {
  const ofTenant = { ConditionExpression: 'tenant = :tenant' };
  return {
    async list(tenant, limit, after) {
      const { rows, next } = await queryPage(
        client,
        {
          TableName: table,
          IndexName: accountsByTenantIndex,
          Limit: limit,
          KeyConditionExpression: 'tenant = :tenant',
          ExpressionAttributeValues: toItem({ ':tenant': tenant }),
        },
        after === undefined ? undefined : toKey({ tenant, id: after }),
      );
      return {
        items: rows.map((row) => ({ id: String(row['id']), isClosed: row['closed'] === true })),
        next: next === undefined ? undefined : String((JSON.parse(next) as Row)['id']),
      };
    },
    async close(tenant, id) {
      const update = new UpdateItemCommand({
        TableName: table,
        Key: toItem({ id }),
        // Another revision: a caller that read it as it was writes nothing of that back.
        UpdateExpression:
          'SET closed = :true, secrets = :nothing, #context = :noContext REMOVE #capture, #name, metadata, rawRetentionDays, archiveKey ADD revision :one',
        ...ofTenant,
        ExpressionAttributeNames: { '#context': 'context', '#capture': 'capture', '#name': 'name' },
        ExpressionAttributeValues: toItem({
          ':tenant': tenant,
          ':true': true,
          ':nothing': {},
          ':noContext': '{}',
          ':one': 1,
        }),
      });
      await updateOnCondition(client, update);
    },
    async bury(tenant, id) {
      const update = new UpdateItemCommand({
        TableName: table,
        Key: toItem({ id }),
        UpdateExpression: 'SET heldFor = :tenant REMOVE tenant ADD revision :one',
        ConditionExpression: `${ofTenant.ConditionExpression} AND closed = :true`,
        ExpressionAttributeValues: toItem({ ':tenant': tenant, ':true': true, ':one': 1 }),
      });
      await updateOnCondition(client, update);
    },
  };
}

export function createDynamoAccountContextEraser(client: DynamoDBClient, table: string): AccountContextEraser {
  return {
    async listAll(after) {
      const answer = await client.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          ...(after === undefined ? {} : { ExclusiveStartKey: toItem(JSON.parse(after) as Row) }),
        }),
      );
      const last = answer.LastEvaluatedKey;
      return {
        items: (answer.Items ?? []).map(fromItem).flatMap((row): readonly AccountContext[] => {
          const of = readContextKey(String(row['context']));
          if (row['account'] !== claimsKey) return [{ ...of, account: String(row['account']) }];
          const releasedBy = (row as { readonly released?: { readonly by?: string } }).released?.by;
          return [
            ...claimsIn(row).map(({ tenant, account }) => ({ ...of, tenant, account })),
            ...(releasedBy === undefined ? [] : [{ ...of, tenant: releasedBy }]),
          ];
        }),
        next: last === undefined ? undefined : toKey(fromItem(last)),
      };
    },
  };
}

export function createDynamoSubscriptionEraser(
  client: DynamoDBClient,
  table: string,
  randomness: Randomness,
): SubscriptionEraser {
  return {
    async listIds(limit, after) {
      const { rows, next } = await queryPage(
        client,
        {
          TableName: table,
          ConsistentRead: true,
          Limit: limit,
          KeyConditionExpression: 'tenant = :scope',
          ExpressionAttributeValues: toItem({ ':scope': idScope }),
        },
        after === undefined ? undefined : toKey({ tenant: idScope, id: after }),
      );
      return {
        items: rows.map((row) => ({ id: String(row['id']), scope: String(row['scope']) })),
        next: next === undefined ? undefined : String((JSON.parse(next) as Row)['id']),
      };
    },
    async findExisting(scope, ids) {
      const rows = await readRows(
        client,
        table,
        ids.map((id) => ({ tenant: scope, id })),
      );
      return rows.map((row) => String(row['id']));
    },
    async removeMany(scope, ids) {
      await changeRows(
        client,
        table,
        [],
        ids.map((id) => ({ tenant: scope, id })),
      );
      // Publishers forget what they know of the scope.
      await writeRows(client, table, [newVersionRow(scope, randomness)]);
    },
  };
}

/** Partitions that one page looks into, where it finds little in them. */
const maxPartitions = 32;

interface ErasedPlace {
  readonly kind: 'deliveries' | 'replays' | 'delivery_pointers';
  readonly partition: string;
}

/** Many partitions of the deliveries table are a subscription's; see `dynamo-delivery-store.ts`. */
export function createDynamoDeliveryEraser(client: DynamoDBClient, table: string): DeliveryEraser {
  const item = (kind: string, { subscription, delivery }: Row): Erasable => ({
    kind,
    key: toKey({ subscription, delivery }),
  });
  const placesOf = (subscription: string, isShared: boolean): readonly ErasedPlace[] => [
    ...deliveryPartitions(subscription).map((partition) => ({ kind: 'deliveries', partition }) as const),
    { kind: 'replays', partition: replaysOf(subscription) },
    // Those of a subscription of all tenants are found by the deliveries that they point to.
    ...(isShared
      ? []
      : backlogPartitions(subscription).map((partition) => ({ kind: 'delivery_pointers', partition }) as const)),
  ];
  const itemsOf = (kind: ErasedPlace['kind'], row: Row): readonly Erasable[] => {
    const pointer = kind === 'deliveries' ? pointerKey(toDelivery(row)) : undefined;
    return [item(kind, row), ...(pointer === undefined ? [] : [item('delivery_pointers', { ...pointer })])];
  };

  return {
    async findOf(subscription, tenant, after) {
      const places = placesOf(subscription, tenant !== undefined);
      // Most of what is looked at is others'. What is found has to fit into one row, with all pointers.
      const limit = tenant === undefined ? pageSize : 3 * pageSize;
      let [at, within] = after === undefined ? [0] : (JSON.parse(after) as [number, string?]);
      const items: Erasable[] = [];
      let found = 0;
      for (let reads = 0; at < places.length && reads < maxPartitions && found < limit; reads += 1) {
        const { kind, partition } = places[at] as ErasedPlace;
        const { rows, next } = await queryPage(
          client,
          {
            TableName: table,
            ConsistentRead: true,
            KeyConditionExpression: 'subscription = :partition',
            ...(tenant === undefined
              ? {}
              : {
                  FilterExpression: `${kind === 'replays' ? '#replay.#tenant' : '#tenant'} = :tenant`,
                  ExpressionAttributeNames: {
                    '#tenant': 'tenant',
                    ...(kind === 'replays' ? { '#replay': 'replay' } : {}),
                  },
                }),
            ExpressionAttributeValues: toItem({ ':partition': partition, ':tenant': tenant }),
            Limit: limit - found,
          },
          within,
        );
        found += rows.length;
        items.push(...rows.flatMap((row) => itemsOf(kind, row)));
        within = next;
        if (next === undefined) at += 1;
      }
      return {
        items,
        next: at === places.length ? undefined : JSON.stringify(within === undefined ? [at] : [at, within]),
      };
    },
    async removeMany(items) {
      // A pointer is found by its delivery, and may be found by itself, too.
      const distinct = new Map(items.map((one) => [one.key, fromKey(one)]));
      await changeRows(client, table, [], [...distinct.values()]);
    },
  };
}

export function createDynamoEndpointEraser(client: DynamoDBClient, table: string): EndpointEraser {
  const keysOf = (endpoints: readonly string[]) => endpoints.map((endpoint) => ({ id: endpointRowId(endpoint) }));
  return {
    async findExisting(endpoints) {
      const found = new Set((await readRows(client, table, keysOf(endpoints))).map((row) => row['id']));
      return endpoints.filter((endpoint) => found.has(endpointRowId(endpoint)));
    },
    async removeMany(endpoints) {
      await changeRows(client, table, [], keysOf(endpoints));
    },
  };
}

/** A tenant's events, sealed numbers, and the claims of their ids. The row that counts the sequence stays. */
export function createDynamoEventEraser(client: DynamoDBClient, tables: EventTables): Eraser {
  return {
    async find(tenant, after): Promise<Page<Erasable>> {
      const { rows, next } = await queryPage(
        client,
        {
          TableName: tables.events,
          ConsistentRead: true,
          KeyConditionExpression: 'tenant = :tenant AND #sequence > :counter',
          ProjectionExpression: '#sequence, #id, #sealed',
          ExpressionAttributeNames: { '#sequence': 'sequence', '#id': 'id', '#sealed': 'sealed' },
          ExpressionAttributeValues: toItem({ ':tenant': tenant, ':counter': counterSequence }),
        },
        after,
      );
      const ids = rows.flatMap((row) => (typeof row['id'] === 'string' ? row['id'] : []));
      const claims =
        ids.length === 0
          ? []
          : await readRows(
              client,
              tables.idempotency,
              ids.map((id) => ({ id })),
            );
      return {
        items: [
          // Ids of before they named the tenant may be another tenant's.
          ...claims
            .filter((claim) => claim['tenant'] === tenant)
            .map(({ id }) => ({ kind: 'event_claims', key: toKey({ id }) })),
          ...rows.map(({ sequence, sealed }) => ({
            kind: sealed === true ? 'sealed_numbers' : 'events',
            key: toKey({ tenant, sequence }),
          })),
        ],
        next,
      };
    },
    async remove(_, items) {
      const isClaim = ({ kind }: Erasable) => kind === 'event_claims';
      // Before the events, by which they are found.
      await changeRows(client, tables.idempotency, [], items.filter(isClaim).map(fromKey));
      await changeRows(client, tables.events, [], items.filter((one) => !isClaim(one)).map(fromKey));
    },
  };
}

/** How rows that stand in a tenant's own partition are found and counted. */
export interface PartitionShape {
  readonly partition: string;
  readonly sort: string;
  readonly kind: string;
}

/** All rows of a tenant's own partition. */
export function createDynamoPartitionEraser(
  client: DynamoDBClient,
  table: string,
  { partition, sort, kind }: PartitionShape,
): Eraser {
  return {
    async find(tenant, after) {
      const { Items = [], LastEvaluatedKey } = await client.send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          // What is found is kept in one row until it is removed.
          Limit: pageSize,
          KeyConditionExpression: '#partition = :tenant',
          ProjectionExpression: '#partition, #sort',
          ExpressionAttributeNames: { '#partition': partition, '#sort': sort },
          ExpressionAttributeValues: toItem({ ':tenant': tenant }),
          ...(after === undefined ? {} : { ExclusiveStartKey: toItem(JSON.parse(after) as Row) }),
        }),
      );
      return {
        items: Items.map((item) => ({ kind, key: toKey(fromItem(item)) })),
        next: LastEvaluatedKey === undefined ? undefined : toKey(fromItem(LastEvaluatedKey)),
      };
    },
    async remove(_, items) {
      await changeRows(client, table, [], items.map(fromKey));
    },
  };
}

/** API keys of a tenant. They are few, and one that was written by hand stands in no index. */
export function createDynamoApiKeyEraser(client: DynamoDBClient, table: string): Eraser {
  return {
    async find(tenant, after) {
      const answer = await client.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          Limit: 10 * pageSize,
          FilterExpression: '#tenant = :tenant',
          ExpressionAttributeNames: { '#tenant': 'tenant' },
          ExpressionAttributeValues: toItem({ ':tenant': tenant }),
          ...(after === undefined ? {} : { ExclusiveStartKey: toItem(JSON.parse(after) as Row) }),
        }),
      );
      const last = answer.LastEvaluatedKey;
      return {
        items: (answer.Items ?? []).map(fromItem).map(({ id }) => ({ kind: 'api_keys', key: toKey({ id }) })),
        next: last === undefined ? undefined : toKey(fromItem(last)),
      };
    },
    async remove(_, items) {
      await changeRows(client, table, [], items.map(fromKey));
    },
  };
}
