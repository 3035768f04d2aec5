import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fromItem, type Row, toItem } from '../../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { createDynamoCredentialStore } from '../../../lambdas/adapters/dynamo/stores/credential-store.ts';
import { createDynamoFetchStore } from '../../../lambdas/adapters/dynamo/stores/fetch-store.ts';
import { createDynamoSyncStore } from '../../../lambdas/adapters/dynamo/stores/sync-store.ts';
import { seedApiKey } from '../../../lib/local/admin-key.ts';
import { someCredentials } from '../../fakes/in-memory-credentials.ts';
import { aFetch } from '../../fakes/in-memory-fetches.ts';
import { aSyncRow, aSyncRun } from '../../fakes/in-memory-syncs.ts';
import { useRunningEngine } from '../running-engine.ts';

const running = useRunningEngine();
let dynamo: DynamoDBClient;
let s3: S3Client;

beforeAll(() => {
  const { engine } = running();
  dynamo = new DynamoDBClient(engine.clientConfig('dynamodb'));
  s3 = new S3Client({ ...engine.clientConfig('s3'), forcePathStyle: true });
});
afterAll(() => {
  for (const client of [dynamo, s3]) client.destroy();
});

const ofType = (type: string) => running().engine.resources.filter((resource) => resource.type === type);

/** Every row of every table that contains a text. */
async function rowsWith(text: string): Promise<readonly { readonly table: string; readonly row: Row }[]> {
  const found: { table: string; row: Row }[] = [];
  for (const { name: TableName, logicalId } of ofType('AWS::DynamoDB::Table')) {
    let start: Row | undefined;
    do {
      const answer = await dynamo.send(
        new ScanCommand({ TableName, ...(start === undefined ? {} : { ExclusiveStartKey: toItem(start) }) }),
      );
      for (const row of (answer.Items ?? []).map(fromItem))
        if (JSON.stringify(row).includes(text)) found.push({ table: logicalId.replace(/Table[0-9A-F]{8}$/, ''), row });
      start = answer.LastEvaluatedKey === undefined ? undefined : fromItem(answer.LastEvaluatedKey);
    } while (start !== undefined);
  }
  return found;
}

/** The keys of all objects in all buckets that contain a text. */
async function objectsWith(text: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for (const { name: Bucket } of ofType('AWS::S3::Bucket')) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    keys.push(...Contents.map(({ Key = '' }) => Key));
  }
  return keys.filter((key) => key.includes(text));
}

/** The rows of one tenant's account by which its provider is called, as later calls would write them. */
async function seedProviderWork(tenant: string): Promise<void> {
  const { engine } = running();
  const tableOf = (name: string) =>
    ofType('AWS::DynamoDB::Table').find(({ logicalId }) => logicalId.startsWith(`${name}Table`))?.name ?? '';
  const clock = { nowMs: () => engine.now() };
  const account = `acc-of-${tenant}`;
  await createDynamoCredentialStore(dynamo, tableOf('Credentials'), clock).replace(
    someCredentials({ account, tenant }),
  );
  await createDynamoFetchStore(dynamo, tableOf('Fetches'), clock).add(
    ['1', '2'].map((recordId) => aFetch({ account, tenant, recordId })),
  );
  const syncs = createDynamoSyncStore(dynamo, tableOf('Syncs'), clock);
  const sync = await syncs.replace(aSyncRow({ account, tenant }));
  await syncs.putCursor({ ...(sync ?? aSyncRow()), place: 'crm/contacts' }, { readAtMs: 0, edge: [] }, tenant);
  await syncs.putRun(aSyncRun('run_1', { account, tenant }));
}

