import { describe, expect, test } from 'vitest';
import { createDynamoDeliveryLog } from '../../lambdas/adapters/dynamo/stores/delivery-log.ts';
import { createDynamoDeliveryStore } from '../../lambdas/adapters/dynamo/stores/delivery-store.ts';
import {
  createDynamoEventLocator,
  createDynamoEventReader,
  createDynamoEventWriter,
} from '../../lambdas/adapters/dynamo/stores/event-store.ts';
import {
  createDynamoTenantPolicies,
  createDynamoTenantStore,
} from '../../lambdas/adapters/dynamo/stores/tenant-store.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import { newDelivery } from '../../lambdas/engine/delivery/record-attempt.ts';
import type { DeliveryLog, DeliveryStore } from '../../lambdas/ports/delivery/delivery-store.ts';
import type { EventLocator, EventReader, EventWriter } from '../../lambdas/ports/events/event-store.ts';
import type { Tenant, TenantPolicies, TenantStore } from '../../lambdas/ports/tenants/tenant-store.ts';
import { createInMemoryDeliveries } from '../fakes/in-memory-deliveries.ts';
import { createInMemoryEvents } from '../fakes/in-memory-events.ts';
import { createInMemoryTenants } from '../fakes/in-memory-tenants.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { anEventRow } from '../fakes/samples.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

/** All items of a list. */
const readAll = async <T>(list: Parameters<typeof readAllPages<T>>[0]) => (await readAllPages(list)).flat();

interface Tenants {
  readonly clock: ManualClock;
  readonly store: TenantStore;
  readonly policies: () => TenantPolicies;
  readonly events: (policies: TenantPolicies) => Promise<EventWriter & EventReader & EventLocator>;
  readonly deliveries: (policies: TenantPolicies) => Promise<DeliveryStore & DeliveryLog>;
}

const retentionDays = 30;
const msPerDay = 86_400_000;

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<Tenants>])[] = [
  [
    'the fake',
    async () => {
      const clock = createManualClock();
      const store = createInMemoryTenants();
      return {
        clock,
        store,
        policies: () => store.policies(clock),
        events: async (policies) => createInMemoryEvents(clock, { retentionDays, policies }),
        deliveries: async (policies) => createInMemoryDeliveries(clock, { retentionDays, policies }),
      };
    },
  ],
  [
    'DynamoDB',
    async () => {
      const clock = createManualClock();
      const client = tables.client();
      const table = await tables.create('tenants');
      return {
        clock,
        store: createDynamoTenantStore(client, table),
        policies: () => createDynamoTenantPolicies(client, table, clock),
        async events(policies) {
          const [events, idempotency] = await Promise.all([tables.create('events'), tables.create('idempotency')]);
          return {
            ...createDynamoEventWriter(client, { events, idempotency }, { clock, retentionDays, policies }),
            ...createDynamoEventReader(client, events, clock),
            ...createDynamoEventLocator(client, idempotency, clock),
          };
        },
        async deliveries(policies) {
          const deliveries = await tables.create('deliveries');
          return {
            ...createDynamoDeliveryStore(client, deliveries, { clock, retentionDays, policies }),
            ...createDynamoDeliveryLog(client, deliveries, clock),
          };
        },
      };
    },
  ],
];

const aTenant = (change: Partial<Tenant> = {}): Tenant => ({
  tenant: 'acme',
  retention: {},
  certificates: [],
  revision: 0,
  ...change,
});
const erasing = {
  id: 'ers_1',
  state: 'running',
  requestedBy: 'key_1',
  startedAt: '2026-11-21T12:00:00.000Z',
  progress: {
    pass: 1,
    phase: 'events',
    position: '{"n":1}',
    plan: { items: [{ kind: 'events', key: '{"sequence":1}' }], next: 'x' },
    found: 3,
    removed: { accounts: 2 },
    resumesAtMs: 1_000,
  },
} as const;

