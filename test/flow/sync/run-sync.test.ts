import { describe, expect, test } from 'vitest';
import { statusOf } from '../../../lambdas/engine/sync/sync-state.ts';
import { at, many, shop, type Thing, thing } from './a-shop.ts';
import { createSyncWorld, shopWith } from './sync-world.ts';

async function begun(things: Thing[], definition = shopWith()) {
  const world = await createSyncWorld(definition);
  world.provider.respond(shop(things));
  await world.begin();
  const first = await world.workOff();
  return { ...world, first };
}

test('the first run publishes every record as a snapshot, and the next one only what changed', async () => {
  const things = many(25);
  const { events, pass, first, row, provider } = await begun(things);
  expect(first).toMatchObject([{ outcome: 'succeeded', counts: { created: 25, updated: 0, pages: 3 } }]);
  expect(
    (await events()).every(
      ({ type, origin, snapshot }) => type === 'record:created' && origin === 'poll' && snapshot === true,
    ),
  ).toBe(true);
  expect(await events()).toHaveLength(25);

  things[3] = thing(4, 40, 'another title');
  things.push(thing(26, 41));
  await pass(6);
  expect((await events()).slice(25)).toMatchObject([
    { type: 'record:updated', record_id: '4', data: { title: 'another title' } },
    { type: 'record:created', record_id: '26' },
  ]);
  expect((await events()).slice(25).some(({ snapshot }) => snapshot === true)).toBe(false);
  expect((await row('products')).state.lastRun).toMatchObject({
    mode: 'incremental',
    created: 1,
    updated: 1,
    deleted: 0,
  });
  // The second run began at the last change: its row, and the two new ones.
  expect(new URL(provider.requests.at(-1)?.url ?? '').searchParams.get('since')).toBe(at(25));
});

test('nothing changed: one call, no write of a record, no event', async () => {
  const { events, pass, provider, engine } = await begun(many(5));
  await pass(6);
  const before = { calls: provider.requests.length, records: JSON.stringify(engine.records.dump()) };
  await pass(5);
  expect(provider.requests.length - before.calls).toBe(1);
  expect(JSON.stringify(engine.records.dump())).toBe(before.records);
  expect(await events()).toHaveLength(5);
});

test('a run that takes longer than its pages are kept reads them again', async () => {
  const things = many(25);
  const world = await createSyncWorld(shopWith());
  const answer = shop(things);
  world.provider.respond((request) => (world.provider.requests.length > 2 ? 503 : answer(request)));
  await world.begin();
  await world.workOff();
  expect((await world.row('products')).state.current).toMatchObject({ place: { spooled: 2 } });
  // The provider is back after nine days. The bucket keeps pages for seven.
  const { payloads } = world.engine;
  await payloads.eraser.remove(
    '',
    payloads.keys().map((key) => ({ kind: 'objects', key })),
  );
  world.clock.advance(9 * 86_400_000);
  world.provider.respond(answer);
  await world.pass(120);
  expect(await world.events()).toHaveLength(25);
  expect((await world.row('products')).state).toMatchObject({ lastRun: { outcome: 'succeeded' }, failures: 0 });
});

test('a row that says that its record is gone is a deletion', async () => {
  const things = many(3);
  const { events, pass } = await begun(things);
  things[1] = { ...thing(2, 50), gone: true };
  await pass(6);
  expect((await events()).slice(3)).toMatchObject([{ type: 'record:deleted', record_id: '2' }]);
});

describe('equal times', () => {
  test('records that were written in the second of the cursor, after it was read, are not lost (invariant 5)', async () => {
    const things = many(3);
    const { events, pass } = await begun(things);
    things.push({ ...thing(9), changed: at(3) });
    await pass(6);
    expect((await events()).slice(3)).toMatchObject([{ type: 'record:created', record_id: '9' }]);
  });

  test('more records of one time than a page are all read', async () => {
    const things = Array.from({ length: 35 }, (_, place) => ({ ...thing(place + 1), changed: at(7) }));
    const { events, pass } = await begun(things);
    expect(await events()).toHaveLength(35);
    await pass(12);
    expect(await events()).toHaveLength(35);
  });
});

