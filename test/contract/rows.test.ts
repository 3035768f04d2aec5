import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  BatchExecuteStatementCommand,
  type BatchGetItemCommandInput,
  type BatchGetItemCommandOutput,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { fromItem, readRows, toItem } from '../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { insertRows, writeRows } from '../../lambdas/adapters/dynamo/rows/row-writes.ts';
import { awsConfig, countRequests, useTables } from './emulated-aws.ts';

const tables = useTables();

describe('rows that are read by key', () => {
  test('share one request across tables and concurrent callers', async () => {
    const [accounts, subscriptions] = [await tables.create('accounts'), await tables.create('subscriptions')];
    const client = tables.client();
    await writeRows(client, accounts, [{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    await writeRows(client, subscriptions, [{ tenant: 'acme', id: 'a' }]);
    const requests = countRequests(client);
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
    expect(requests.count()).toBe(1);

    await writeRows(client, accounts, [{ id: 'x' }]);
    expect(await readRows(client, accounts, [{ id: 'x' }])).toEqual([{ id: 'x' }]);
    requests.end();
  });

  test('take several requests, each of up to 100 keys', async () => {
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

  test('may be read eventually consistently, and are read again where they are missing', async () => {
    const [accounts, subscriptions] = [await tables.create('accounts'), await tables.create('subscriptions')];
    const client = tables.client();
    const asked: unknown[] = [];
    client.middlewareStack.add(
      (next) => async (args) => {
        const { RequestItems } = args.input as BatchGetItemCommandInput;
        asked.push(
          Object.fromEntries(
            Object.entries(RequestItems ?? {}).map(([table, { ConsistentRead, Keys = [] }]) => [
              table,
              [ConsistentRead, ...Keys.map((key) => fromItem(key)['id'])],
            ]),
          ),
        );
        const answer = await next(args);
        // Simulate a replica that does not have the row yet.
        const { Responses } = answer.output as BatchGetItemCommandOutput;
        if (asked.length === 1 && Responses !== undefined)
          Responses[accounts] = (Responses[accounts] ?? []).filter((item) => fromItem(item)['id'] !== 'late');
        return answer;
      },
      { step: 'initialize', name: 'lag' },
    );
    await client.send(new PutItemCommand({ TableName: accounts, Item: toItem({ id: 'early' }) }));
    await client.send(new PutItemCommand({ TableName: accounts, Item: toItem({ id: 'late' }) }));
    asked.length = 0;
    const [rows] = await Promise.all([
      readRows(client, accounts, [{ id: 'early' }, { id: 'late' }, { id: 'none' }], { mayLag: true }),
      readRows(client, subscriptions, [{ tenant: 'acme', id: 'a' }]),
    ]);
    expect(rows).toEqual([{ id: 'early' }, { id: 'late' }]);
    expect(asked).toEqual([
      { [accounts]: [false, 'early', 'late', 'none'], [subscriptions]: [true, 'a'] },
      { [accounts]: [true, 'late', 'none'] },
    ]);

    // A caller that reads the same rows consistently gets a consistent read.
    asked.length = 0;
    await Promise.all([
      readRows(client, accounts, [{ id: 'early' }]),
      readRows(client, accounts, [{ id: 'early' }], { mayLag: true }),
    ]);
    expect(asked).toEqual([{ [accounts]: [true, 'early'] }]);
    client.middlewareStack.remove('lag');
  });

  test('fails for all callers when the request fails', async () => {
    const accounts = await tables.create('accounts');
    const client = tables.client();
    const reads = await Promise.allSettled([
      readRows(client, accounts, [{ id: 'a' }]),
      readRows(client, 'nowhere', [{ id: 'a' }]),
    ]);
    expect(reads.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});

describe('rows that are inserted', () => {
  test('are put where no row has their key, and leave existing rows unchanged', async () => {
    const table = await tables.create('accounts');
    const client = tables.client();
    await writeRows(client, table, [{ id: 'b', name: 'first' }]);
    const rows = [{ id: 'a', 'a name': null, size: 1.5 }, { id: 'b' }, { id: 'c', bytes: Buffer.from('c') }];
    expect(await insertRows(client, table, rows)).toEqual(['inserted', 'present', 'inserted']);
    const stored = await readRows(client, table, [{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    expect(new Map(stored.map((row) => [row['id'], row]))).toEqual(
      new Map<unknown, object>([
        ['a', { id: 'a', 'a name': null, size: 1.5 }],
        ['b', { id: 'b', name: 'first' }],
        ['c', { id: 'c', bytes: new Uint8Array(Buffer.from('c')) }],
      ]),
    );
  });

  test('may be more than one request takes, and may have a sort key', async () => {
    const table = await tables.create('subscriptions');
    const client = tables.client();
    const rows = Array.from({ length: 60 }, (_, index) => ({ tenant: 'acme', id: `sub_${index}` }));
    expect(await insertRows(client, table, rows.slice(0, 30))).toEqual(rows.slice(0, 30).map(() => 'inserted'));
    expect(await insertRows(client, table, rows)).toEqual(
      rows.map((_, index) => (index < 30 ? 'present' : 'inserted')),
    );
    expect(await insertRows(client, table, [])).toEqual([]);
  });

  test('are inserted by only one of several concurrent callers', async () => {
    const table = await tables.create('accounts');
    const client = tables.client();
    const attempts = await Promise.all(
      Array.from({ length: 20 }, (_, owner) => insertRows(client, table, [{ id: 'a', owner }])),
    );
    const winners = attempts.flatMap(([insertion], owner) => (insertion === 'inserted' ? owner : []));
    expect(winners).toHaveLength(1);
    expect(await readRows(client, table, [{ id: 'a' }])).toEqual([{ id: 'a', owner: winners[0] }]);
  });

  test('are retried where the service was busy; a refused row fails alone', async () => {
    const asked: string[][] = [];
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        const { Statements } = JSON.parse(text) as { readonly Statements: { readonly Parameters: { S: string }[] }[] };
        const ids = Statements.map(({ Parameters }) => Parameters[0]?.S ?? '');
        const answers: Readonly<Record<string, object>> = {
          throttled: asked.length === 0 ? { Error: { Code: 'ThrottlingError' } } : { TableName: 'table' },
          broken: asked.length < 2 ? { Error: { Code: 'InternalServerError' } } : { TableName: 'table' },
          refused: { Error: { Code: 'ValidationError', Message: 'too large' } },
          present: { Error: { Code: 'DuplicateItem' } },
          fine: { TableName: 'table' },
        };
        asked.push(ids);
        response.setHeader('content-type', 'application/x-amz-json-1.0');
        response.end(JSON.stringify({ Responses: ids.map((id) => answers[id]) }));
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = new DynamoDBClient({
      ...awsConfig,
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    const ids = ['throttled', 'refused', 'fine', 'present', 'broken'];
    const insertions = await insertRows(
      client,
      'table',
      ids.map((id) => ({ id })),
    );
    expect(insertions).toMatchObject([
      'inserted',
      {
        code: 'storage-unavailable',
        retryable: true,
        message: 'a row of table was refused: ValidationError: too large',
      },
      'inserted',
      'present',
      'inserted',
    ]);
    expect(asked).toEqual([ids, ['throttled', 'broken'], ['broken']]);
    client.destroy();
    server.closeAllConnections();
    server.close();
  });
});

test('a row that is not written in time fails alone, and so does a request', async () => {
  let requests = 0;
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += String(chunk)));
    request.on('end', () => {
      requests += 1;
      const { Statements } = JSON.parse(text) as { readonly Statements: { readonly Parameters: { S: string }[] }[] };
      const ids = Statements.map(({ Parameters }) => Parameters[0]?.S ?? '');
      response.setHeader('content-type', 'application/x-amz-json-1.0');
      // The second request of the batch is refused.
      if (ids.includes('id_25')) {
        response.statusCode = 400;
        response.end(JSON.stringify({ __type: 'AccessDeniedException', message: 'no' }));
      } else
        response.end(
          JSON.stringify({ Responses: ids.map((id) => (id === 'id_3' ? { Error: { Code: 'ThrottlingError' } } : {})) }),
        );
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = new DynamoDBClient({
    ...awsConfig,
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  const rows = Array.from({ length: 27 }, (_, index) => ({ id: `id_${index}` }));
  const insertions = await insertRows(client, 'table', rows);
  expect(insertions.map((one) => (one instanceof Error ? one.message : one))).toEqual(
    rows.map((_, index) => (index === 3 ? '1 rows of table were not written' : index < 25 ? 'inserted' : 'no')),
  );
  // Six rounds of the first request, one of the second.
  expect(requests).toBe(7);
  client.destroy();
  server.closeAllConnections();
  server.close();
});

test('rows that are not taken do not delay concurrent rows', async () => {
  const requests: string[][] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += String(chunk)));
    request.on('end', () => {
      const { RequestItems } = JSON.parse(text) as {
        readonly RequestItems: Readonly<Record<string, { readonly PutRequest: { readonly Item: object } }[]>>;
      };
      requests.push(Object.entries(RequestItems).flatMap(([table, puts]) => puts.map(() => table)));
      const hot = requests.length < 3 ? (RequestItems['hot'] ?? []) : [];
      response.setHeader('content-type', 'application/x-amz-json-1.0');
      response.end(JSON.stringify({ UnprocessedItems: hot.length === 0 ? {} : { hot: hot.slice(0, 1) } }));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = new DynamoDBClient({
    ...awsConfig,
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  const ended: string[] = [];
  const hotRows = [
    { id: 'a', bytes: Buffer.from('a'), list: [{ z: 1, a: null }] },
    { id: 'b', bytes: Buffer.from('b') },
  ];
  await Promise.all([
    writeRows(client, 'hot', hotRows).then(() => ended.push('hot')),
    writeRows(client, 'calm', [{ id: 'c' }]).then(() => ended.push('calm')),
  ]);
  expect(ended).toEqual(['calm', 'hot']);
  expect(requests).toEqual([['hot', 'hot', 'calm'], ['hot'], ['hot']]);
  client.destroy();
  server.closeAllConnections();
  server.close();
});

describe('the statements that the local runner accepts', () => {
  const execute = async (statements: readonly (readonly [statement: string, ...parameters: unknown[]])[]) =>
    tables.client().send(
      new BatchExecuteStatementCommand({
        Statements: statements.map(([Statement, ...parameters]) => ({
          Statement,
          ...(parameters.length === 0
            ? {}
            : { Parameters: parameters.map((value) => toItem({ value })['value'] ?? { NULL: true }) }),
        })),
      }),
    );

  test('are only those that the engine sends', async () => {
    const table = await tables.create('accounts');
    for (const statements of [
      [[`SELECT * FROM "${table}" WHERE id = ?`, 'a']],
      [[`INSERT INTO "${table}" VALUE {'id': 'a'}`]],
      [[`INSERT INTO "${table}" VALUE {'id': ?}`, 'a', 'b']],
      [[`INSERT INTO "${table}" VALUE {'id': ?, 'name': ?}`, 'a']],
      [[`UPDATE "${table}" SET "name" = 'b' WHERE "id" = ?`, 'a']],
      [[`UPDATE "${table}" SET "name" = ? WHERE "id" = ?`, 'b']],
      [[`UPDATE "${table}" REMOVE "name" WHERE "id" = ?`, 'a']],
      [[`UPDATE "${table}" SET "name" = ? WHERE "id" = ? OR "name" = ?`, 'b', 'a', 'b']],
      [[`UPDATE "${table}" SET "name" = ? WHERE "id" = ? AND ("name" = ? OR "other" IS MISSING)`, 'b', 'a', 'b']],
      Array.from({ length: 26 }, (_, index) => [`INSERT INTO "${table}" VALUE {'id': ?}`, `id_${index}`] as const),
    ] as const)
      await expect(execute(statements)).rejects.toMatchObject({ name: 'ValidationException' });
    expect(await readRows(tables.client(), table, [{ id: 'a' }, { id: 'id_0' }])).toEqual([]);
  });

  test('update existing rows, each under its conditions', async () => {
    const table = await tables.create('accounts');
    const client = tables.client();
    await writeRows(client, table, [
      { id: 'a', name: 'one', size: 1, old: true },
      { id: 'b', name: 'two' },
    ]);
    const update = `UPDATE "${table}" SET "name" = ? SET "size" = ? REMOVE "old" REMOVE "never" WHERE "id" = ?`;
    const { Responses = [] } = await execute([
      [`${update} AND "name" = ? AND ("size" = ? OR "size" IS MISSING)`, 'new', 2, 'a', 'one', 1],
      [`${update} AND "name" = ?`, 'new', 2, 'b', 'one'],
      [update, 'new', 2, 'c'],
    ]);
    expect(Responses.map(({ Error: error }) => error?.Code)).toEqual([
      undefined,
      'ConditionalCheckFailed',
      'ConditionalCheckFailed',
    ]);
    const rows = await readRows(client, table, [{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    expect(new Map(rows.map((row) => [row['id'], row]))).toEqual(
      new Map([
        ['a', { id: 'a', name: 'new', size: 2 }],
        ['b', { id: 'b', name: 'two' }],
      ]),
    );
  });

  test('change a key once in a batch', async () => {
    const table = await tables.create('accounts');
    const twice = [`UPDATE "${table}" SET "name" = ? WHERE "id" = ?`, 'new', 'a'] as const;
    await expect(execute([twice, twice])).rejects.toMatchObject({ name: 'ValidationException' });
  });

  test('insert a key once in a batch', async () => {
    const table = await tables.create('accounts');
    const twice = [`INSERT INTO "${table}" VALUE {'id': ?}`, 'a'] as const;
    await expect(execute([twice, twice])).rejects.toMatchObject({ name: 'ValidationException' });
  });

  test('fail separately', async () => {
    const table = await tables.create('accounts');
    const { Responses = [] } = await execute([
      [`INSERT INTO "${table}" VALUE {'id': ?}`, 'a'],
      [`INSERT INTO "${table}" VALUE {'id': ?}`, 7],
      [`INSERT INTO "nowhere" VALUE {'id': ?}`, 'a'],
    ]);
    expect(Responses.map(({ Error: error }) => error?.Code)).toEqual([
      undefined,
      'ValidationError',
      'ResourceNotFound',
    ]);
    const { Item = {} } = await tables
      .client()
      .send(new GetItemCommand({ TableName: table, Key: toItem({ id: 'a' }) }));
    expect(fromItem(Item)).toEqual({ id: 'a' });
  });
});
