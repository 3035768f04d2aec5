import { describe, expect, test } from 'vitest';
import type { RawMessage } from '../../../lambdas/contracts/messages.ts';
import { configureIntegration } from '../../../lambdas/flows/accounts/configure-integration.ts';
import { createAccount } from '../../../lambdas/flows/accounts/create-account.ts';
import { deleteAccount } from '../../../lambdas/flows/accounts/delete-account.ts';
import { listCollisions } from '../../../lambdas/flows/accounts/list-collisions.ts';
import { receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { createInMemoryCatalog } from '../../fakes/in-memory-catalog.ts';
import { rawQueueOn } from '../../fakes/in-memory-queue.ts';
import { waitingRequests } from '../../fakes/in-memory-routing.ts';
import { injectFault } from '../../fakes/inject-fault.ts';
import { anAccount, aSubscription, staff } from '../../fakes/samples.ts';
import { createSeededRandomness } from '../../fakes/seeded-randomness.ts';
import { usualQuotas } from '../../fakes/usual-quotas.ts';
import { followFeed } from '../follow-feed.ts';
import { staffRequest } from '../provider-request.ts';

const accountPorts = (engine: FakeEngine) => ({
  accounts: engine.accounts,
  tenants: engine.tenants,
  integrations: createInMemoryCatalog([staff]),
  contexts: engine.contexts,
  settings: engine.settings,
  parked: engine.parking,
  rawQueue: rawQueueOn(engine.rawQueue),
  clock: engine.clock,
  randomness: createSeededRandomness(),
  quotas: usualQuotas,
});

/** An account of a tenant that holds these companies. */
const connect = (engine: FakeEngine, tenant: string, companies: unknown, id = `acc_${tenant}`) =>
  createAccount(accountPorts(engine), {
    id,
    tenant,
    integration: 'staff',
    secrets: {},
    context: { company_id: companies },
    mayClaim: true,
  });

const accountOf = async (engine: FakeEngine, id: string) =>
  (await engine.accounts.find(id)) ?? expect.fail(`no account ${id}`);

/** Send a request to the URL for all accounts, as the provider does. */
async function send(engine: FakeEngine, body: unknown, secret = 'app secret') {
  await engine.settings.replace({ integration: 'staff', secrets: { signing_secret: 'app secret' }, revision: 0 });
  return receiveProviderRequest(engine.receivePorts, { integration: 'staff' }, staffRequest(body, {}, secret));
}

/** Run normalize over the raw queue. */
async function normalize(engine: FakeEngine) {
  const received = engine.rawQueue.receive();
  const results = await normalizeWebhooks(
    engine.normalizePorts,
    received.map(({ id, body }) => ({ messageId: id, body, message: JSON.parse(body) as RawMessage })),
  );
  for (const [index, { id }] of received.entries()) if (results[index]?.kind !== 'failed') engine.rawQueue.remove(id);
  return results.map(({ kind }) => kind);
}

async function recordsOf(engine: FakeEngine, tenant: string) {
  const reader = followFeed(engine.feedPorts, tenant);
  await reader.read();
  return reader.seen.map(({ record_id: id, account }) => [id, account]);
}

const created = (id: string, company?: string) => ({ verb: 'created', id, name: id, ...(company ? { company } : {}) });

describe('the URL for all accounts', () => {
  test("verifies with the integration's secret, and finds the account by the request's context", async () => {
    const engine = createFakeEngine();
    await connect(engine, 'acme', '1');
    await connect(engine, 'globex', ['2', 3]);
    await engine.subscriptions.create(aSubscription({ tenant: 'globex' }));
    expect(await send(engine, { company: 3, changes: [created('a')] })).toMatchObject({ kind: 'accepted' });
    expect(await normalize(engine)).toEqual(['mapped']);
    expect(await recordsOf(engine, 'globex')).toEqual([['a', 'acc_globex']]);
    expect(await recordsOf(engine, 'acme')).toEqual([]);
    expect(engine.deliveryQueue.messages()).toHaveLength(1);
  });

  test('fails for a wrong secret, and without settings', async () => {
    const engine = createFakeEngine();
    const target = { integration: 'staff' };
    expect(await receiveProviderRequest(engine.receivePorts, target, staffRequest({}))).toEqual({ kind: 'unknown' });
    expect(await send(engine, { company: '1', changes: [] }, 'another')).toMatchObject({
      reason: 'signature-mismatch',
    });
  });

  test('a batch of items of several tenants gives each tenant its own (invariant 3)', async () => {
    const engine = createFakeEngine();
    await connect(engine, 'acme', '1');
    await connect(engine, 'globex', '2');
    await send(engine, { changes: [created('a', '1'), created('b', '2'), created('c', '1')] });
    expect(await normalize(engine)).toEqual(['mapped']);
    expect(await recordsOf(engine, 'acme')).toEqual([
      ['a', 'acc_acme'],
      ['c', 'acc_acme'],
    ]);
    expect(await recordsOf(engine, 'globex')).toEqual([['b', 'acc_globex']]);
  });

  test('a request for a poll concerns the accounts of its context only, and must name one of several (invariant 3)', async () => {
    const mapping = '[body.changes.{ "poll": "hris/employees", "context": company }]';
    const engine = createFakeEngine({ ...staff, mapping });
    await connect(engine, 'acme', '1');
    await connect(engine, 'globex', '2');
    const polled = () =>
      engine.pollQueue.messages().map(({ body }) => (JSON.parse(body) as { account: string }).account);
    // The request is of company 1, so its mapping reaches no other.
    await send(engine, { company: '1', changes: [created('a', '1'), created('b', '2')] });
    expect(await normalize(engine)).toEqual(['ignored']);
    expect(polled()).toEqual(['acc_acme']);
    await send(engine, { changes: [created('a', '1'), created('b', '2')] });
    await normalize(engine);
    expect(polled()).toEqual(['acc_acme', 'acc_acme', 'acc_globex']);
    await send(engine, { changes: [created('a', '1'), created('b', '2'), created('c')] });
    expect(await normalize(engine)).toEqual(['dead-lettered']);
    expect(polled()).toHaveLength(3);
  });

  test('a value that changes hands while it is cached gives its former owner nothing more (invariant 3)', async () => {
    const engine = createFakeEngine();
    await connect(engine, 'acme', '1');
    await send(engine, { company: '1', changes: [created('a')] });
    expect(await normalize(engine)).toEqual(['mapped']);
    await deleteAccount(engine.adminPorts, await accountOf(engine, 'acc_acme'));
    engine.clock.advance(1_000);
    await connect(engine, 'globex', '1');
    await send(engine, { company: '1', changes: [created('b')] });
    // The cache names acme: the request is redelivered, and read again.
    expect(await normalize(engine)).toEqual(['failed']);
    for (const { id } of engine.rawQueue.messages()) engine.rawQueue.show(id);
    expect(await normalize(engine)).toEqual(['mapped']);
    expect(await recordsOf(engine, 'acme')).toEqual([['a', 'acc_acme']]);
    expect(await recordsOf(engine, 'globex')).toEqual([['b', 'acc_globex']]);
  });

  test('a batch reads the owners of its values once, and confirms them with one call each', async () => {
    const engine = createFakeEngine();
    for (const company of ['1', '2', '3']) await connect(engine, `tenant${company}`, company);
    const callsOf = async (ids: string) => {
      const { ports, calls } = injectFault(engine.normalizePorts);
      for (const company of ['1', '2', '3']) await send(engine, { company, changes: [created(`${ids}${company}`)] });
      const received = engine.rawQueue.receive().map(({ id, body }) => {
        engine.rawQueue.remove(id);
        return { messageId: id, body, message: JSON.parse(body) as RawMessage };
      });
      expect(await normalizeWebhooks(ports, received)).toMatchObject(received.map(() => ({ kind: 'mapped' })));
      return Object.fromEntries(
        ['contexts.recall', 'contexts.confirm', 'accounts.get', 'accounts.confirm'].map((name) => [
          name,
          calls.filter((call) => call === name).length,
        ]),
      );
    };
    const once = { 'contexts.recall': 3, 'contexts.confirm': 1, 'accounts.get': 3, 'accounts.confirm': 1 };
    expect(await callsOf('a')).toEqual(once);
  });

  test('a context that two accounts of a tenant hold gives each account its event', async () => {
    const engine = createFakeEngine();
    await connect(engine, 'acme', '1');
    await connect(engine, 'acme', '1', 'acc_second');
    await send(engine, { company: '1', changes: [created('a')] });
    await normalize(engine);
    expect(await recordsOf(engine, 'acme')).toEqual([
      ['a', 'acc_acme'],
      ['a', 'acc_second'],
    ]);
  });

  test('an account that does not hold a context gets nothing, whatever the registry says (invariant 3)', async () => {
    const engine = createFakeEngine();
    await connect(engine, 'acme', '1');
    expect(await connect(engine, 'acme', '2')).toEqual({ kind: 'exists' });
    // As after an interrupted creation, and in earlier versions.
    const claims = [{ tenant: 'acme', account: 'acc_acme', claimedAtMs: engine.clock.nowMs() }];
    await engine.contexts.replace('staff', '3', { claims, registered: [], revision: 0 });
    await engine.contexts.register('staff', ['4'], 'acc_acme');
    for (const company of ['2', '3', '4']) {
      await send(engine, { company, changes: [created('a')] });
      expect(await normalize(engine)).toEqual(['unrouted']);
    }
    expect(await recordsOf(engine, 'acme')).toEqual([]);
  });
});

describe('a context that accounts of two tenants hold', () => {
  const reason = 'the value "1" of company_id has accounts of two tenants';

  /** Two accounts as versions before claims created them. */
  async function prepareCollision(): Promise<FakeEngine> {
    const engine = createFakeEngine();
    for (const tenant of ['acme', 'globex']) {
      await engine.accounts.create(anAccount({ id: `acc_${tenant}`, tenant, context: { company_id: '1' } }));
      await engine.contexts.register('staff', ['1'], `acc_${tenant}`);
    }
    return engine;
  }

  test('gives neither an event: its requests are dead-lettered with the reason (invariants 3 and 9)', async () => {
    const engine = await prepareCollision();
    await send(engine, { company: '1', changes: [created('a')] });
    expect(await normalize(engine)).toEqual(['dead-lettered']);
    expect(engine.rawDeadLetters.messages()).toMatchObject([{ reason }]);
    for (const tenant of ['acme', 'globex']) expect(await recordsOf(engine, tenant)).toEqual([]);
  });

  test('does not keep other contexts of the request from their owners', async () => {
    const engine = await prepareCollision();
    await connect(engine, 'initech', '2');
    await send(engine, { changes: [created('a', '1'), created('b', '2')] });
    expect(await normalize(engine)).toEqual(['mapped']);
    expect(engine.rawDeadLetters.messages()).toMatchObject([{ reason }]);
    expect(await recordsOf(engine, 'initech')).toEqual([['b', 'acc_initech']]);
    for (const tenant of ['acme', 'globex']) expect(await recordsOf(engine, tenant)).toEqual([]);
  });

  test('gives each its event when the settings of the integration let tenants share', async () => {
    const engine = await prepareCollision();
    await configureIntegration(engine.adminPorts, {
      integration: 'staff',
      secrets: { signing_secret: 'app secret' },
      sharedContexts: true,
    });
    await send(engine, { company: '1', changes: [created('a')] });
    expect(await normalize(engine)).toEqual(['mapped']);
    for (const tenant of ['acme', 'globex']) expect(await recordsOf(engine, tenant)).toEqual([['a', `acc_${tenant}`]]);
  });

  test('is listed as a collision, and other contexts are not', async () => {
    const engine = await prepareCollision();
    await connect(engine, 'initech', '2');
    await connect(engine, 'initech', '2', 'acc_second');
    const accounts = [
      { id: 'acc_acme', tenant: 'acme' },
      { id: 'acc_globex', tenant: 'globex' },
    ];
    const collisions = { items: [{ integration: 'staff', value: '1', accounts }], next: undefined };
    expect(await listCollisions(engine.adminPorts, 10, undefined)).toEqual(collisions);
    await deleteAccount(engine.adminPorts, await accountOf(engine, 'acc_globex'));
    expect((await listCollisions(engine.adminPorts, 10, undefined)).items).toEqual([]);
  });

  test('belongs to one tenant once the other’s account is gone, with its dead-lettered requests', async () => {
    const engine = await prepareCollision();
    await send(engine, { company: '1', changes: [created('a')] });
    await normalize(engine);
    await deleteAccount(engine.adminPorts, await accountOf(engine, 'acc_globex'));
    engine.rawQueue.send(engine.rawDeadLetters.messages()[0]?.body ?? '');
    expect(await normalize(engine)).toEqual(['mapped']);
    expect(await recordsOf(engine, 'acme')).toEqual([['a', 'acc_acme']]);
  });

  test('belongs only to the account that claimed it (invariant 3)', async () => {
    const engine = createFakeEngine();
    await connect(engine, 'acme', '1');
    // As an earlier version may write during a deployment.
    await engine.accounts.create(anAccount({ id: 'acc_globex', tenant: 'globex', context: { company_id: '1' } }));
    await engine.contexts.register('staff', ['1'], 'acc_globex');
    await send(engine, { company: '1', changes: [created('a')] });
    expect(await normalize(engine)).toEqual(['mapped']);
    expect(await recordsOf(engine, 'acme')).toEqual([['a', 'acc_acme']]);
    expect(await recordsOf(engine, 'globex')).toEqual([]);
  });
});

describe('a context that changes hands', () => {
  test('gives its new owner no request received before (invariant 3)', async () => {
    const engine = createFakeEngine();
    await connect(engine, 'acme', '1');
    await send(engine, { company: '1', changes: [created('a')] });
    engine.clock.advance(1_000);
    await deleteAccount(engine.adminPorts, await accountOf(engine, 'acc_acme'));
    engine.clock.advance(1_000);
    expect((await connect(engine, 'globex', '1')).kind).toBe('created');
    await send(engine, { company: '1', changes: [created('b')] });
    expect(await normalize(engine)).toEqual(['ignored', 'mapped']);
    expect(await recordsOf(engine, 'globex')).toEqual([['b', 'acc_globex']]);
  });

  test('gives requests received in between to the new owner, and all to the old one when it returns', async () => {
    for (const [tenant, records] of [
      ['globex', ['b']],
      ['acme', ['a', 'b']],
    ] as const) {
      const engine = createFakeEngine();
      await connect(engine, 'acme', '1');
      await send(engine, { company: '1', changes: [created('a')] });
      engine.clock.advance(1_000);
      await deleteAccount(engine.adminPorts, await accountOf(engine, 'acc_acme'));
      engine.clock.advance(1_000);
      await send(engine, { company: '1', changes: [created('b')] });
      expect(await normalize(engine)).toEqual(['unrouted', 'unrouted']);
      await connect(engine, tenant, '1');
      await normalize(engine);
      expect((await recordsOf(engine, tenant)).map(([id]) => id)).toEqual(records);
    }
  });
});

describe('a request without a known account', () => {
  test('is parked, and published once its account exists (invariant 9)', async () => {
    const engine = createFakeEngine();
    await send(engine, { company: '9', changes: [created('a')] });
    expect(await normalize(engine)).toEqual(['unrouted']);
    expect(engine.rawQueue.messages()).toEqual([]);
    await connect(engine, 'acme', '9');
    expect(await normalize(engine)).toEqual(['mapped']);
    expect(await recordsOf(engine, 'acme')).toEqual([['a', 'acc_acme']]);
    expect(await waitingRequests(engine.parking, 'staff', '9')).toEqual([]);
  });

  test('in part is served in part, and the rest later, with no event twice (invariant 2)', async () => {
    const engine = createFakeEngine();
    await connect(engine, 'acme', '1');
    await send(engine, { changes: [created('a', '1'), created('b', '2')] });
    expect(await normalize(engine)).toEqual(['mapped']);
    await connect(engine, 'globex', '2');
    await normalize(engine);
    expect(await recordsOf(engine, 'acme')).toEqual([['a', 'acc_acme']]);
    expect(await recordsOf(engine, 'globex')).toEqual([['b', 'acc_globex']]);
  });

  test('is redelivered when its account was created while it was being parked', async () => {
    const engine = createFakeEngine();
    await send(engine, { company: '9', changes: [created('a')] });
    const park = async (...parking: Parameters<FakeEngine['parking']['park']>) => {
      await connect(engine, 'acme', '9');
      await engine.parking.park(...parking);
    };
    const [message] = engine.rawQueue.receive();
    const body = message?.body ?? '';
    const ports = { ...engine.normalizePorts, parking: { park } };
    const delivery = { messageId: '1', body, message: JSON.parse(body) as RawMessage };
    expect(await normalizeWebhooks(ports, [delivery])).toMatchObject([{ kind: 'failed' }]);
    expect(await normalizeWebhooks(ports, [delivery])).toMatchObject([{ kind: 'mapped' }]);
    expect(await recordsOf(engine, 'acme')).toEqual([['a', 'acc_acme']]);
  });

  test('is ignored when it names no account and has no event, and dead-lettered when it has one', async () => {
    const engine = createFakeEngine();
    await send(engine, { changes: [] });
    expect(await normalize(engine)).toEqual(['ignored']);
    await send(engine, { changes: [created('a')] });
    expect(await normalize(engine)).toEqual(['dead-lettered']);
    expect(engine.rawDeadLetters.messages()[0]?.reason).toBe('context_lookup_field gave no value');
  });
});
