import { type DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { RunningWork, RunningWorkLog } from '../../../ports/runtime/running-work.ts';
import { fromItem, type Row, toItem } from '../rows/row-codecs.ts';
import { changeRows } from '../rows/row-writes.ts';

/** Not a key of other rows: ids of subscriptions begin with `sub_`, and all other partitions have another prefix. */
const partition = 'running#work';
/** Dispatch removes rows of ended work; a row that it never sees expires. */
const keptSeconds = 30 * 86_400;

function keyOf(work: RunningWork): Row {
  const ids = work.kind === 'replay' ? [work.subscription, work.replay] : [work.tenant, work.erasure];
  return { subscription: partition, delivery: [work.kind, ...ids].join('#') };
}

/** A row for each running replay and erasure, in one partition of the deliveries table: few run at a time. */
export function createDynamoRunningWorkLog(client: DynamoDBClient, table: string): RunningWorkLog {
  return {
    async expect(work, byMs) {
      const expiresAt = Math.ceil(byMs / 1000) + keptSeconds;
      await changeRows(client, table, [{ ...keyOf(work), work, byMs, [ttlAttribute]: expiresAt }], []);
    },
    async remove(work) {
      await changeRows(client, table, [], [keyOf(work)]);
    },
    async listSilent(nowMs, limit) {
      const found: RunningWork[] = [];
      let start: Row | undefined;
      // A page without a match is not the last: DynamoDB filters rows after it has read them.
      do {
        const answer = await client.send(
          new QueryCommand({
            TableName: table,
            KeyConditionExpression: 'subscription = :partition',
            FilterExpression: 'byMs <= :now',
            ExpressionAttributeValues: toItem({ ':partition': partition, ':now': nowMs }),
            ...(start === undefined ? {} : { ExclusiveStartKey: toItem(start) }),
          }),
        );
        found.push(...(answer.Items ?? []).map((item) => fromItem(item)['work'] as RunningWork));
        start = answer.LastEvaluatedKey === undefined ? undefined : fromItem(answer.LastEvaluatedKey);
      } while (start !== undefined && found.length < limit);
      return found.slice(0, limit);
    },
  };
}
