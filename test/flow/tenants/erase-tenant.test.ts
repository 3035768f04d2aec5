import { describe, expect, test } from 'vitest';
import type { GovernanceMessage } from '../../../lambdas/contracts/messages.ts';
import { renderCertificate } from '../../../lambdas/engine/governance/erasure-certificate.ts';
import { createAccount } from '../../../lambdas/flows/accounts/create-account.ts';
import { updateAccount } from '../../../lambdas/flows/accounts/update-account.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { createSubscription } from '../../../lambdas/flows/subscriptions/create-subscription.ts';
import {
  continueErasure,
  type EraseTenantPorts,
  quietMs,
  startErasure,
} from '../../../lambdas/flows/tenants/erase-tenant.ts';
import { erasurePhases } from '../../../lambdas/flows/tenants/erasure-phases.ts';
import { updateTenant } from '../../../lambdas/flows/tenants/manage-tenant.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { aRawMessage, everyone, furnishTenant, keysOf, tracesOf } from '../../fakes/furnish-tenant.ts';
import { someCredentials } from '../../fakes/in-memory-credentials.ts';
import { aFetch } from '../../fakes/in-memory-fetches.ts';
import { waitingRequests } from '../../fakes/in-memory-routing.ts';
import { aSyncRun } from '../../fakes/in-memory-syncs.ts';
import { type Fault, faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount, anEvent, aRecordState, staff } from '../../fakes/samples.ts';
import { staffRequest } from '../provider-request.ts';

/** Names that are similar to each other, as prefixes for example. */
const others = ['acme2', 'acme-eu', 'acme.eu', 'acm'];

/** An engine with the tenant to erase, and with other tenants. */
async function prepare(): Promise<FakeEngine> {
  const engine = createFakeEngine(staff, new Map(), keysOf('acme', ...others));
  for (const tenant of ['acme', ...others]) await furnishTenant(engine, tenant);
  return engine;
}

const startAll = (engine: FakeEngine) => startErasure(engine.startErasurePorts, 'acme', 'key_admin');

/**
 * Run govern while time passes, until the queue is empty.
 *
 * @param faultOf - The fault of an invocation, by its number from 0; undefined for none.
 * @returns The calls of each invocation.
 */
async function letGovernRun(
  engine: FakeEngine,
  faultOf: (invocation: number) => Fault | undefined = () => undefined,
): Promise<readonly (readonly string[])[]> {
  const invocations: (readonly string[])[] = [];
  for (;;) {
    if (invocations.length > 500) throw new Error('it never ends');
    for (const { id, body } of engine.governanceQueue.receive()) {
      const fault = faultOf(invocations.length);
      const injected = injectFault<EraseTenantPorts>(engine.erasePorts, fault);
      invocations.push(injected.calls);
      const isDone = await continueErasure(injected.ports, JSON.parse(body) as GovernanceMessage).then(
        () => !injected.crashed(),
        (error: unknown) => {
          if (fault === undefined) throw error;
          return false;
        },
      );
      if (isDone) engine.governanceQueue.remove(id);
    }
    const shownAtMs = engine.governanceQueue.messages().map(({ visibleAtMs }) => visibleAtMs);
    if (shownAtMs.length === 0) return invocations;
    engine.clock.advance(Math.max(1, Math.min(...shownAtMs) - engine.clock.nowMs()));
  }
}

const certificateOf = async (engine: FakeEngine) => (await engine.tenants.find('acme'))?.certificates[0];