describe('a run that stops', () => {
  test('goes on behind the pages that it has, and fetches none of them again', async () => {
    const things = many(120);
    const world = await createSyncWorld(shopWith());
    const answer = shop(things);
    let calls = 0;
    world.provider.respond((request) => {
      calls += 1;
      // The provider cannot be reached from the sixth call on, for longer than a call is tried again.
      return calls >= 6 && calls <= 12 ? new Error('reset') : answer(request);
    });
    await world.begin();
    await world.workOff();
    expect((await world.row('products')).state).toMatchObject({ failures: 1, stop: { kind: 'backing-off' } });
    expect(await world.events()).toHaveLength(0);
    await world.pass(20);
    expect((await world.row('products')).state).toMatchObject({ failures: 0, lastRun: { outcome: 'succeeded' } });
    expect((await world.events()).map(({ record_id: id }) => Number(id)).toSorted((a, b) => a - b)).toEqual(
      things.map(({ id }) => id),
    );
    const asked = world.provider.requests.map(({ url }) => url);
    // The quiet runs after the first one ask for what the last change brought.
    const ofFirst = asked.slice(0, asked.indexOf(asked.at(-1) ?? ''));
    expect(new Set(ofFirst).size).toBeGreaterThanOrEqual(ofFirst.length - 7);
  });

  test('does not end an invocation because one call in eleven fails, or is cut in the middle', async () => {
    const things = many(300);
    const world = await createSyncWorld(shopWith());
    const answer = shop(things);
    let calls = 0;
    world.provider.respond((request) => {
      calls += 1;
      if (calls % 11 === 0) return new Error('reset');
      return calls % 13 === 0 ? { body: '{"rows": [{"id": 1' } : answer(request);
    });
    await world.begin();
    await world.workOff();
    expect((await world.row('products')).state).toMatchObject({ failures: 0, lastRun: { outcome: 'succeeded' } });
    expect(await world.events()).toHaveLength(300);
  });

  test('a run that gets on does not wait longer and longer', async () => {
    const things = many(300);
    const world = await createSyncWorld(shopWith());
    const answer = shop(things);
    let calls = 0;
    world.provider.respond((request) => {
      calls += 1;
      // Three pages, then four calls that fail, so that the invocation ends.
      return calls % 7 >= 3 ? new Error('reset') : answer(request);
    });
    await world.begin();
    await world.workOff();
    await world.pass(25);
    expect(await world.events()).toHaveLength(300);
    expect((await world.events()).some(({ type }) => type === 'sync.failing')).toBe(false);
  });

  test('waits as long as the provider asks for, and nobody calls before', async () => {
    const things = many(5);
    const world = await createSyncWorld(shopWith());
    let refusedAtMs: number | undefined;
    let calls = 0;
    world.provider.respond((request) => {
      calls += 1;
      refusedAtMs ??= world.clock.nowMs();
      const isEarly = world.clock.nowMs() - refusedAtMs < 240_000;
      return isEarly ? { status: 429, headers: { 'retry-after': '240' } } : shop(things)(request);
    });
    await world.begin();
    await world.workOff();
    await world.pass(3);
    expect(calls).toBe(1);
    expect((await world.row('products')).state.stop?.kind).toBe('rate-limited');
    await world.pass(3);
    expect(await world.events()).toHaveLength(5);
  });

  test('its tenant is told once that a sync fails, and once that it works again', async () => {
    const things = many(2);
    const world = await createSyncWorld(shopWith());
    let isBroken = true;
    world.provider.respond((request) => (isBroken ? 500 : shop(things)(request)));
    await world.begin();
    await world.workOff();
    await world.pass(200);
    const types = async () => (await world.events()).map(({ type }) => type).filter((type) => type.startsWith('sync.'));
    expect(await types()).toEqual(['sync.failing']);
    isBroken = false;
    await world.pass(800);
    expect(await types()).toEqual(['sync.failing', 'sync.recovered']);
    await world.pass(20);
    expect(await types()).toEqual(['sync.failing', 'sync.recovered']);
  });
});

