import { describe, expect, test } from 'vitest';
import type { ApiRequest } from '../../../lambdas/ports/provider/provider-api.ts';
import { at, many, shop, type Thing, thing } from './a-shop.ts';
import { createSyncWorld, shopWith } from './sync-world.ts';

const paged = { number: { to: 'query.page' }, size: 10, size_to: 'query.size' };

async function begun(
  definition: ReturnType<typeof shopWith>,
  respond: (request: ApiRequest) => never | object | number,
) {
  const world = await createSyncWorld(definition);
  world.provider.respond(respond);
  await world.begin();
  await world.workOff();
  return world;
}

const recordIds = async ({ events }: Awaited<ReturnType<typeof createSyncWorld>>) =>
  (await events())
    .filter(({ type }) => type.startsWith('record:'))
    .map(({ type, record_id: id }) => `${type.slice(7)} ${id}`);

describe('a feed with tokens', () => {
  const changes = {
    path: '/feed',
    query: { token: '{cursor?}' },
    records: 'rows',
    page: { cursor: { from: 'more', to: 'query.token' }, size: 2 },
    cursor: { kind: 'token', answer: 'token' },
  };
  const definition = shopWith({ things: { changes, version: undefined } });

  /** Rows behind the token; two on a page. A token of an older epoch has expired. */
  function feed(log: Thing[], state: { epoch: number }) {
    return (request: ApiRequest) => {
      const url = new URL(request.url);
      if (url.pathname !== '/v1/feed') return shop(log)(request);
      const [epoch, from] = (url.searchParams.get('token') ?? `${state.epoch}:0`).split(':').map(Number);
      if (epoch !== state.epoch) return 410;
      const end = (from ?? 0) + 2;
      const isLast = end >= log.length;
      const token = `${state.epoch}:${Math.min(end, log.length)}`;
      return { body: { rows: log.slice(from, end), ...(isLast ? { token } : { more: token }) } };
    };
  }

  test('goes on behind the token of the last page', async () => {
    const log = many(5);
    const world = await begun(definition, feed(log, { epoch: 1 }));
    expect(await recordIds(world)).toHaveLength(5);
    log.push(thing(2, 40, 'another'));
    const before = world.provider.requests.length;
    await world.pass(5);
    expect((await recordIds(world)).slice(5)).toEqual(['updated 2']);
    expect(world.provider.requests.length - before).toBe(1);
  });

  test('whose token has expired is read from its beginning, and tells only what differs', async () => {
    const state = { epoch: 1 };
    const log = many(5);
    const world = await begun(definition, feed(log, state));
    state.epoch = 2;
    log[3] = thing(4, 50, 'another');
    await world.pass(6);
    expect((await recordIds(world)).slice(5)).toEqual(['updated 4']);
    expect((await world.events()).at(-1)?.snapshot).toBeUndefined();
  });
});

test('a cursor that is an object goes into the body as it is', async () => {
  const changes = {
    method: 'POST',
    path: '/search',
    json: { since: '{since | iso}' },
    records: 'rows',
    page: { cursor: { from: 'after', to: 'json.after' }, more: '$exists(after)' },
  };
  const things = many(25);
  const world = await begun(shopWith({ things: { changes } }), (request: ApiRequest) => {
    const { after } = JSON.parse(request.body ?? '{}') as { readonly after?: { readonly ids: readonly number[] } };
    const from = after?.ids[0] ?? 0;
    const rows = things.slice(from, from + 10);
    return { body: { rows, ...(from + 10 < things.length ? { after: { ids: [from + 10] } } : {}) } };
  });
  expect(await recordIds(world)).toHaveLength(25);
});

test('a provider that refuses the listing from its beginning is not asked again and again', async () => {
  const world = await begun(shopWith(), () => 410);
  await world.pass(30);
  expect(world.provider.requests.length).toBeLessThan(10);
  const { lastRun, failures } = (await world.row('products')).state;
  expect(lastRun).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('from its beginning') });
  expect(failures).toBeGreaterThan(1);
});

