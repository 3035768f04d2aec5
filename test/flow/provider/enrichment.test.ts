import { describe, expect, test } from 'vitest';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import { noResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import { askForFetches } from '../../../lambdas/flows/enrich/ask-for-fetch.ts';
import { dispatchFetches } from '../../../lambdas/flows/enrich/dispatch-fetches.ts';
import { type FetchRunReport, type RunFetchesPorts, runFetches } from '../../../lambdas/flows/enrich/run-fetches.ts';
import { sealValues } from '../../../lambdas/flows/provider/sealed-credentials.ts';
import type { Fetch } from '../../../lambdas/ports/provider/fetch-store.ts';
import { createFakeEngine } from '../../fakes/fake-engine.ts';
import { createFakeProvider, type Respond } from '../../fakes/fake-provider.ts';
import { enrichQueueOn } from '../../fakes/in-memory-queue.ts';
import { anAccount } from '../../fakes/samples.ts';
import { aTicket, deskWith } from './desk.ts';

const resource = 'ticketing/tickets';
const key = { account: 'acc_acme', resource };

async function prepare(respond: Respond, definition: Definition = deskWith(), withCredentials = true) {
  const engine = createFakeEngine();
  const provider = createFakeProvider(engine.clock, engine.randomness, engine.expressions);
  provider.respond(respond);
  const account = anAccount({
    integration: 'desk',
    context: { subdomain: 'acme' },
    ...(withCredentials ? { credentialKind: 'api_key' } : {}),
  });
  await engine.accounts.create(account);
  const store = async (keyText: string) => {
    const before = await provider.ports.credentials.get(account.id, 0);
    await provider.ports.credentials.replace({
      account: account.id,
      tenant: account.tenant,
      incarnation: account.createdAt,
      kind: 'api_key',
      sealed: await sealValues(provider.ports, account, { kind: 'api_key', members: { key: keyText } }),
      generation: (before?.generation ?? 0) + 1,
      updatedAtMs: engine.clock.nowMs(),
      revision: before?.revision ?? 0,
    });
  };
  if (withCredentials) await store('k');
  const ports: RunFetchesPorts = {
    ...engine.publishPorts,
    accounts: engine.accounts.reader(engine.clock),
    definition: async () => definition,
    enrichQueue: enrichQueueOn(engine.enrichQueue),
    fetches: engine.fetches,
    schemas: noResources,
    provider: provider.ports,
  };
  const thin = (recordId: string, change: Partial<Fetch> = {}): Fetch => ({
    ...key,
    tenant: account.tenant,
    incarnation: account.createdAt,
    integration: 'desk',
    recordId,
    address: {},
    change: 'updated',
    rawEventType: 'ticket.updated',
    receivedAt: new Date(engine.clock.nowMs()).toISOString(),
    partialData: JSON.stringify({ id: recordId, from: 'webhook' }),
    ...change,
  });
  const ask = async (...fetches: Fetch[]) => askForFetches(ports, fetches);
  /** Run the messages of the queue, and what dispatch finds, until nothing waits or nothing happens for a day. */
  const settle = async (): Promise<FetchRunReport[]> => {
    const reports: FetchRunReport[] = [];
    for (let idle = 0; idle < 300 && engine.fetches.all().length > 0; ) {
      const messages = engine.enrichQueue.receive();
      if (messages.length === 0) {
        engine.clock.advance(5_000);
        idle += 1;
        if (idle % 12 === 0) await dispatchFetches(ports);
        continue;
      }
      idle = 0;
      for (const message of messages) {
        reports.push(await runFetches(ports, JSON.parse(message.body)));
        engine.enrichQueue.remove(message.id);
      }
    }
    return reports;
  };
  const events = async () => {
    const rows = await engine.events.listAfter('acme', 0, 20_000);
    return rows.flatMap((row) => ('sealed' in row ? [] : [{ ...row, data: JSON.parse(row.inlineData ?? '{}') }]));
  };
  return { engine, provider, ports, account, thin, ask, settle, events, store };
}

const idsOf = (url: string) => (new URL(url).searchParams.get('ids') ?? '').split(',');
const many: Respond = ({ url }) =>
  url.includes('ids=')
    ? { body: { tickets: idsOf(url).map((id) => aTicket(id)) } }
    : { body: { ticket: aTicket(url.split('/').at(-1) ?? '') } };

describe('many thin events', () => {
  test('of as many records become batches within the limit, and each event is full', async () => {
    const { provider, ask, thin, settle, events } = await prepare(
      many,
      deskWith({ api: { limits: [{ name: 'minute', calls: 10, per: '1m' }] } }),
    );
    await ask(...Array.from({ length: 500 }, (_, id) => thin(String(id))));
    await settle();
    expect(provider.requests).toHaveLength(100);
    const published = await events();
    expect(published).toHaveLength(500);
    expect(published.every(({ thin: isThin, data }) => isThin !== true && data.title !== undefined)).toBe(true);
    expect(new Set(published.map(({ record_id: id }) => id)).size).toBe(500);
  });

  test('of one record become one read', async () => {
    const { provider, ask, thin, settle, events } = await prepare(many);
    await ask(...Array.from({ length: 50 }, () => thin('7')));
    await ask(...Array.from({ length: 50 }, () => thin('7')));
    const reports = await settle();
    expect(provider.requests).toHaveLength(1);
    expect(await events()).toHaveLength(1);
    expect(reports.flatMap(({ rounds }) => rounds.flatMap(({ published }) => published))).toMatchObject([
      { fetch: { count: 100 } },
    ]);
  });

  test('that come while a record is read make one more read, and the last state is published', async () => {
    let version = 0;
    const { provider, ask, thin, settle, events, ports } = await prepare(({ url }) => {
      version += 1;
      return {
        body: {
          ticket: aTicket(url.split('/').at(-1) ?? '', {
            updated_at: `2026-11-21T11:0${version}:00Z`,
            status: `v${version}`,
          }),
        },
      };
    });
    const { api } = ports.provider;
    const send = api.send.bind(api);
    let isFirst = true;
    Object.assign(ports.provider.api, {
      send: async (request: Parameters<typeof send>[0]) => {
        const answer = await send(request);
        if (isFirst) await ask(thin('7'), thin('7'));
        isFirst = false;
        return answer;
      },
    });
    await ask(thin('7'));
    const reports = await settle();
    expect(provider.requests).toHaveLength(2);
    // Each of the three webhooks ends once.
    expect(
      reports.flatMap(({ rounds }) => rounds.flatMap(({ published }) => published.map(({ fetch }) => fetch.count))),
    ).toEqual([1, 2]);
    expect((await events()).at(-1)).toMatchObject({ data: { status: 'v2' } });
  });

  test('of a resource without a batch are never more at a time than the limit, with many workers', async () => {
    let now = 0;
    let most = 0;
    const definition = deskWith({
      api: { limits: [{ name: 'at_once', concurrent: 5 }] },
      tickets: { batch_get: undefined },
    });
    const { ask, thin, settle, events, engine } = await prepare(async ({ url }) => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      engine.clock.advance(20);
      now -= 1;
      return { body: { ticket: aTicket(url.split('/').at(-1) ?? '') } };
    }, definition);
    await ask(...Array.from({ length: 200 }, (_, id) => thin(String(id))));
    await settle();
    expect(most).toBeLessThanOrEqual(5);
    expect(await events()).toHaveLength(200);
  });
});

