import { DeleteItemCommand, type DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import type { RawMessage } from '../../contracts/messages.ts';
import { ttlAttribute } from '../../contracts/tables.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ParkedRequests, RequestParking } from '../../ports/parked-requests.ts';
import { contextKey } from './dynamo-account-contexts.ts';
import { fromItem, isLive, toItem } from './dynamo-rows.ts';
import { writeRows } from './dynamo-writes.ts';

const secondsPerDay = 86_400;

/** A row for each request under each value, as the message that it was: replaying it is sending it again. */
export function createDynamoRequestParking(
  client: DynamoDBClient,
  table: string,
  options: { readonly clock: Clock; readonly retentionDays: number },
): RequestParking {
  return {
    async park(integration, values, message) {
      const expiresAt = Math.ceil(options.clock.nowMs() / 1000) + options.retentionDays * secondsPerDay;
      await writeRows(
        client,
        table,
        values.map((value) => ({
          context: contextKey(integration, value),
          rawId: message.rawId,
          message: JSON.stringify(message),
          [ttlAttribute]: expiresAt,
        })),
      );
    },
  };
}

export function createDynamoParkedRequests(client: DynamoDBClient, table: string, clock: Clock): ParkedRequests {
  return {
    async list(integration, value, limit, after) {
      const context = contextKey(integration, value);
      const { Items = [], LastEvaluatedKey } = await client.send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          Limit: limit,
          KeyConditionExpression: '#context = :context',
          ExpressionAttributeNames: { '#context': 'context' },
          ExpressionAttributeValues: toItem({ ':context': context }),
          ...(after === undefined ? {} : { ExclusiveStartKey: toItem({ context, rawId: after }) }),
        }),
      );
      return {
        items: Items.map(fromItem).map((row) => ({
          message: JSON.parse(String(row['message'])) as RawMessage,
          isExpired: !isLive(row, clock.nowMs()),
        })),
        next: LastEvaluatedKey === undefined ? undefined : String(fromItem(LastEvaluatedKey)['rawId']),
      };
    },
    async remove(integration, value, rawId) {
      await client.send(
        new DeleteItemCommand({ TableName: table, Key: toItem({ context: contextKey(integration, value), rawId }) }),
      );
    },
  };
}