test('a feed of rising ids goes on behind the highest', async () => {
  const changes = { path: '/log', query: { after: '{cursor?}' }, records: 'rows', cursor: { kind: 'id' } };
  const log = many(3);
  const world = await begun(shopWith({ things: { changes, version: undefined } }), ({ url }: ApiRequest) => {
    const after = Number(new URL(url).searchParams.get('after') ?? 0);
    return { body: { rows: log.filter(({ id }) => id > after) } };
  });
  log.push(thing(12));
  await world.pass(6);
  expect(await recordIds(world)).toEqual(['created 1', 'created 2', 'created 3', 'created 12']);
  expect(new URL(world.provider.requests.at(-1)?.url ?? '').searchParams.get('after')).toBe('3');
});

test('the time from which to read may stand in the answer, and the rows may have only ids', async () => {
  const changes = {
    path: '/changed',
    query: { since: '{since | iso}' },
    records: 'rows',
    thin: true,
    cursor: { answer: 'latest', from: 'changed' },
  };
  const things = many(4);
  const world = await begun(shopWith({ things: { changes } }), (request: ApiRequest) => {
    const url = new URL(request.url);
    if (url.pathname !== '/v1/changed') return shop(things)(request);
    const rows = things.filter(({ changed }) => changed >= (url.searchParams.get('since') ?? ''));
    return { body: { rows: rows.map(({ id, changed }) => ({ id, changed })), latest: at(30) } };
  });
  expect(await recordIds(world)).toHaveLength(4);
  expect((await world.events())[0]?.data).toMatchObject({ title: 'thing 1' });
  things[1] = thing(2, 45, 'another');
  await world.pass(6);
  expect((await recordIds(world)).slice(4)).toEqual(['updated 2']);
});

test('an API that only lists everything is compared: what differs is told, and what is absent twice is deleted', async () => {
  const things = many(15);
  const world = await begun(shopWith({ things: { changes: undefined, get: undefined } }), shop(things));
  things[2] = thing(3, 50, 'another');
  things.splice(9, 1);
  await world.pass(5);
  expect((await recordIds(world)).slice(15)).toEqual(['updated 3']);
  await world.pass(5);
  expect((await recordIds(world)).slice(15)).toEqual(['updated 3', 'deleted 10']);
});

test('a row that is committed late is read, because the cursor looks back (invariant 5)', async () => {
  const changes = {
    path: '/things',
    query: { since: '{since | iso}' },
    records: 'rows',
    page: { ...paged, order: 'asc' },
    cursor: { lag: '2m' },
  };
  const things = many(3);
  const world = await begun(shopWith({ things: { changes } }), shop(things));
  things.push(thing(4, 500));
  await world.pass(5);
  // It was written before the fourth, and appears only now.
  things.push(thing(5, 400));
  await world.pass(5);
  expect((await recordIds(world)).slice(3)).toEqual(['created 4', 'created 5']);
  const before = world.engine.records.dump();
  await world.pass(10);
  expect(world.engine.records.dump()).toEqual(before);
});

test('the cursor stays behind the clock of the server, not only behind the rows', async () => {
  const changes = {
    path: '/things',
    query: { since: '{since | iso}' },
    records: 'rows',
    page: { ...paged, order: 'asc' },
    cursor: { settle: '1m' },
  };
  const things = many(3);
  const definition = shopWith({ things: { changes } });
  const world = await createSyncWorld(definition);
  const now = () => new Date(world.clock.nowMs());
  world.provider.respond((request) => ({
    ...(shop(things)(request) as object),
    headers: { date: now().toUTCString() },
  }));
  things.push({ ...thing(4), changed: now().toISOString() });
  await world.begin();
  await world.workOff();
  const late = new Date(world.clock.nowMs() - 30_000).toISOString();
  things.push({ ...thing(5), changed: late });
  await world.pass(6);
  expect((await recordIds(world)).slice(4)).toEqual(['created 5']);
});

