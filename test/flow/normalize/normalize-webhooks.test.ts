import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { RawMessage } from '../../../lambdas/contracts/messages.ts';
import { traceOfRequest } from '../../../lambdas/engine/trace/trace-ids.ts';
import type { NormalizePorts, RawDelivery } from '../../../lambdas/flows/normalize/normalization.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount, aSubscription, staff } from '../../fakes/samples.ts';
import { followFeed } from '../follow-feed.ts';
import { rawMessage } from '../provider-request.ts';

async function prepare(): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await engine.accounts.create(anAccount());
  await engine.accounts.create(anAccount({ id: 'acc_globex', tenant: 'globex' }));
  await engine.subscriptions.create(aSubscription());
  return engine;
}

const received = (message: RawMessage): RawDelivery => ({
  messageId: `of ${message.rawId}`,
  body: JSON.stringify(message),
  message,
});
const inline = (content: string): RawMessage['body'] => ({ kind: 'inline', encoding: 'utf8', content });

async function feedOf(engine: FakeEngine, tenant = 'acme') {
  const reader = followFeed(engine.feedPorts, tenant);
  await reader.read();
  return reader.seen;
}

test('the events of several requests are published in one batch, in their order', async () => {
  const engine = await prepare();
  const { ports, calls } = injectFault<NormalizePorts>(engine.normalizePorts);
  const normalizations = await normalizeWebhooks(ports, [
    received(
      rawMessage('raw_1', [
        { verb: 'created', id: '1', name: 'Ada' },
        { verb: 'deleted', id: '2' },
      ]),
    ),
    received(rawMessage('raw_2', [{ verb: 'updated', id: '3' }])),
  ]);
  const published = (verb: string) => ({ kind: 'published', deliveries: 1, type: `record:${verb}`, tenant: 'acme' });
  expect(normalizations).toEqual([
    { kind: 'mapped', publications: [published('created'), published('deleted')], drifts: [] },
    { kind: 'mapped', publications: [published('updated')], drifts: [] },
  ]);
  expect(await feedOf(engine)).toMatchObject([
    { sequence: 1, type: 'record:created', record_id: '1', raw_event_type: 'employee.created', data: { name: 'Ada' } },
    { sequence: 2, type: 'record:deleted', record_id: '2' },
    { sequence: 3, type: 'record:updated', record_id: '3', tenant: 'acme', account: 'acc_acme' },
  ]);
  const once = ['events.takeSequences', 'subscriptions.listFor', 'events.writeRows', 'deliveryQueue.sendAll'];
  for (const call of once)
    expect(
      calls.filter((name) => name === call),
      call,
    ).toHaveLength(1);
});

test('two changes of one record under one provider id are two events', async () => {
  const mapping = `body.changes.{ "event_type": verb, "raw_event_type": verb, "resource": "hris/employees",
    "record_id": "1", "id": "the same", "data": { "name": name } }`;
  const engine = createFakeEngine({ ...staff, mapping });
  await engine.accounts.create(anAccount());
  const message = rawMessage('raw_1', [
    { verb: 'created', id: '1', name: 'Ada' },
    { verb: 'updated', id: '1', name: 'Eve' },
  ]);
  await normalizeWebhooks(engine.normalizePorts, [received(message)]);
  expect(await feedOf(engine)).toMatchObject([
    { type: 'record:created', data: { name: 'Ada' } },
    { type: 'record:updated', data: { name: 'Eve' } },
  ]);
});

