import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { newDelivery } from '../../../lambdas/engine/delivery/record-attempt.ts';
import { createAccount } from '../../../lambdas/flows/accounts/create-account.ts';
import { receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import {
  getTenant,
  listTenants,
  type ManageTenantPorts,
  updateTenant,
} from '../../../lambdas/flows/tenants/manage-tenant.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount, anEvent } from '../../fakes/samples.ts';
import { staffRequest } from '../provider-request.ts';

const msPerDay = 86_400_000;
const set = (engine: FakeEngine, change: Parameters<typeof updateTenant>[2]) =>
  updateTenant(engine.adminPorts, 'acme', change);

describe('settings of a tenant', () => {
  test('are those of the deployment until they are set, and are reset by null', async () => {
    const engine = createFakeEngine();
    expect(await getTenant(engine.adminPorts, 'acme')).toEqual({
      tenant: 'acme',
      retention: {},
      certificates: [],
      revision: 0,
    });
    expect(await set(engine, { eventsDays: 7, rawDays: 3 })).toMatchObject({
      kind: 'updated',
      tenant: { revision: 1 },
    });
    expect(await set(engine, { rawDays: null })).toMatchObject({
      tenant: { retention: { eventsDays: 7 }, revision: 2 },
    });
    expect((await getTenant(engine.adminPorts, 'acme')).retention).toEqual({ eventsDays: 7 });
    expect((await listTenants(engine.adminPorts, 10, undefined)).items).toMatchObject([{ tenant: 'acme' }]);
  });

  test.each([
    ['eventsDays', 0],
    ['eventsDays', 31],
    ['eventsDays', 1.5],
    ['rawDays', 31],
  ] as const)('fails when %s is %d: nothing is kept for longer than the deployment keeps it', async (setting, days) => {
    const engine = createFakeEngine();
    expect(await set(engine, { [setting]: days })).toEqual({ kind: 'out-of-range', setting, least: 1, most: 30 });
    expect(await engine.tenants.find('acme')).toBeUndefined();
  });
});

describe('events of a tenant with its own retention', () => {
  const publish = (engine: FakeEngine, tenant: string) =>
    publishEvents(engine.publishPorts, [
      { owner: 'raw_1', event: anEvent({ id: `evt_${tenant}`, tenant, data: { text: 'x'.repeat(10_000) } }) },
    ]);

  test('expire by it, with their claims, payloads and deliveries; events of others do not', async () => {
    const engine = createFakeEngine();
    await set(engine, { eventsDays: 5 });
    await publish(engine, 'acme');
    await publish(engine, 'globex');
    expect(engine.payloads.retentionOf('acme/evt_acme')).toBe(5);
    expect(engine.payloads.retentionOf('globex/evt_globex')).toBeUndefined();
    const job = { subscription: 'sub_1', scope: '*', sequence: 1, timestamp: '2026-11-21T12:00:00.000Z', attempt: 1 };
    await engine.deliveries.putMany(
      ['acme', 'globex'].map((tenant) => newDelivery({ ...job, tenant, event: `evt_${tenant}` })),
    );
    const left = async () => [
      (await engine.events.listAfter('acme', 0, 10)).length,
      (await engine.events.listAfter('globex', 0, 10)).length,
      (await engine.deliveries.list('sub_1', 10, undefined)).items.length,
    ];
    engine.clock.advance(5 * msPerDay - 1);
    expect(await left()).toEqual([1, 1, 2]);
    engine.clock.advance(1);
    expect(await left()).toEqual([0, 1, 1]);
    // Claims last longer, since providers resend requests for days.
    expect(await engine.events.locate('evt_acme')).toMatchObject({ tenant: 'acme', sequence: 1 });
    engine.clock.advance((limits.minClaimDays - 5) * msPerDay);
    expect(await engine.events.locate('evt_acme')).toBeUndefined();
    engine.clock.advance(25 * msPerDay);
    expect(await left()).toEqual([0, 0, 0]);
  });

  test('cost one read of the tenant policies, however many they are', async () => {
    const engine = createFakeEngine();
    const asked: (readonly string[])[] = [];
    const { ports, calls } = injectFault({
      ...engine.publishPorts,
      tenantPolicies: {
        getMany(tenants: readonly string[]) {
          asked.push(tenants);
          return engine.publishPorts.tenantPolicies.getMany(tenants);
        },
      },
    });
    await publishEvents(
      ports,
      Array.from({ length: 50 }, (_, n) => ({
        owner: 'raw_1',
        event: anEvent({ id: `evt_${n}`, tenant: n % 2 === 0 ? 'acme' : 'globex' }),
      })),
    );
    expect(asked).toEqual([['acme', 'globex']]);
    expect(calls.filter((call) => call.startsWith('tenantPolicies'))).toHaveLength(1);
  });

  test('fail together, and take no numbers, when the tenant policies cannot be read', async () => {
    const engine = createFakeEngine();
    const { ports } = injectFault(engine.publishPorts, { at: 1, moment: 'before its effect', kind: 'error' });
    const candidates = ['acme', 'globex'].map((tenant) => ({
      owner: 'raw_1',
      event: anEvent({ id: `evt_${tenant}`, tenant }),
    }));
    expect(await publishEvents(ports, candidates)).toMatchObject([{ kind: 'failed' }, { kind: 'failed' }]);
    expect(await engine.events.takeSequences('acme', 1)).toBe(1);
  });
});

describe('the raw archive of a tenant with its own retention', () => {
  const large = staffRequest({ text: 'x'.repeat(limits.claimThresholdBytes) }, {}, 'a secret of acme');
  const keptFor = async (engine: FakeEngine) => {
    await receiveProviderRequest(engine.receivePorts, { integration: 'staff', account: 'acc_acme' }, large);
    const [key = ''] = engine.rawBodies.keys().slice(-1);
    return engine.rawBodies.retentionOf(key);
  };

  test('keeps requests of its accounts for that long, whether created before or after', async () => {
    const engine = createFakeEngine();
    await engine.accounts.create(anAccount());
    await engine.accounts.create(anAccount({ id: 'acc_globex', tenant: 'globex' }));
    expect(await keptFor(engine)).toBeUndefined();
    await set(engine, { rawDays: 3 });
    engine.clock.advance(10_000);
    expect(await keptFor(engine)).toBe(3);
    expect((await engine.accounts.find('acc_globex'))?.rawRetentionDays).toBeUndefined();
    const request = { id: 'acc_new', tenant: 'acme', integration: 'staff', secrets: {}, context: {} };
    expect(await createAccount(engine.adminPorts, request)).toMatchObject({ account: { rawRetentionDays: 3 } });
    await set(engine, { rawDays: null });
    engine.clock.advance(20_000);
    expect(await keptFor(engine)).toBeUndefined();
    expect((await engine.accounts.find('acc_new'))?.rawRetentionDays).toBeUndefined();
  });

  test('applies to an account created during the change', async () => {
    const engine = createFakeEngine();
    let looks = 0;
    const ports = {
      ...engine.adminPorts,
      tenants: {
        async find(tenant: string) {
          const found = await engine.tenants.find(tenant);
          looks += 1;
          if (looks === 1) await set(engine, { rawDays: 3 });
          return found;
        },
      },
    };
    await createAccount(ports, { id: 'acc_new', tenant: 'acme', integration: 'staff', secrets: {}, context: {} });
    expect((await engine.accounts.find('acc_new'))?.rawRetentionDays).toBe(3);
  });

  test('applies to all accounts once an interrupted change is repeated', async () => {
    const prepare = async () => {
      const engine = createFakeEngine();
      for (const id of ['acc_1', 'acc_2', 'acc_3']) await engine.accounts.create(anAccount({ id }));
      return engine;
    };
    const probe = injectFault<ManageTenantPorts>((await prepare()).adminPorts);
    await updateTenant(probe.ports, 'acme', { rawDays: 3 });
    for (let at = 1; at <= probe.calls.length; at += 1)
      for (const fault of faultsAt(at)) {
        const engine = await prepare();
        const { ports } = injectFault<ManageTenantPorts>(engine.adminPorts, fault);
        await updateTenant(ports, 'acme', { rawDays: 3 }).catch(() => undefined);
        expect((await set(engine, { rawDays: 3 })).kind).toBe('updated');
        const { items } = await engine.accounts.list('acme', 10, undefined);
        expect(items.map((one) => one.rawRetentionDays)).toEqual([3, 3, 3]);
      }
  });
});