describe('what the provider caps', () => {
  test('is asked for in smaller stretches of time, where the call has an end', async () => {
    const changes = {
      path: '/things',
      query: { since: '{since | iso}', until: '{until? | iso}' },
      records: 'rows',
      page: { cursor: { from: 'next', to: 'query.from' } },
      cap: 20,
    };
    const things = many(90).map((one) => ({ ...one, changed: at(one.id * 10) }));
    const world = await begun(shopWith({ things: { changes } }), ({ url }: ApiRequest) => {
      const query = new URL(url).searchParams;
      const [since, until] = [query.get('since') ?? '', query.get('until') ?? '9'];
      const from = Number(query.get('from') ?? 0);
      const all = things.filter(({ changed }) => changed >= since && changed < until).slice(0, 20);
      return { body: { rows: all.slice(from, from + 10), ...(from + 10 < all.length ? { next: from + 10 } : {}) } };
    });
    expect((await recordIds(world)).length).toBe(90);
  });

  test('is read on from the last row, where rows come in the order of their changes', async () => {
    const changes = {
      path: '/things',
      query: { since: '{since | iso}' },
      records: 'rows',
      page: { cursor: { from: 'next', to: 'query.from' }, order: 'asc' },
      cap: 20,
    };
    const things = many(90);
    const world = await begun(shopWith({ things: { changes } }), ({ url }: ApiRequest) => {
      const query = new URL(url).searchParams;
      const from = Number(query.get('from') ?? 0);
      const all = things.filter(({ changed }) => changed >= (query.get('since') ?? '')).slice(0, 20);
      return { body: { rows: all.slice(from, from + 10), ...(from + 10 < all.length ? { next: from + 10 } : {}) } };
    });
    expect((await recordIds(world)).length).toBe(90);
  });
});

describe('pages that move', () => {
  test('a record that changes while its listing is read does not hide the one behind it', async () => {
    const things = many(40);
    let calls = 0;
    const world = await begun(shopWith(), (request: ApiRequest) => {
      const answer = shop(things)(request);
      calls += 1;
      // The first record moves to the end, so each later page begins one row further.
      if (calls <= 3) things[calls] = { ...(things[calls] as Thing), changed: at(100 + calls), title: 'moved' };
      return answer;
    });
    await world.pass(6);
    const ids = new Set((await recordIds(world)).map((text) => text.split(' ')[1]));
    expect(ids.size).toBe(40);
  });

  test('so many records of one time that they fill pages are read twice, because their pages may have moved', async () => {
    const things = Array.from({ length: 35 }, (_, place) => ({ ...thing(place + 1), changed: at(7) }));
    let calls = 0;
    const world = await begun(shopWith(), (request: ApiRequest) => {
      const answer = shop(things)(request);
      calls += 1;
      // A record of the first page changes, so the first of the third one slips onto the second.
      if (calls === 3) things[2] = { ...thing(3), changed: at(90), title: 'moved' };
      return answer;
    });
    expect(await recordIds(world)).not.toContain('created 21');
    await world.pass(6);
    expect(new Set((await recordIds(world)).map((text) => text.split(' ')[1])).size).toBe(35);
  });

  test('a page that the provider gives twice does not count twice, nor ends the listing', async () => {
    const things = many(35);
    let calls = 0;
    let last: unknown;
    const world = await begun(shopWith({ things: { changes: undefined } }), (request: ApiRequest) => {
      calls += 1;
      if (calls === 3) return last as object;
      last = shop(things)(request);
      return last as object;
    });
    expect(await recordIds(world)).toHaveLength(35);
  });

  test.each([1, 9])('a listing does not end with a wrong number of pages: %i', async (pages) => {
    const things = many(35);
    const list = {
      path: '/things',
      records: 'rows',
      page: { number: { to: 'query.page', last: 'pages' }, size: 10, size_to: 'query.size' },
      complete: true,
    };
    const world = await begun(shopWith({ things: { changes: undefined, list } }), (request: ApiRequest) => {
      const { body } = shop(things)(request) as { body: object };
      return { body: { ...body, pages } };
    });
    expect(await recordIds(world)).toHaveLength(35);
    await world.pass(12);
    expect((await recordIds(world)).filter((text) => text.startsWith('deleted'))).toEqual([]);
  });

  test('pages that go in a circle end the run with a reason', async () => {
    const changes = {
      path: '/things',
      records: 'rows',
      query: { since: '{since | iso}' },
      page: { next: 'next', order: 'asc' },
    };
    const world = await begun(shopWith({ things: { changes } }), ({ url }: ApiRequest) => {
      const from = Number(new URL(url).searchParams.get('from') ?? 0);
      return { body: { rows: [thing(from + 1)], next: `/v1/things?from=${(from + 1) % 3}` } };
    });
    expect((await world.row('products')).state.lastRun).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('circle'),
    });
  });
});