describe('a request that asks for a poll', () => {
  const mapping = `[body.changes.{ "poll": id = "all" ? "*" : "hris/employees" }]`;

  test('sends one message for each account and resource, and has no event', async () => {
    const engine = createFakeEngine({ ...staff, mapping });
    await engine.accounts.create(anAccount());
    const changes = ['1', '2', 'all'].map((id) => ({ verb: 'updated', id }));
    const deliveries = ['raw_1', 'raw_2'].map((rawId) => received(rawMessage(rawId, changes)));
    expect(await normalizeWebhooks(engine.normalizePorts, deliveries)).toEqual([
      { kind: 'ignored' },
      { kind: 'ignored' },
    ]);
    const { createdAt: incarnation } = anAccount();
    const asked = { kind: 'poll-now', account: 'acc_acme', incarnation, trace: traceOfRequest('raw_2') };
    expect(engine.pollQueue.messages().map(({ body }) => JSON.parse(body))).toEqual([
      { ...asked, resource: 'hris/employees' },
      asked,
    ]);
    expect(await feedOf(engine)).toEqual([]);
  });

  test('comes again when the message could not be sent', async () => {
    const engine = createFakeEngine({ ...staff, mapping });
    await engine.accounts.create(anAccount());
    const pollQueue = {
      send: async () => {
        throw new Error('no queue');
      },
    };
    const delivery = received(rawMessage('raw_1', [{ verb: 'updated', id: 'all' }]));
    const [outcome] = await normalizeWebhooks({ ...engine.normalizePorts, pollQueue }, [delivery]);
    expect(outcome?.kind).toBe('failed');
  });
});

test('an event is published for the tenant of its account, whatever else is in the batch (invariant 3)', async () => {
  const engine = await prepare();
  await normalizeWebhooks(engine.normalizePorts, [
    received(rawMessage('raw_1', [{ verb: 'created', id: '1' }])),
    received(rawMessage('raw_2', [{ verb: 'created', id: '1' }], { account: 'acc_globex', deliveryId: 'raw_1' })),
  ]);
  expect((await feedOf(engine)).map(({ account }) => account)).toEqual(['acc_acme']);
  expect((await feedOf(engine, 'globex')).map(({ account }) => account)).toEqual(['acc_globex']);
});

test('a request that the provider sends again makes no second event (invariant 2)', async () => {
  const engine = await prepare();
  const changes = [{ verb: 'created', id: '1' }];
  await normalizeWebhooks(engine.normalizePorts, [received(rawMessage('raw_1', changes, { deliveryId: 'd' }))]);
  const [second] = await normalizeWebhooks(engine.normalizePorts, [
    received(rawMessage('raw_2', changes, { deliveryId: 'd' })),
  ]);
  expect(second).toEqual({ kind: 'mapped', publications: [{ kind: 'duplicate', tenant: 'acme' }], drifts: [] });
  expect(await feedOf(engine)).toHaveLength(1);
});

test('two changes of a record are two events when a thin event has no name and no time (invariant 1)', async () => {
  const mapping = `{ "event_type": "updated", "raw_event_type": "employee.updated", "resource": "hris/employees",
    "record_id": body.id, "method": "get", "method_config": { "id": body.id } }`;
  const engine = createFakeEngine({ ...staff, mapping });
  await engine.accounts.create(anAccount());
  const edited = (rawId: string) => received(rawMessage(rawId, [], { deliveryId: '', body: inline('{"id":"1"}') }));
  // The queue delivers the last one again.
  for (const rawId of ['raw_1', 'raw_2', 'raw_2']) await normalizeWebhooks(engine.normalizePorts, [edited(rawId)]);
  expect(await feedOf(engine)).toHaveLength(2);
});

test('a request without events is ignored', async () => {
  const engine = await prepare();
  expect(await normalizeWebhooks(engine.normalizePorts, [received(rawMessage('raw_1', []))])).toEqual([
    { kind: 'ignored' },
  ]);
  expect(engine.rawDeadLetters.messages()).toEqual([]);
});

