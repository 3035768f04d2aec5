import { Logger } from '@aws-lambda-powertools/logger';
import type { APIGatewayProxyEventV2, SQSEvent } from 'aws-lambda';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RawMessage } from '../../../lambdas/contracts/messages.ts';
import { type CountRejectionPorts, createRejectionCounter } from '../../../lambdas/flows/ingest/count-rejections.ts';
import type { Receipt } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import {
  type CountNormalizationPorts,
  createNormalizationCounter,
} from '../../../lambdas/flows/normalize/count-normalizations.ts';
import { createStatisticsBuffer } from '../../../lambdas/flows/statistics/statistics-buffer.ts';
import { createIngressHandler } from '../../../lambdas/functions/ingress/handler.ts';
import { createNormalizeHandler } from '../../../lambdas/functions/normalize/handler.ts';
import type { HourlyCounts, RequestCounts } from '../../../lambdas/ports/runtime/statistics-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { injectFault } from '../../fakes/inject-fault.ts';
import { createManualClock } from '../../fakes/manual-clock.ts';
import { noTelemetry } from '../../fakes/no-telemetry.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';
import { anAccount } from '../../fakes/samples.ts';
import { rawMessage, staffRequest } from '../provider-request.ts';

class RecordingLog extends Logger {
  readonly warnings: string[] = [];
  override warn(message: string): void {
    this.warnings.push(message);
  }
}

async function prepare(): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await engine.accounts.create(anAccount());
  await engine.accounts.create(anAccount({ id: 'acc_globex', tenant: 'globex' }));
  await engine.settings.replace({ integration: 'staff', secrets: { signing_secret: 'app secret' }, revision: 0 });
  return engine;
}

/** The counts of this hour, by scope and integration. */
async function countedOf(engine: FakeEngine): Promise<Readonly<Record<string, RequestCounts>>> {
  const { hours } = await engine.statistics.read(undefined, '2026-11-21T00', '2026-11-21T23');
  return Object.fromEntries(hours.map(({ scope, integration, counts }) => [`${scope} ${integration}`, counts]));
}

/** The ports of a store that fails until `fails` is cleared, and the writes that it received. */
function withStore(engine: FakeEngine, act?: () => Promise<void>) {
  const writes: HourlyCounts[] = [];
  const store = {
    fails: act,
    ports: {
      ...engine.countPorts,
      statistics: {
        async add(counts: HourlyCounts) {
          writes.push(counts);
          await store.fails?.();
          await engine.statistics.add(counts);
        },
      },
    } satisfies CountRejectionPorts & CountNormalizationPorts,
    writes,
  };
  return store;
}

const refuse = async () => {
  throw new Error('the table is not there');
};
const hang = async () => new Promise<never>(() => {});
/** A pause that ends at once. */
const inNoTime = async () => {};

