import { beforeAll, describe, expect, test } from 'vitest';
import { scopeNames } from '../../../lambdas/engine/access/scopes.ts';
import { type OperationId, operations } from '../../../lambdas/engine/api/operations.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import { deliveryId } from '../../../lambdas/functions/api/views/delivery-id.ts';
import {
  type Attempt,
  crossTenantAttempts,
  leaksIn,
  listsOf,
  namesNothing,
  type TenantThings,
  textsOf,
  withoutAttempt,
} from '../../fakes/cross-tenant-attempts.ts';
import { createFakeApi, type FakeApi } from '../../fakes/fake-api.ts';
import { furnishTenant } from '../../fakes/furnish-tenant.ts';
import { apiKey } from '../../fakes/in-memory-api-keys.ts';
import { aSyncRun } from '../../fakes/in-memory-syncs.ts';
import { staff } from '../../fakes/samples.ts';
import { aTicket, deskWith } from '../provider/desk.ts';

/*
 * The key of globex, with every scope, tries every operation on every object of acme, in every way to name it. The
 * calls are derived from the operations: a new operation is tried, or this file fails until it says what the parameters
 * name.
 */

const own = 'globex';
const others = 'acme';
const timestamp = '2026-11-21T12:00:00.000Z';
const makeDeliveryId = (subscription: string, event: string) => deliveryId({ subscription, timestamp, event });
/** Objects that serve all tenants. */
const ofAll = { subscription: 'sub_everyone', otherSubscriptions: [], key: 'all' };

/** What lets the accounts of `staff` read records. */
const { api: deskApi, resources: deskResources } = deskWith({
  api: { base_url: 'https://api.staff.example.com/v2', limits: [] },
});
const callable = { api: deskApi, resources: { 'hris/employees': deskResources?.['ticketing/tickets'] } } as Pick<
  Definition,
  'api' | 'resources'
>;

interface World {
  readonly api: FakeApi;
  readonly own: TenantThings;
  readonly others: TenantThings;
  /** Texts that belong to acme only and do not contain its name. */
  readonly secrets: readonly string[];
}