test('a quiet listing is asked for on condition, and its 304 ends the run', async () => {
  const changes = {
    path: '/things',
    query: { since: '{since | iso}' },
    records: 'rows',
    conditional: 'etag',
    page: { ...paged, order: 'asc' },
  };
  const things = many(3);
  const world = await begun(shopWith({ things: { changes } }), (request: ApiRequest) => {
    const etag = `"${things.length}"`;
    return request.headers['if-none-match'] === etag
      ? 304
      : { ...(shop(things)(request) as object), headers: { etag } };
  });
  await world.pass(15);
  const sent = world.provider.requests.map(({ headers }) => headers['if-none-match']);
  expect(sent.at(-1)).toBe('"3"');
  expect((await world.row('products')).state.lastRun).toMatchObject({ outcome: 'succeeded', calls: 1, records: 0 });
  things.push(thing(4));
  await world.pass(6);
  expect((await recordIds(world)).at(-1)).toBe('created 4');
});

test('a 304 of the first page tells nothing of the pages behind it, so they are asked for', async () => {
  const changes = {
    path: '/things',
    query: { since: '{since | iso}' },
    records: 'rows',
    conditional: 'etag',
    // Each run reads the last day again.
    cursor: { lookback: '1d' },
    page: { cursor: { from: 'more', to: 'query.page' }, size: 10 },
  };
  const things = many(12);
  const world = await begun(shopWith({ things: { changes } }), (request: ApiRequest) => {
    const page = Number(new URL(request.url).searchParams.get('page') ?? 1);
    const { body } = shop(things)(request) as { readonly body: object };
    const answer = { body: { ...body, ...(page * 10 < things.length ? { more: String(page + 1) } : {}) } };
    const etag = JSON.stringify(JSON.stringify(answer.body).length);
    return request.headers['if-none-match'] === etag ? 304 : { ...answer, headers: { etag } };
  });
  await world.pass(15);
  things.push(thing(13));
  await world.pass(6);
  expect((await recordIds(world)).at(-1)).toBe('created 13');
});

test('links that count pages shift as pages by number do: reading goes on at the last row', async () => {
  const changes = {
    path: '/things',
    query: { since: '{since | iso}' },
    records: 'rows',
    page: { next: 'next', size: 10, size_to: 'query.size', order: 'asc' },
  };
  const things = many(2);
  let calls = 0;
  const world = await begun(shopWith({ things: { changes } }), (request: ApiRequest) => {
    calls += 1;
    // A row of the first page of the second run changes before that run asks for more.
    if (calls === 3) things[2] = thing(3, 50, 'another');
    const page = Number(new URL(request.url).searchParams.get('page') ?? 1);
    const { body } = shop(things)(request) as { readonly body: { readonly rows: readonly Thing[] } };
    const next = new URL(request.url);
    next.searchParams.set('page', String(page + 1));
    return { body: { ...body, ...(body.rows.length === 10 ? { next: next.href } : {}) } };
  });
  expect(calls).toBe(1);
  for (let id = 3; id <= 25; id += 1) things.push(thing(id));
  await world.pass(6);
  const ids = (await world.events()).map(({ record_id: id }) => Number(id));
  expect([...new Set(ids)].sort((a, b) => a - b)).toEqual(many(25).map(({ id }) => id));
});

