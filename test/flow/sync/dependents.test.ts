import { describe, expect, test } from 'vitest';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import type { ApiRequest } from '../../../lambdas/ports/provider/provider-api.ts';
import { at, many, shop, type Thing, thing } from './a-shop.ts';
import { createSyncWorld, shopWith } from './sync-world.ts';

const notes = {
  map: '{ "id": $string(id), "body": text }',
  version: { from: 'changed', as: 'time' },
  list: {
    path: '/things/{filter.thing_id}/notes',
    records: 'rows',
    page: { number: { to: 'query.page' }, size: 2, size_to: 'query.size' },
  },
};

const withNotes = (change: object = {}) =>
  shopWith({
    resources: { 'commerce/notes': notes },
    syncs: {
      products: {
        every: '5m',
        reconcile: 'off',
        resources: [
          { resource: 'commerce/products' },
          {
            resource: 'commerce/notes',
            depends_on: 'commerce/products',
            query: { thing_id: '{{resources.commerce.products.id}}' },
          },
        ],
        ...change,
      },
    },
  });

/** Things, each of which has as many notes as its number says. */
function shopOfNotes(things: Thing[], asked: string[] = []) {
  return (request: ApiRequest) => {
    const { pathname, searchParams } = new URL(request.url);
    const of = /^\/v1\/things\/(\d+)\/notes$/.exec(pathname)?.[1];
    if (of === undefined) return shop(things)(request);
    asked.push(of);
    const page = Number(searchParams.get('page') ?? 1);
    const own = things.find(({ id }) => String(id) === of);
    const rows = Array.from({ length: Number(of) }, (_, place) => ({
      id: Number(of) * 100 + place,
      text: `note ${place} of ${own?.title}`,
      changed: own?.changed,
    }));
    return { body: { rows: rows.slice((page - 1) * 2, page * 2) } };
  };
}

async function begun(definition: ReturnType<typeof shopWith>, respond: (request: ApiRequest) => object | number) {
  const world = await createSyncWorld(definition);
  world.provider.respond(respond);
  await world.begin();
  await world.workOff();
  return world;
}

const ofResource = async (world: Awaited<ReturnType<typeof createSyncWorld>>, resource: string) =>
  (await world.events()).filter((event) => event.resource === resource);

describe('records that depend on others', () => {
  test('are read for those that changed alone, all their pages', async () => {
    const things = many(6);
    const asked: string[] = [];
    const world = await begun(withNotes(), shopOfNotes(things, asked));
    expect(await ofResource(world, 'commerce/notes')).toHaveLength(1 + 2 + 3 + 4 + 5 + 6);
    asked.length = 0;
    await world.pass(5);
    expect(asked).toEqual([]);
    things[4] = thing(5, 50, 'another');
    await world.pass(5);
    expect(new Set(asked)).toEqual(new Set(['5']));
    expect((await ofResource(world, 'commerce/notes')).slice(21).map(({ type }) => type)).toEqual(
      Array(5).fill('record:updated'),
    );
  });

  test.each([404, 400])('are read for all others, where the provider answers %i for one', async (status) => {
    const things = many(6);
    const answer = shopOfNotes(things);
    const world = await begun(withNotes(), (request) =>
      request.url.includes('/things/4/notes') ? status : answer(request),
    );
    expect(await ofResource(world, 'commerce/notes')).toHaveLength(1 + 2 + 3 + 5 + 6);
    expect((await world.row('products')).state.lastRun).toMatchObject({
      outcome: 'succeeded',
      reason: expect.stringContaining(`commerce/notes: the provider answered ${status}`),
    });
  });

  test('are found again by the next run, where the provider refuses all of them', async () => {
    const things = many(6);
    const answer = shopOfNotes(things);
    let isRefused = true;
    const world = await begun(withNotes(), (request) =>
      isRefused && request.url.includes('/notes') ? 400 : answer(request),
    );
    expect(await ofResource(world, 'commerce/products')).toHaveLength(6);
    expect((await world.row('products')).state.lastRun).toMatchObject({ outcome: 'failed' });
    isRefused = false;
    await world.pass(30);
    expect(await ofResource(world, 'commerce/notes')).toHaveLength(1 + 2 + 3 + 4 + 5 + 6);
    // What was told before is not told again.
    expect(await ofResource(world, 'commerce/products')).toHaveLength(6);
  });

  test('are read from their first page again, where a page token of one has ended', async () => {
    const things = many(3);
    const answer = shopOfNotes(things);
    let ended = 0;
    const world = await begun(withNotes(), (request) => {
      const isSecondPage = request.url.includes('/things/3/notes') && request.url.includes('page=2');
      if (isSecondPage && ended++ === 0) return 410;
      return answer(request);
    });
    expect(ended).toBe(2);
    expect(await ofResource(world, 'commerce/notes')).toHaveLength(1 + 2 + 3);
  });

  test('are read to their end by later invocations, where one has no time left', async () => {
    const things = many(30);
    const world = await createSyncWorld(withNotes());
    const answer = shopOfNotes(things);
    world.provider.respond((request) => {
      // Each call takes so long that an invocation ends after a few.
      world.clock.advance(20_000);
      return answer(request);
    });
    await world.begin();
    const reports = await world.workOff();
    expect(reports.length).toBeGreaterThan(5);
    expect(await ofResource(world, 'commerce/notes')).toHaveLength((30 * 31) / 2);
  });
});

