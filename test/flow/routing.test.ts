import { describe, expect, test } from 'vitest';
import type { RawMessage } from '../../lambdas/contracts/messages.ts';
import { createAccount } from '../../lambdas/flows/create-account.ts';
import { normalizeWebhooks } from '../../lambdas/flows/normalize-webhooks.ts';
import { receiveProviderRequest } from '../../lambdas/flows/receive-webhook.ts';
import { createFakeEngine, type FakeEngine } from '../fakes/fake-engine.ts';
import { createInMemoryCatalog } from '../fakes/in-memory-catalog.ts';
import { rawQueueOn } from '../fakes/in-memory-queue.ts';
import { aSubscription, staff } from '../fakes/samples.ts';
import { createSeededRandomness } from '../fakes/seeded-randomness.ts';
import { usualQuotas } from '../fakes/usual-quotas.ts';
import { followFeed } from './follow-feed.ts';
import { staffRequest } from './provider-request.ts';

const accountPorts = (engine: FakeEngine) => ({
  accounts: engine.accounts,
  tenants: engine.tenants,
  integrations: createInMemoryCatalog([staff]),
  contexts: engine.contexts,
  parked: engine.parking,
  rawQueue: rawQueueOn(engine.rawQueue),
  clock: engine.clock,
  randomness: createSeededRandomness(),
  quotas: usualQuotas,
});

/** An account of a tenant that answers for these companies. */
const connect = (engine: FakeEngine, tenant: string, companies: unknown) =>
  createAccount(accountPorts(engine), {
    id: `acc_${tenant}`,
    tenant,
    integration: 'staff',
    secrets: {},
    context: { company_id: companies },
  });

/** Send a request to the URL for all accounts, as the provider does. */
async function send(engine: FakeEngine, body: unknown, secret = 'app secret') {
  await engine.settings.replace({ integration: 'staff', secrets: { signing_secret: 'app secret' }, revision: 0 });
  return receiveProviderRequest(engine.receivePorts, { integration: 'staff' }, staffRequest(body, {}, secret));
}

/** Run normalize over what the raw queue holds. */
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

  test('fails for a wrong secret, and where no settings were made', async () => {
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

  test('a context that two accounts hold gives each its event', async () => {
    const engine = createFakeEngine();
    await connect(engine, 'acme', '1');
    await connect(engine, 'globex', '1');
    await send(engine, { company: '1', changes: [created('a')] });
    await normalize(engine);
    expect(await recordsOf(engine, 'acme')).toEqual([['a', 'acc_acme']]);
    expect(await recordsOf(engine, 'globex')).toEqual([['a', 'acc_globex']]);
  });

  test('an account that does not hold a context gets nothing, whatever the registry says (invariant 3)', async () => {
    const engine = createFakeEngine();
    await connect(engine, 'acme', '1');
    // As after a creation under a taken id: the registry names an account of somebody else.
    expect(await connect(engine, 'acme', '2')).toEqual({ kind: 'exists' });
    await send(engine, { company: '2', changes: [created('a')] });
    expect(await normalize(engine)).toEqual(['unrouted']);
    expect(await recordsOf(engine, 'acme')).toEqual([]);
  });
});

describe('a request that nobody is known for', () => {
  test('is parked, and published once its account exists (invariant 9)', async () => {
    const engine = createFakeEngine();
    await send(engine, { company: '9', changes: [created('a')] });
    expect(await normalize(engine)).toEqual(['unrouted']);
    expect(engine.rawQueue.messages()).toEqual([]);
    await connect(engine, 'acme', '9');
    expect(await normalize(engine)).toEqual(['mapped']);
    expect(await recordsOf(engine, 'acme')).toEqual([['a', 'acc_acme']]);
    expect(await engine.parking.list('staff', '9', 10)).toEqual([]);
  });

  test('in part is served in part, and the rest later, nothing twice (invariant 2)', async () => {
    const engine = createFakeEngine();
    await connect(engine, 'acme', '1');
    await send(engine, { changes: [created('a', '1'), created('b', '2')] });
    expect(await normalize(engine)).toEqual(['mapped']);
    await connect(engine, 'globex', '2');
    await normalize(engine);
    expect(await recordsOf(engine, 'acme')).toEqual([['a', 'acc_acme']]);
    expect(await recordsOf(engine, 'globex')).toEqual([['b', 'acc_globex']]);
  });

  test('comes again when its account was made while it was being parked', async () => {
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

  test('is ignored when it names nobody and makes no event, and dead-lettered when it makes one', async () => {
    const engine = createFakeEngine();
    await send(engine, { changes: [] });
    expect(await normalize(engine)).toEqual(['ignored']);
    await send(engine, { changes: [created('a')] });
    expect(await normalize(engine)).toEqual(['dead-lettered']);
    expect(engine.rawDeadLetters.messages()[0]?.reason).toBe('context_lookup_field gave no value');
  });
});
