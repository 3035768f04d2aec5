import { type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { EngineError } from '../../../contracts/engine-error.ts';
import { limits } from '../../../contracts/limits.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { WaitingBucket, WaitingCalls } from '../../../ports/events/waiting-calls.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import { updateOnCondition } from '../rows/conditions.ts';
import { fromItem, toItem } from '../rows/row-codecs.ts';

/** No call in a row that was last entered this long ago is still alive: DynamoDB may delete the row. */
const keptSeconds = 3_600;
/** Tries to enter a bucket that other calls enter and leave concurrently. */
const maxTries = 10;
const callIdBytes = 8;
/** An expression may name only so many attributes. */
const takenOutTogether = 50;

/** By call: epoch milliseconds at which it ends. */
type Slots = Readonly<Record<string, number>>;

interface BucketsContext {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
}

interface WaitingCall {
  readonly id: string;
  readonly untilMs: number;
}

/**
 * Calls that wait, in the limits table: a row for each bucket, with a map of the calls in it and their ends.
 *
 *   there is room        add the call, if the map is smaller than allowed
 *   there is no room     read the row
 *   there is no row      create it, if it is still missing
 *   some have ended      remove them, and add the call
 *   all are alive        the bucket is full
 *
 * A call leaves by removing itself. One whose function died expires at its end, and is removed when the map is full.
 */
export function createDynamoWaitingCalls(
  client: DynamoDBClient,
  table: string,
  clock: Clock,
  randomness: Randomness,
): WaitingCalls {
  const context: BucketsContext = { client, table, clock };
  return {
    async enter(buckets, untilMs) {
      const call: WaitingCall = { id: randomness.bytes(callIdBytes).toString('hex'), untilMs };
      // A call that fails to leave expires at its end.
      const leave = async (left: readonly WaitingBucket[]) =>
        void (await Promise.allSettled(left.map((bucket) => removeCalls(context, bucket, [call.id]))));
      const entries = await Promise.allSettled(buckets.map((bucket) => enterBucket(context, bucket, call)));
      const full = buckets.find((_, index) => {
        const entry = entries[index];
        return entry?.status === 'fulfilled' && !entry.value;
      });
      const failure = entries.find((entry) => entry.status === 'rejected');
      if (full === undefined && failure === undefined) return { kind: 'entered', leave: () => leave(buckets) };
      // An entry whose write failed may still be stored, so remove it from its bucket, too.
      await leave(buckets.filter((_, index) => entries[index]?.status === 'rejected' || full !== buckets[index]));
      if (full === undefined) throw failure?.reason;
      return { kind: 'full', name: full.name };
    },
  };
}

/**
 * @returns False where the bucket is full.
 * @throws {contended} when other calls changed the bucket at every try.
 */
async function enterBucket(context: BucketsContext, bucket: WaitingBucket, call: WaitingCall): Promise<boolean> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    if (await addCall(context, bucket, call)) return true;
    const slots = await readSlots(context, bucket);
    if (slots === undefined) {
      if (await createBucket(context, bucket, call)) return true;
      continue;
    }
    // The client may have sent the update twice: the first one took the last place.
    if (slots[call.id] !== undefined) return true;
    const ended = Object.entries(slots).filter(([, endMs]) => endMs + limits.clockSkewMs <= context.clock.nowMs());
    if (Object.keys(slots).length - ended.length >= bucket.most) return false;
    if (ended.length > 0)
      await removeCalls(
        context,
        bucket,
        ended.slice(0, takenOutTogether).map(([one]) => one),
      );
  }
  throw new EngineError('contended', `calls of ${bucket.name} enter and leave all the time`, { retryable: true });
}

const names = { '#slots': 'slots', '#expires': ttlAttribute };

function rowOf({ table }: BucketsContext, { name }: WaitingBucket) {
  return { TableName: table, Key: toItem({ id: `waiting#${name}` }) };
}

function expiresAt({ clock }: BucketsContext): number {
  return Math.ceil(clock.nowMs() / 1000) + keptSeconds;
}

/** Add a call where there is room. @returns Whether there was room. */
async function addCall(context: BucketsContext, bucket: WaitingBucket, call: WaitingCall): Promise<boolean> {
  return updateOnCondition(
    context.client,
    new UpdateItemCommand({
      ...rowOf(context, bucket),
      UpdateExpression: 'SET #slots.#call = :until, #expires = :expires',
      ConditionExpression: 'attribute_exists(#slots) AND size(#slots) < :most',
      ExpressionAttributeNames: { ...names, '#call': call.id },
      ExpressionAttributeValues: toItem({
        ':until': call.untilMs,
        ':expires': expiresAt(context),
        ':most': bucket.most,
      }),
    }),
  );
}

/** The calls of a bucket; undefined where it has no row. */
async function readSlots(context: BucketsContext, bucket: WaitingBucket): Promise<Slots | undefined> {
  const { Item } = await context.client.send(new GetItemCommand({ ...rowOf(context, bucket), ConsistentRead: true }));
  return Item === undefined ? undefined : (fromItem(Item)['slots'] as Slots | undefined);
}

/** Create a bucket's row with its first call. @returns False where another call has created it. */
async function createBucket(context: BucketsContext, bucket: WaitingBucket, call: WaitingCall): Promise<boolean> {
  return updateOnCondition(
    context.client,
    new UpdateItemCommand({
      ...rowOf(context, bucket),
      UpdateExpression: 'SET #slots = :slots, #expires = :expires',
      ConditionExpression: 'attribute_not_exists(#slots)',
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: toItem({ ':slots': { [call.id]: call.untilMs }, ':expires': expiresAt(context) }),
    }),
  );
}

/** Remove those of these calls that are in the bucket. */
async function removeCalls(context: BucketsContext, bucket: WaitingBucket, calls: readonly string[]): Promise<void> {
  const places = calls.map((_, index) => `#call${index}`);
  await updateOnCondition(
    context.client,
    new UpdateItemCommand({
      ...rowOf(context, bucket),
      UpdateExpression: `REMOVE ${places.map((place) => `#slots.${place}`).join(', ')}`,
      ConditionExpression: 'attribute_exists(#slots)',
      ExpressionAttributeNames: {
        '#slots': 'slots',
        ...Object.fromEntries(places.map((place, index) => [place, calls[index] as string])),
      },
    }),
  );
}
