import { type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { CallAdmission, CallLimit, CallLimits } from '../../../ports/tenants/call-limits.ts';
import { updateOnCondition } from '../rows/conditions.ts';
import { fromItem, toItem } from '../rows/row-codecs.ts';

/**
 * Token buckets of callers, in the limits table: a row each.
 *
 * A bucket is one number, the time at which it will be full again (`fullAtMs`, the "theoretical arrival time" of
 * GCRA). A call puts it off by the time that it takes to be refilled, several at once by as many times that. So taking is one conditional update
 * without a read, and callers who take at once do not run into each other:
 *
 *   fullAtMs <= now                      the bucket is full: it is full again at now + step
 *   fullAtMs <= now + window - step      there are as many calls left: put it off by a step
 *   later                                it is empty until fullAtMs + step - window
 */
export function createDynamoCallLimits(client: DynamoDBClient, table: string, clock: Clock): CallLimits {
  return {
    async take(limit) {
      const nowMs = clock.nowMs();
      const { cost = 1 } = limit;
      const stepMs = (limit.windowMs / limit.calls) * cost;
      // Steps have fractions of a millisecond, which no number here holds to the last digit; a clock has none.
      const toleranceMs = Math.min(stepMs / cost / 2, 0.5);
      const key = { TableName: table, Key: toItem({ id: `calls#${limit.bucket}` }) };
      // A row that is not asked for any more is a full bucket, and may be forgotten.
      const expiresAt = Math.ceil((nowMs + limit.windowMs) / 1000) + 60;
      const names = { '#full': 'fullAtMs', '#expires': ttlAttribute };
      const wasFull = await updateOnCondition(
        client,
        new UpdateItemCommand({
          ...key,
          UpdateExpression: 'SET #full = :next, #expires = :expires',
          ConditionExpression: 'attribute_not_exists(#full) OR #full <= :now',
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: toItem({ ':now': nowMs, ':next': nowMs + stepMs, ':expires': expiresAt }),
        }),
      );
      if (wasFull) return admitted(limit, stepMs);
      const hadOne = await updateOnCondition(
        client,
        new UpdateItemCommand({
          ...key,
          UpdateExpression: 'SET #full = #full + :step, #expires = :expires',
          ConditionExpression: '#full <= :last',
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: toItem({
            ':step': stepMs,
            ':last': nowMs + limit.windowMs - stepMs + toleranceMs,
            ':expires': expiresAt,
          }),
        }),
      );
      const { Item } = await client.send(new GetItemCommand({ ...key, ConsistentRead: true }));
      const fullAtMs = Item === undefined ? nowMs : Number(fromItem(Item)['fullAtMs']);
      if (hadOne) return admitted(limit, fullAtMs - nowMs);
      return {
        kind: 'limited',
        retryAfterMs: Math.max(1, Math.ceil(fullAtMs + stepMs - limit.windowMs - nowMs - toleranceMs)),
      };
    },
  };
}

/** @param fullInMs - As it is after the call. */
function admitted({ calls, windowMs, cost = 1 }: CallLimit, fullInMs: number): CallAdmission {
  const remaining = Math.floor(((windowMs - fullInMs) * calls) / windowMs + 1e-6);
  return {
    kind: 'admitted',
    remaining: Math.max(0, Math.min(calls - cost, remaining)),
    fullInMs: Math.max(0, fullInMs),
  };
}
