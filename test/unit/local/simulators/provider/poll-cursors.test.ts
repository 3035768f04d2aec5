import { describe, expect, test } from 'vitest';
import type { ProviderFaults } from '../../../../../lib/local/simulators/provider/draw-fault.ts';
import { connectAccount } from './simulated-account.ts';
import { feedExchanges, simulatedFeeds } from './simulated-feeds.ts';
import { type Answered, useSimulators } from './simulator-calls.ts';

const startAll = useSimulators();
const start = (faults: Partial<ProviderFaults> = {}, records = 7) =>
  startAll({ definition: simulatedFeeds, exchanges: feedExchanges, limits: {}, faults, records });

type Send = (path: string, headers?: Readonly<Record<string, string>>) => Promise<Answered>;
interface Row {
  readonly id: number;
  readonly state?: string;
}

const idsOf = (rows: readonly Row[]) => rows.map(({ id }) => id);

/** Read a listing of tickets to its end. @returns Its rows, and the token of its last page. */
async function readDelta(send: Send, token?: string, between = async (_page: number) => undefined as unknown) {
  const rows: Row[] = [];
  const tokens: (string | null)[] = [];
  let next: string | null = null;
  do {
    const query = new URLSearchParams({ limit: '3', ...(token && { token }), ...(next && { page: next }) });
    const { body } = await send(`/tickets/delta?${query.toString()}`);
    rows.push(...body.rows);
    tokens.push(body.delta ?? null);
    next = body.next;
    await between(tokens.length);
  } while (next !== null);
  return { rows, token: tokens.at(-1) ?? undefined, earlier: tokens.slice(0, -1) };
}

test('every call is served', async () => {
  const { simulator } = await start();
  expect(simulator.unserved).toEqual([]);
});