describe('a request that ingress rejects', () => {
  function ingressOf(engine: FakeEngine, ports: CountRejectionPorts = engine.countPorts) {
    const log = new RecordingLog({ logLevel: 'SILENT' });
    const outcomes = createOutcomeTally();
    const handle = createIngressHandler({
      ports: engine.receivePorts,
      log,
      tell: () => {},
      outcomes,
      rejections: createRejectionCounter(ports),
      ingressUrl: 'https://hooks.example.com',
    });
    return {
      outcomes,
      warnings: log.warnings,
      send: async ({
        path = 'staff/acc_acme',
        secret = 'a secret of acme',
        method = 'POST',
        body = '{"changes":[]}',
      }) => {
        const { headers } = staffRequest(Buffer.from(body), {}, secret);
        const [integration, account] = path.split('/');
        const { statusCode } = await handle({
          rawPath: `/in/${path}`,
          rawQueryString: '',
          pathParameters: account === undefined ? { integration } : { integration, account },
          headers,
          requestContext: { http: { method } },
          body,
        } as unknown as APIGatewayProxyEventV2);
        return statusCode;
      },
    };
  }

  test('is counted by integration and reason, for the tenant of the account that the URL names', async () => {
    const engine = await prepare();
    const { send, outcomes } = ingressOf(engine);
    expect(await send({ secret: 'wrong' })).toBe(401);
    expect(await send({ secret: 'wrong' })).toBe(401);
    expect(await send({ path: 'staff/acc_globex', secret: 'wrong' })).toBe(401);
    expect(await send({ body: '{' })).toBe(400);
    expect(await send({ method: 'PUT' })).toBe(405);
    expect(await send({ path: 'staff', secret: 'wrong' })).toBe(401);
    expect(await send({ path: 'staff/acc_none' })).toBe(404);
    expect(await send({ path: 'staff/%20' })).toBe(404);
    expect(await send({ path: 'made-up-7' })).toBe(404);
    expect(await send({ path: 'made-up-8/acc_acme' })).toBe(404);
    expect(await send({})).toBe(200);
    const counted = await countedOf(engine);
    expect(counted).toEqual({
      'acme staff': {
        'rejected:signature-mismatch': 2,
        'rejected:body-malformed': 1,
        'rejected:method-not-allowed': 1,
      },
      'globex staff': { 'rejected:signature-mismatch': 1 },
      '* staff': { 'rejected:signature-mismatch': 1, 'rejected:url-unknown': 2 },
      '* *': { 'rejected:url-unknown': 2 },
    });
    const sum = Object.values(counted)
      .flatMap((counts) => Object.values(counts))
      .reduce((total, count) => total + count, 0);
    expect(sum).toBe(outcomes.sum('rejected'));
  });

  test('adds no cost to accepted requests and handshakes: neither writes, reads or waits', async () => {
    const engine = await prepare();
    const { ports, calls } = injectFault<CountRejectionPorts>(engine.countPorts);
    const counter = createRejectionCounter(ports);
    const receipts: readonly Receipt[] = [
      {
        kind: 'accepted',
        rawId: 'raw_1',
        reply: { accepted: { status: 200 }, rejected_status: 401, rejected_body: 'none' },
      },
      { kind: 'handshake', name: 'x', response: { status: 200, headers: {}, body: '' }, isConfirmed: true },
    ];
    for (const receipt of receipts)
      expect(await counter.count({ integration: 'staff', account: 'acc_acme' }, receipt)).toEqual({ kind: 'counted' });
    expect(calls).toEqual([]);
  });

  test('costs one write a second in a flood, and loses no count', async () => {
    const engine = await prepare();
    const store = withStore(engine);
    const { send } = ingressOf(engine, store.ports);
    for (let request = 0; request < 600; request += 1) {
      await send({ secret: 'wrong' });
      engine.clock.advance(10);
    }
    // Ten writes at once, then one in each of six seconds.
    expect(store.writes.length).toBeLessThanOrEqual(16);
    engine.clock.advance(1_000);
    await send({ secret: 'wrong' });
    expect((await countedOf(engine))['acme staff']).toEqual({ 'rejected:signature-mismatch': 601 });
  });

  test('that is rare is written at once', async () => {
    const engine = await prepare();
    const store = withStore(engine);
    const { send } = ingressOf(engine, store.ports);
    for (let request = 1; request <= 5; request += 1) {
      await send({ secret: 'wrong' });
      expect(store.writes).toHaveLength(request);
    }
  });

  test('is answered while it cannot be counted, and counted later', async () => {
    const engine = await prepare();
    const store = withStore(engine, refuse);
    const { send, warnings } = ingressOf(engine, store.ports);
    for (let request = 0; request < 3; request += 1) expect(await send({ secret: 'wrong' })).toBe(401);
    expect(await send({})).toBe(200);
    expect(warnings).toEqual(Array(3).fill('statistics are not written yet'));
    expect(await countedOf(engine)).toEqual({});
    store.fails = undefined;
    await send({ secret: 'wrong' });
    expect(await countedOf(engine)).toEqual({ 'acme staff': { 'rejected:signature-mismatch': 4 } });
  });

  test('is answered after 50 ms when the store does not answer; an accepted request is answered at once', async () => {
    const engine = await prepare();
    const store = withStore(engine, hang);
    const pauses: number[] = [];
    const pause = async (ms: number) => void pauses.push(ms);
    const { send, warnings } = ingressOf(engine, { ...store.ports, pause });
    expect(await send({})).toBe(200);
    expect(pauses).toEqual([]);
    expect(await send({ secret: 'wrong' })).toBe(401);
    expect(pauses).toEqual([50]);
    expect(warnings).toHaveLength(1);
  });

  test('is answered when the lookup of its scope fails', async () => {
    const engine = await prepare();
    for (const [path, ports] of [
      ['staff/acc_acme', { accounts: { get: refuse } }],
      ['staff/acc_none', { webhook: refuse }],
    ] as const) {
      const { send, warnings } = ingressOf(engine, {
        ...engine.countPorts,
        ...ports,
      });
      expect(await send({ path, secret: 'wrong' })).toBe(path === 'staff/acc_none' ? 404 : 401);
      expect(warnings).toHaveLength(1);
    }
  });
});