describe.each(implementations)('tenant store on %s', (_, open) => {
  test('returns a tenant that was written, and undefined for an unknown one', async () => {
    const { store } = await open();
    const tenant = aTenant({ retention: { eventsDays: 7, rawDays: 3 }, erasure: erasing });
    expect(await store.replace(tenant)).toBe(true);
    expect(await store.find('acme')).toEqual({ ...tenant, revision: 1 });
    expect(await store.find('acme2')).toBeUndefined();
  });

  test('fails when another caller wrote in between', async () => {
    const { store } = await open();
    const results = await Promise.all(
      [1, 2, 3, 4].map((eventsDays) => store.replace(aTenant({ retention: { eventsDays } }))),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(await store.replace(aTenant({ revision: 2 }))).toBe(false);
    expect(await store.replace(aTenant({ tenant: 'none', revision: 1 }))).toBe(false);
    expect(await store.replace(aTenant({ revision: 1 }))).toBe(true);
    expect((await store.find('acme'))?.revision).toBe(2);
  });

  test('lists all tenants page by page, each once', async () => {
    const { store } = await open();
    const names = ['acme', 'acme2', 'acme-eu', 'globex', 'initech'];
    for (const tenant of names) await store.replace(aTenant({ tenant }));
    const listed = await readAll((after) => store.list(2, after));
    expect(listed.map(({ tenant }) => tenant).sort()).toEqual([...names].sort());
  });
});

describe.each(implementations)('tenant policies on %s', (_, open) => {
  test('exist for every tenant, known or not, and are cached for a minute', async () => {
    const { store, policies, clock } = await open();
    const one = policies();
    await store.replace(aTenant({ retention: { eventsDays: 7 }, erasure: erasing }));
    expect([...(await one.getMany(['acme', 'globex', 'acme']))]).toEqual([
      ['acme', { eventsDays: 7, isErasing: true }],
      ['globex', { eventsDays: undefined, isErasing: false }],
    ]);
    await store.replace(aTenant({ tenant: 'globex', retention: { eventsDays: 1 } }));
    const ofGlobex = async () => (await one.getMany(['globex'])).get('globex')?.eventsDays;
    expect(await ofGlobex()).toBeUndefined();
    clock.advance(59_999);
    expect(await ofGlobex()).toBeUndefined();
    clock.advance(1);
    expect(await ofGlobex()).toBe(1);
  });

  test('ignore an erasure that is done', async () => {
    const { store, policies } = await open();
    const { progress: __, ...rest } = erasing;
    await store.replace(aTenant({ erasure: { ...rest, state: 'done', finishedAt: '2026-11-21T12:05:00.000Z' } }));
    expect((await policies().getMany(['acme'])).get('acme')?.isErasing).toBe(false);
  });

  test('set the expiry of events, claims and deliveries by the retention of their tenant', async () => {
    const { store, policies, events: openEvents, deliveries: openDeliveries, clock } = await open();
    await store.replace(aTenant({ retention: { eventsDays: 5 } }));
    // Longer than the deployment's retention, which may have been reduced since.
    await store.replace(aTenant({ tenant: 'initech', retention: { eventsDays: 90 } }));
    const known = policies();
    const [events, deliveries] = await Promise.all([openEvents(known), openDeliveries(known)]);
    const names = ['acme', 'globex', 'initech'];
    const timestamp = '2026-11-21T12:00:00.000Z';
    await events.writeRows(
      names.map((tenant) => ({ ...anEventRow(1, { tenant, id: `evt_${tenant}` }), writtenAtMs: clock.nowMs() })),
    );
    for (const tenant of names)
      await events.claim({ id: `evt_${tenant}`, owner: 'raw_1', tenant, sequence: 1, claimedAtMs: 1 });
    await deliveries.putMany(
      names.map((tenant) =>
        newDelivery({
          subscription: 'sub_1',
          scope: '*',
          tenant,
          event: `evt_${tenant}`,
          sequence: 1,
          timestamp,
        }),
      ),
    );
    const left = async () => ({
      events: (await events.getMany(names.map((tenant) => ({ tenant, sequence: 1 }))))
        .map(({ tenant }) => tenant)
        .sort(),
      claims: (await Promise.all(names.map((tenant) => events.locate(`evt_${tenant}`)))).flatMap(
        (at) => at?.tenant ?? [],
      ),
      deliveries: (await deliveries.list('sub_1', 10, undefined)).items.map(({ tenant }) => tenant).sort(),
    });
    const all = (tenants: readonly string[]) => ({ events: tenants, claims: tenants, deliveries: tenants });
    clock.advance(5 * msPerDay - 1);
    expect(await left()).toEqual(all(names));
    clock.advance(1);
    const later = ['globex', 'initech'];
    // Claims stay, because providers retry for days.
    expect(await left()).toEqual({ ...all(later), claims: names });
    clock.advance((limits.minClaimDays - 5) * msPerDay);
    expect(await left()).toEqual(all(later));
    clock.advance(25 * msPerDay);
    expect(await left()).toEqual(all([]));
  });
});

test('a policy that could not be read is read again', async () => {
  const clock = createManualClock();
  const client = tables.client();
  const table = await tables.create('tenants');
  const missing = createDynamoTenantPolicies(client, 'no-such-table', clock);
  await expect(missing.getMany(['acme'])).rejects.toThrow('resource not found');
  await expect(missing.getMany(['acme'])).rejects.toThrow('resource not found');
  const policies = createDynamoTenantPolicies(client, table, clock);
  const answers = await Promise.all([policies.getMany(['acme', 'globex']), policies.getMany(['acme'])]);
  expect(answers.map(({ size }) => size)).toEqual([2, 1]);
});
