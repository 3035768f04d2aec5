import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../lambdas/contracts/engine-error.ts';
import type { RawMessage } from '../../../lambdas/contracts/messages.ts';
import { createAccount } from '../../../lambdas/flows/accounts/create-account.ts';
import type { NormalizePorts } from '../../../lambdas/flows/normalize/normalization.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { type ArchiveWindow, reprocessArchive } from '../../../lambdas/flows/normalize/reprocess-archive.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount, aSubscription } from '../../fakes/samples.ts';
import { followFeed } from '../follow-feed.ts';
import { rawMessage } from '../provider-request.ts';

const receivedAt = '2026-11-21T12:00:00.000Z';
const receivedAtMs = Date.parse(receivedAt);
/** A mapping that returns no event. */
const blind = '[]';
/** A mapping that returns an event without a record. */
const broken = '[{ "event_type": "created", "resource": "hris/employees" }]';

async function prepare(): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await engine.accounts.create(anAccount());
  await engine.accounts.create(anAccount({ id: 'acc_globex', tenant: 'globex' }));
  await engine.subscriptions.create(aSubscription());
  return engine;
}

const request = (id: string, change: Partial<RawMessage> = {}) =>
  rawMessage(`raw_${id}`, [{ verb: 'created', id }], change);

/** A request of the URL for all accounts, for a company. */
function ofCompany(id: string, company: string): RawMessage {
  const { account: _, ...message } = request(id);
  const content = JSON.stringify({ company, changes: [{ verb: 'created', id }] });
  return { ...message, body: { kind: 'inline', encoding: 'utf8', content } };
}

/** Normalize with the mapping of the definition, or with another one. */
function normalize(engine: FakeEngine, messages: readonly RawMessage[], mapping?: string) {
  const { normalizePorts: ports } = engine;
  return normalizeWebhooks(
    mapping === undefined
      ? ports
      : {
          ...ports,
          integration: async (name) => {
            const deployed = await ports.integration(name);
            return deployed === undefined ? undefined : { ...deployed, mapping };
          },
        },
    messages.map((message) => ({ messageId: message.rawId, body: JSON.stringify(message), message })),
  );
}

/** Take the messages of the raw queue. */
async function takeQueued(engine: FakeEngine): Promise<readonly RawMessage[]> {
  const messages = engine.rawQueue.messages();
  for (const { id } of messages) engine.rawQueue.remove(id);
  return messages.map(({ body }) => JSON.parse(body) as RawMessage);
}

function reprocess(engine: FakeEngine, change: Partial<ArchiveWindow> = {}, ports = engine.adminPorts) {
  return reprocessArchive(ports, {
    integration: 'staff',
    account: undefined,
    sinceMs: receivedAtMs,
    untilMs: receivedAtMs + 3_600_000,
    isDryRun: false,
    after: undefined,
    ...change,
  });
}

async function feedOf(engine: FakeEngine, tenant = 'acme') {
  const reader = followFeed(engine.feedPorts, tenant);
  await reader.read();
  return reader.seen;
}

const archived = (engine: FakeEngine) =>
  engine.archive.objects().map(({ requests }) => requests.map(({ message }) => message.rawId));
const ownersOf = (engine: FakeEngine) =>
  engine.archive
    .objects()
    .flatMap(({ requests }) => requests.map(({ owners }) => owners.map(({ account }) => account)));