describe('one sync for each part of a list', () => {
  const definition = shopWith({
    things: {
      changes: {
        path: '/shelves/{filter.shelf}/things',
        query: { since: '{since | iso}' },
        records: 'rows',
        page: { number: { to: 'query.page' }, size: 10, size_to: 'query.size', order: 'asc' },
      },
      list: undefined,
    },
    syncs: {
      products: { resource: 'commerce/products', every: '5m', reconcile: 'off', each: { shelf: 'context.shelves' } },
    },
  });

  test('has a cursor for each, and one that is gone keeps no other from being read', async () => {
    const shelves: Record<string, Thing[]> = { a: many(3), c: [thing(7), thing(8)] };
    const world = await createSyncWorld(definition, { context: { shelves: ['a', 'b', 'c'] } });
    world.provider.respond((request) => {
      const [, shelf = ''] = /^\/v1\/shelves\/([^/]+)\/things$/.exec(new URL(request.url).pathname) ?? [];
      const things = shelves[shelf];
      return things === undefined ? 403 : shop(things)({ url: request.url.replace(`/shelves/${shelf}`, '') });
    });
    await world.begin();
    await world.workOff();
    const ids = async () => (await ofResource(world, 'commerce/products')).map(({ record_id: id }) => id);
    expect(await ids()).toEqual(['1', '2', '3', '7', '8']);
    expect((await world.row('products')).state.lastRun).toMatchObject({
      outcome: 'succeeded',
      reason: expect.stringContaining('commerce/products#b'),
    });
    shelves['c']?.push(thing(9, 90));
    await world.pass(6);
    expect(await ids()).toEqual(['1', '2', '3', '7', '8', '9']);
  });
});

test('a combined sync gives one event for each run that found something, and asks no state', async () => {
  const definition = shopWith({
    syncs: { products: { resource: 'commerce/products', every: '5m', reconcile: 'off', emit: 'combined' } },
  });
  const things = many(25);
  const world = await begun(definition, shop(things));
  things.push(thing(26, 60));
  await world.pass(12);
  expect(await world.events()).toMatchObject([
    { type: 'sync:combined', snapshot: true, data: { count: 25, since: '1970-01-01T00:00:00.000Z' } },
    { type: 'sync:combined', data: { count: 1, records: [{ record_id: '26', data: { title: 'thing 26' } }] } },
  ]);
});

test('a silent first run tells nothing, and later changes are updates', async () => {
  const definition = shopWith({
    syncs: { products: { resource: 'commerce/products', every: '5m', reconcile: 'off', snapshot: 'silent' } },
  });
  const things = many(5);
  const world = await begun(definition, shop(things));
  expect(await world.events()).toEqual([]);
  things[0] = thing(1, 60, 'another');
  things.push(thing(6, 61));
  await world.pass(6);
  expect(await world.events()).toMatchObject([
    { type: 'record:updated', record_id: '1' },
    { type: 'record:created', record_id: '6' },
  ]);
});

describe('a change that a webhook told, too', () => {
  test.each(['webhook first', 'poll first'])('is one event with one id: %s', async (order) => {
    const things = many(2);
    const world = await begun(shopWith(), shop(things));
    const changed = thing(1, 90, 'another');
    things[0] = changed;
    const webhook = () =>
      publishEvents(world.ports, [
        {
          event: {
            id: 'evt_x',
            type: 'record:updated',
            timestamp: new Date(world.clock.nowMs()).toISOString(),
            tenant: world.account.tenant,
            account: world.account.id,
            integration: 'shop',
            resource: 'commerce/products',
            record_id: '1',
            origin: 'webhook',
            raw_event_type: 'thing.changed',
            schema_version: '1.0.0',
            data: { id: '1', title: 'another' },
          },
          owner: 'raw_1',
          record: {
            incarnation: world.account.createdAt,
            traits: { versionKind: 'time', volatile: [] },
            by: 'webhook',
            change: 'updated',
            version: changed.changed,
            changeName: 'delivery 1',
            seenAtMs: world.clock.nowMs(),
          },
        },
      ]);
    if (order === 'webhook first') await webhook();
    await world.pass(6);
    if (order === 'poll first') await webhook();
    const updates = (await world.events()).filter(({ type }) => type === 'record:updated');
    expect(updates).toHaveLength(1);
    expect(updates[0]?.origin).toBe(order === 'webhook first' ? 'webhook' : 'poll');
  });

  test('is not taken back by a backfill that read the record before', async () => {
    const things = many(3);
    const world = await begun(shopWith(), shop(things));
    const row = await world.row('products');
    await world.ports.syncs.replace({
      ...row,
      state: { ...row.state, wanted: [{ id: 'run_b', mode: 'backfill', since: at(0) }] },
      dueAtMs: world.clock.nowMs(),
    });
    await world.pass(1);
    expect((await world.row('products')).state.lastRun).toMatchObject({ mode: 'backfill', unchanged: 3, created: 0 });
    expect(await world.events()).toHaveLength(3);
  });
});