test('a cursor that is older than what the provider keeps is not used: everything is listed, and compared', async () => {
  const changes = {
    path: '/things',
    query: { since: '{since | iso}' },
    records: 'rows',
    page: { ...paged, order: 'asc' },
    cursor: { retention: '2d' },
  };
  const things = many(12);
  const world = await begun(shopWith({ things: { changes } }), (request: ApiRequest) => {
    const since = new URL(request.url).searchParams.get('since');
    const isTooOld = since !== null && world_().clock.nowMs() - Date.parse(since) > 2 * 86_400_000;
    return isTooOld ? { body: { rows: [] } } : shop(things)(request);
  });
  function world_() {
    return holder.world ?? { clock: { nowMs: () => Date.parse(at(0)) } };
  }
  const holder: { world?: typeof world } = {};
  holder.world = world;
  expect(await recordIds(world)).toHaveLength(12);
  // Nobody polls for five days.
  world.clock.advance(5 * 86_400_000);
  things[4] = { ...thing(5), title: 'another', changed: new Date(world.clock.nowMs() - 4 * 86_400_000).toISOString() };
  await world.pass(6);
  expect((await recordIds(world)).slice(12)).toEqual(['updated 5']);
});

describe('a provider whose clock, or whose answer, is far in the future', () => {
  const changes = {
    path: '/things',
    query: { since: '{since | iso}' },
    records: 'rows',
    page: { ...paged, order: 'asc' },
    cursor: { retention: '10d' },
  };

  test('does not carry the cursor there: what changes later is read', async () => {
    const things = many(3);
    const world = await begun(shopWith({ things: { changes } }), (request: ApiRequest) => ({
      ...(shop(things)(request) as object),
      headers: { date: 'Fri, 31 Dec 9999 23:59:59 GMT' },
    }));
    things.push({ ...thing(4), changed: '9999-01-01T00:00:00.000Z' });
    await world.pass(6);
    things.push({ ...thing(5), changed: new Date(world.clock.nowMs()).toISOString() });
    await world.pass(6);
    expect((await recordIds(world)).slice(3)).toEqual(['created 4', 'created 5']);
  });

  test('neither does an answer that says where to go on', async () => {
    const things = many(3);
    const answered = { ...changes, cursor: { answer: 'latest' } };
    const world = await begun(shopWith({ things: { changes: answered } }), (request: ApiRequest) => {
      const { body } = shop(things)(request) as { body: object };
      return { body: { ...body, latest: '9999-01-01T00:00:00.000Z' } };
    });
    things.push({ ...thing(4), changed: new Date(world.clock.nowMs() + 1_000).toISOString() });
    await world.pass(6);
    expect((await recordIds(world)).slice(3)).toEqual(['created 4']);
  });
});

describe('rows that have only ids', () => {
  const changes = {
    path: '/changed',
    query: { since: '{since | iso}' },
    records: 'rows',
    thin: true,
    cursor: { from: 'changed' },
  };
  const feed = (things: Thing[], cut: { count: number }) => (request: ApiRequest) => {
    const url = new URL(request.url);
    if (url.pathname !== '/v1/changed') {
      cut.count -= 1;
      return cut.count >= 0 ? { body: '{"id": 1, "tit' } : shop(things)(request);
    }
    const rows = things.filter(({ changed }) => changed >= (url.searchParams.get('since') ?? ''));
    return { body: { rows: rows.map(({ id, changed }) => ({ id, changed })) } };
  };

  test('are read again where the answer is cut, and by the next run where it stays so', async () => {
    const cut = { count: 2 };
    const things = many(3);
    const world = await begun(shopWith({ things: { changes } }), feed(things, cut));
    expect(await recordIds(world)).toHaveLength(3);
    things.push(thing(4, 50));
    cut.count = 100;
    await world.pass(5);
    expect(await recordIds(world)).toHaveLength(3);
    cut.count = 0;
    await world.pass(5);
    expect((await recordIds(world)).slice(3)).toEqual(['created 4']);
  });

  test('are read once more where they were read within their own second', async () => {
    const things = many(2);
    const world = await begun(shopWith({ things: { changes } }), feed(things, { count: 0 }));
    const now = new Date(world.clock.nowMs() + 299_500).toISOString();
    things[0] = { id: 1, title: 'first', changed: now };
    world.clock.advance(239_600);
    await world.pass(1);
    // The same second, and so the same time.
    things[0] = { id: 1, title: 'second', changed: now };
    await world.pass(6);
    expect((await world.events()).at(-1)?.data).toMatchObject({ title: 'second' });
  });
});
