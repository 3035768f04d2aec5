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
 * GCRA). Each call postpones it by one refill interval; `cost` calls at once, by `cost` intervals (a step). So taking
 * is one conditional update without a read, and concurrent callers do not conflict:
 *
 *   fullAtMs <= now                      the bucket is full: it is full again at now + step
 *   fullAtMs <= now + window - step      enough calls are left: postpone by a step
 *   later                                the bucket is empty until fullAtMs + step - window
 */
export function createDynamoCallLimits(client: DynamoDBClient, table: string, clock: Clock): CallLimits {
  return {
    async take(limit) {
      const nowMs = clock.nowMs();
      const { cost = 1 } = limit;
      const stepMs = (limit.windowMs / limit.calls) * cost;
      // Steps may be fractions of a millisecond, which floating point rounds; the clock counts whole milliseconds.
      const toleranceMs = Math.min(stepMs / cost / 2, 0.5);
      const key = { TableName: table, Key: toItem({ id: `calls#${limit.bucket}` }) };
      // An unused bucket is full, so its row may expire.
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

/** @param fullInMs - Time until the bucket is full, after this call. */
function admitted({ calls, windowMs, cost = 1 }: CallLimit, fullInMs: number): CallAdmission {
  const remaining = Math.floor(((windowMs - fullInMs) * calls) / windowMs + 1e-6);
  return {
    kind: 'admitted',
    remaining: Math.max(0, Math.min(calls - cost, remaining)),
    fullInMs: Math.max(0, fullInMs),
  };
}
