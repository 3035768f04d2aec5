import { afterEach, describe, expect, test } from 'vitest';
import {
  type ProviderSimulator,
  type ProviderSimulatorOptions,
  startProviderSimulator,
} from '../../../../../lib/local/simulators/provider/provider-simulator.ts';
import { startSteadyChanges } from '../../../../../lib/local/simulators/provider/records/steady-changes.ts';
import { createManualClock } from '../../../../fakes/manual-clock.ts';
import { until } from '../../until.ts';
import { connectAccount } from './simulated-account.ts';
import { deskExchanges, simulatedDesk } from './simulated-desk.ts';

const running: ProviderSimulator[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.stop()));
});

async function start(options: Partial<ProviderSimulatorOptions> = {}) {
  const clock = createManualClock();
  const simulator = await startProviderSimulator({
    definition: simulatedDesk,
    exchanges: deskExchanges,
    records: 10,
    clock,
    limits: { minute: 1_000, exports: 1_000 },
    ...options,
  });
  running.push(simulator);
  const send = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: 'Token simulated-key', ...(init.headers as Record<string, string> | undefined) };
    const response = await fetch(`${simulator.url}${path}`, { redirect: 'manual', ...init, headers });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parsed(text) };
  };
  return { clock, simulator, send };
}

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers without a schema
function parsed(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const tickets = 'ticketing/tickets';

describe('records', () => {
  test('are as many as asked for, with ids and versions of their own, in the form of the exchanges', async () => {
    const { simulator, clock } = await start();
    const records = simulator.records(tickets);
    expect(records.map(({ id }) => id)).toEqual(['7', '8', '9', '10', '11', '12', '13', '14', '15', '16']);
    expect(records[9]?.raw).toMatchObject({ id: 16, url: 'https://acme.desk.example/v2/tickets/16' });
    const versions = records.map(({ raw }) => (raw as { updated_at: string }).updated_at);
    expect(new Set(versions).size).toBe(10);
    expect(versions.every((version) => /^2026-11-21T11:5\d:00Z$/.test(version))).toBe(true);
    expect(records.every(({ updatedAtMs }) => updatedAtMs < clock.nowMs())).toBe(true);
    expect(simulator.records('crm/companies').at(-1)?.id).toBe('0e6b2c1a-0000-4000-8000-000000000009');
    expect(simulator.records('ticketing/users').at(-1)).toMatchObject({ id: 'user-510', raw: { key: '510' } });
  });

  test('are created, changed and removed while it runs, each change with a later version', async () => {
    const { simulator, clock, send } = await start();
    const added = await simulator.add(tickets, { subject: 'Flood' });
    expect(added).toMatchObject({ id: '17', raw: { subject: 'Flood', updated_at: '2026-11-21T12:00:00Z' } });
    const again = await simulator.change(tickets, '17', { subject: 'Storm' });
    const third = await simulator.change(tickets, '17', (raw) => ({ ...(raw as object), status: 'solved' }));
    expect([again, third].map(({ raw }) => (raw as { updated_at: string }).updated_at)).toEqual([
      '2026-11-21T12:00:01Z',
      '2026-11-21T12:00:02Z',
    ]);
    clock.advance(60_000);
    await simulator.remove(tickets, '17');
    expect(simulator.records(tickets)).toHaveLength(10);
    expect(await send('/v2/tickets/17')).toMatchObject({ status: 404, body: { code: 'no_record' } });
    await expect(simulator.change(tickets, '17')).rejects.toThrow('has no record 17');
  });
});

describe('steady changes', () => {
  test('create, change and remove records at a rate, until they are stopped', async () => {
    const { simulator } = await start();
    const before = simulator.records(tickets);
    const failures: Error[] = [];
    const steady = startSteadyChanges(simulator, {
      resources: [tickets],
      perMinute: 60_000,
      seed: 'one',
      onFailure: (error) => void failures.push(error),
    });
    await until(() => steady.count() >= 30);
    steady.stop();
    const after = simulator.records(tickets);
    const subjects = after.map(({ raw }) => (raw as { subject: string }).subject);
    expect(failures).toEqual([]);
    expect(subjects.some((subject) => /^Fire \(change \d+\)$/.test(subject))).toBe(true);
    expect(after.some(({ id }) => before.every((record) => record.id !== id))).toBe(true);
    expect(before.some(({ id }) => after.every((record) => record.id !== id))).toBe(true);
  });
});

describe('calls', () => {
  test('are read by the real client, page by page, alone and together', async () => {
    const { simulator, clock } = await start();
    expect(simulator.unserved).toEqual([]);
    const account = await connectAccount(simulatedDesk, simulator, clock, 'api_key');
    const ids = (resource: string) => simulator.records(resource).map(({ id }) => id);
    for (const [resource, pages] of [
      [tickets, 3],
      ['ticketing/users', 1],
      ['crm/companies', 3],
      ['crm/deals', 4],
      ['crm/contacts', 3],
    ] as const) {
      const listed = await account.listAll(resource);
      expect({ resource, pages: listed.pages }).toEqual({ resource, pages });
      expect(listed.records.map(({ id }) => id)).toEqual(ids(resource));
    }
    const reads = await account.read(tickets, ['9', '404404', '16']);
    expect(reads.map(({ kind }) => kind)).toEqual(['record', 'gone', 'record']);
    expect(await account.read('ticketing/users', ['user-505'])).toMatchObject([{ record: { id: 'user-505' } }]);
  });

  test('answer filters by the data of the resource, and by the time of the change', async () => {
    const { simulator, clock } = await start();
    const account = await connectAccount(simulatedDesk, simulator, clock, 'api_key');
    const solved = await account.listAll(tickets, { filters: { status: { eq: 'solved' } } });
    expect(solved.records.map(({ id }) => id)).toEqual(['8', '10', '12', '14', '16']);
    const [, , , fourth] = simulator.records('crm/contacts');
    await simulator.change('crm/contacts', fourth?.id ?? '', { email: "o'brien WHERE x@example.com" });
    const one = await account.listAll('crm/contacts', { filters: { email: { eq: "o'brien WHERE x@example.com" } } });
    expect(one.records.map(({ id }) => id)).toEqual([fourth?.id]);
    const late = simulator.records(tickets).at(-3);
    const since = new Date(late?.updatedAtMs ?? 0).toISOString();
    expect((await account.listAll(tickets, { updatedSince: since })).records).toHaveLength(3);
  });

  test('tell changes in their order, deletions included, on pages that later changes do not shift', async () => {
    const { simulator, clock, send } = await start();
    await simulator.change(tickets, '7', { subject: 'First' });
    await simulator.remove(tickets, '8');
    const since = new Date(clock.nowMs() - 5 * 60_000).toISOString();
    const first = await send(`/v2/export/tickets?since=${since}`);
    expect(first.body.tickets.map(({ id }: { id: number }) => id)).toEqual([12, 13, 14]);
    expect(first.body.meta).toEqual({ more: true });
    await simulator.remove(tickets, '14');
    const second = await send(first.body.links.next);
    expect(second.body.tickets.map(({ id }: { id: number }) => id)).toEqual([15, 16, 7]);
    const third = await send(second.body.links.next);
    expect(third.body.tickets).toMatchObject([
      { id: 8, status: 'deleted' },
      { id: 14, status: 'deleted' },
    ]);
    expect(third.body).toMatchObject({ links: { next: null }, meta: { more: false } });
  });

  test('write records', async () => {
    const { simulator, send } = await start();
    const json = { 'content-type': 'application/json' };
    const created = await send('/v2/tickets', {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ ticket: { subject: 'New' } }),
    });
    expect(created).toMatchObject({ status: 201, body: { ticket: { id: 17, subject: 'New' } } });
    const body = JSON.stringify({ ticket: { subject: 'Newer' } });
    expect(await send('/v2/tickets/17', { method: 'PATCH', headers: json, body })).toMatchObject({ status: 200 });
    expect(simulator.records(tickets).at(-1)?.raw).toMatchObject({ subject: 'Newer' });
    expect((await send('/v2/tickets/17', { method: 'DELETE' })).status).toBe(204);
    expect((await send('/v2/tickets/17', { method: 'DELETE' })).status).toBe(404);
  });

  test.each([
    ['/v2/nothing', 404, 'no call of the definition is at GET /v2/nothing'],
    ['/v2/tickets?limit=4&extra=1', 404, 'the request is not as ticketing/tickets.batch_get or ticketing/tickets.list'],
    ['/v2/tickets?cursor=of-another', 400, 'the cursor is not one of this provider'],
    ['/v2/companies?page=x', 400, 'the page is not a number'],
  ])('fails when a request is none of the definition: %s', async (path, status, message) => {
    const { send } = await start();
    const answer = await send(path);
    expect(answer.status).toBe(status);
    expect(answer.body.message).toContain(message);
  });
});