describe('a request that normalize has ended', () => {
  async function normalize(
    engine: FakeEngine,
    messages: readonly RawMessage[],
    ports: CountNormalizationPorts = engine.countPorts,
    statistics = createNormalizationCounter(ports),
  ) {
    const log = new RecordingLog({ logLevel: 'SILENT' });
    const outcomes = createOutcomeTally();
    const handle = createNormalizeHandler({
      ports: engine.normalizePorts,
      log,
      ...noTelemetry,
      outcomes,
      outcomesNow: outcomes,
      statistics,
    });
    const Records = messages.map((message) => ({ messageId: message.rawId, body: JSON.stringify(message) }));
    const { batchItemFailures } = await handle({ Records } as SQSEvent);
    return { failures: batchItemFailures, outcomes, warnings: log.warnings };
  }

  const changed = (id: string, change: Parameters<typeof rawMessage>[2] = {}) =>
    rawMessage(`raw_${id}`, [{ verb: 'updated', id }], change);
  const unreadable: RawMessage['body'] = { kind: 'inline', encoding: 'utf8', content: '{' };

  test('is counted in one write for each integration and tenant of a batch', async () => {
    const engine = await prepare();
    const store = withStore(engine);
    await normalize(
      engine,
      [
        changed('1'),
        changed('1', { deliveryId: 'raw_1' }),
        rawMessage('raw_2', [
          { verb: 'created', id: '2' },
          { verb: 'deleted', id: '3' },
        ]),
        rawMessage('raw_4', []),
        changed('5', { body: unreadable }),
        changed('6', { account: 'acc_globex' }),
        changed('7', { account: 'acc_gone' }),
        changed('8', { integration: 'gone', account: 'acc_acme' }),
      ],
      store.ports,
    );
    expect(store.writes).toHaveLength(4);
    expect(await countedOf(engine)).toEqual({
      'acme staff': { verified: 5, mapped: 3, ignored: 1, 'dead-lettered': 1, published: 3, duplicate: 1 },
      'globex staff': { verified: 1, mapped: 1, published: 1 },
      '* staff': { verified: 1, unrouted: 1 },
      'acme gone': { verified: 1, 'dead-lettered': 1 },
    });
  });

  test('is counted in one write for a batch of one account', async () => {
    const engine = await prepare();
    const store = withStore(engine);
    await normalize(
      engine,
      Array.from({ length: 10 }, (_, index) => changed(String(index))),
      store.ports,
    );
    expect(store.writes).toMatchObject([{ counts: { verified: 10, mapped: 10, published: 10 } }]);
  });

  test('causes no account read beyond the cache', async () => {
    const engine = await prepare();
    const asked: (readonly [string, number])[] = [];
    const accounts = {
      get: async (id: string, maxAgeMs: number) => {
        asked.push([id, maxAgeMs]);
        return engine.countPorts.accounts.get(id, maxAgeMs);
      },
    };
    await normalize(engine, [changed('1'), changed('2', { account: 'acc_gone' })], { ...engine.countPorts, accounts });
    expect(asked).toEqual([['acc_acme', 10_000]]);
  });

  test('is counted for its own tenants when one URL serves all of them (invariant 3)', async () => {
    const engine = await prepare();
    await engine.contexts.register('staff', ['1'], 'acc_acme');
    await engine.contexts.register('staff', ['2'], 'acc_globex');
    engine.accounts.overwrite(anAccount({ context: { company_id: '1' } }));
    engine.accounts.overwrite(anAccount({ id: 'acc_globex', tenant: 'globex', context: { company_id: '2' } }));
    const shared = (rawId: string, content: object): RawMessage => {
      const { account: _, ...message } = rawMessage(rawId, [], {
        body: { kind: 'inline', encoding: 'utf8', content: JSON.stringify(content) },
      });
      return message;
    };
    const change = (company: string, verb = 'created') => ({ verb, id: company, name: 'x', company });
    await normalize(engine, [
      shared('raw_1', { changes: [change('1')] }),
      shared('raw_2', { changes: [{ ...change('1'), name: 'y' }, change('2')] }),
      shared('raw_3', { company: '2', changes: [] }),
      shared('raw_4', { changes: [change('2', 'exploded')] }),
      shared('raw_5', { changes: [change('3')] }),
      shared('raw_6', { changes: [] }),
    ]);
    expect(await countedOf(engine)).toEqual({
      'acme staff': { verified: 1, mapped: 1, published: 2 },
      'globex staff': { verified: 2, ignored: 1, 'dead-lettered': 1, published: 1 },
      // One is for both tenants, one has no account yet, and one names no account.
      '* staff': { verified: 3, mapped: 1, unrouted: 1, ignored: 1 },
    });
  });

  test('is not counted as verified when it is a handshake: ingress has counted it', async () => {
    const engine = await prepare();
    const { outcomes } = await normalize(engine, [changed('1', { handshake: 'gone' })]);
    expect(outcomes.sum('dead-lettered')).toBe(1);
    expect(await countedOf(engine)).toEqual({ 'acme staff': { 'dead-lettered': 1 } });
  });

  test('is not counted when it must be redelivered', async () => {
    const engine = await prepare();
    const { ports } = injectFault(engine.normalizePorts, { at: 3, moment: 'before its effect', kind: 'error' });
    const handle = createNormalizeHandler({
      ports,
      log: new RecordingLog({ logLevel: 'SILENT' }),
      ...noTelemetry,
      outcomes: createOutcomeTally(),
      outcomesNow: createOutcomeTally(),
      statistics: createNormalizationCounter(engine.countPorts),
    });
    const Records = [
      { messageId: 'm1', body: JSON.stringify(changed('1')) },
      { messageId: 'm2', body: '{' },
    ];
    const { batchItemFailures } = await handle({ Records } as SQSEvent);
    expect(batchItemFailures).toHaveLength(2);
    expect(await countedOf(engine)).toEqual({});
  });

  test.each([
    ['fails', refuse],
    ['does not answer', hang],
  ])('is not redelivered because the store of its counts %s', async (_, fails) => {
    const engine = await prepare();
    const store = withStore(engine, fails);
    const ports = { ...store.ports, pause: fails === hang ? inNoTime : store.ports.pause };
    const { failures, outcomes, warnings } = await normalize(engine, [changed('1'), changed('2')], ports);
    expect(failures).toEqual([]);
    expect(outcomes.sum('published')).toBe(2);
    expect(warnings).toEqual(['statistics are not written yet']);
  });

  test('is counted with the next batch when it could not be counted before', async () => {
    const engine = await prepare();
    const store = withStore(engine, refuse);
    const counter = createNormalizationCounter(store.ports);
    await normalize(engine, [changed('1')], store.ports, counter);
    await normalize(engine, [changed('2', { account: 'acc_globex' })], store.ports, counter);
    store.fails = undefined;
    await normalize(engine, [changed('3')], store.ports, counter);
    expect(await countedOf(engine)).toEqual({
      'acme staff': { verified: 2, mapped: 2, published: 2 },
      'globex staff': { verified: 1, mapped: 1, published: 1 },
    });
  });
});

