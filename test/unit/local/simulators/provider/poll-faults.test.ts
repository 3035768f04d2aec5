import { describe, expect, test } from 'vitest';
import type { ProviderFaults } from '../../../../../lib/local/simulators/provider/draw-fault.ts';
import {
  faultNames,
  namedFaults,
  survivableFaultNames,
} from '../../../../../lib/local/simulators/provider/faults/named-faults.ts';
import { createRandomChanges } from '../../../../../lib/local/simulators/provider/records/random-changes.ts';
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

describe('partial failures', () => {
  test('leave records out of batch reads, close connections, cut bodies and fail', async () => {
    const { simulator, send } = await start(namedFaults(['partial-failures'], { droppedPercent: 20 }));
    const kinds = new Set<string>();
    for (let call = 0; call < 60; call += 1) {
      const answer = await send('/v2/tickets?ids=7,8,9,10,11').catch(() => undefined);
      if (answer === undefined) kinds.add('dropped');
      else if (answer.status >= 500) kinds.add('failed');
      else if (answer.body === undefined) kinds.add('cut');
      else kinds.add(answer.body.tickets.length < 5 ? 'partial' : 'whole');
    }
    expect(kinds).toEqual(new Set(['dropped', 'failed', 'cut', 'partial', 'whole']));
    expect(simulator.stats().faults['partial-failures']).toBeGreaterThan(0);
  });

  test('leave nothing out where the definition reads absence as proof', async () => {
    const written = structuredClone(simulatedDesk);
    const resource = written.resources?.[tickets];
    if (resource?.batch_get !== undefined) resource.batch_get.missing = 'gone';
    const { send } = await startAll({ definition: written, faults: { omittedPercent: 100 } });
    expect(idsOf(await send('/v2/tickets?ids=7,8'))).toEqual([7, 8]);
  });

  test('do not happen otherwise', async () => {
    const { send } = await start();
    expect(idsOf(await send('/v2/tickets?ids=7,8,9,10,11'))).toHaveLength(5);
  });
});

describe('rate storms', () => {
  /** The seconds of two minutes in which calls are refused. */
  const refusedSeconds = async (faults: Partial<ProviderFaults>) => {
    const { clock, send, simulator } = await start(faults);
    const refused: number[] = [];
    for (let second = 0; second < 120; second += 1) {
      const { status, headers } = await send('/v2/tickets/7');
      if (status === 429) {
        refused.push(second);
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      }
      clock.advance(1_000);
    }
    return { refused, stats: simulator.stats() };
  };

  test('refuse every call for some seconds, the same ones with the same seed', async () => {
    const faults = { stormPercent: 100, stormEveryMs: 60_000, stormMs: 10_000 };
    const { refused, stats } = await refusedSeconds(faults);
    expect(refused.length).toBeGreaterThanOrEqual(2);
    expect(refused.length).toBeLessThanOrEqual(22);
    const gaps = refused.filter((second, place) => place > 0 && second !== (refused[place - 1] ?? 0) + 1);
    expect(gaps.length).toBeLessThanOrEqual(1);
    expect(stats.refusals).toEqual({ storm: refused.length });
    expect((await refusedSeconds(faults)).refused).toEqual(refused);
  });

  test('end when Retry-After says so', async () => {
    const { clock, send } = await start({ stormPercent: 100, stormEveryMs: 60_000, stormMs: 10_000 });
    let answer = await send('/v2/tickets/7');
    for (; answer.status !== 429; answer = await send('/v2/tickets/7')) clock.advance(500);
    clock.advance(Number(answer.headers.get('retry-after')) * 1_000);
    expect((await send('/v2/tickets/7')).status).toBe(200);
  });

  test('do not happen otherwise', async () => {
    expect((await refusedSeconds({})).refused).toEqual([]);
  });
});

describe('disappearing fields', () => {
  test('leave an optional member out, or null, and keep the version', async () => {
    const { simulator, send } = await start({ missingFieldPercent: 50 });
    const [{ raw } = { raw: undefined }] = simulator.records(tickets);
    const seen = new Set<string>();
    for (let call = 0; call < 30; call += 1) {
      const { ticket } = (await send('/v2/tickets/7')).body;
      expect(ticket).toMatchObject({ id: 7, updated_at: (raw as { updated_at: string }).updated_at });
      const members = ['subject', 'url'].map((name) => `${name} ${ticket[name] === null ? 'null' : name in ticket}`);
      for (const member of members) seen.add(member);
    }
    expect([...seen].sort()).toEqual([
      'subject false',
      'subject null',
      'subject true',
      'url false',
      'url null',
      'url true',
    ]);
  });

  test('do not happen otherwise', async () => {
    const { simulator, send } = await start();
    expect((await send('/v2/tickets/7')).body.ticket).toEqual(simulator.records(tickets)[0]?.raw);
  });
});

describe('all faults together', () => {
  test('are the same with the same seed', async () => {
    const run = async () => {
      const { simulator, clock, send } = await startAll({ faults: namedFaults(faultNames), records: 20 });
      const changes = createRandomChanges(simulator, { resources: [tickets], seed: 'two' });
      const answers: string[] = [];
      for (let step = 0; step < 40; step += 1) {
        await changes.next();
        const { status, text } = await send('/v2/tickets?limit=3').catch(() => ({ status: 0, text: '' }));
        answers.push(`${status} ${text}`);
        clock.advance(2_000);
      }
      return { answers, faults: simulator.stats().faults, records: simulator.records(tickets) };
    };
    const one = await run();
    expect(await run()).toEqual(one);
    expect(Object.keys(one.faults)).toEqual(expect.arrayContaining(['late-commits', 'equal-timestamps', 'clock-skew']));
  });

  test('are named; those that change data are not among the survivable ones', () => {
    expect(faultNames.filter((name) => !survivableFaultNames.includes(name))).toEqual(['disappearing-fields']);
    expect(namedFaults(['late-commits'], { lateMs: 5 })).toEqual({ latePercent: 30, lateMs: 5 });
  });

  test('do not come when none is asked for', async () => {
    const { simulator, send } = await start();
    await pagesOf(send);
    expect(simulator.stats()).toMatchObject({ faults: {}, rows: { 'ticketing/tickets.list': 10 }, unchanged: 0 });
  });
});
