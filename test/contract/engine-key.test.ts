import { describe, expect, test } from 'vitest';
import { createDynamoEngineKey } from '../../lambdas/adapters/dynamo/stores/engine-key.ts';
import { systemRandomness } from '../../lambdas/adapters/node/system-randomness.ts';
import type { EngineKey } from '../../lambdas/ports/runtime/engine-key.ts';
import { createInMemoryEngineKey } from '../fakes/in-memory-engine-key.ts';
import { useTables } from './emulated-aws.ts';

const tables = useTables();
/** Creates one deployment; each call of the result is another function of that deployment. */
const implementations: readonly (readonly [string, () => Promise<() => EngineKey>])[] = [
  ['the fake', async () => () => createInMemoryEngineKey()],
  [
    'DynamoDB',
    async () => {
      const table = await tables.create('limits');
      return () => createDynamoEngineKey(tables.client(), table, systemRandomness);
    },
  ],
];

describe.each(implementations)('engine key on %s', (_, open) => {
  test('is the same for all functions, even when the first ones ask concurrently', async () => {
    const newFunction = await open();
    const keys = await Promise.all(Array.from({ length: 8 }, () => newFunction().derive('cursor')));
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
    expect(keys[0]).toHaveLength(32);
    expect(await newFunction().derive('cursor')).toEqual(keys[0]);
  });

  test('differs for each purpose', async () => {
    const newFunction = await open();
    expect(await newFunction().derive('cursor')).not.toEqual(await newFunction().derive('hops'));
  });
});

test('two deployments on DynamoDB have different keys', async () => {
  const [one, other] = await Promise.all(
    [1, 2].map(async () => createDynamoEngineKey(tables.client(), await tables.create('limits'), systemRandomness)),
  );
  expect(await one?.derive('cursor')).not.toEqual(await other?.derive('cursor'));
});