describe('the answer of the provider', () => {
  test('404 on a known record deletes it, on an unknown one says nothing', async () => {
    let isThere = true;
    const { ask, thin, settle, events } = await prepare(
      ({ url }) => (isThere ? many({ url } as never) : 404),
      deskWith({ tickets: { batch_get: undefined } }),
    );
    await ask(thin('7'));
    await settle();
    isThere = false;
    await ask(thin('7'), thin('8'));
    await settle();
    expect((await events()).map(({ type, record_id: id }) => [type, id])).toEqual([
      ['record:updated', '7'],
      ['record:deleted', '7'],
    ]);
  });

  test('a page of maintenance deletes nothing, however the definition reads batches', async () => {
    let isMaintained = true;
    const definition = deskWith({
      tickets: {
        get: undefined,
        batch_get: {
          path: '/tickets',
          query: { ids: "{ids | join(',')}" },
          records: 'tickets',
          max: 5,
          missing: 'gone',
          expect: '$type(tickets) = "array"',
        },
      },
    });
    const { ask, thin, settle, events } = await prepare(
      () => ({ body: isMaintained ? { message: 'maintenance' } : { tickets: [] } }),
      definition,
    );
    await ask(thin('7'), thin('8'));
    await settle();
    expect((await events()).map(({ type, thin: isThin }) => [type, isThin])).toEqual([
      ['record:updated', true],
      ['record:updated', true],
    ]);
    isMaintained = false;
    await ask(thin('7'));
    await settle();
    expect((await events()).at(-1)).toMatchObject({ type: 'record:deleted', record_id: '7' });
  });

  test('a record that is missing in a batch is deleted only once its own read says so', async () => {
    const { provider, ask, thin, settle, events } = await prepare(({ url }) =>
      url.includes('ids=')
        ? { body: { tickets: [aTicket('1')] } }
        : url.endsWith('/2')
          ? { body: { ticket: aTicket('2') } }
          : 404,
    );
    await ask(thin('1'), thin('2'), thin('3'));
    await settle();
    expect(provider.requests.map(({ url }) => url.replace(/.*\/v2/, ''))).toEqual([
      '/tickets?ids=1%2C2%2C3',
      '/tickets/2',
      '/tickets/3',
    ]);
    expect((await events()).map(({ record_id: id }) => id).sort()).toEqual(['1', '2']);
  });

  test.each([
    ['an outage', 503],
    ['no answer', new Error('ECONNRESET')],
    ['a limit that was not known', { status: 429, headers: { 'retry-after': '30' } }],
  ])('%s loses nothing: the record is read later', async (_, fault) => {
    let calls = 0;
    const { ask, thin, settle, events } = await prepare((request) => {
      calls += 1;
      return calls < 4 ? fault : many(request);
    });
    await ask(thin('7'), thin('8'));
    await settle();
    expect((await events()).map(({ record_id: id, thin: isThin }) => [id, isThin])).toEqual([
      ['7', undefined],
      ['8', undefined],
    ]);
  });

  test('nobody calls before the time that the provider named', async () => {
    const times: number[] = [];
    const { ask, thin, settle, engine } = await prepare((request) => {
      times.push(engine.clock.nowMs());
      return times.length === 1 ? { status: 429, headers: { 'retry-after': '120' } } : many(request);
    });
    await ask(thin('7'));
    await settle();
    expect(times).toHaveLength(2);
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThanOrEqual(120_000);
  });

  test('refused credentials make the work wait, and it goes on with new ones', async () => {
    const { provider, ask, thin, settle, events, store, engine, ports } = await prepare(({ headers, url }) =>
      headers['authorization'] === 'Token new' ? many({ url } as never) : 401,
    );
    await ask(thin('7'));
    for (const message of engine.enrichQueue.receive()) await runFetches(ports, JSON.parse(message.body));
    expect(await events()).toEqual([]);
    expect(engine.fetches.all()).toHaveLength(1);
    const calls = provider.requests.length;
    await ask(thin('8'));
    for (const message of engine.enrichQueue.receive()) await runFetches(ports, JSON.parse(message.body));
    expect(provider.requests).toHaveLength(calls);
    await store('new');
    await settle();
    expect((await events()).map(({ record_id: id }) => id).sort()).toEqual(['7', '8']);
  });

  test('a resource that may not be read gives the event as the webhook told it', async () => {
    const { ask, thin, settle, events } = await prepare(() => ({ status: 403, body: { code: 'plan' } }));
    await ask(thin('7'));
    await settle();
    expect(await events()).toMatchObject([{ thin: true, data: { id: '7', from: 'webhook' } }]);
  });

  test('one record that cannot be read does not hold up the others', async () => {
    const { ask, thin, settle, events } = await prepare(({ url }) =>
      url.includes('ids=') ? { body: { tickets: [aTicket('1')] } } : { status: 400, body: {} },
    );
    await ask(thin('1'), thin('2'));
    await settle();
    expect((await events()).map(({ record_id: id, thin: isThin }) => [id, isThin])).toEqual([
      ['1', undefined],
      ['2', true],
    ]);
  });
});