describe('an accepted request is archived', () => {
  test('whatever its outcome, with the others of its batch in one object (invariant 9)', async () => {
    const engine = await prepare();
    const unknown = request('3', { integration: 'not deployed' });
    const malformed = request('4', { body: { kind: 'inline', encoding: 'utf8', content: 'no JSON' } });
    const unowned = ofCompany('5', 'not connected yet');
    const ended = await normalize(engine, [
      request('1'),
      request('2', { account: 'acc_globex' }),
      unknown,
      malformed,
      unowned,
    ]);
    expect(ended.map(({ kind }) => kind)).toEqual(['mapped', 'mapped', 'dead-lettered', 'dead-lettered', 'unrouted']);
    expect(archived(engine)).toEqual([['raw_1', 'raw_2', 'raw_3', 'raw_4', 'raw_5']]);
    expect(ownersOf(engine)).toEqual([['acc_acme'], ['acc_globex'], ['acc_acme'], ['acc_acme'], []]);
  });

  test('when the mapping ignores it', async () => {
    const engine = await prepare();
    expect(await normalize(engine, [request('1')], blind)).toEqual([{ kind: 'ignored' }]);
    expect(archived(engine)).toEqual([['raw_1']]);
  });

  test('for the accounts that a shared URL finds, which no outcome names (invariant 10)', async () => {
    const engine = await prepare();
    await engine.contexts.register('staff', ['company'], 'acc_acme');
    engine.accounts.overwrite(anAccount({ context: { company_id: 'company' } }));
    expect(await normalize(engine, [ofCompany('1', 'company')], blind)).toEqual([{ kind: 'ignored', tenant: 'acme' }]);
    expect(await normalize(engine, [ofCompany('2', 'company')], broken)).toEqual([
      { kind: 'dead-lettered', tenant: 'acme', reason: expect.any(String) },
    ]);
    expect(ownersOf(engine)).toEqual([['acc_acme'], ['acc_acme']]);
  });

  test('by a pointer, when its body is in the archive already', async () => {
    const engine = await prepare();
    const body = { kind: 'claim', key: 'acc_acme/raw_1', sizeBytes: 9_000 } as const;
    await engine.rawBodies.put(body.key, Buffer.from(JSON.stringify({ changes: [{ verb: 'created', id: '1' }] })), 'x');
    await normalize(engine, [request('1', { body })]);
    expect(engine.archive.objects()[0]?.requests[0]?.message.body).toEqual(body);
  });

  test('for the retention period of its account, and by the hour of its receipt', async () => {
    const engine = await prepare();
    engine.accounts.overwrite(anAccount({ id: 'acc_globex', tenant: 'globex', rawRetentionDays: 3 }));
    const later = request('3', { receivedAt: '2026-11-21T13:00:00.000Z' });
    await normalize(engine, [request('1'), request('2', { account: 'acc_globex' }), later]);
    expect(engine.archive.objects().map(({ retentionDays }) => retentionDays)).toEqual([undefined, 3, undefined]);
    expect(archived(engine)).toEqual([['raw_1'], ['raw_2'], ['raw_3']]);
  });

  test('in place of the former object when its batch is redelivered', async () => {
    const engine = await prepare();
    await normalize(engine, [request('1'), request('2')]);
    await normalize(engine, [request('2'), request('1')]);
    expect(archived(engine)).toEqual([['raw_2', 'raw_1']]);
  });

  test('before its message is removed: a failure redelivers it, with no second event (invariants 1, 2)', async () => {
    const { ports, calls } = injectFault<NormalizePorts>((await prepare()).normalizePorts);
    const deliveries = [request('1')].map((message) => ({ messageId: '1', body: JSON.stringify(message), message }));
    await normalizeWebhooks(ports, deliveries);
    for (const call of ['archive.put', 'archiveKeys.keyOf'])
      for (const fault of faultsAt(calls.indexOf(call) + 1)) {
        const engine = await prepare();
        const struck = injectFault<NormalizePorts>(engine.normalizePorts, fault);
        const outcomes = await normalizeWebhooks(struck.ports, deliveries).catch(() => []);
        // The result of a dead run reaches no queue.
        expect(struck.crashed() ? 'failed' : outcomes[0]?.kind).toBe('failed');
        // By then the queue shows it again, and the claims of a dead run are free.
        engine.clock.advance(400_000);
        expect(await normalizeWebhooks(engine.normalizePorts, deliveries)).toMatchObject([{ kind: 'mapped' }]);
        expect(archived(engine)).toEqual([['raw_1']]);
        // A number that the dead run took leaves a gap in the feed for a while.
        engine.clock.advance(400_000);
        expect(await feedOf(engine)).toHaveLength(1);
      }
  });
});

describe('nothing is archived', () => {
  test.each([
    ['of a handshake', { handshake: 'challenge' }],
    ['of a request from the archive', { archived: true as const }],
    ['of a request of a removed account', { account: 'acc_none' }],
    ['of a request of a former account of the id', { incarnation: '2020-01-01T00:00:00.000Z' }],
  ])('%s', async (_, change) => {
    const engine = await prepare();
    await normalize(engine, [request('1', change)]);
    expect(archived(engine)).toEqual([]);
  });

  test('of a request for a value that a former account held', async () => {
    const engine = await prepare();
    engine.accounts.overwrite(anAccount({ context: { company_id: 'company' } }));
    await engine.contexts.register('staff', ['company'], 'acc_acme');
    await engine.accounts.eraser.close('acme', 'acc_acme');
    await normalize(engine, [request('1')]);
    expect(archived(engine)).toEqual([]);
  });

  test('of a failed request: it is redelivered', async () => {
    const engine = await prepare();
    engine.normalizePorts.expressions.run = () => Promise.reject(new Error('no process'));
    expect(await normalize(engine, [request('1')])).toMatchObject([{ kind: 'failed' }]);
    expect(archived(engine)).toEqual([]);
  });
});

