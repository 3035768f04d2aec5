import { describe, expect, test } from 'vitest';
import type { ProviderFaults } from '../../../../../lib/local/simulators/provider/draw-fault.ts';
import { connectAccount } from './simulated-account.ts';
import { simulatedDesk } from './simulated-desk.ts';
import { type Answered, useSimulators } from './simulator-calls.ts';

const startAll = useSimulators();
const start = (faults: Partial<ProviderFaults> = {}, records = 10) => startAll({ faults, records });
const tickets = 'ticketing/tickets';

const idsOf = ({ body }: Answered): readonly number[] => body.tickets.map(({ id }: { id: number }) => id);

/** Every page of a listing that has cursors, with the requests it took. */
async function pagesOf(send: (path: string) => Promise<Answered>, most = 20): Promise<readonly Answered[]> {
  const pages: Answered[] = [];
  let cursor: string | undefined;
  do {
    const page = await send(`/v2/tickets?limit=3${cursor === undefined ? '' : `&cursor=${cursor}`}`);
    pages.push(page);
    cursor = page.body?.meta?.next ?? undefined;
  } while (cursor !== undefined && pages.length < most);
  return pages;
}

describe('page drift', () => {
  test('writes a record before a following page, so that the pages shift', async () => {
    const { simulator, send } = await start({ driftPercent: 100 }, 30);
    const before = simulator.records('crm/companies').map(({ id }) => id);
    const seen: string[] = [];
    for (let page = 0; page < 8; page += 1) {
      const { body } = await send(`/v2/companies?page=${page}`);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
    }
    const after = simulator.records('crm/companies').map(({ id }) => id);
    expect(simulator.stats().faults['page-drift']).toBe(7);
    expect(after).not.toEqual(before);
    // Pages that shift give a row twice, or leave one out.
    expect(seen.length !== new Set(seen).size || before.some((id) => !seen.includes(id))).toBe(true);
  });

  test('writes in earnest: a touched record has a new version', async () => {
    const { simulator, send } = await start({ driftPercent: 100 });
    const before = new Map(simulator.records(tickets).map(({ id, updatedAtMs }) => [id, updatedAtMs]));
    await pagesOf(send);
    const after = simulator.records(tickets);
    const touched = after.filter(({ id, updatedAtMs }) => before.get(id) !== updatedAtMs);
    expect(touched.length + (before.size - after.length)).toBeGreaterThan(0);
  });

  test('does not happen otherwise', async () => {
    const { simulator, send } = await start();
    const before = simulator.records(tickets);
    await pagesOf(send);
    expect(simulator.records(tickets)).toEqual(before);
  });
});

describe('repeated pages', () => {
  test('answer a following page with the page before it, and its cursor', async () => {
    const { simulator, send } = await start({ repeatedPagePercent: 50 });
    const pages = await pagesOf(send);
    const repeats = pages.filter((page, place) => place > 0 && page.text === pages[place - 1]?.text);
    expect(repeats.length).toBeGreaterThan(0);
    expect(simulator.stats().faults['repeated-pages']).toBe(repeats.length);
    expect(new Set(pages.flatMap(idsOf)).size).toBe(10);
  });

  test.each([
    ['/v2/companies?page=1', '/v2/companies?page=0', 'items'],
    ['/v2/deals?after=33', '/v2/deals', undefined],
  ])('repeat pages without cursors, too: %s', async (following, first, member) => {
    const { send } = await start({ repeatedPagePercent: 100 });
    const rows = ({ body }: Answered) => (member === undefined ? body : body[member]);
    const shown = rows(await send(first));
    expect(rows(await send(following))).toEqual(shown);
  });

  test('do not happen otherwise', async () => {
    const { send } = await start();
    expect((await pagesOf(send)).flatMap(idsOf)).toHaveLength(10);
  });
});

describe('expiring tokens', () => {
  test('end cursors of pages by chance, and by their age', async () => {
    const chance = await start({ expiredPagePercent: 100 });
    const [first, second] = await pagesOf(chance.send);
    expect([first?.status, second?.status]).toEqual([200, 410]);
    const aged = await start({ cursorLifeMs: 60_000 });
    const { body } = await aged.send('/v2/tickets?limit=3');
    expect((await aged.send(`/v2/tickets?limit=3&cursor=${body.meta.next}`)).status).toBe(200);
    aged.clock.advance(60_001);
    expect((await aged.send(`/v2/tickets?limit=3&cursor=${body.meta.next}`)).status).toBe(410);
  });

  test('answer as the definition reads a restart', async () => {
    const written = structuredClone(simulatedDesk);
    written.api?.errors.unshift({
      when: { status: 422, json: 'code = "cursor_ended"' },
      means: 'restart',
      scope: 'account',
    });
    const { send } = await startAll({ definition: written, faults: { expiredPagePercent: 100 } });
    expect((await pagesOf(send))[1]).toMatchObject({ status: 422, body: { code: 'cursor_ended' } });
  });

  test('end access tokens in the middle of a run, which the client gets anew', async () => {
    const { simulator, clock } = await start({ expiredAccessPercent: 30 }, 300);
    const account = await connectAccount(simulatedDesk, simulator, clock, 'oauth2');
    expect((await account.listAll(tickets)).records).toHaveLength(300);
    expect(simulator.stats().tokens.refreshes).toBeGreaterThan(0);
    expect(simulator.stats().statuses[401]).toBeGreaterThan(0);
    expect(simulator.stats().faults['expiring-tokens']).toBeGreaterThan(0);
  });

  test('do not happen otherwise', async () => {
    const { clock, send } = await start();
    const { body } = await send('/v2/tickets?limit=3');
    clock.advance(3_600_000);
    expect((await send(`/v2/tickets?limit=3&cursor=${body.meta.next}`)).status).toBe(200);
  });
});

describe('wrong totals', () => {
  const pagesTold = async (faults: Partial<ProviderFaults>) => {
    const { send } = await start(faults, 40);
    const told: number[] = [];
    for (let call = 0; call < 12; call += 1)
      told.push(Number((await send('/v2/companies?page=0')).headers.get('x-pages')));
    return told;
  };

  test('are too small and too large', async () => {
    const told = await pagesTold({ wrongTotalPercent: 100 });
    expect(told.some((pages) => pages < 10) && told.some((pages) => pages > 10)).toBe(true);
  });

  test('do not happen otherwise', async () => {
    expect(new Set(await pagesTold({}))).toEqual(new Set([10]));
  });
});

describe('capped results', () => {
  const withCap = () => {
    const written = structuredClone(simulatedDesk);
    const list = written.resources?.[tickets]?.list;
    if (list !== undefined) list.cap = 5;
    return written;
  };

  test('end a listing after the cap of the call, or after any number of rows', async () => {
    const declared = await startAll({ definition: withCap(), faults: { cappedRows: 'declared' } });
    const pages = await pagesOf(declared.send);
    expect(pages.map((page) => idsOf(page).length)).toEqual([3, 2]);
    expect(declared.simulator.stats().faults['capped-results']).toBe(2);
    const { simulator, clock } = await start({ cappedRows: 4 });
    const account = await connectAccount(simulatedDesk, simulator, clock, 'api_key');
    for (const resource of [tickets, 'crm/companies', 'crm/deals', 'crm/contacts'])
      expect({ resource, rows: (await account.listAll(resource)).records.length }).toEqual({ resource, rows: 4 });
  });

  test('do not happen otherwise', async () => {
    const { send } = await startAll({ definition: withCap() });
    expect((await pagesOf(send)).flatMap(idsOf)).toHaveLength(10);
  });
});