describe("a tenant's erasure", () => {
  test('removes its data from all stores, and leaves the data of others (invariant 3)', async () => {
    const engine = await prepare();
    const before = Object.fromEntries(
      await Promise.all(others.map(async (tenant) => [tenant, await tracesOf(engine, tenant)] as const)),
    );
    expect(Object.keys(await tracesOf(engine, 'acme'))).toHaveLength(19);
    const erasure = await startAll(engine);
    expect(erasure).toMatchObject({ id: expect.stringMatching(/^ers_/), state: 'running', requestedBy: 'key_admin' });
    await letGovernRun(engine);
    expect(await tracesOf(engine, 'acme')).toEqual({});
    for (const tenant of others) expect(await tracesOf(engine, tenant), tenant).toEqual(before[tenant]);
    expect(await engine.endpoints.findExisting([everyone.id])).toEqual([everyone.id]);
  });

  test('ends for a tenant whose page of items is larger than one row may hold', async () => {
    const engine = await prepare();
    // 35 days of hourly rows of 10 integrations, in pages of 1 MB, like a query without a limit.
    const rows = Array.from({ length: 35 * 24 * 10 }, (_, n) =>
      JSON.stringify({ scope: 'acme', hourIntegration: `hour ${Math.floor(n / 10)}#an-integration-${n % 10}` }),
    );
    const left = new Set(rows);
    const { statistics } = engine.erasePorts;
    statistics.find = async (tenant) => {
      const page = tenant === 'acme' ? [...left].slice(0, 6_000) : [];
      return { items: page.map((key) => ({ kind: 'statistics', key })), next: undefined };
    };
    statistics.remove = async (_, items) => {
      for (const { key } of items) left.delete(key);
    };
    await startAll(engine);
    await letGovernRun(engine);
    expect(left.size).toBe(0);
    expect(await certificateOf(engine)).toMatchObject({ removed: { statistics: 8_400 } });
  });

  test('is proven by a certificate that counts removed items and names kept ones', async () => {
    const engine = await prepare();
    const { id } = await startAll(engine);
    await letGovernRun(engine);
    const row = await engine.tenants.find('acme');
    expect(row?.erasure).toMatchObject({ id, state: 'done' });
    expect(row?.erasure?.progress).toBeUndefined();
    const certificate = await certificateOf(engine);
    expect(certificate).toMatchObject({ id, tenant: 'acme', requestedBy: 'key_admin', passes: 2 });
    expect(certificate?.removed).toEqual({
      accounts: 1,
      account_contexts: 1,
      api_keys: 1,
      consumers: 3,
      credentials: 1,
      dead_letters: 1,
      // Deliveries of the tenant's two subscriptions, one of them deleted before, and of the one for all tenants.
      deliveries: 15,
      // Includes pointers to deliveries that were cancelled since.
      delivery_pointers: 12,
      endpoints: 1,
      event_claims: 5,
      events: 5,
      fetches: 3,
      parked_requests: 1,
      payloads: 3,
      raw_bodies: 4,
      replays: 2,
      // Hours, and the trial of a candidate.
      statistics: 4,
      record_states: 3,
      subscriptions: 1,
      sync_cursors: 2,
      sync_runs: 1,
      syncs: 1,
    });
    expect(certificate?.kept.length).toBeGreaterThan(0);
    if (certificate === undefined) throw new Error('no certificate');
    const rendered = renderCertificate(certificate);
    expect(rendered).toMatchObject({
      requested_by: 'key_admin',
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    // Members in another order make the same certificate; another count does not.
    const { removed } = certificate;
    const turned = Object.fromEntries(Object.entries(removed).reverse());
    expect(renderCertificate({ ...certificate, removed: turned }).digest).toBe(rendered.digest);
    expect(renderCertificate({ ...certificate, removed: { ...removed, events: 4 } }).digest).not.toBe(rendered.digest);
  });

  test('removes the states that a deleted account has left', async () => {
    const engine = await prepare();
    const former = anAccount({ id: 'acc_former' });
    await engine.accounts.create(former);
    const key = { ...former, account: 'acc_former', incarnation: former.createdAt, resource: 'hris/employees' };
    for (const recordId of ['1', '2', '3', '4', '5'])
      await engine.records.write({ ...key, recordId }, { state: undefined, lastN: 0 }, aRecordState());
    expect(await engine.accounts.remove(former)).toBe(true);
    await startAll(engine);
    await letGovernRun(engine);
    expect(await certificateOf(engine)).toMatchObject({ removed: { record_states: 8 } });
    expect(await engine.records.getMany([{ ...key, recordId: '1' }])).toEqual([{ state: undefined, lastN: 0 }]);
  });

  test('removes what a deleted account has left of credentials, fetches and syncs', async () => {
    const engine = await prepare();
    const former = anAccount({ id: 'acc_former' });
    await engine.accounts.create(former);
    expect(await engine.accounts.remove(former)).toBe(true);
    // Stored by a call that had begun before the deletion.
    await engine.credentials.replace(someCredentials({ account: 'acc_former' }));
    await engine.fetches.add([aFetch({ account: 'acc_former' })]);
    await engine.syncs.putRun(aSyncRun('run_1', { account: 'acc_former' }));
    await startAll(engine);
    await letGovernRun(engine);
    expect(await certificateOf(engine)).toMatchObject({ removed: { credentials: 2, fetches: 4, sync_runs: 2 } });
    expect(await engine.credentials.get('acc_former', 0)).toBeUndefined();
    expect(engine.fetches.all().filter(({ tenant }) => tenant === 'acme')).toEqual([]);
    expect(engine.syncs.runs().filter(({ tenant }) => tenant === 'acme')).toEqual([]);
  });

  test('removes where an account’s provider is, and what may be used of its limits', async () => {
    const engine = await prepare();
    const account = await engine.accounts.find('acc_acme');
    if (account === undefined) throw new Error('no account');
    const own = { baseUrl: 'https://acme.example.com', share: 0.5, credentialKind: 'oauth2', syncs: 'off' as const };
    expect(await engine.accounts.replace({ ...account, ...own })).toBe(true);
    await startAll(engine);
    await letGovernRun(engine);
    const erased = await engine.accounts.reader(engine.clock).get('acc_acme', 0);
    expect(Object.keys(erased ?? {}).sort()).toEqual([
      'closed',
      'context',
      'createdAt',
      'id',
      'integration',
      'revision',
      'secrets',
      'tenant',
    ]);
  });

  test('notes its position while it looks at many accounts without records', async () => {
    const engine = await prepare();
    for (let index = 0; index < 30; index += 1) await engine.accounts.create(anAccount({ id: `acc_empty_${index}` }));
    let finds = 0;
    let most = 0;
    const phase = erasurePhases.find(({ name }) => name === 'record states');
    const records = {
      ...engine.erasePorts.records,
      async find(_: string, after: string | undefined) {
        finds += 1;
        const shard = Number(after ?? 0);
        return { items: [], next: shard === 15 ? undefined : String(shard + 1) };
      },
    };
    let position: string | undefined;
    do {
      const before = finds;
      const plan = await phase?.find({ ...engine.erasePorts, records }, 'acme', position);
      most = Math.max(most, finds - before);
      position = plan?.next;
    } while (position !== undefined);
    // Each of the 31 accounts has 16 places.
    expect(finds).toBe(31 * 16);
    expect(most).toBeLessThan(300);
  });

  test('finds data written by runs that were active when it began', async () => {
    const engine = await prepare();
    // This instance has just cached that the tenant may publish.
    await engine.publishPorts.tenantPolicies.getMany(['acme']);
    await startAll(engine);
    const [message] = engine.governanceQueue.receive();
    if (message === undefined) throw new Error('no message');
    const run = await continueErasure(engine.erasePorts, JSON.parse(message.body) as GovernanceMessage);
    expect(run).toMatchObject({ kind: 'continued', pass: 2 });
    engine.governanceQueue.remove(message.id);
    const late = { owner: 'raw_late', event: anEvent({ id: 'evt_acme_1', account: 'acc_acme' }) };
    expect(await publishEvents(engine.publishPorts, [late])).toMatchObject([{ kind: 'published' }]);
    await letGovernRun(engine);
    expect(await tracesOf(engine, 'acme')).toEqual({});
    expect(await certificateOf(engine)).toMatchObject({ passes: 3, removed: { events: 6 } });
  });

  test('waits between two passes until no earlier run can be active', async () => {
    const engine = await prepare();
    await startAll(engine);
    const startedAtMs = engine.clock.nowMs();
    await letGovernRun(engine);
    expect(engine.clock.nowMs() - startedAtMs).toBeGreaterThanOrEqual(quietMs);
  });

  test('continues over many runs if there is much data', async () => {
    const engine = await prepare();
    await startAll(engine);
    // Every read of the store takes so long that a run soon ends.
    const slow: EraseTenantPorts = {
      ...engine.erasePorts,
      events: {
        ...engine.erasePorts.events,
        async find(owner, after) {
          engine.clock.advance(15_000);
          return engine.erasePorts.events.find(owner, after);
        },
      },
    };
    let runs = 0;
    for (; engine.governanceQueue.messages().length > 0 && runs < 100; runs += 1) {
      for (const { id, body } of engine.governanceQueue.receive()) {
        await continueErasure(slow, JSON.parse(body) as GovernanceMessage);
        engine.governanceQueue.remove(id);
      }
      engine.clock.advance(quietMs);
    }
    expect(runs).toBeGreaterThanOrEqual(3);
    expect(await tracesOf(engine, 'acme')).toEqual({});
    expect(await certificateOf(engine)).toMatchObject({ removed: { events: 5, deliveries: 15 } });
  });

  test('begins with the keys of the tenant: they are gone while its data is still there', async () => {
    const engine = await prepare();
    const { id } = await startAll(engine);
    const list = async () => Promise.reject(new Error('the accounts cannot be read'));
    const broken = { ...engine.erasePorts, accounts: { ...engine.erasePorts.accounts, list } };
    await expect(continueErasure(broken, { kind: 'erase', tenant: 'acme', erasure: id })).rejects.toThrow('cannot be');
    expect(await engine.apiKeys.find('key_acme')).toBeUndefined();
    expect(await engine.apiKeys.find('key_acme2')).toBeDefined();
    expect(await engine.events.listAfter('acme', 0, 10)).not.toEqual([]);
  });

  test('that is requested twice is the same, and the second request completes an interrupted start', async () => {
    const engine = await prepare();
    const broken = injectFault(engine.startErasurePorts, { at: 4, moment: 'before its effect', kind: 'crash' });
    await expect(startErasure(broken.ports, 'acme', 'key_admin')).rejects.toThrow('governanceQueue.send failed');
    expect(broken.calls).toEqual(['tenants.find', 'runningWork.expect', 'tenants.replace', 'governanceQueue.send']);
    expect(engine.governanceQueue.messages()).toEqual([]);
    const begun = (await engine.tenants.find('acme'))?.erasure;
    expect((await startAll(engine)).id).toBe(begun?.id);
    expect((await startAll(engine)).id).toBe(begun?.id);
    await letGovernRun(engine);
    expect(await certificateOf(engine)).toMatchObject({ id: begun?.id, removed: { events: 5, accounts: 1 } });
    expect((await engine.tenants.find('acme'))?.certificates).toHaveLength(1);
  });
});

test('two concurrent runs do no harm, and count each removed item once (invariant 2)', async () => {
  const probe = await prepare();
  await startAll(probe);
  await letGovernRun(probe);
  const engine = await prepare();
  await startAll(engine);
  await startAll(engine);
  for (let round = 0; round < 20 && engine.governanceQueue.messages().length > 0; round += 1) {
    await Promise.all(
      engine.governanceQueue.receive().map(async ({ id, body }) => {
        await continueErasure(engine.erasePorts, JSON.parse(body) as GovernanceMessage);
        engine.governanceQueue.remove(id);
      }),
    );
    engine.clock.advance(quietMs);
  }
  expect(await tracesOf(engine, 'acme')).toEqual({});
  expect((await engine.tenants.find('acme'))?.certificates).toHaveLength(1);
  expect((await certificateOf(engine))?.removed).toEqual((await certificateOf(probe))?.removed);
});

test('after a fault or a crash at any call an erasure still ends, and counts each item once (invariants 2 and 3)', async () => {
  const probe = await prepare();
  await startAll(probe);
  const invocations = await letGovernRun(probe);
  expect(invocations).toHaveLength(2);
  expect(invocations.flat().length).toBeGreaterThan(100);
  const expected = (await certificateOf(probe))?.removed;
  for (const [invocation, calls] of invocations.entries())
    for (const [index, call] of calls.entries())
      for (const fault of faultsAt(index + 1)) {
        const engine = await prepare();
        const before = await tracesOf(engine, 'acme2');
        await startAll(engine);
        await letGovernRun(engine, (number) => (number === invocation ? fault : undefined));
        const where = `${invocation} ${call} ${JSON.stringify(fault)}`;
        expect(await tracesOf(engine, 'acme'), where).toEqual({});
        expect(await tracesOf(engine, 'acme2'), where).toEqual(before);
        // A letter received by a crashed run becomes visible again later, so it may be found and counted twice.
        const { dead_letters: letters, ...rest } = (await certificateOf(engine))?.removed ?? {};
        expect({ ...rest, dead_letters: Math.min(letters ?? 0, 1) }, where).toEqual(expected);
      }
}, 120_000);

describe('a tenant that is being erased', () => {
  test('gets no accounts, subscriptions, settings or events', async () => {
    const engine = await prepare();
    await startAll(engine);
    const account = { tenant: 'acme', integration: 'staff', secrets: {}, context: {} };
    expect(await createAccount(engine.adminPorts, account)).toEqual({ kind: 'tenant-erasing' });
    const subscription = { ...everyone, id: 'sub_new', tenant: 'acme', isAsymmetric: false };
    expect(await createSubscription(engine.manageSubscriptionPorts, subscription)).toEqual({ kind: 'tenant-erasing' });
    expect(await updateTenant(engine.adminPorts, 'acme', { rawDays: 3 })).toEqual({ kind: 'tenant-erasing' });
    engine.clock.advance(60_000);
    const candidates = ['acme', 'acme2'].map((tenant) => ({
      owner: 'raw_1',
      event: anEvent({ id: `evt_new_${tenant}`, tenant }),
    }));
    expect(await publishEvents(engine.publishPorts, candidates)).toMatchObject([
      { kind: 'refused' },
      { kind: 'published' },
    ]);
  });

  test('has its webhook URLs answered as unknown', async () => {
    const engine = await prepare();
    const target = { integration: 'staff', account: 'acc_acme' };
    const request = staffRequest({ changes: [] }, {}, 'a secret of acme');
    expect((await receiveProviderRequest(engine.receivePorts, target, request)).kind).toBe('accepted');
    await startAll(engine);
    await letGovernRun(engine);
    engine.clock.advance(10_000);
    expect((await receiveProviderRequest(engine.receivePorts, target, request)).kind).toBe('unknown');
  });

  test('has accounts that no call can change', async () => {
    const engine = await prepare();
    await engine.accounts.eraser.close('acme', 'acc_acme');
    expect(await updateAccount(engine.adminPorts, 'acc_acme', { context: {} })).toEqual({ kind: 'unknown-account' });
  });
});

describe('a queued message of an erased tenant', () => {
  const raw = (change = {}) => {
    const message = aRawMessage('acme', 'raw_late', change);
    return { messageId: '1', body: JSON.stringify(message), message };
  };

  test('is ignored, and is not dead-lettered (invariant 9)', async () => {
    const engine = await prepare();
    await startAll(engine);
    await letGovernRun(engine);
    const claim = { kind: 'claim', key: 'acc_acme/raw_1', sizeBytes: 9 };
    const outcomes = await normalizeWebhooks(engine.normalizePorts, [raw(), raw({ body: claim })]);
    expect(outcomes).toMatchObject([{ kind: 'ignored' }, { kind: 'ignored' }]);
    expect(await tracesOf(engine, 'acme')).toEqual({});
  });

  test('is ignored, too, if its tenant now has a new account with the id', async () => {
    const engine = await prepare();
    await startAll(engine);
    await letGovernRun(engine);
    const account = { id: 'acc_acme', tenant: 'acme', integration: 'staff', secrets: {}, context: {} };
    expect(await createAccount(engine.adminPorts, { ...account, tenant: 'globex' })).toEqual({ kind: 'exists' });
    expect((await createAccount(engine.adminPorts, account)).kind).toBe('created');
    expect(await normalizeWebhooks(engine.normalizePorts, [raw()])).toMatchObject([{ kind: 'ignored' }]);
    const accepted = raw({ receivedAt: new Date(engine.clock.nowMs()).toISOString(), incarnation: 'another' });
    expect(await normalizeWebhooks(engine.normalizePorts, [accepted])).toMatchObject([{ kind: 'ignored' }]);
    const receivedAt = new Date(engine.clock.nowMs()).toISOString();
    const content = JSON.stringify({ changes: [{ verb: 'created', id: '1' }] });
    const fresh = raw({ receivedAt, body: { kind: 'inline', encoding: 'utf8', content } });
    expect(await normalizeWebhooks(engine.normalizePorts, [fresh])).toMatchObject([{ kind: 'mapped' }]);
  });

  test('does not reach the next owner of its context value (invariant 3)', async () => {
    const engine = await prepare();
    const company = 'company of acme';
    const { account: _, ...shared } = aRawMessage('acme', 'raw_shared', {
      body: {
        kind: 'inline',
        encoding: 'utf8',
        content: JSON.stringify({ company, changes: [{ verb: 'created', id: '1' }] }),
      },
    });
    const delivery = { messageId: '1', body: JSON.stringify(shared), message: shared };
    engine.clock.advance(1);
    // Released before the erasure began: the value still names its former owner.
    await updateAccount(engine.adminPorts, 'acc_acme', { context: { company_id: 'another' }, mayClaim: true });
    await engine.contexts.register('staff', ['of before'], 'acc_acme');
    await engine.contexts.register('staff', ['of before'], 'acc_acme2');
    expect((await engine.contexts.find('staff', company)).released).toMatchObject({ by: 'acme' });
    await startAll(engine);
    await letGovernRun(engine);
    for (const value of [company, 'another'])
      expect(JSON.stringify(await engine.contexts.find('staff', value))).not.toContain('"acme"');
    expect((await engine.contexts.find('staff', 'of before')).registered).toEqual(['acc_acme2']);
    expect(await normalizeWebhooks(engine.normalizePorts, [delivery])).toMatchObject([{ kind: 'ignored' }]);
    expect(await waitingRequests(engine.parking, 'staff', company)).toEqual([]);
    const next = { id: 'acc_next', tenant: 'globex', integration: 'staff', secrets: {}, mayClaim: true };
    expect((await createAccount(engine.adminPorts, { ...next, context: { company_id: company } })).kind).toBe(
      'created',
    );
    expect(await normalizeWebhooks(engine.normalizePorts, [delivery])).toMatchObject([{ kind: 'ignored' }]);
  });

  test('is ignored during the erasure if it came by the URL for all accounts', async () => {
    const engine = await prepare();
    await engine.accounts.eraser.close('acme', 'acc_acme');
    const { account: _, ...shared } = aRawMessage('acme', 'raw_shared', {
      body: { kind: 'inline', encoding: 'utf8', content: JSON.stringify({ company: 'company of acme', changes: [] }) },
    });
    const delivery = { messageId: '1', body: JSON.stringify(shared), message: shared };
    expect(await normalizeWebhooks(engine.normalizePorts, [delivery])).toMatchObject([{ kind: 'ignored' }]);
    expect(await waitingRequests(engine.parking, 'staff', 'company of acme')).toHaveLength(1);
  });

  test('is filtered if it is a delivery, and leaves no trace if it is a drain', async () => {
    const engine = await prepare();
    const jobs = engine.deliveryQueue.messages().map(({ id, body }) => ({ messageId: id, job: JSON.parse(body) }));
    await startAll(engine);
    await letGovernRun(engine);
    const own = jobs.filter(({ job }) => job.tenant === 'acme');
    expect(own).toHaveLength(15);
    const outcomes = await deliverEvents(engine.deliverPorts, own);
    expect(outcomes.map(({ kind }) => kind)).toEqual(own.map(() => 'filtered'));
    const drain = { kind: 'drain', subscription: 'sub_acme', scope: 'acme' } as const;
    expect(await drainEndpoint(engine.drainPorts, drain)).toEqual({ kind: 'not-mine' });
    expect(await tracesOf(engine, 'acme')).toEqual({});
  });
});

test('an erased tenant can be used again: its numbers continue, and its ids stay reserved', async () => {
  const engine = await prepare();
  await updateTenant(engine.adminPorts, 'acme', { eventsDays: 3 });
  await startAll(engine);
  await letGovernRun(engine);
  engine.clock.advance(60_000);
  expect((await engine.tenants.find('acme'))?.retention).toEqual({});
  await publishEvents(engine.publishPorts, [{ owner: 'raw_2', event: anEvent({ id: 'evt_acme_1' }) }]);
  // An earlier cursor is at 5: the next event it reads is new.
  expect(await engine.events.listAfter('acme', 5, 10)).toMatchObject([{ sequence: 6, id: 'evt_acme_1' }]);
  const theirs = { ...everyone, id: 'sub_acme', isAsymmetric: false };
  expect(await createSubscription(engine.manageSubscriptionPorts, { ...theirs, tenant: 'acme2' })).toEqual({
    kind: 'exists',
  });
  expect((await createSubscription(engine.manageSubscriptionPorts, { ...theirs, tenant: 'acme' })).kind).toBe(
    'created',
  );
  const again = await startAll(engine);
  await letGovernRun(engine);
  expect((await engine.tenants.find('acme'))?.certificates).toMatchObject([
    { id: again.id },
    { removed: { events: 5 } },
  ]);
});
