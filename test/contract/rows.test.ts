import { describe, expect, test } from 'vitest';
import { readRows, writeRows } from '../../lambdas/adapters/aws/dynamo-rows.ts';
import { useTables } from './emulated-aws.ts';

const tables = useTables();

describe('rows that are read by key', () => {
  test('are one request where they are asked for at once, of several tables and by several callers', async () => {
    const [accounts, subscriptions] = [await tables.create('accounts'), await tables.create('subscriptions')];
    const client = tables.client();
    await writeRows(client, accounts, [{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    await writeRows(client, subscriptions, [{ tenant: 'acme', id: 'a' }]);
    let requests = 0;
    client.middlewareStack.add(
      (next) => (args) => {
        requests += 1;
        return next(args);
      },
      { step: 'finalizeRequest', name: 'count' },
    );
    const key = { tenant: 'acme', id: 'a' };
    const [some, same, others, none] = await Promise.all([
      readRows(client, accounts, [{ id: 'a' }, { id: 'b' }, { id: 'a' }]),
      readRows(client, accounts, [{ id: 'b' }, { id: 'x' }]),
      readRows(client, subscriptions, [key]),
      readRows(client, subscriptions, []),
    ]);
    expect(new Set(some.map(({ id }) => id))).toEqual(new Set(['a', 'b']));
    expect(some).toHaveLength(2);
    expect(same).toEqual([{ id: 'b' }]);
    expect(others).toEqual([key]);
    expect(none).toEqual([]);
    expect(requests).toBe(1);

    await writeRows(client, accounts, [{ id: 'x' }]);
    expect(await readRows(client, accounts, [{ id: 'x' }])).toEqual([{ id: 'x' }]);
    client.middlewareStack.remove('count');
  });

  test('are as many requests as they need, each of 100 keys', async () => {
    const [accounts, contexts] = [await tables.create('accounts'), await tables.create('accountContexts')];
    const client = tables.client();
    const ids = Array.from({ length: 150 }, (_, index) => ({ id: `id_${index}` }));
    await writeRows(client, accounts, ids);
    const key = { context: 'c', account: 'a' };
    await writeRows(client, contexts, [key]);
    const [many, one] = await Promise.all([readRows(client, accounts, ids), readRows(client, contexts, [key])]);
    expect(new Set(many.map(({ id }) => id))).toEqual(new Set(ids.map(({ id }) => id)));
    expect(one).toEqual([key]);
  });

  test('fails for all who asked when the request fails', async () => {
    const accounts = await tables.create('accounts');
    const client = tables.client();
    const reads = await Promise.allSettled([
      readRows(client, accounts, [{ id: 'a' }]),
      readRows(client, 'nowhere', [{ id: 'a' }]),
    ]);
    expect(reads.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