describe('a window of the archive', () => {
  test('is counted first, and then sent: the events of the fixed mapping are published, under stable ids', async () => {
    const engine = await prepare();
    await normalize(engine, [request('1')]);
    const [before] = await feedOf(engine);
    expect(await normalize(engine, [request('2'), request('3')], blind)).toMatchObject([
      { kind: 'ignored' },
      { kind: 'ignored' },
    ]);
    expect(await reprocess(engine, { isDryRun: true })).toEqual({
      found: 3,
      reprocessed: 0,
      skipped: 0,
      next: undefined,
    });
    expect(await takeQueued(engine)).toEqual([]);

    expect(await reprocess(engine)).toEqual({ found: 3, reprocessed: 3, skipped: 0, next: undefined });
    const again = await takeQueued(engine);
    await normalize(engine, again);
    const events = await feedOf(engine);
    expect(events.map(({ record_id: id }) => id)).toEqual(['1', '2', '3']);
    expect(events[0]).toEqual(before);

    // Again: nothing new in the feed or in the archive.
    await reprocess(engine);
    await normalize(engine, await takeQueued(engine));
    expect(await feedOf(engine)).toEqual(events);
    expect(archived(engine).flat()).toEqual(['raw_1', 'raw_2', 'raw_3']);
  });

  test('holds the requests received in it, of its integration and its account', async () => {
    const engine = await prepare();
    const at = (seconds: number) => ({ receivedAt: new Date(receivedAtMs + seconds * 1000).toISOString() });
    await normalize(engine, [
      request('early', at(-1)),
      request('first', at(0)),
      request('last', at(59)),
      request('late', at(60)),
      request('globex', { ...at(1), account: 'acc_globex' }),
      request('other', { ...at(1), integration: 'crm' }),
      ofCompany('unowned', 'not connected yet'),
    ]);
    const untilMs = receivedAtMs + 60_000;
    const idsOf = async (change: Partial<ArchiveWindow>) => {
      await reprocess(engine, { untilMs, ...change });
      return (await takeQueued(engine)).map(({ rawId }) => rawId).sort();
    };
    expect(await idsOf({})).toEqual(['raw_first', 'raw_globex', 'raw_last', 'raw_unowned']);
    expect(await idsOf({ account: 'acc_globex' })).toEqual(['raw_globex']);
    expect(await idsOf({ account: 'acc_none' })).toEqual([]);
    expect(await idsOf({ integration: 'crm' })).toEqual(['raw_other']);
  });

  test('is read in several calls when it is long', async () => {
    const engine = await prepare();
    for (let at = 0; at < 45; at += 1)
      await normalize(engine, [request(String(at), { receivedAt: new Date(receivedAtMs + at).toISOString() })]);
    const { archive } = engine.adminPorts;
    const slow = {
      ...engine.adminPorts,
      archive: {
        ...archive,
        read(object: string) {
          engine.clock.advance(2_000);
          return archive.read(object);
        },
      },
    };
    let after: string | undefined;
    let calls = 0;
    do {
      ({ next: after } = await reprocess(engine, { after }, slow));
      calls += 1;
    } while (after !== undefined);
    expect(calls).toBeGreaterThan(2);
    expect(new Set((await takeQueued(engine)).map(({ rawId }) => rawId)).size).toBe(45);
  });

  test('returns nothing of an erased or removed account, not even to a later one of its id (invariant 3)', async () => {
    const engine = await prepare();
    await normalize(engine, [request('1'), request('2', { account: 'acc_globex' })]);
    await engine.accounts.eraser.close('acme', 'acc_acme');
    const globex = (await engine.accounts.find('acc_globex')) ?? anAccount();
    await engine.accounts.remove(globex);
    expect(await reprocess(engine)).toEqual({ found: 0, reprocessed: 0, skipped: 2, next: undefined });
    engine.clock.advance(1);
    const later = { id: 'acc_globex', tenant: 'globex', integration: 'staff', secrets: {}, context: {} };
    expect((await createAccount(engine.adminPorts, later)).kind).toBe('created');
    expect(await reprocess(engine, { account: 'acc_globex' })).toMatchObject({ found: 0, skipped: 1 });
    expect(await takeQueued(engine)).toEqual([]);
  });

  test('continues after an unreadable object, and after an expired one', async () => {
    const engine = await prepare();
    for (const at of [0, 1, 2])
      await normalize(engine, [request(String(at), { receivedAt: new Date(receivedAtMs + at).toISOString() })]);
    const { archive } = engine.adminPorts;
    let reads = 0;
    const ports = {
      ...engine.adminPorts,
      archive: {
        ...archive,
        async read(object: string) {
          reads += 1;
          if (reads === 1) throw new EngineError('corrupt-state', 'damaged', { retryable: false });
          return reads === 2 ? undefined : archive.read(object);
        },
      },
    };
    expect(await reprocess(engine, {}, ports)).toEqual({ found: 1, reprocessed: 1, skipped: 1, next: undefined });
  });

  test('loses nothing when a call fails anywhere and is repeated (invariant 2)', async () => {
    const engine = await prepare();
    await normalize(engine, [request('1'), request('2')], blind);
    const { ports, calls } = injectFault(engine.adminPorts);
    await reprocess(engine, {}, ports);
    await takeQueued(engine);
    for (const at of calls.keys())
      for (const fault of faultsAt(at + 1)) {
        await expect(reprocess(engine, {}, injectFault(engine.adminPorts, fault).ports)).rejects.toThrow(
          /failed|ended/,
        );
        await reprocess(engine);
        await normalize(engine, await takeQueued(engine));
        expect((await feedOf(engine)).map(({ record_id: id }) => id).sort()).toEqual(['1', '2']);
      }
  });
});