describe('a request that cannot be mapped', () => {
  test.each([
    [
      'the mapping returns an invalid event',
      { body: inline('{"changes":[{"verb":"exploded","id":"1"}]}') },
      /bad event \(0\): event_type/,
    ],
    ['the mapping cannot be evaluated', { body: inline('{"changes":[{"verb":"created","id":{}}]}') }, /record_id/],
    ['the body cannot be read', { body: inline('{"changes":') }, /body: expected a JSON body/],
    ['its integration is not deployed', { integration: 'gone' }, /no integration "gone"/],
  ] as const)('is dead-lettered unchanged, with the reason, when %s (invariant 9)', async (_, change, reason) => {
    const engine = await prepare();
    const bad = received(rawMessage('raw_1', [], change));
    const good = received(rawMessage('raw_2', [{ verb: 'created', id: '1' }]));
    const normalizations = await normalizeWebhooks(engine.normalizePorts, [bad, good]);
    expect(normalizations).toMatchObject([
      { kind: 'dead-lettered', reason: expect.stringMatching(reason) },
      { kind: 'mapped', publications: [{ kind: 'published' }] },
    ]);
    expect(engine.rawDeadLetters.messages()).toMatchObject([{ body: bad.body, reason: expect.stringMatching(reason) }]);
  });

  test.each([
    ['is gone', 'acc_gone'],
    ['belongs to another integration', 'acc_github'],
  ])('is kept as unrouted when its account %s (invariant 9)', async (_, account) => {
    const engine = await prepare();
    await engine.accounts.create(anAccount({ id: 'acc_github', integration: 'github' }));
    const delivery = received(rawMessage('raw_1', [{ verb: 'created', id: '1' }], { account }));
    expect(await normalizeWebhooks(engine.normalizePorts, [delivery])).toEqual([{ kind: 'unrouted' }]);
    expect(engine.rawDeadLetters.messages()).toMatchObject([
      { body: delivery.body, reason: `account "${account}" does not exist` },
    ]);
    expect(await feedOf(engine)).toEqual([]);
  });
});

describe('a request that a former account accepted', () => {
  const changes = [{ verb: 'created', id: '1' }];
  const createdAt = '2026-11-21T12:00:00.000Z';

  async function withSuccessor(tenant = 'acme'): Promise<FakeEngine> {
    const engine = await prepare();
    const account = anAccount();
    expect(await engine.accounts.remove(account)).toBe(true);
    engine.accounts.overwrite(anAccount({ tenant, createdAt }));
    return engine;
  }

  test('is ignored when a later account has its id, however soon (invariant 3)', async () => {
    const engine = await withSuccessor();
    const old = received(rawMessage('raw_1', changes, { incarnation: anAccount().createdAt, receivedAt: createdAt }));
    const own = received(rawMessage('raw_2', changes, { incarnation: createdAt, receivedAt: createdAt }));
    expect(await normalizeWebhooks(engine.normalizePorts, [old, own])).toMatchObject([
      { kind: 'ignored' },
      { kind: 'mapped', publications: [{ kind: 'published' }] },
    ]);
    expect(engine.rawDeadLetters.messages()).toEqual([]);
  });

  test('is not confused with one of a later account while the former one is in the cache', async () => {
    const engine = await prepare();
    await normalizeWebhooks(engine.normalizePorts, [received(rawMessage('raw_0', changes))]);
    engine.accounts.overwrite(anAccount({ createdAt }));
    const own = received(rawMessage('raw_1', changes, { incarnation: createdAt, receivedAt: createdAt }));
    expect(await normalizeWebhooks(engine.normalizePorts, [own])).toMatchObject([{ kind: 'mapped' }]);
  });

  test('is recognized by time when an earlier version wrote its message', async () => {
    const engine = await withSuccessor();
    const early = received(rawMessage('raw_1', changes, { receivedAt: '2026-11-21T11:58:59.000Z' }));
    const late = received(rawMessage('raw_2', changes, { receivedAt: '2026-11-21T12:00:00.000Z' }));
    expect(await normalizeWebhooks(engine.normalizePorts, [early, late])).toMatchObject([
      { kind: 'ignored' },
      { kind: 'mapped' },
    ]);
  });

  test('suppresses no event of another tenant with the same account, delivery and record (invariant 3)', async () => {
    const engine = await prepare();
    const delivery = { deliveryId: 'd' };
    await normalizeWebhooks(engine.normalizePorts, [received(rawMessage('raw_1', changes, delivery))]);
    // As in an earlier version, where the id of a removed account was free.
    engine.accounts.overwrite(anAccount({ tenant: 'globex' }));
    engine.clock.advance(60_000);
    const [second] = await normalizeWebhooks(engine.normalizePorts, [received(rawMessage('raw_2', changes, delivery))]);
    expect(second).toMatchObject({ publications: [{ kind: 'published', tenant: 'globex' }] });
  });
});

