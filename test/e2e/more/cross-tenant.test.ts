import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { fromItem } from '../../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { deliveryId } from '../../../lambdas/functions/api/views/delivery-id.ts';
import { seedApiKey } from '../../../lib/local/admin-key.ts';
import {
  crossTenantAttempts,
  leaksIn,
  listsOf,
  type TenantThings,
  textsOf,
} from '../../fakes/cross-tenant-attempts.ts';
import { type RunningEngine, useRunningEngine } from '../running-engine.ts';

/*
 * test/flow/tenants/cross-tenant.test.ts on the deployed bundles, in a smaller form: all rows of acme are the same,
 * byte for byte, after globex tried to reach them.
 */

const running = useRunningEngine();
const own = 'globex';
const others = 'acme';
const keyOf = (tenant: string) => `tk_${tenant}_secret`;

type Row = Readonly<Record<string, unknown>>;

/** Every row of every table, by table and text. */
async function readTables({ engine }: RunningEngine): Promise<ReadonlyMap<string, { table: string; row: Row }>> {
  const client = new DynamoDBClient(engine.clientConfig('dynamodb'));
  const rows = new Map<string, { table: string; row: Row }>();
  try {
    for (const [name, table] of Object.entries(engine.environment('api'))) {
      if (!name.endsWith('_TABLE')) continue;
      for await (const { Items = [] } of paginateScan({ client }, { TableName: table, ConsistentRead: true }))
        for (const item of Items) rows.set(`${name} ${JSON.stringify(item)}`, { table: name, row: fromItem(item) });
    }
  } finally {
    client.destroy();
  }
  return rows;
}