describe('a call that cannot be served', () => {
  test('is listed, and answered with 501 and the reason', async () => {
    const { simulator, send } = await start({
      exchanges: deskExchanges.filter(({ resource }) => resource !== 'crm/deals'),
    });
    const reason = 'no exchange shows a record of the resource';
    expect(simulator.unserved).toEqual([{ name: 'crm/deals.list', reason }]);
    expect(await send('/v2/deals')).toMatchObject({ status: 501, body: { message: `crm/deals.list: ${reason}` } });
  });
});

describe('faults', () => {
  test('come at their rates, and are the same with the same seed', async () => {
    const statusesOf = async () => {
      const { send } = await start({
        seed: 'one',
        faults: { errorPercent: 40, htmlPercent: 20, malformedPercent: 20 },
      });
      const outcomes: string[] = [];
      for (let call = 0; call < 30; call += 1) {
        const { status, text } = await send('/v2/tickets/7');
        outcomes.push(
          text.startsWith('<') ? 'html' : status === 200 && parsed(text) === undefined ? 'cut' : `${status}`,
        );
      }
      return outcomes;
    };
    const outcomes = await statusesOf();
    expect(new Set(outcomes)).toEqual(new Set(['200', '500', '502', '503', 'html', 'cut']));
    expect(await statusesOf()).toEqual(outcomes);
  });

  test('may be calls without an answer, slow ones, and a Retry-After', async () => {
    const silent = await start({ faults: { timeoutPercent: 100 } });
    await expect(silent.send('/v2/tickets/7', { signal: AbortSignal.timeout(50) })).rejects.toThrow('timeout');
    await until(() => silent.simulator.stats().faults['timeout'] === 1);
    const slow = await start({ faults: { latencyMs: [20, 30], retryAfterSeconds: 9 }, limits: { minute: 1 } });
    await slow.send('/v2/tickets/7');
    const refused = await slow.send('/v2/tickets/7');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '9']);
    expect(slow.simulator.stats().latenciesMs['ticketing/tickets.get']?.[0]).toBeGreaterThanOrEqual(19);
  });
});