test("an erasure removes a tenant's data from every table and bucket, and keeps its neighbour's (invariant 3)", async () => {
  const { account, subscriber, github, call, engine, eventually } = running();
  await seedApiKey(engine, 'tk_leaving_secret-of-leaving', 'leaving-co');
  const everything = await subscriber({ tenant: null, id: 'sub_everything' });
  const urls = new Map<string, string>();
  const receivers = new Map<string, Awaited<ReturnType<typeof subscriber>>>();
  for (const tenant of ['leaving-co', 'leaving-co2']) {
    urls.set(tenant, (await account('github', { tenant, id: `acc-of-${tenant}` })).url);
    receivers.set(tenant, await subscriber({ tenant, id: `sub-of-${tenant}` }));
    const failing = await subscriber({ tenant, id: `failing-of-${tenant}` });
    failing.answer((_, response) => void response.writeHead(500).end());
    await seedProviderWork(tenant);
  }
  // Small ones, and one whose body and payload are stored in S3.
  for (const [tenant, url] of urls)
    for (const [issue, padding] of [
      [1, 0],
      [2, 0],
      [3, 20_000],
    ] as const)
      expect((await github(url, { issue: issue + tenant.length * 10, padding })).status).toBe(200);
  const feed = async (tenant: string) => (await call('GET', `/v1/events?tenant=${tenant}`)).body.data;
  await eventually(() => [...receivers.values()].every(({ callbacks }) => callbacks.length === 3));
  await eventually(() => everything.ids().size === 6);
  const kept = await feed('leaving-co2');
  expect(kept).toHaveLength(3);
  expect((await objectsWith('leaving-co/')).length).toBeGreaterThanOrEqual(2);

  const erasure = await call('DELETE', '/v1/tenants/leaving-co');
  expect([erasure.status, erasure.body.state]).toEqual([202, 'running']);
  const tenant = async () => (await call('GET', '/v1/tenants/leaving-co')).body;
  await eventually(async () => (await tenant()).erasure.state === 'done');
  expect((await tenant()).certificates[0]).toMatchObject({
    id: erasure.body.id,
    requested_by: 'local',
    removed: {
      accounts: 1,
      api_keys: 1,
      subscriptions: 2,
      events: 3,
      event_claims: 3,
      payloads: 1,
      raw_bodies: 1,
      credentials: 1,
      fetches: 2,
      syncs: 1,
      sync_cursors: 1,
      sync_runs: 1,
    },
    digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
  });
  // Metrics arrive with the end of the invocation, shortly after the row.
  await eventually(() => engine.metrics.sum('tenants-erased', { service: 'govern' }) === 1);

  // All that remains: what the certificate says the engine keeps.
  const left = (await rowsWith('leaving-co')).filter(({ row }) => !JSON.stringify(row).includes('leaving-co2'));
  const seen = left.map(({ table, row }) => `${table} ${String(row['id'] ?? row['sequence'] ?? row['tenant'])}`).sort();
  expect(seen.filter((one) => !one.startsWith('Audit '))).toEqual([
    'Accounts acc-of-leaving-co',
    'Events 0',
    'Subscriptions failing-of-leaving-co',
    'Subscriptions sub-of-leaving-co',
    'Tenants leaving-co',
  ]);
  const neighbours = (await rowsWith('"leaving-co2"')).filter(({ table }) =>
    ['Credentials', 'Fetches', 'Syncs'].includes(table),
  );
  expect(neighbours.map(({ table }) => table).sort()).toEqual([
    'Credentials',
    'Fetches',
    'Fetches',
    'Syncs',
    'Syncs',
    'Syncs',
  ]);
  expect((await objectsWith('leaving-co')).filter((key) => !key.includes('leaving-co2'))).toEqual([]);

  expect(await feed('leaving-co')).toEqual([]);
  expect(await feed('leaving-co2')).toEqual(kept);
  expect((await github(urls.get('leaving-co') ?? '', { issue: 9 })).status).toBe(404);
  expect((await github(urls.get('leaving-co2') ?? '', { issue: 9 })).status).toBe(200);
  await eventually(async () => (await feed('leaving-co2')).length === 4);
  expect((await call('GET', '/v1/accounts', undefined, 'tk_leaving_secret-of-leaving')).status).toBe(401);
  expect((await call('GET', '/v1/subscriptions/sub_everything')).status).toBe(200);

  // The tenant may be used again.
  const { url } = await account('github', { tenant: 'leaving-co', id: 'acc-of-leaving-co' });
  await engine.advanceClock(60_000);
  expect((await github(url, { issue: 21 })).status).toBe(200);
  await eventually(async () => (await feed('leaving-co')).length === 1);
  expect((await feed('leaving-co'))[0]).toMatchObject({ sequence: 4 });
});

test("a tenant's new data expires by the tenant's retention", async () => {
  const { account, github, call, engine, eventually } = running();
  const { url } = await account('github', { tenant: 'brief' });
  const patched = await call('PATCH', '/v1/tenants/brief', { retention: { events_days: 2 } });
  expect([patched.status, patched.body.retention.events_days]).toEqual([200, 2]);
  await engine.advanceClock(60_000);
  // The payload is stored with a tag, which the role of normalize must be allowed to set.
  await github(url, { issue: 31, padding: 20_000 });
  const feed = async () => (await call('GET', '/v1/events?tenant=brief')).body.data;
  await eventually(async () => (await feed()).length === 1);
  const [{ row } = expect.fail('no row')] = (await rowsWith('"brief"')).filter(
    (one) => one.table === 'Events' && one.row['sequence'] === 1,
  );
  const daysLeft = (Number(row['expiresAtEpochSeconds']) - engine.now() / 1000) / 86_400;
  expect(daysLeft).toBeGreaterThan(1.9);
  expect(daysLeft).toBeLessThanOrEqual(2.01);
});