test('each count is written once, within the write rate, in the hour of its request (property)', async () => {
  const anyCall = fc.record({
    afterMs: fc.constantFrom(0, 10, 400, 1_000, 3_000, 1_800_000),
    scopes: fc.array(fc.constantFrom('acme', 'globex'), { maxLength: 4 }),
    isRefused: fc.boolean(),
  });
  const rate = { burst: 3, spacingMs: 1_000 };
  await fc.assert(
    fc.asyncProperty(fc.array(anyCall, { maxLength: 40 }), async (calls) => {
      const clock = createManualClock();
      const startMs = clock.nowMs();
      const asked: string[] = [];
      const stored = createOutcomeTally();
      let isRefused = false;
      const add = async ({ scope, hour, counts }: HourlyCounts) => {
        asked.push(scope);
        if (isRefused) throw new Error('refused');
        stored.count(`${scope} ${hour}`, counts.verified);
      };
      const buffer = createStatisticsBuffer({ statistics: { add }, clock }, rate);
      const expected = createOutcomeTally();
      const names = new Set<string>();
      for (const call of calls) {
        clock.advance(call.afterMs);
        ({ isRefused } = call);
        const hour = new Date(clock.nowMs()).toISOString().slice(0, 13);
        for (const scope of call.scopes) {
          names.add(`${scope} ${hour}`);
          expected.count(`${scope} ${hour}`);
        }
        const tallies = call.scopes.map((scope) => ({ scope, integration: 'staff', counts: { verified: 1 } }));
        await buffer.add(tallies).catch(() => {});
        for (const scope of ['acme', 'globex'])
          expect(asked.filter((one) => one === scope).length).toBeLessThanOrEqual(
            rate.burst + (clock.nowMs() - startMs) / rate.spacingMs,
          );
        for (const name of names) expect(stored.sum(name)).toBeLessThanOrEqual(expected.sum(name));
      }
      isRefused = false;
      // Waiting counts belong to several hours; each hour is one write.
      for (let round = 0; round <= names.size; round += 1) {
        clock.advance(rate.spacingMs);
        await buffer.add([]);
      }
      for (const name of names) expect(stored.sum(name), name).toBe(expected.sum(name));
    }),
  );
});

test('counts that cannot be written wait, of however many tenants', async () => {
  const clock = createManualClock();
  const engine = await prepare();
  const store = withStore(engine, refuse);
  const buffer = createStatisticsBuffer({ ...store.ports, clock });
  const tallies = Array.from({ length: 50 }, (_, index) => ({
    scope: `tenant-${index}`,
    integration: 'staff',
    counts: { verified: 1 },
  }));
  await expect(buffer.add(tallies)).rejects.toThrow('the table is not there');
  store.fails = undefined;
  await buffer.add([]);
  expect(Object.keys(await countedOf(engine))).toHaveLength(50);
});
