import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { createS3ObjectEraser } from '../../lambdas/adapters/aws/s3-object-eraser.ts';
import { writeRows } from '../../lambdas/adapters/dynamo/rows/row-writes.ts';
import { createDynamoContextRegistry } from '../../lambdas/adapters/dynamo/stores/account-contexts.ts';
import { createDynamoAccountDirectory } from '../../lambdas/adapters/dynamo/stores/account-directory.ts';
import { createDynamoAccountEraser } from '../../lambdas/adapters/dynamo/stores/account-eraser.ts';
import { createDynamoAccountStore } from '../../lambdas/adapters/dynamo/stores/account-store.ts';
import { createDynamoApiKeyStore } from '../../lambdas/adapters/dynamo/stores/api-key-store.ts';
import { createDynamoDeliveryEraser } from '../../lambdas/adapters/dynamo/stores/delivery-eraser.ts';
import { createDynamoDeliveryLog } from '../../lambdas/adapters/dynamo/stores/delivery-log.ts';
import { createDynamoDeliveryStore } from '../../lambdas/adapters/dynamo/stores/delivery-store.ts';
import { createDynamoEndpointStore } from '../../lambdas/adapters/dynamo/stores/endpoint-store.ts';
import {
  createDynamoEventLocator,
  createDynamoEventReader,
  createDynamoEventWriter,
} from '../../lambdas/adapters/dynamo/stores/event-store.ts';
import { createDynamoReplayStore } from '../../lambdas/adapters/dynamo/stores/replay-store.ts';
import { createDynamoSubscriptionDirectory } from '../../lambdas/adapters/dynamo/stores/subscription-directory.ts';
import {
  createDynamoAccountContextEraser,
  createDynamoApiKeyEraser,
  createDynamoEndpointEraser,
  createDynamoEventEraser,
  createDynamoPartitionEraser,
  createDynamoSubscriptionEraser,
} from '../../lambdas/adapters/dynamo/stores/tenant-erasers.ts';
import { systemRandomness } from '../../lambdas/adapters/node/system-randomness.ts';
import type { Delivery } from '../../lambdas/engine/delivery/delivery.ts';
import { newEndpoint } from '../../lambdas/engine/delivery/endpoint-state.ts';
import { newDelivery, parked } from '../../lambdas/engine/delivery/record-attempt.ts';
import type { AccountContextRegistry } from '../../lambdas/ports/accounts/account-contexts.ts';
import type { AccountDirectory, AccountStore } from '../../lambdas/ports/accounts/account-store.ts';
import type { DeliveryLog, DeliveryStore, DueIndex } from '../../lambdas/ports/delivery/delivery-store.ts';
import type { DueEndpoints, EndpointStore } from '../../lambdas/ports/delivery/endpoint-store.ts';
import type { Replay, ReplayStore } from '../../lambdas/ports/delivery/replay-store.ts';
import type { SubscriptionDirectory } from '../../lambdas/ports/delivery/subscription-store.ts';
import type { EventLocator, EventReader, EventWriter } from '../../lambdas/ports/events/event-store.ts';
import type { ApiKey, ApiKeyStore } from '../../lambdas/ports/tenants/api-key-store.ts';
import type {
  AccountContextEraser,
  AccountEraser,
  DeliveryEraser,
  EndpointEraser,
  Eraser,
  ObjectEraser,
  SubscriptionEraser,
} from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { bothErasers } from '../fakes/both-erasers.ts';
import { createInMemoryAccounts } from '../fakes/in-memory-accounts.ts';
import { apiKey, createInMemoryApiKeys } from '../fakes/in-memory-api-keys.ts';
import { createInMemoryClaimStore } from '../fakes/in-memory-claim-store.ts';
import { createInMemoryDeliveries } from '../fakes/in-memory-deliveries.ts';
import { createInMemoryEndpoints } from '../fakes/in-memory-endpoints.ts';
import { createInMemoryEvents } from '../fakes/in-memory-events.ts';
import { createInMemoryReplays } from '../fakes/in-memory-replays.ts';
import { createInMemoryContexts, type InMemoryContexts } from '../fakes/in-memory-routing.ts';
import { createInMemorySubscriptions } from '../fakes/in-memory-subscriptions.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { anAccount, anEventRow, aSubscription } from '../fakes/samples.ts';
import { awsConfig, useEmulator, useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

/** All items of a list. */
const readAll = async <T>(list: Parameters<typeof readAllPages<T>>[0]) => (await readAllPages(list)).flat();

interface Stores {
  readonly clock: ManualClock;
  readonly accounts: AccountDirectory & { readonly store: AccountStore; readonly eraser: AccountEraser };
  readonly contexts: AccountContextRegistry & AccountContextEraser & Pick<InMemoryContexts, 'register'>;
  readonly subscriptions: SubscriptionDirectory & SubscriptionEraser;
  readonly deliveries: DeliveryStore & DueIndex & DeliveryLog;
  readonly replays: ReplayStore;
  readonly deliveryEraser: DeliveryEraser;
  readonly endpoints: EndpointStore & DueEndpoints & EndpointEraser;
  readonly events: EventWriter & EventReader & EventLocator & { readonly eraser: Eraser };
  readonly apiKeys: ApiKeyStore & { readonly eraser: Eraser };
}

const retentionDays = 30;
const keys: readonly ApiKey[] = [
  ...['1', '2', '3'].map((id) => apiKey(id, 'secret', 'acme')),
  apiKey('other', 'secret', 'acme2'),
  apiKey('admin', 'secret', null),
];

const tables = useTables();
const fauxqs = useEmulator('fauxqs');
beforeAll(() => {
  // The adapter creates its own client, with settings from the environment.
  vi.stubEnv('AWS_ENDPOINT_URL_S3', fauxqs.endpoint());
  vi.stubEnv('AWS_REGION', awsConfig.region);
  vi.stubEnv('AWS_ACCESS_KEY_ID', awsConfig.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', awsConfig.credentials.secretAccessKey);
});

const implementations: readonly (readonly [string, () => Promise<Stores>])[] = [
  [
    'the fakes',
    async () => {
      const clock = createManualClock();
      const accounts = createInMemoryAccounts();
      const deliveries = createInMemoryDeliveries(clock, { retentionDays });
      const replays = createInMemoryReplays(clock, { retentionDays });
      return {
        clock,
        accounts: { ...accounts, store: accounts.reader(clock) },
        contexts: createInMemoryContexts(),
        subscriptions: createInMemorySubscriptions(),
        deliveries,
        replays,
        deliveryEraser: bothErasers(deliveries, replays),
        endpoints: createInMemoryEndpoints(),
        events: createInMemoryEvents(clock, { retentionDays }),
        apiKeys: createInMemoryApiKeys(keys),
      };
    },
  ],
  [
    'DynamoDB',
    async () => {
      const clock = createManualClock();
      const client = tables.client();
      const options = { clock, retentionDays };
      const [accounts, contexts, subscriptions, deliveries, limits, events, idempotency, apiKeys] = await Promise.all([
        tables.create('accounts'),
        tables.create('accountContexts'),
        tables.create('subscriptions'),
        tables.create('deliveries'),
        tables.create('limits'),
        tables.create('events'),
        tables.create('idempotency'),
        tables.create('apiKeys'),
      ]);
      for (const key of keys) await tables.put(apiKeys, key);
      return {
        clock,
        accounts: {
          ...createDynamoAccountDirectory(client, accounts),
          store: createDynamoAccountStore(client, accounts, clock),
          eraser: createDynamoAccountEraser(client, accounts),
        },
        contexts: {
          ...createDynamoContextRegistry(client, contexts, { clock, keptDays: 28 }),
          register: async (integration, values, account) => {
            for (const value of values) await tables.put(contexts, { context: `${integration} ${value}`, account });
          },
          ...createDynamoAccountContextEraser(client, contexts),
        },
        subscriptions: {
          ...createDynamoSubscriptionDirectory(client, subscriptions, systemRandomness),
          ...createDynamoSubscriptionEraser(client, subscriptions, systemRandomness),
        },
        deliveries: {
          ...createDynamoDeliveryStore(client, deliveries, options),
          ...createDynamoDeliveryLog(client, deliveries, clock),
        },
        replays: createDynamoReplayStore(client, deliveries, options),
        deliveryEraser: createDynamoDeliveryEraser(client, deliveries),
        endpoints: {
          ...createDynamoEndpointStore(client, limits, newEndpoint),
          ...createDynamoEndpointEraser(client, limits),
        },
        events: {
          ...createDynamoEventWriter(client, { events, idempotency }, options),
          ...createDynamoEventReader(client, events, clock),
          ...createDynamoEventLocator(client, idempotency, clock),
          eraser: createDynamoEventEraser(client, { events, idempotency }),
        },
        apiKeys: {
          ...createDynamoApiKeyStore(client, apiKeys),
          eraser: createDynamoApiKeyEraser(client, apiKeys),
        },
      };
    },
  ],
];

describe.each(implementations)('account eraser on %s', (_, open) => {
  const own = anAccount({
    rawRetentionDays: 3,
    archiveKey: 'a key',
    capture: { secrets: ['signing_secret'], expiresAtEpochSeconds: 1 },
    name: 'Staff of Jane Doe',
    metadata: { owner: 'jane@example.com' },
    baseUrl: 'https://jane.example.com',
    share: 0.5,
    credentialKind: 'oauth2',
    syncs: 'off',
  });

  test('closes an account: nothing of its owner is left, and no reader can restore it', async () => {
    const { accounts, clock } = await open();
    await accounts.create(own);
    await accounts.eraser.close('acme', own.id);
    const closed = { id: own.id, tenant: 'acme', integration: 'staff', secrets: {}, context: {}, closed: true };
    expect(await accounts.find(own.id)).toEqual({ ...closed, createdAt: own.createdAt, revision: 2 });
    expect(await accounts.store.get(own.id, 0)).toMatchObject({ closed: true });
    expect(await accounts.replace(own)).toBe(false);
    expect(await accounts.eraser.list('acme', 10, undefined)).toEqual({
      items: [{ id: own.id, isClosed: true }],
      next: undefined,
    });
    expect(clock.nowMs()).toBeGreaterThan(0);
  });

  test('buries a closed account, whose id is marked as closed and stays with its tenant', async () => {
    const { accounts } = await open();
    await accounts.create(own);
    await accounts.eraser.bury('acme', own.id);
    expect(await accounts.find(own.id)).toEqual(own);
    await accounts.eraser.close('acme', own.id);
    await accounts.eraser.bury('acme', own.id);
    expect(await accounts.find(own.id)).toBeUndefined();
    expect((await accounts.list(undefined, 10, undefined)).items).toEqual([]);
    expect((await accounts.eraser.list('acme', 10, undefined)).items).toEqual([]);
    expect(await accounts.store.get(own.id, 60_000)).toMatchObject({
      id: own.id,
      tenant: '',
      secrets: {},
      closed: true,
    });
    expect((await accounts.eraser.listFormer('acme', 10, undefined)).items).toEqual([{ id: own.id }]);
    expect((await accounts.eraser.listFormer('globex', 10, undefined)).items).toEqual([]);
    expect(await accounts.create(anAccount({ tenant: 'globex' }))).toBe('exists');
    const next = anAccount({ createdAt: '2026-11-22T00:00:00.000Z' });
    expect(await accounts.create(next)).toBe('created');
    expect(await accounts.create(next)).toBe('exists');
    // The store does not cache the closed account.
    expect(await accounts.store.get(own.id, 60_000)).toEqual(next);
  });

  test('changes no account of another tenant (invariant 3)', async () => {
    const { accounts } = await open();
    const other = anAccount({ id: 'acc_other', tenant: 'acme2' });
    await accounts.create(other);
    await accounts.eraser.close('acme', other.id);
    await accounts.eraser.bury('acme', other.id);
    await accounts.eraser.close('acme', 'none');
    expect(await accounts.find(other.id)).toEqual(other);
    expect(await accounts.find('none')).toBeUndefined();
    expect((await accounts.eraser.list('acme', 10, undefined)).items).toEqual([]);
  });
});

describe.each(implementations)('context eraser on %s', (_, open) => {
  test('shows every account and tenant that a value names', async () => {
    const { contexts } = await open();
    const record = { claims: [], registered: [], revision: 0 };
    const claim = { tenant: 'acme', account: 'acc_3', claimedAtMs: 0 };
    await contexts.replace('staff', 'a', { ...record, claims: [claim, { ...claim, account: 'acc_4' }] });
    await contexts.replace('staff', 'b', { ...record, released: { atMs: 7, by: 'globex' } });
    await contexts.replace('staff', 'c', { ...record, released: { atMs: 7 } });
    await contexts.register('staff', ['a', 'with a space'], 'acc_1');
    await contexts.register('staff', ['a'], 'acc_2');
    const all = await readAll((after) => contexts.listAll(after));
    const sorted = [...all].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    expect(sorted).toEqual([
      { integration: 'staff', value: 'a', account: 'acc_1' },
      { integration: 'staff', value: 'a', account: 'acc_2' },
      { integration: 'staff', value: 'a', tenant: 'acme', account: 'acc_3' },
      { integration: 'staff', value: 'a', tenant: 'acme', account: 'acc_4' },
      { integration: 'staff', value: 'b', tenant: 'globex' },
      { integration: 'staff', value: 'with a space', account: 'acc_1' },
    ]);
  });
});

describe.each(implementations)('subscription eraser on %s', (_, open) => {
  test('lists every id that was ever used, and keeps it for its scope', async () => {
    const { subscriptions } = await open();
    const removed = aSubscription({ id: 'sub_removed' });
    for (const one of [aSubscription(), removed, aSubscription({ id: 'sub_all', tenant: null })])
      await subscriptions.create(one);
    await subscriptions.remove(removed);
    expect(await readAll((after) => subscriptions.listIds(2, after))).toEqual([
      { id: 'sub_1', scope: 'acme' },
      { id: 'sub_all', scope: '*' },
      { id: 'sub_removed', scope: 'acme' },
    ]);
    expect(await subscriptions.findExisting('acme', ['sub_1', 'sub_removed', 'sub_all'])).toEqual(['sub_1']);
    await subscriptions.removeMany('acme', ['sub_1', 'sub_all']);
    expect(await subscriptions.findExisting('acme', ['sub_1'])).toEqual([]);
    expect(await subscriptions.find('sub_all')).toBeDefined();
    expect(await subscriptions.create(aSubscription({ tenant: 'globex' }))).toBe('exists');
    expect(await subscriptions.create(aSubscription())).toBe('created');
  });
});

const timestamp = '2026-11-21T12:00:00.000Z';
const aDelivery = (subscription: string, tenant: string, n: number, change: Partial<Delivery> = {}): Delivery => ({
  ...newDelivery({ subscription, scope: '*', tenant, event: `evt_${tenant}_${n}`, sequence: n, timestamp }),
  ...change,
});
const aReplay = (id: string, subscription: string, tenant: string): Replay => ({
  id,
  subscription,
  scope: '*',
  tenant,
  mode: 'all',
  afterSequence: 0,
  upToSequence: 9,
  position: 0,
  ratePerSecond: 1,
  state: 'done',
  scanned: 0,
  replayed: 0,
  createdAt: timestamp,
  endedAt: undefined,
  revision: 1,
});

describe.each(implementations)('delivery eraser on %s', (_, open) => {
  async function furnish(stores: Stores) {
    const { deliveries, replays } = stores;
    const due = { state: 'retrying', waitsIn: 'due-index', nextAttemptAt: '2026-11-21T14:00:00.000Z' } as const;
    for (const subscription of ['sub_all', 'sub_own'])
      for (const tenant of ['acme', 'acme2'])
        await deliveries.putMany([
          aDelivery(subscription, tenant, 1),
          parked(aDelivery(subscription, tenant, 2)),
          aDelivery(subscription, tenant, 3, due),
        ]);
    for (const tenant of ['acme', 'acme2'])
      for (const n of [1, 2, 3]) await replays.create(aReplay(`rpl_${tenant}_${n}`, 'sub_all', tenant));
  }
  const dueOf = async ({ deliveries }: Stores) =>
    (
      await Promise.all(
        Array.from({ length: 16 }, (__, shard) => deliveries.listDue(shard, Number.MAX_SAFE_INTEGER, 50)),
      )
    )
      .flat()
      .map(({ subscription, event }) => `${subscription} ${event}`)
      .sort();
  const eraseAll = async ({ deliveryEraser }: Stores, subscription: string, tenant: string | undefined) => {
    const items = await readAll((after) => deliveryEraser.findOf(subscription, tenant, after));
    // Repeat the removal, as after a crash.
    await deliveryEraser.removeMany(items);
    await deliveryEraser.removeMany(items);
    return items.map(({ kind }) => kind).sort();
  };

  test('finds only the deliveries of one tenant, with their pointers and replays (invariant 3)', async () => {
    const stores = await open();
    await furnish(stores);
    expect(await eraseAll(stores, 'sub_all', 'acme')).toEqual([
      'deliveries',
      'deliveries',
      'deliveries',
      'delivery_pointers',
      'delivery_pointers',
      'replays',
      'replays',
      'replays',
    ]);
    const left = (await stores.deliveries.list('sub_all', 50, undefined)).items.map(({ event }) => event);
    expect(left.sort()).toEqual(['evt_acme2_1', 'evt_acme2_2', 'evt_acme2_3']);
    expect((await stores.deliveries.list('sub_own', 50, undefined)).items).toHaveLength(6);
    expect((await stores.deliveries.listBacklog('sub_all', 50, undefined)).map(({ event }) => event)).toEqual([
      'evt_acme2_2',
    ]);
    expect(await dueOf(stores)).toEqual(['sub_all evt_acme2_3', 'sub_own evt_acme2_3', 'sub_own evt_acme_3']);
    expect((await stores.replays.list('sub_all', 50, undefined)).items.map(({ tenant }) => tenant)).toEqual([
      'acme2',
      'acme2',
      'acme2',
    ]);
    expect(await eraseAll(stores, 'sub_all', 'acme')).toEqual([]);
  });

  test('finds many deliveries in any partition, with pages that fit into a row', async () => {
    const stores = await open();
    const many = Array.from({ length: 330 }, (_, index) =>
      aDelivery('sub_all', index % 11 === 0 ? 'acme' : 'acme2', index),
    );
    await stores.deliveries.putMany(many.map(parked));
    const ofOne = await eraseAll(stores, 'sub_all', 'acme');
    expect(Map.groupBy(ofOne, (kind) => kind).get('deliveries')).toHaveLength(30);
    expect(Map.groupBy(ofOne, (kind) => kind).get('delivery_pointers')).toHaveLength(30);
    const pages = await readAllPages((after) => stores.deliveryEraser.findOf('sub_all', undefined, after));
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(600);
    await eraseAll(stores, 'sub_all', undefined);
    expect((await stores.deliveries.list('sub_all', 50, undefined)).items).toEqual([]);
    expect(await stores.deliveries.listBacklog('sub_all', 50, undefined)).toEqual([]);
  });

  test('finds all rows of a subscription, including pointers without a delivery', async () => {
    const stores = await open();
    await furnish(stores);
    const [waiting] = await stores.deliveries.getMany([aDelivery('sub_own', 'acme', 2)]);
    if (waiting === undefined) throw new Error('no delivery');
    await stores.deliveries.putMany([{ ...waiting, state: 'delivered', waitsIn: undefined }]);
    await eraseAll(stores, 'sub_own', undefined);
    expect((await stores.deliveries.list('sub_own', 50, undefined)).items).toEqual([]);
    expect(await stores.deliveries.listBacklog('sub_own', 50, undefined)).toEqual([]);
    expect(await dueOf(stores)).toEqual(['sub_all evt_acme2_3', 'sub_all evt_acme_3']);
    expect((await stores.deliveries.list('sub_all', 50, undefined)).items).toHaveLength(6);
    expect(await eraseAll(stores, 'sub_own', undefined)).toEqual([]);
  });

  test('finds expired rows that are not deleted yet', async () => {
    const stores = await open();
    await furnish(stores);
    stores.clock.advance(31 * 86_400_000);
    expect(await eraseAll(stores, 'sub_all', 'acme')).toHaveLength(8);
  });
});

describe.each(implementations)('endpoint eraser on %s', (_, open) => {
  test('finds endpoints that have a state, and removes them', async () => {
    const { endpoints } = await open();
    await endpoints.wake({ endpoint: 'sub_1', scope: 'acme' });
    await endpoints.wake({ endpoint: 'sub_2', scope: 'acme' });
    expect(await endpoints.findExisting(['sub_1', 'sub_2', 'sub_3'])).toEqual(['sub_1', 'sub_2']);
    await endpoints.removeMany(['sub_1', 'sub_3']);
    expect(await endpoints.findExisting(['sub_1', 'sub_2', 'sub_3'])).toEqual(['sub_2']);
  });
});

describe.each(implementations)('event eraser on %s', (_, open) => {
  async function furnish({ events, clock }: Stores) {
    for (const tenant of ['acme', 'acme2']) {
      await events.takeSequences(tenant, 4);
      const rows = [1, 2, 3].map((n) => anEventRow(n, { tenant, id: `evt_${tenant}_${n}` }));
      const sealed = { tenant, sequence: 4, sealed: true } as const;
      await events.writeRows([...rows, sealed].map((row) => ({ ...row, writtenAtMs: clock.nowMs() })));
      for (const { id, sequence } of rows)
        await events.claim({ id, owner: 'raw_1', tenant, sequence, claimedAtMs: clock.nowMs() });
    }
  }
  const eraseAll = async ({ events: { eraser } }: Stores) => {
    const items = await readAll((after) => eraser.find('acme', after));
    await eraser.remove('acme', items);
    await eraser.remove('acme', items);
    return items.map(({ kind }) => kind).sort();
  };

  test('finds only the events, sealed numbers and claims of a tenant (invariant 3)', async () => {
    const stores = await open();
    await furnish(stores);
    expect(await eraseAll(stores)).toEqual([
      'event_claims',
      'event_claims',
      'event_claims',
      'events',
      'events',
      'events',
      'sealed_numbers',
    ]);
    const { events } = stores;
    expect(await events.listAfter('acme', 0, 10)).toEqual([]);
    expect(await events.listAfter('acme2', 0, 10)).toHaveLength(4);
    expect(await events.locate('evt_acme_1')).toBeUndefined();
    expect(await events.locate('evt_acme2_1')).toBeDefined();
    expect(await eraseAll(stores)).toEqual([]);
  });

  test('keeps the sequence, so that no number is taken twice', async () => {
    const stores = await open();
    await furnish(stores);
    await eraseAll(stores);
    expect(await stores.events.takeSequences('acme', 1)).toBe(5);
  });

  test('keeps the claim of an id that belongs to another tenant (invariant 3)', async () => {
    const stores = await open();
    const { events, clock } = stores;
    await events.writeRows([{ ...anEventRow(1, { id: 'evt_shared' }), writtenAtMs: clock.nowMs() }]);
    await events.claim({ id: 'evt_shared', owner: 'raw_2', tenant: 'globex', sequence: 7, claimedAtMs: 1 });
    expect(await eraseAll(stores)).toEqual(['events']);
    expect(await events.locate('evt_shared')).toMatchObject({ tenant: 'globex', sequence: 7 });
  });

  test('finds expired rows that are not deleted yet', async () => {
    const stores = await open();
    await furnish(stores);
    stores.clock.advance(31 * 86_400_000);
    expect(await eraseAll(stores)).toHaveLength(7);
  });
});

describe.each(implementations)('API key eraser on %s', (_, open) => {
  test('finds only the keys of a tenant, not those of others or for all tenants (invariant 3)', async () => {
    const { apiKeys } = await open();
    const items = await readAll((after) => apiKeys.eraser.find('acme', after));
    expect(items.map(({ kind }) => kind)).toEqual(['api_keys', 'api_keys', 'api_keys']);
    await apiKeys.eraser.remove('acme', items);
    expect(await apiKeys.find('1')).toBeUndefined();
    expect(await apiKeys.find('other')).toBeDefined();
    expect(await apiKeys.find('admin')).toBeDefined();
    expect(await readAll((after) => apiKeys.eraser.find('acme', after))).toEqual([]);
  });
});

test('the partition eraser finds a hundred rows a page, because one row holds a page until its removal', async () => {
  const client = tables.client();
  const table = await tables.create('statistics');
  const rows = Array.from({ length: 250 }, (_, n) => ({ scope: 'acme', hourIntegration: `2026-11-21T12#name-${n}` }));
  await writeRows(client, table, rows);
  const shape = { partition: 'scope', sort: 'hourIntegration', kind: 'statistics' };
  const eraser = createDynamoPartitionEraser(client, table, shape);
  const pages = await readAllPages((after) => eraser.find('acme', after));
  expect(pages.map((page) => page.length)).toEqual([100, 100, 50]);
  for (const page of pages) await eraser.remove('acme', page);
  expect(await readAll((after) => eraser.find('acme', after))).toEqual([]);
});

interface Objects {
  readonly eraser: ObjectEraser;
  readonly put: (key: string) => Promise<unknown>;
  readonly keys: () => Promise<readonly string[]>;
}

let buckets = 0;
const objectStores: readonly (readonly [string, () => Promise<Objects>])[] = [
  [
    'the fake',
    async () => {
      const claims = createInMemoryClaimStore();
      return {
        eraser: claims.eraser,
        put: (key) => claims.put(key, Buffer.from('{}'), 'application/json'),
        keys: async () => claims.keys(),
      };
    },
  ],
  ...[false, true].map((isLocked): readonly [string, () => Promise<Objects>] => [
    // The emulator does not lock objects: this only checks that it accepts the requests.
    isLocked ? 'S3 that locks its objects' : 'S3',
    async () => {
      const Bucket = `objects-${++buckets}`;
      const client = new S3Client({ ...awsConfig, endpoint: fauxqs.endpoint(), forcePathStyle: true });
      await client.send(new CreateBucketCommand({ Bucket }));
      return {
        eraser: createS3ObjectEraser(Bucket, isLocked),
        put: (Key) => client.send(new PutObjectCommand({ Bucket, Key, Body: '{}' })),
        keys: async () =>
          (await client.send(new ListObjectsV2Command({ Bucket }))).Contents?.map(({ Key = '' }) => Key) ?? [],
      };
    },
  ]),
];

describe.each(objectStores)('object eraser on %s', (_, open) => {
  test('finds all objects under a prefix, over many pages, and no other (invariant 3)', async () => {
    const { eraser, put, keys: left } = await open();
    const own = Array.from({ length: 450 }, (__, n) => `acme/evt_${String(n).padStart(3, '0')}`);
    const others = ['acm/evt_1', 'acme', 'acme-eu/evt_1', 'acme.eu/evt_1', 'acme2/evt_1', 'other/acme/evt_1'];
    await Promise.all([...own, ...others].map(put));
    const items = await readAll((after) => eraser.find('acme/', after));
    expect(items).toHaveLength(450);
    await eraser.remove('acme/', items);
    await eraser.remove('acme/', items.slice(0, 3));
    expect([...(await left())].sort()).toEqual([...others].sort());
    expect((await eraser.find('acme/', undefined)).items).toEqual([]);
    await eraser.remove('acme/', []);
  });

  test('finds one object by its key, and none with a longer key', async () => {
    const { eraser, put, keys: left } = await open();
    for (const key of ['_staff/raw_1', '_staff/raw_10', '_staff/raw']) await put(key);
    const found = await eraser.findOne('_staff/raw_1');
    expect(found).toHaveLength(1);
    await eraser.remove('', found);
    expect([...(await left())].sort()).toEqual(['_staff/raw', '_staff/raw_10']);
    expect(await eraser.findOne('_staff/raw_1')).toEqual([]);
  });

  test('removes keys with characters that a request must escape', async () => {
    const { eraser, put, keys: left } = await open();
    const names = ['acme/a&b', 'acme/<c>', 'acme/d"e\'f', 'acme/ü g+h'];
    for (const key of names) await put(key);
    const items = await readAll((after) => eraser.find('acme/', after));
    expect(items).toHaveLength(names.length);
    await eraser.remove('acme/', items);
    expect(await left()).toEqual([]);
  });
});