describe('limits', () => {
  test('are kept and told, and free calls come back with time', async () => {
    const { simulator, send, clock } = await start({ limits: { minute: 2, exports: 1 } });
    const first = await send('/v2/tickets/7');
    expect([first.headers.get('x-remaining'), first.headers.get('x-limit')]).toEqual(['1', '2']);
    clock.advance(20_000);
    await send('/v2/tickets/8');
    const refused = await send('/v2/tickets/9');
    expect(refused.status).toBe(429);
    expect([refused.headers.get('x-remaining'), refused.headers.get('retry-after')]).toEqual(['0', '40']);
    clock.advance(40_000);
    expect((await send('/v2/tickets/9')).status).toBe(200);
    expect(simulator.stats()).toMatchObject({
      calls: { 'ticketing/tickets.get': 4 },
      statuses: { 200: 3, 429: 1 },
      refusals: { minute: 1 },
    });
  });

  test('of calls at the same time count those that are not yet answered', async () => {
    const { simulator, send } = await start({ faults: { latencyMs: [40, 40] } });
    const answers = await Promise.all(Array.from({ length: 5 }, () => send('/v2/tickets/7')));
    expect(answers.map(({ status }) => `${status}`).sort()).toEqual(['200', '200', '200', '429', '429']);
    expect(simulator.stats().refusals).toEqual({ at_once: 2 });
    expect(simulator.stats().mostAtOnce).toBeGreaterThan(3);
    expect((await send('/v2/tickets/7')).status).toBe(200);
  });

  test('never refuse the engine, whose own budget knows them', async () => {
    const { simulator, clock } = await start({ limits: {}, records: 60 });
    const account = await connectAccount(simulatedDesk, simulator, clock, 'api_key');
    expect((await account.listAll(tickets)).records).toHaveLength(60);
    const wanted = simulator.records(tickets).slice(0, 20);
    const reads = await Promise.all(wanted.map(({ id }) => account.read(tickets, [id])));
    expect(reads.flat().every(({ kind }) => kind === 'record')).toBe(true);
    expect(simulator.stats().refusals).toEqual({});
  });
});
