import { type DynamoDBClient, QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import type { Page } from '../../../ports/accounts/account-store.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import type {
  AccountContext,
  AccountContextEraser,
  EndpointEraser,
  Eraser,
  SubscriptionEraser,
} from '../../../ports/tenants/tenant-erasers.ts';
import type { Erasable } from '../../../ports/tenants/tenant-store.ts';
import { fromKey, pageSize, queryPage, toKey } from '../rows/erasable-rows.ts';
import { fromItem, type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { changeRows, writeRows } from '../rows/row-writes.ts';
import { claimsIn, claimsKey, readContextKey } from './account-contexts.ts';
import { endpointRowId } from './endpoint-store.ts';
import { counterSequence, type EventTables } from './event-store.ts';
import { newVersionRow } from './subscription-routes.ts';
import { idScope } from './subscription-store.ts';

/*
 * Erasers of a tenant's rows, for each table. They also remove rows that have expired but are not deleted yet.
 */

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
      // Publishers drop their cached projection of the scope.
      await writeRows(client, table, [newVersionRow(scope, randomness)]);
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

/** Erases a tenant's events, sealed numbers, and the claims of event ids. The row that counts the sequence stays. */
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
          // Event ids of older versions did not name the tenant: such a claim may be another tenant's.
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
      // Claims first: they are found through the events.
      await changeRows(client, tables.idempotency, [], items.filter(isClaim).map(fromKey));
      await changeRows(client, tables.events, [], items.filter((one) => !isClaim(one)).map(fromKey));
    },
  };
}

/** Key attributes of rows in a tenant's own partition, and the kind under which they are counted. */
export interface PartitionShape {
  readonly partition: string;
  readonly sort: string;
  readonly kind: string;
}

/** Erases all rows of a tenant's own partition. */
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
          // The found keys must fit into one row, which holds them until they are removed.
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

/** Erases a tenant's API keys, by a scan: they are few, and a key that was written by hand is in no index. */
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