describe('delta tokens', () => {
  test('begin with all records, and the last page has the token of the next changes', async () => {
    const { simulator, send } = await start();
    await simulator.remove('ticketing/tickets', '7');
    const first = await readDelta(send);
    expect(idsOf(first.rows)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(first.earlier).toEqual([null]);
    expect((await readDelta(send, first.token)).rows).toEqual([]);
    await simulator.change('ticketing/tickets', '2');
    await simulator.remove('ticketing/tickets', '4');
    await simulator.add('ticketing/tickets');
    const second = await readDelta(send, first.token);
    expect(second.rows).toMatchObject([{ id: 2 }, { id: 4, state: 'deleted' }, { id: 8 }]);
    expect((await readDelta(send, second.token)).rows).toEqual([]);
    expect(idsOf((await readDelta(send, first.token)).rows)).toEqual([2, 4, 8]);
  });

  test('give what changes while a listing is read, and what is committed late, to the next one', async () => {
    const { simulator, clock, send } = await start({ latePercent: 50, lateMs: 10_000 });
    const first = await readDelta(send, undefined, (page) => simulator.change('ticketing/tickets', `${page}`));
    const changed = new Set<number>();
    let { token } = first;
    for (let round = 0; round < 4; round += 1) {
      const next = await readDelta(send, token);
      for (const id of idsOf(next.rows)) changed.add(id);
      token = next.token;
      clock.advance(5_000);
    }
    expect([...changed].sort((a, b) => a - b)).toEqual([1, 2, 3]);
    expect((await readDelta(send, token)).rows).toEqual([]);
  });

  test('may be URLs that are called as they are', async () => {
    const { simulator, send } = await start();
    const first = await send('/files/delta');
    expect(first.body).toMatchObject({ '@next': expect.any(String) });
    expect(first.body['@delta']).toBeFalsy();
    const last = await send(first.body['@next']);
    expect(last.body['@delta']).toMatch(/^https:\/\/api\.feeds\.example\/files\/delta\?/);
    await simulator.change('files/files', '3');
    const changed = await send(last.body['@delta']);
    expect(idsOf(changed.body.value)).toEqual([3]);
    expect((await send(changed.body['@delta'])).body.value).toEqual([]);
  });

  test('end by chance or by age, and the answer means that the listing begins again', async () => {
    const chance = await start({ expiredCursorPercent: 100 });
    const { token } = await readDelta(chance.send);
    expect(await chance.send(`/tickets/delta?token=${token}`)).toMatchObject({
      status: 410,
      body: { error: 'resync' },
    });
    const aged = await start({ cursorLifeMs: 60_000 });
    const { token: old } = await readDelta(aged.send);
    aged.clock.advance(60_001);
    expect((await aged.send(`/tickets/delta?token=${old}`)).status).toBe(410);
    expect((await aged.send('/tickets/delta?token=of-another')).status).toBe(400);
  });
});

describe('ids as cursors', () => {
  test('give the rows with a larger id', async () => {
    const { simulator, send } = await start({}, 12);
    expect(idsOf((await send('/deals')).body.rows)).toHaveLength(12);
    expect(idsOf((await send('/deals?after=9')).body.rows)).toEqual([10, 11, 12]);
    await simulator.add('crm/deals');
    expect(idsOf((await send('/deals?after=12')).body.rows)).toEqual([13]);
  });
});

describe('times as cursors', () => {
  test('leave out their own second where the bound is exclusive, and are told in the answer', async () => {
    const { simulator, clock, send } = await start();
    await simulator.change('crm/contacts', '1');
    clock.advance(1_000);
    await simulator.change('crm/contacts', '2');
    const { body } = await send('/contacts/changes?since=2026-11-21T12:00:00.000Z');
    expect(idsOf(body.rows)).toEqual([2]);
    expect(body.until).toBe(clock.nowMs() / 1_000);
    expect((await send('/contacts/changes?since=2026-11-21T12:00:01.000Z')).body.until).toBe(clock.nowMs() / 1_000);
  });
});

describe('a feed of events', () => {
  const since = Date.parse('2026-11-21T00:00:00Z') / 1_000;

  test('has rows with the time of the change, and a cursor in its last row', async () => {
    const { simulator, clock, send } = await start();
    const { id } = await simulator.change('payments/payouts', 'po_100004');
    const first = await send(`/events?since=${since}`);
    expect(first.body.data).toHaveLength(3);
    expect(first.body).toMatchObject({
      more: true,
      data: [{ created: clock.nowMs() / 1_000, object: { id, kind: 'payout' } }, {}, {}],
    });
    const second = await send(`/events?since=${since}&after=${first.body.data[2].id}`);
    const third = await send(`/events?since=${since}&after=${second.body.data[2].id}`);
    const ids = [first, second, third].flatMap(({ body }) =>
      body.data.map((event: { object: { id: string } }) => event.object.id),
    );
    expect(third.body.more).toBe(false);
    expect(new Set(ids)).toEqual(new Set(simulator.records('payments/payouts').map((record) => record.id)));
  });

  test('leaves its records as they are', async () => {
    const { simulator } = await start();
    expect(simulator.records('payments/payouts')[0]?.raw).not.toHaveProperty('at');
  });
});

test('a path whose optional part has its default is that of the call with the same fixed text', async () => {
  const { simulator, send } = await start();
  expect((await send('/payouts/po_100004')).body).toMatchObject({ id: 'po_100004' });
  expect(simulator.stats().calls).toMatchObject({ 'payments/payouts.get': 1 });
});

describe('deletions', () => {
  test('are the ids of removed records, with the time of the deletion where the cursor reads one', async () => {
    const { simulator, clock, send } = await start();
    for (const id of ['2', '4', '5', '6']) {
      await simulator.remove('crm/contacts', id);
      clock.advance(10_000);
    }
    const at = Date.parse('2026-11-21T12:00:00Z') / 1_000;
    const first = await send(`/contacts/deleted?since=${at}&limit=3`);
    expect(first.body.rows).toEqual([
      { ref: '2', at, by: 'ada' },
      { ref: '4', at: at + 10, by: 'ada' },
      { ref: '5', at: at + 20, by: 'ada' },
    ]);
    const second = await send(`/contacts/deleted?since=${at}&limit=3&page=${first.body.next}`);
    expect(second.body).toMatchObject({ rows: [{ ref: '6' }], next: null });
    expect((await send(`/contacts/deleted?since=${at + 30}`)).body.rows).toHaveLength(1);
  });

  test('go on behind the id of the last row, where it is not that of a record', async () => {
    const { simulator, send } = await start();
    for (const id of ['2', '4', '5']) await simulator.remove('crm/deals', id);
    expect((await send('/deals/deleted?behind=0')).body).toEqual({ rows: [{ gone: '2' }, { gone: '4' }], more: true });
    expect((await send('/deals/deleted?behind=4')).body).toEqual({ rows: [{ gone: '5' }], more: false });
  });

  test('may be no more than ids, without an exchange that shows them', async () => {
    const { simulator, send } = await start();
    expect((await send('/notes/deleted?since=2026-11-21T00:00:00.000Z')).body).toEqual({ ids: [] });
    await simulator.remove('crm/notes', '3');
    expect((await send('/notes/deleted?since=2026-11-21T00:00:00.000Z')).body).toEqual({ ids: ['3'] });
  });

  test('show late, too, where writes are committed late', async () => {
    const { simulator, clock, send } = await start({ latePercent: 100, lateMs: 5_000 });
    await simulator.remove('crm/notes', '3');
    expect((await send('/notes/deleted?since=2026-11-21T00:00:00.000Z')).body.ids).toEqual([]);
    clock.advance(5_000);
    expect((await send('/notes/deleted?since=2026-11-21T00:00:00.000Z')).body.ids).toEqual(['3']);
  });
});

describe('conditional requests', () => {
  test('with an ETag get 304 until a record of the listing changes, on whichever page it is', async () => {
    const { simulator, send } = await start();
    const first = await send('/tickets?limit=3');
    const etag = first.headers.get('etag') ?? '';
    const ask = () => send('/tickets?limit=3', { 'if-none-match': `W/${etag}` });
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    expect(await ask()).toMatchObject({ status: 304, text: '' });
    expect((await send(`/tickets?limit=3&page=${first.body.next}`)).headers.get('etag')).toBeNull();
    await simulator.change('ticketing/tickets', '7');
    expect((await ask()).status).toBe(200);
    await simulator.remove('ticketing/tickets', '6');
    expect((await send('/tickets?limit=3')).headers.get('etag')).not.toBe(etag);
    expect(simulator.stats()).toMatchObject({ unchanged: 1, statuses: { 304: 1 } });
  });

  test('with Last-Modified get 304 until a record changes or shows, and never hide a change in the same second', async () => {
    const { simulator, clock, send } = await start({ latePercent: 100, lateMs: 20_000 });
    expect((await send('/deals/all')).headers.get('last-modified')).toBeNull();
    clock.advance(1_000);
    const modified = (await send('/deals/all')).headers.get('last-modified') ?? '';
    const ask = (since: string) => send('/deals/all', { 'if-modified-since': since });
    expect(modified).toBe('Sat, 21 Nov 2026 12:00:00 GMT');
    expect((await ask(modified)).status).toBe(304);
    await simulator.remove('crm/deals', '5');
    expect((await ask(modified)).status).toBe(304);
    clock.advance(21_000);
    expect(idsOf((await ask(modified)).body.rows)).toEqual([1, 2, 3, 4, 6, 7]);
  });

  test('are not offered by other listings', async () => {
    const { send } = await start();
    const { headers } = await send('/contacts');
    expect([headers.get('etag'), headers.get('last-modified')]).toEqual([null, null]);
    expect((await send('/contacts', { 'if-none-match': '*' })).status).toBe(200);
  });
});

test('the real client reads the listings', async () => {
  const { simulator, clock } = await start({}, 12);
  const account = await connectAccount(simulatedFeeds, simulator, clock, 'api_key');
  for (const resource of ['ticketing/tickets', 'crm/contacts'])
    expect((await account.listAll(resource)).records.map(({ id }) => id)).toEqual(
      simulator.records(resource).map(({ id }) => id),
    );
});