/** Give a tenant one object of each kind. */
async function furnish(api: FakeApi, tenant: string): Promise<{ things: TenantThings; secrets: readonly string[] }> {
  const secrets: string[] = [];
  const made = async (method: string, path: string, body?: unknown, key = tenant) => {
    const answer = await api.call(method, path, body, key);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  await furnishTenant(api.engine, tenant);
  const account = `acc_${tenant}_2`;
  const secret = `the secret of ${account}`;
  const context = { company_id: `another company of ${tenant}` };
  const accountBody = { id: account, tenant, integration: 'staff', secrets: { signing_secret: secret }, context };
  await made(
    'POST',
    '/v1/accounts',
    { ...accountBody, credentials: { type: 'api_key', key: `key of ${account}` } },
    'all',
  );
  const sync = `sync_${tenant}`;
  await made('POST', `/v1/accounts/${account}/syncs`, { id: sync, resources: [{ resource: 'hris/employees' }] });
  for (const n of [1, 2]) await api.engine.syncs.putRun(aSyncRun(`run_${n}_${tenant}`, { account, sync, tenant }));
  const url = `https://${tenant}.example.com/hooks`;
  const auth = { type: 'bearer', token: `token-of-${tenant}` };
  const created = [];
  for (const [kind, body] of [
    ['plain', { signatures: ['v1', 'v1a'], auth, headers: { 'x-secret': `a header of ${tenant}` } }],
    ['record', { ordering: 'record' }],
    ['tenant', { ordering: 'tenant' }],
    ['disabled', {}],
    ['removed', { ordering: 'record' }],
  ] as const)
    created.push(await made('POST', '/v1/subscriptions', { id: `sub_${tenant}_${kind}`, url, ...body }));
  secrets.push(...created.map((one) => one.secret as string));
  await made('POST', `/v1/subscriptions/sub_${tenant}_disabled/disable`);
  await made('DELETE', `/v1/subscriptions/sub_${tenant}_removed`);
  await made('POST', `/v1/subscriptions/sub_${tenant}/replay`, { mode: 'all' });
  const replays = await made('GET', `/v1/subscriptions/sub_${tenant}/replays`);
  const deliveries = await made('GET', `/v1/subscriptions/sub_${tenant}/deliveries`);
  const consumer = `warehouse_${tenant}`;
  await made('POST', '/v1/consumers', { name: consumer, since: 'beginning' });
  const lease = await made('POST', `/v1/consumers/${consumer}/lease`, { limit: 2, ttl_seconds: 3600 });
  const key = await made('POST', '/v1/keys', { name: `a key of ${tenant}`, scopes: ['events:read'] });
  const portal = { scopes: ['events:read'], return_url: 'https://app.example.com/back' };
  const session = await made('POST', '/v1/portal-sessions', portal);
  await made('PATCH', `/v1/tenants/${tenant}`, { retention: { events_days: 7 } });
  await made('GET', `/v1/tenants/${tenant}/export?limit=1`);

  const ids = deliveries.data.map(({ id }: { id: string }) => id);
  const states = new Set(deliveries.data.map(({ state }: { state: string }) => state));
  if (!['delivered', 'waiting', 'retrying'].every((state) => states.has(state))) throw new Error([...states].join());
  const things: TenantThings = {
    tenant,
    account,
    subscription: `sub_${tenant}`,
    otherSubscriptions: ['plain', 'record', 'tenant', 'disabled'].map((kind) => `sub_${tenant}_${kind}`),
    removedSubscriptions: [`sub_${tenant}_removed`, `sub_removed_${tenant}`],
    event: `evt_${tenant}_1`,
    deliveries: ids,
    replay: replays.data[0].id,
    sync,
    run: `run_1_${tenant}`,
    consumer,
    lease: lease.lease,
    key: key.id,
    session: session.id,
    integration: 'staff',
    context,
    cursors: [],
    feedCursor: lease.next_cursor,
  };
  const cursors: string[] = [];
  for (const list of listsOf(things)) {
    const { next_cursor: first } = await made('GET', list);
    if (first === null) continue;
    cursors.push(first);
    // An export covers all stores, so each of its cursors has another kind.
    for (let next = first; list.includes('/export') && next !== null; cursors.push(next)) {
      ({ next_cursor: next } = await made('GET', `${list}&cursor=${next}`));
      if (next === null) break;
    }
  }
  secrets.push(secret, auth.token, key.id, key.key, lease.lease, ...ids, ...cursors);
  secrets.push(...replays.data.map(({ id }: { id: string }) => id));
  return { things: { ...things, cursors }, secrets };
}

async function createWorld(): Promise<World> {
  const api = createFakeApi({
    definitions: [{ ...staff, ...callable }],
    keys: [own, others].map((tenant) => apiKey(tenant, 'secret', tenant, { scopes: scopeNames })),
  });
  api.provider.respond(() => ({ body: { ok: true, tickets: [aTicket(1)], next: 'p2' } }));
  const theirs = await furnish(api, others);
  const mine = await furnish(api, own);
  return { api, own: mine.things, others: theirs.things, secrets: theirs.secrets };
}

/** Rows that contain acme's name or one of its ids, by store and key. */
function rowsOfOthers({ api, secrets }: World): ReadonlyMap<string, string> {
  const isTheirs = (text: string) => {
    const known = theirTexts.get(text);
    if (known !== undefined) return known;
    const is = [others, ...secrets].some((mark) => text.includes(mark));
    theirTexts.set(text, is);
    return is;
  };
  return new Map(
    Object.entries(api.stores).flatMap(([store, fake]) =>
      fake
        .dump()
        .filter((row) => row.some(isTheirs))
        .map(([key, value]) => [`${store} ${key}`, value] as const),
    ),
  );
}
/** A cache by text: most rows are the same after every call. */
const theirTexts = new Map<string, boolean>();

/**
 * Changes of acme's rows. Rows that globex wrote may name acme (an audit entry, a filter), but no new row may appear
 * under one of acme's names. Consumer names are separate for each tenant.
 */
function changesOf(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  const isOwn = (key: string) => key.startsWith('audit ') || key.startsWith(`consumers 0 ${own} `);
  return [
    ...[...before].filter(([key, value]) => after.get(key) !== value).map(([key]) => `changed: ${key}`),
    ...[...after.keys()].filter((key) => !before.has(key) && key.includes(others) && !isOwn(key)),
  ];
}

let world: World;
let attempts: readonly Attempt[];
const said = new Set<string>();
beforeAll(async () => {
  world = await createWorld();
  attempts = crossTenantAttempts(world.own, world.others, ofAll, makeDeliveryId);
});

test('every operation is tried, except those that name no object of a tenant', () => {
  expect([...withoutAttempt(attempts)].sort()).toEqual(
    [
      ...namesNothing.filter((id) => operations[id].access !== 'public'),
      // Integrations belong to no tenant; only keys of all tenants may change them.
      'configureIntegration',
      'getIntegration',
      'getCanary',
      'getCaller',
    ].sort(),
  );
  expect(attempts.length).toBeGreaterThan(1000);
});

test('every list of acme returned a cursor, so that each kind is tried', () => {
  expect(world.others.cursors.length).toBeGreaterThan(listsOf(world.others).length);
  expect(new Set(world.others.cursors).size).toBe(world.others.cursors.length);
});

/** Puts last what gives globex a consumer of acme's name, since consumer names are separate for each tenant. */
const inOrder = (Object.keys(operations) as OperationId[]).sort(
  (a, b) => Number(a === 'createConsumer') - Number(b === 'createConsumer'),
);

describe.each(inOrder)('%s', (id) => {
  test('shows nothing of another tenant, and changes nothing of it (invariant 3)', async () => {
    const { api, secrets } = world;
    let before = rowsOfOthers(world);
    for (const attempt of attempts.filter(({ operation }) => operation === id)) {
      const { method, path, body, name, expected, twin } = attempt;
      for (const text of textsOf(attempt)) if (text !== others) said.add(text);
      // A token request has its credentials in the body.
      const as = id === 'createToken' ? null : own;
      const answer = await api.call(method, path, body, as);
      expect.soft(expected, `${name}: ${answer.status} ${answer.text}`).toContain(answer.status);
      expect.soft(leaksIn(answer.text + JSON.stringify(answer.headers), said, [others, ...secrets]), name).toEqual([]);
      const after = rowsOfOthers(world);
      expect.soft(changesOf(before, after), name).toEqual([]);
      before = after;
      if (twin === undefined) continue;
      const unknown = await api.call(method, twin, body, as);
      expect
        .soft([answer.status, answer.text], `${name}: told from what there is not`)
        .toEqual([unknown.status, unknown.text]);
    }
    expect(api.engine.callbacks.requests.filter(({ url }) => url.includes(others))).toEqual([]);
  });
});

describe('a caller’s own cursor', () => {
  test('fails with every other list, and with other parameters (400)', async () => {
    const { api } = world;
    const lists = listsOf(world.own);
    for (const list of lists) {
      const { next_cursor: cursor } = (await api.call('GET', list, undefined, own)).body;
      if (cursor === null) continue;
      const statusOf = async (path: string) => (await api.call('GET', path, undefined, own)).status;
      expect.soft(await statusOf(`${list.replace('limit=1', 'limit=2')}&cursor=${cursor}`), list).toBe(200);
      for (const other of lists.filter((one) => one !== list))
        expect.soft(await statusOf(`${other}&cursor=${cursor}`), `${list} -> ${other}`).toBe(400);
    }
    const deliveries = `/v1/subscriptions/${world.own.subscription}/deliveries?limit=1`;
    const { next_cursor: cursor } = (await api.call('GET', `${deliveries}&state=retrying`, undefined, own)).body;
    for (const query of ['', '&state=delivered'])
      expect((await api.call('GET', `${deliveries}${query}&cursor=${cursor}`, undefined, own)).status).toBe(400);
  });

  test('of the feed works with any filter, and for a key of all tenants that names the tenant', async () => {
    const { api } = world;
    const cursor = world.own.feedCursor;
    for (const [path, as] of [
      ['/v1/events?types=record:*&resources=hris/*', own],
      [`/v1/events?tenant=${own}&limit=3`, 'all'],
    ] as const)
      expect((await api.call('GET', `${path}&cursor=${cursor}`, undefined, as)).status).toBe(200);
    expect((await api.call('GET', `/v1/events?tenant=${others}&cursor=${cursor}`)).status).toBe(400);
  });
});

test('an Idempotency-Key of another tenant reveals nothing of its answer', async () => {
  const { api, secrets } = world;
  const headers = { 'idempotency-key': 'one-key' };
  const body = { url: 'https://app.example.com/hooks' };
  const theirs = await api.call('POST', '/v1/subscriptions', body, others, headers);
  const before = rowsOfOthers(world);
  const mine = await api.call('POST', '/v1/subscriptions', body, own, headers);
  expect([theirs.status, mine.status]).toEqual([201, 201]);
  expect(mine.headers['idempotent-replayed']).toBeUndefined();
  expect(mine.body).toMatchObject({ tenant: own });
  expect([mine.body.id, mine.body.secret]).not.toEqual([theirs.body.id, theirs.body.secret]);
  expect(leaksIn(mine.text, said, [others, ...secrets])).toEqual([]);
  expect(changesOf(before, rowsOfOthers(world))).toEqual([]);
});

test('acme’s own cursors and objects still work', async () => {
  const { api } = world;
  for (const list of listsOf(world.others)) expect((await api.call('GET', list, undefined, others)).status).toBe(200);
  const { consumer, lease, feedCursor } = world.others;
  const commit = await api.call('POST', `/v1/consumers/${consumer}/commit`, { lease, cursor: feedCursor }, others);
  expect(commit.status).toBe(200);
});
