import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { EngineError } from '../../../contracts/engine-error.ts';
import { shardOf } from '../../../contracts/shards.ts';
import { endpointsByDueIndex } from '../../../contracts/tables.ts';
import type { EndpointState, newEndpoint } from '../../../engine/delivery/endpoint-state.ts';
import type { DueEndpoint, DueEndpoints, EndpointStore } from '../../../ports/delivery/endpoint-store.ts';
import { updateOnCondition } from '../rows/conditions.ts';
import { fromItem, type Item, type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { type RowUpdate, updateRow } from '../rows/row-writes.ts';

export const endpointRowId = (endpoint: string) => `endpoint#${endpoint}`;

/**
 * Endpoints, in the limits table: a row each. The due index holds only endpoints that dispatch must look at.
 *
 * @param create - The state of an endpoint that has no row; it also fills in what a row of an older version lacks.
 */
export function createDynamoEndpointStore(
  client: DynamoDBClient,
  table: string,
  create: typeof newEndpoint,
): EndpointStore & DueEndpoints {
  const toState = (row: Row): EndpointState => {
    const { id: _, dueShard: __, dueAtMs: ___, ...state } = row;
    return { ...create('', ''), ...state };
  };
  return {
    async getMany(keys) {
      const rows = await readRows(
        client,
        table,
        keys.map(({ endpoint }) => ({ id: endpointRowId(endpoint) })),
      );
      const stored = new Map(rows.map((row) => [row['id'], toState(row)]));
      return keys.map(({ endpoint, scope }) => {
        const state = stored.get(endpointRowId(endpoint));
        return state?.scope === scope ? state : create(scope, endpoint);
      });
    },
    replace: (state, dueAtMs, isUnwoken = false) =>
      updateRow(client, toReplacement(table, state, dueAtMs, isUnwoken || !state.hasBacklog)),
    wake: async (key) => toState(await wakeEndpoint(client, table, key)),
    listDue: (shard, untilMs, limit, after) => listDueEndpoints(client, table, String(shard), untilMs, limit, after),
    async postpone({ endpoint, scope, dueAtMs }, untilMs) {
      return updateOnCondition(
        client,
        new UpdateItemCommand({
          TableName: table,
          Key: toItem({ id: endpointRowId(endpoint) }),
          UpdateExpression: 'SET dueAtMs = :until',
          // Fails for a row that is gone or no longer due: the update would put either into the index.
          ConditionExpression: 'dueAtMs = :read AND #scope = :scope',
          ExpressionAttributeNames: { '#scope': 'scope' },
          ExpressionAttributeValues: toItem({ ':until': untilMs, ':read': dueAtMs, ':scope': scope }),
        }),
      );
    },
  };
}

/** @param mustBeUnwoken - Whether the update fails when the endpoint was woken since it was read. */
function toReplacement(
  table: string,
  state: EndpointState,
  dueAtMs: number | undefined,
  mustBeUnwoken: boolean,
): RowUpdate {
  // Only `wake` counts wakeups, concurrently with all other writes.
  const { wakeups, revision, ...rest } = state;
  const dueShard = dueAtMs === undefined ? undefined : String(shardOf(state.endpoint));
  const attributes = Object.entries({ ...rest, revision: revision + 1, dueShard, dueAtMs });
  return {
    table,
    key: { id: endpointRowId(state.endpoint) },
    set: Object.fromEntries(attributes.filter(([, value]) => value !== undefined)),
    removed: attributes.filter(([, value]) => value === undefined).map(([name]) => name),
    conditions: [
      { attribute: 'scope', is: state.scope, orMissing: true },
      { attribute: 'revision', is: revision, orMissing: revision === 0 },
      // A backlog counts as empty only if no entry was added after it was read.
      ...(mustBeUnwoken ? [{ attribute: 'wakeups', is: wakeups, orMissing: true }] : []),
    ],
    mayCreate: revision === 0,
  };
}

/**
 * Mark that an endpoint has a backlog.
 *
 * @returns The row after the update.
 * @throws {corrupt-state} when the endpoint's row has another scope.
 */
async function wakeEndpoint(
  client: DynamoDBClient,
  table: string,
  { endpoint, scope }: Parameters<EndpointStore['wake']>[0],
): Promise<Row> {
  const update = new UpdateItemCommand({
    TableName: table,
    Key: toItem({ id: endpointRowId(endpoint) }),
    UpdateExpression:
      'SET #hasBacklog = :true, #endpoint = :endpoint, #scope = :scope, #revision = if_not_exists(#revision, :none) ADD #wakeups :one',
    ConditionExpression: 'attribute_not_exists(#scope) OR #scope = :scope',
    ExpressionAttributeNames: Object.fromEntries(
      ['hasBacklog', 'endpoint', 'scope', 'revision', 'wakeups'].map((name) => [`#${name}`, name]),
    ),
    ExpressionAttributeValues: toItem({
      ':true': true,
      ':endpoint': endpoint,
      ':scope': scope,
      ':none': 0,
      ':one': 1,
    }),
    ReturnValues: 'ALL_NEW',
  });
  const { Attributes } = await client.send(update).catch((error: unknown) => {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    throw new EngineError('corrupt-state', `the endpoint ${endpoint} belongs to another scope`, { retryable: false });
  });
  return fromItem(Attributes ?? {});
}

async function listDueEndpoints(
  client: DynamoDBClient,
  table: string,
  dueShard: string,
  untilMs: number,
  limit: number,
  after: DueEndpoint | undefined,
): Promise<readonly DueEndpoint[]> {
  const items: Item[] = [];
  let start =
    after === undefined ? undefined : toItem({ dueShard, dueAtMs: after.dueAtMs, id: endpointRowId(after.endpoint) });
  do {
    const answer = await client.send(
      new QueryCommand({
        TableName: table,
        IndexName: endpointsByDueIndex,
        Limit: limit - items.length,
        KeyConditionExpression: 'dueShard = :shard AND dueAtMs <= :until',
        ExpressionAttributeValues: toItem({ ':shard': dueShard, ':until': untilMs }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    items.push(...(answer.Items ?? []));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined && items.length < limit);
  return items.map(fromItem).map((row) => ({
    endpoint: String(row['endpoint']),
    scope: String(row['scope']),
    dueAtMs: Number(row['dueAtMs']),
  }));
}