test('a run that dies after publishing publishes nothing twice', async () => {
  const { engine, ask, thin, settle, events, ports } = await prepare(many);
  await ask(thin('7'));
  let kills = 2;
  const told: number[] = [];
  const dying: RunFetchesPorts = {
    ...ports,
    onPublished: async (published) => void told.push(published.length),
    fetches: {
      ...ports.fetches,
      finish: async (fetches) => {
        kills -= 1;
        if (kills >= 0) throw new Error('killed');
        await engine.fetches.finish(fetches);
      },
    },
  };
  await expect(runFetches(dying, key)).rejects.toThrow('killed');
  engine.clock.advance(200_000);
  await expect(runFetches(dying, key)).rejects.toThrow('killed');
  engine.clock.advance(200_000);
  await settle();
  expect(await events()).toHaveLength(1);
  // What ended was told before each death.
  expect(told.slice(0, 2)).toEqual([1, 1]);
});

test('the fetches of an account that is gone are dropped, and those of a former account with its id', async () => {
  const { engine, ask, thin, settle, events, account, provider } = await prepare(many);
  await ask(thin('7', { incarnation: '2020-01-01T00:00:00.000Z' }), thin('8'));
  await settle();
  expect((await events()).map(({ record_id: id }) => id)).toEqual(['8']);
  await ask(thin('9'));
  await engine.accounts.remove(account);
  const calls = provider.requests.length;
  await settle();
  expect(engine.fetches.all()).toEqual([]);
  expect(provider.requests).toHaveLength(calls);
});