describe('deletes', () => {
  const reconciled = shopWith({
    syncs: { products: { resource: 'commerce/products', every: '5m', reconcile: '0 3 * * *' } },
  });

  test('a record that a complete listing lacks, and that cannot be read, is deleted (invariant 6)', async () => {
    const things = many(30);
    const { events, pass, row } = await begun(things, reconciled);
    things.splice(4, 1);
    things.splice(9, 1);
    await pass(24 * 60);
    const later = (await events()).slice(30).filter(({ type }) => type.startsWith('record:'));
    expect(later.toSorted((a, b) => Number(a.record_id) - Number(b.record_id))).toMatchObject([
      { type: 'record:deleted', record_id: '5', origin: 'reconcile' },
      { type: 'record:deleted', record_id: '11', origin: 'reconcile' },
    ]);
    expect((await events()).filter(({ type }) => type === 'sync.drift')).toMatchObject([
      { data: { drift: { 'silent-delete': 2 } } },
    ]);
    expect((await row('products')).state.failures).toBe(0);
  });

  test('a listing that lacks too much is not believed: nothing is deleted, and the sync says so (invariant 6)', async () => {
    const things = many(30);
    const { events, pass, row, clock } = await begun(things, reconciled);
    things.splice(0, 15);
    await pass(24 * 60);
    expect((await events()).filter(({ type }) => type === 'record:deleted')).toEqual([]);
    const { state } = await row('products');
    expect(state.reconcileFault?.reason).toContain('15 of 30 known records are absent');
    expect(statusOf(state, clock.nowMs())).toBe('failing');
    expect((await events()).filter(({ type }) => type === 'sync.failing')).toHaveLength(1);
    // What changes is told all the same.
    things.push(thing(99, 55));
    await pass(6);
    expect((await events()).at(-1)).toMatchObject({ type: 'record:created', record_id: '99' });
  });

  test('a record that the listing lacks but that can be read is not deleted', async () => {
    const things = many(30);
    const world = await createSyncWorld(reconciled);
    const answer = shop(things);
    let hides = false;
    world.provider.respond((request) => {
      const { pathname } = new URL(request.url);
      const shown = hides && pathname === '/v1/things' ? things.filter(({ id }) => id !== 7) : things;
      return pathname === '/v1/things' ? shop(shown)(request) : answer(request);
    });
    await world.begin();
    await world.workOff();
    hides = true;
    await world.pass(24 * 60);
    expect((await world.events()).filter(({ type }) => type === 'record:deleted')).toEqual([]);
  });

  test('a record that was heard of just now, and cannot be found yet, is not deleted (`not_before`)', async () => {
    const get = { path: '/things/{id}', record: '$', not_before: '10m' };
    const things = many(30);
    const { events, pass, ask, provider } = await begun(things, shopWith({ things: { get } }));
    // Its changes know the record; its other servers do not.
    provider.respond(({ url }) => {
      const isOfChanges = new URL(url).searchParams.has('since');
      return shop(isOfChanges ? [...things, thing(31, 50)] : things)({ url });
    });
    await pass(6);
    expect((await events()).at(-1)).toMatchObject({ type: 'record:created', record_id: '31' });
    await ask('products', 'reconcile');
    await pass(2);
    expect((await events()).at(-1)).toMatchObject({ type: 'record:created', record_id: '31' });
    await pass(15);
    await ask('products', 'reconcile');
    await pass(2);
    expect((await events()).filter(({ type }) => type === 'record:deleted')).toMatchObject([{ record_id: '31' }]);
  });

  test('without a read of single records, two listings prove it', async () => {
    const definition = shopWith({
      things: { get: undefined },
      syncs: { products: { resource: 'commerce/products', every: '5m', reconcile: '0 3 * * *' } },
    });
    const things = many(30);
    const { events, pass } = await begun(things, definition);
    things.splice(4, 1);
    await pass(24 * 60);
    expect((await events()).filter(({ type }) => type === 'record:deleted')).toEqual([]);
    await pass(24 * 60);
    expect((await events()).filter(({ type }) => type === 'record:deleted')).toMatchObject([{ record_id: '5' }]);
  });
});

describe('a feed of deletions', () => {
  const deletions = {
    path: '/deleted',
    query: { since: '{since | iso}' },
    records: 'rows',
    id: 'ref',
    cursor: { from: 'at', as: 'time' },
  };
  const day = '2026-11-21';

  test.each([
    ['a time', at(30), { ...thing(3, 40), title: 'restored' }, ['record:created', 'record:updated']],
    ['a day', day, { ...thing(3, 40), title: 'restored' }, ['record:created', 'record:updated']],
    ['a time', at(30), undefined, ['record:created', 'record:deleted']],
    ['a day', day, undefined, ['record:created', 'record:deleted']],
  ])('with %s tells of records that are gone, and of none that was restored since', async (_, when, now, types) => {
    const things = many(5);
    const deleted: { readonly ref: number; readonly at: string }[] = [];
    const world = await createSyncWorld(shopWith({ things: { deletions } }));
    world.provider.respond((request) =>
      request.url.includes('/deleted') ? { body: { rows: deleted } } : shop(things)(request),
    );
    await world.begin();
    await world.workOff();
    deleted.push({ ref: 3, at: when });
    things.splice(2, 1, ...(now === undefined ? [] : [now]));
    await world.pass(11);
    const told = (await world.events()).filter(({ record_id: id }) => id === '3');
    expect(told.map(({ type }) => type)).toEqual(types);
  });
});