async function furnish(engine: RunningEngine, tenant: string): Promise<{ things: TenantThings; marks: string[] }> {
  await seedApiKey(engine.engine, keyOf(tenant), tenant);
  const made = async (method: string, path: string, body?: unknown) => {
    const answer = await engine.call(method, path, body, keyOf(tenant));
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const account = await engine.account('github', { tenant, id: `acc_${tenant}`, secret: `secret-of-${tenant}` });
  const context = { installation_id: `installation-of-${tenant}` };
  const second = { id: `acc_${tenant}_2`, tenant, integration: 'github', context };
  if ((await engine.call('POST', '/v1/accounts', second)).status !== 201)
    throw new Error('the account was not created');
  const receiver = await engine.subscriber({
    tenant,
    id: `sub_${tenant}`,
    headers: { 'x-key': `header-of-${tenant}` },
  });
  // The retry is due later than this test runs.
  const failing = await engine.subscriber({ tenant, id: `sub_${tenant}_bad`, retry: { schedule_seconds: [7200] } });
  failing.answer((_, response) => void response.writeHead(500).end());
  const { url } = receiver;
  for (const kind of ['record', 'removed'])
    await made('POST', '/v1/subscriptions', {
      id: `sub_${tenant}_${kind}`,
      url,
      ordering: 'record',
      types: ['record:deleted'],
    });
  await made('DELETE', `/v1/subscriptions/sub_${tenant}_removed`);
  for (const issue of [1, 2]) await engine.github(account.url, { issue, secret: `secret-of-${tenant}` });
  const listed = async (id: string) => (await made('GET', `/v1/subscriptions/${id}/deliveries`)).data;
  await engine.eventually(async () => {
    const [delivered, retrying] = [await listed(`sub_${tenant}`), await listed(`sub_${tenant}_bad`)];
    return (
      delivered.filter(({ state }: Row) => state === 'delivered').length === 2 &&
      retrying.filter(({ state }: Row) => state === 'retrying').length === 2
    );
  });
  const replays = [];
  for (const _ of [1, 2])
    replays.push(await made('POST', `/v1/subscriptions/sub_${tenant}/replay`, { mode: 'missing' }));
  for (const name of ['warehouse', 'lake'])
    await made('POST', '/v1/consumers', { name: `${name}_${tenant}`, since: 'beginning' });
  const lease = await made('POST', `/v1/consumers/warehouse_${tenant}/lease`, { limit: 1, ttl_seconds: 3600 });
  // Paused, so that its rows stay as they are: no provider answers here.
  const each = { repository: 'context.repositories' };
  const job = { id: 'mine', resources: [{ resource: 'ticketing/tickets', each }] };
  await made('POST', `/v1/accounts/${account.id}/syncs`, job);
  await made('POST', `/v1/accounts/${account.id}/syncs/mine/pause`);
  const key = await made('POST', '/v1/keys', { name: `a key of ${tenant}`, scopes: ['events:read'] });
  const portal = { scopes: ['events:read'], return_url: 'https://app.example.com/back' };
  const session = await made('POST', '/v1/portal-sessions', portal);
  await made('PATCH', `/v1/tenants/${tenant}`, { retention: { events_days: 7 } });
  const deliveries = await listed(`sub_${tenant}`);
  const things: TenantThings = {
    tenant,
    account: account.id,
    subscription: `sub_${tenant}`,
    otherSubscriptions: [`sub_${tenant}_record`],
    removedSubscriptions: [`sub_${tenant}_removed`],
    event: deliveries[0].event_id,
    deliveries: deliveries.slice(0, 1).map(({ id }: Row) => id),
    replay: replays[0].id,
    sync: 'mine',
    run: 'run_1',
    consumer: `warehouse_${tenant}`,
    lease: lease.lease,
    key: key.id,
    session: session.id,
    integration: 'github',
    context,
    cursors: [],
    feedCursor: lease.next_cursor,
  };
  const cursors: string[] = [];
  // GitHub's records have another resource, and no provider answers here: the flow test covers lists of records.
  const lists = listsOf(things).filter((path) => !path.includes('/records/'));
  for (const list of lists) cursors.push((await made('GET', list)).next_cursor);
  const events = deliveries.map(({ event_id }: Row) => event_id);
  return {
    things: { ...things, cursors: cursors.filter((cursor) => cursor !== null && cursor !== undefined) },
    marks: [tenant, key.id, key.key, lease.lease, ...replays.map(({ id }) => id), ...events, ...things.deliveries],
  };
}

/** Wait until all writes have ended. */
async function settled(engine: RunningEngine): Promise<ReadonlyMap<string, { table: string; row: Row }>> {
  let known = await readTables(engine);
  await engine.eventually(async () => {
    const read = await readTables(engine);
    const isSame = read.size === known.size && [...read.keys()].every((text) => known.has(text));
    known = read;
    return isSame && !engine.engine.isAtWork();
  });
  return known;
}

test('no operation shows or changes anything of another tenant, however it is named (invariant 3)', async () => {
  const engine = running();
  const theirs = await furnish(engine, others);
  const mine = await furnish(engine, own);
  const few = (things: TenantThings): TenantThings => ({
    ...things,
    cursors: things.cursors.filter((_, index) => index % 4 === 0),
  });
  const [timestamp] = /\d{4}-[^#]*/.exec(new Date(engine.engine.now()).toISOString()) ?? [''];
  const attempts = crossTenantAttempts(few(mine.things), few(theirs.things), {}, (subscription, event) =>
    deliveryId({ subscription, timestamp, event }),
  );
  // Consumer names are unique per tenant only, so globex may create one with this name: try that last.
  const inOrder = [...attempts].sort(
    (a, b) => Number(a.operation === 'createConsumer') - Number(b.operation === 'createConsumer'),
  );
  const before = await settled(engine);
  const isTheirs = (text: string) => theirs.marks.some((mark) => text.includes(mark));

  const said = new Set<string>();
  for (const attempt of inOrder) {
    const { method, path, body, expected, operation, name } = attempt;
    for (const text of textsOf(attempt)) if (text !== others) said.add(text);
    const answer = await engine.call(method, path, body, operation === 'createToken' ? 'none' : keyOf(own));
    const what = `${operation}, ${name}: ${answer.status} ${JSON.stringify(answer.body)}`;
    expect.soft([...expected, ...(operation === 'createToken' ? [401] : [])], what).toContain(answer.status);
    expect.soft(leaksIn(JSON.stringify(answer.body) ?? '', said, theirs.marks), what).toEqual([]);
  }
  const after = await settled(engine);
  expect([...before.keys()].filter((text) => isTheirs(text) && !after.has(text))).toEqual([]);
  // A new row that names acme must belong to globex: refusals in its audit log, its filters, its consumer of that name.
  const strange = [...after].filter(
    ([text, { table, row }]) =>
      !before.has(text) &&
      isTheirs(text) &&
      (table === 'TRIBUTARY_LIMITS_TABLE' || row['tenant'] !== own || String(row['id']).startsWith('sub_acme')),
  );
  expect(strange.map(([text]) => text)).toEqual([]);
}, 300_000);
