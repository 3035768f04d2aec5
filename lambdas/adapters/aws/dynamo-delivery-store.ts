import { type DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../contracts/tables.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Delivery, DeliveryKey, DeliveryLog, DeliveryStore } from '../../ports/delivery-store.ts';
import { fromItem, isLive, type Row, readRows, toItem, writeRows } from './dynamo-rows.ts';

const secondsPerDay = 86_400;

/** A delivery's sort key: the event's time, then its id, so that a subscription's list is in order of time. */
function sortKey({ timestamp, event }: DeliveryKey): string {
  return `${timestamp}#${event}`;
}

export function createDynamoDeliveryStore(
  client: DynamoDBClient,
  table: string,
  options: { readonly clock: Clock; readonly retentionDays: number },
): DeliveryStore {
  return {
    async getMany(keys) {
      const rows = await readRows(
        client,
        table,
        keys.map((key) => ({ subscription: key.subscription, delivery: sortKey(key) })),
      );
      return rows.filter((row) => isLive(row, options.clock.nowMs())).map(toDelivery);
    },
    async putMany(deliveries) {
      const expiresAt = Math.ceil(options.clock.nowMs() / 1000) + options.retentionDays * secondsPerDay;
      await writeRows(
        client,
        table,
        deliveries.map((delivery) => ({ ...delivery, delivery: sortKey(delivery), [ttlAttribute]: expiresAt })),
      );
    },
  };
}

export function createDynamoDeliveryLog(client: DynamoDBClient, table: string, clock: Clock): DeliveryLog {
  return {
    async list(subscription, limit, after) {
      const answer = await client.send(
        new QueryCommand({
          TableName: table,
          Limit: limit,
          ScanIndexForward: false,
          KeyConditionExpression: 'subscription = :subscription',
          ExpressionAttributeValues: toItem({ ':subscription': subscription }),
          ...(after === undefined ? {} : { ExclusiveStartKey: toItem({ subscription, delivery: after }) }),
        }),
      );
      return {
        items: (answer.Items ?? [])
          .map(fromItem)
          .filter((row) => isLive(row, clock.nowMs()))
          .map(toDelivery),
        next: answer.LastEvaluatedKey === undefined ? undefined : String(fromItem(answer.LastEvaluatedKey)['delivery']),
      };
    },
  };
}

function toDelivery(row: Row): Delivery {
  const { delivery: _, [ttlAttribute]: __, ...delivery } = row;
  return { exhaustedBy: undefined, nextAttemptAt: undefined, ...delivery } as unknown as Delivery;
}
