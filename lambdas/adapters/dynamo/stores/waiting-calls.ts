import { type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { EngineError } from '../../../contracts/engine-error.ts';
import { limits } from '../../../contracts/limits.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { WaitingBucket, WaitingCalls } from '../../../ports/events/waiting-calls.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import { updateOnCondition } from '../rows/conditions.ts';
import { fromItem, toItem } from '../rows/row-codecs.ts';

/** A row that no call has entered for so long holds none that lives: DynamoDB may delete it. */
const keptSeconds = 3_600;
/** Tries to enter a bucket that others enter and leave at the same time. */
const maxTries = 10;
const callIdBytes = 8;
/** What one expression may name is bounded. */
const takenOutTogether = 50;

type Slots = Readonly<Record<string, number>>;

/**
 * Calls that wait, in the limits table: a row for each bucket, with a map of the calls in it and their ends.
 *
 *   there is room     add the call, if the map is smaller than allowed
 *   there is none     read the row
 *   it is not there   make it, if there is still none
 *   some have ended   take them out, and add the call
 *   all live on       the bucket is full
 *
 * A call leaves by taking itself out. One whose function died ends by its time, and goes when the map is full.
 */
export function createDynamoWaitingCalls(
  client: DynamoDBClient,
  table: string,
  clock: Clock,
  randomness: Randomness,
): WaitingCalls {
  const keyOf = ({ name }: WaitingBucket) => ({ TableName: table, Key: toItem({ id: `waiting#${name}` }) });
  const names = { '#slots': 'slots', '#expires': ttlAttribute };
  const expiresAt = () => Math.ceil(clock.nowMs() / 1000) + keptSeconds;

  /** Add a call where there is room. @returns Whether there was. */
  async function add(bucket: WaitingBucket, call: string, untilMs: number): Promise<boolean> {
    return updateOnCondition(
      client,
      new UpdateItemCommand({
        ...keyOf(bucket),
        UpdateExpression: 'SET #slots.#call = :until, #expires = :expires',
        ConditionExpression: 'attribute_exists(#slots) AND size(#slots) < :most',
        ExpressionAttributeNames: { ...names, '#call': call },
        ExpressionAttributeValues: toItem({ ':until': untilMs, ':expires': expiresAt(), ':most': bucket.most }),
      }),
    );
  }

  /** The calls of a bucket; undefined where it has no row. */
  async function read(bucket: WaitingBucket): Promise<Slots | undefined> {
    const { Item } = await client.send(new GetItemCommand({ ...keyOf(bucket), ConsistentRead: true }));
    return Item === undefined ? undefined : (fromItem(Item)['slots'] as Slots | undefined);
  }

  /** Make a bucket's row with its first call. @returns False where another call has made it. */
  async function make(bucket: WaitingBucket, call: string, untilMs: number): Promise<boolean> {
    return updateOnCondition(
      client,
      new UpdateItemCommand({
        ...keyOf(bucket),
        UpdateExpression: 'SET #slots = :slots, #expires = :expires',
        ConditionExpression: 'attribute_not_exists(#slots)',
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: toItem({ ':slots': { [call]: untilMs }, ':expires': expiresAt() }),
      }),
    );
  }

  /** Take calls out, those that are there. */
  async function takeOut(bucket: WaitingBucket, calls: readonly string[]): Promise<void> {
    const places = calls.map((_, index) => `#call${index}`);
    await updateOnCondition(
      client,
      new UpdateItemCommand({
        ...keyOf(bucket),
        UpdateExpression: `REMOVE ${places.map((place) => `#slots.${place}`).join(', ')}`,
        ConditionExpression: 'attribute_exists(#slots)',
        ExpressionAttributeNames: {
          '#slots': 'slots',
          ...Object.fromEntries(places.map((place, index) => [place, calls[index] as string])),
        },
      }),
    );
  }

  async function enterBucket(bucket: WaitingBucket, call: string, untilMs: number): Promise<boolean> {
    for (let tries = 0; tries < maxTries; tries += 1) {
      if (await add(bucket, call, untilMs)) return true;
      const slots = await read(bucket);
      if (slots === undefined) {
        if (await make(bucket, call, untilMs)) return true;
        continue;
      }
      // The client may have sent the update twice: the first one took the room.
      if (slots[call] !== undefined) return true;
      const ended = Object.entries(slots).filter(([, endMs]) => endMs + limits.clockSkewMs <= clock.nowMs());
      if (Object.keys(slots).length - ended.length >= bucket.most) return false;
      if (ended.length > 0)
        await takeOut(
          bucket,
          ended.slice(0, takenOutTogether).map(([one]) => one),
        );
    }
    throw new EngineError('contended', `calls of ${bucket.name} enter and leave all the time`, { retryable: true });
  }

  return {
    async enter(buckets, untilMs) {
      const call = randomness.bytes(callIdBytes).toString('hex');
      // A call that cannot leave ends by its time.
      const leave = async (left: readonly WaitingBucket[]) =>
        void (await Promise.allSettled(left.map((bucket) => takeOut(bucket, [call]))));
      const entries = await Promise.allSettled(buckets.map((bucket) => enterBucket(bucket, call, untilMs)));
      const full = buckets.find((_, index) => {
        const entry = entries[index];
        return entry?.status === 'fulfilled' && !entry.value;
      });
      const failure = entries.find((entry) => entry.status === 'rejected');
      if (full === undefined && failure === undefined) return { kind: 'entered', leave: () => leave(buckets) };
      // The fate of an entry that failed is unknown: it may stand.
      await leave(buckets.filter((_, index) => entries[index]?.status === 'rejected' || full !== buckets[index]));
      if (full === undefined) throw failure?.reason;
      return { kind: 'full', name: full.name };
    },
  };
}