describe('one failing request is redelivered alone (invariant 12)', () => {
  const good = received(rawMessage('raw_good', [{ verb: 'created', id: '1' }]));

  test('when its body is no longer stored', async () => {
    const engine = await prepare();
    const bad = received(rawMessage('raw_1', [], { body: { kind: 'claim', key: 'none', sizeBytes: 9_000 } }));
    expect(await normalizeWebhooks(engine.normalizePorts, [bad, good])).toMatchObject([
      { kind: 'dead-lettered', reason: 'its body is no longer kept' },
      { kind: 'mapped', publications: [{ kind: 'published' }] },
    ]);
  });

  test('when its account cannot be read', async () => {
    const engine = await prepare();
    const { ports } = injectFault<NormalizePorts>(engine.normalizePorts, {
      // Calls 1 and 2 read the integrations of both requests; call 3 reads the first one's account.
      at: 3,
      kind: 'error',
      moment: 'before its effect',
    });
    expect(await normalizeWebhooks(ports, [received(rawMessage('raw_1', [])), good])).toMatchObject([
      { kind: 'failed' },
      { kind: 'mapped', publications: [{ kind: 'published' }] },
    ]);
  });

  test('when the dead-letter queue rejects it', async () => {
    const engine = await prepare();
    const refusing: NormalizePorts = {
      ...engine.normalizePorts,
      rawDeadLetters: { send: () => Promise.reject(new Error('unavailable')) },
    };
    const bad = received(rawMessage('raw_1', [], { account: 'acc_gone' }));
    expect(await normalizeWebhooks(refusing, [bad, good])).toMatchObject([
      { kind: 'failed' },
      { kind: 'mapped', publications: [{ kind: 'published' }] },
    ]);
  });

  test('when the claim of one of its events fails', async () => {
    const engine = await prepare();
    const { calls, ports } = injectFault<NormalizePorts>(engine.normalizePorts);
    const bad = received(rawMessage('raw_1', [{ verb: 'created', id: '2' }]));
    await normalizeWebhooks(ports, [bad, good]);
    const at = calls.indexOf('events.claim') + 1;
    for (const fault of faultsAt(at).filter(({ kind }) => kind === 'error')) {
      const again = await prepare();
      const struck = injectFault<NormalizePorts>(again.normalizePorts, fault);
      expect(await normalizeWebhooks(struck.ports, [bad, good])).toMatchObject([
        { kind: 'failed' },
        { kind: 'mapped', publications: [{ kind: 'published' }] },
      ]);
    }
  });

  test('when its message is not one that the engine writes', async () => {
    const engine = await prepare();
    for (const message of [null, 7, {}, { ...good.message, body: undefined }]) {
      const bad = { messageId: 'bad', body: JSON.stringify(message), message: message as unknown as RawMessage };
      const [first, second] = await normalizeWebhooks(engine.normalizePorts, [bad, good]);
      expect(first?.kind).not.toBe('mapped');
      expect(second?.kind).toBe('mapped');
    }
  });
});

test('a dead-lettered request leaves its event to the provider’s next request (invariant 9)', async () => {
  const engine = await prepare();
  const changes = [{ verb: 'created', id: '1' }];
  const broken = {
    ...engine.normalizePorts,
    events: { ...engine.normalizePorts.events, writeRows: () => Promise.reject(new Error('not now')) },
  };
  const first = received(rawMessage('raw_1', changes, { deliveryId: 'same' }));
  const again = received(rawMessage('raw_2', changes, { deliveryId: 'same' }));
  const dropped = [{ kind: 'mapped', publications: [{ kind: 'duplicate' }] }];
  const fail = async (receiveCount: number) => {
    expect(await normalizeWebhooks(broken, [{ ...first, receiveCount }])).toMatchObject([{ kind: 'failed' }]);
    engine.clock.advance(180_000);
  };
  await fail(1);
  expect(await normalizeWebhooks(engine.normalizePorts, [again])).toMatchObject(dropped);
  await fail(limits.maxReceiveCount);
  const published = [{ kind: 'mapped', publications: [{ kind: 'published' }] }];
  expect(await normalizeWebhooks(engine.normalizePorts, [again])).toMatchObject(published);
  // Readers wait for the numbers that the failed runs took.
  engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
  expect(await feedOf(engine)).toHaveLength(1);
});
