import { hkdfSync } from 'node:crypto';
import { type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { EngineError } from '../../../contracts/engine-error.ts';
import type { EngineKey } from '../../../ports/runtime/engine-key.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import { fromItem, toItem } from '../rows/row-codecs.ts';

const rowId = 'engine-key';
const secretBytes = 32;
const derivedBytes = 32;

/**
 * The deployment's secret, in the limits table, which every function that needs the secret may update. The first
 * function creates it, with one conditional update that returns the stored secret to every later function. A function
 * instance reads it once.
 */
export function createDynamoEngineKey(client: DynamoDBClient, table: string, randomness: Randomness): EngineKey {
  let secret: Promise<Buffer> | undefined;
  const derived = new Map<string, Buffer>();

  async function readSecret(): Promise<Buffer> {
    const { Attributes } = await client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: toItem({ id: rowId }),
        UpdateExpression: 'SET #secret = if_not_exists(#secret, :fresh)',
        ExpressionAttributeNames: { '#secret': 'secret' },
        ExpressionAttributeValues: toItem({ ':fresh': randomness.bytes(secretBytes) }),
        ReturnValues: 'ALL_NEW',
      }),
    );
    const stored = Attributes === undefined ? undefined : fromItem(Attributes)['secret'];
    if (!(stored instanceof Uint8Array) || stored.byteLength !== secretBytes)
      throw new EngineError('corrupt-state', 'the engine key is not a key', { retryable: false });
    return Buffer.from(stored);
  }

  return {
    async derive(purpose) {
      const known = derived.get(purpose);
      if (known !== undefined) return known;
      // A failed read is not remembered: the next call asks again.
      secret ??= readSecret().catch((error: unknown) => {
        secret = undefined;
        throw error;
      });
      const key = Buffer.from(hkdfSync('sha256', await secret, '', `tributary ${purpose}, version 1`, derivedBytes));
      derived.set(purpose, key);
      return key;
    },
  };
}
