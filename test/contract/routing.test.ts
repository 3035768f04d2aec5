import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import {
  createDynamoContextRegistry,
  createDynamoRememberedContexts,
  createDynamoSharedContexts,
} from '../../lambdas/adapters/dynamo/stores/account-contexts.ts';
import { createDynamoIntegrationSettings } from '../../lambdas/adapters/dynamo/stores/integration-settings.ts';
import {
  createDynamoParkedRequests,
  createDynamoRequestParking,
} from '../../lambdas/adapters/dynamo/stores/parked-requests.ts';
import { parkedShards } from '../../lambdas/contracts/shards.ts';
import {
  createInMemoryContexts,
  createInMemoryParking,
  createInMemorySettings,
  type InMemoryContexts,
  waitingRequests,
} from '../fakes/in-memory-routing.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import { rawMessage } from '../flow/provider-request.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

const tables = useTables();
const clock = createManualClock();

const implementations = [
  [
    'the fake',
    async () => {
      const contexts = createInMemoryContexts();
      return {
        contexts,
        reader: contexts.reader(clock),
        register: (...registration: Parameters<InMemoryContexts['register']>) => contexts.register(...registration),
        parking: createInMemoryParking(clock, { retentionDays: 30 }),
        settings: createInMemorySettings(),
      };
    },
  ],
  [
    'DynamoDB',
    async () => {
      const [contexts, parked, settings] = await Promise.all(
        (['accountContexts', 'parkedRequests', 'integrationSettings'] as const).map((name) => tables.create(name)),
      );
      const client = tables.client();
      return {
        contexts: {
          ...createDynamoContextRegistry(client, contexts as string, { clock, keptDays: 30 }),
          ...createDynamoSharedContexts(client, contexts as string),
        },
        reader: createDynamoRememberedContexts(client, contexts as string, clock),
        register: async (integration: string, values: readonly string[], account: string) => {
          for (const value of values)
            await tables.put(contexts as string, { context: `${integration} ${value}`, account });
        },
        parking: {
          ...createDynamoRequestParking(client, parked as string, { clock, retentionDays: 30 }),
          ...createDynamoParkedRequests(client, parked as string, clock),
        },
        settings: createDynamoIntegrationSettings(client, settings as string, clock),
      };
    },
  ],
] as const;

describe.each(implementations)('routing on %s', (_, open) => {
  test('a value finds every account of its integration that registered it, until it is forgotten', async () => {
    const { contexts, register } = await open();
    await register('staff', ['1', 'a b'], 'acc_1');
    await register('staff', ['1'], 'acc_2');
    await register('staff b', ['1'], 'acc_3');
    const found = async (integration: string, value: string) => (await contexts.find(integration, value)).registered;
    expect(await found('staff', '1')).toEqual(['acc_1', 'acc_2']);
    expect(await found('staff', 'a b')).toEqual(['acc_1']);
    expect(await contexts.find('crm', '1')).toEqual({ claims: [], registered: [], revision: 0 });
    await contexts.forget('staff', '1', 'acc_1');
    await contexts.forget('staff', '1', 'acc_none');
    expect(await found('staff', '1')).toEqual(['acc_2']);
    expect(await found('staff', 'a b')).toEqual(['acc_1']);
  });

  const claim = { tenant: 'acme', account: 'acc_1', claimedAtMs: 1_795_262_400_000 };
  const none = { claims: [], registered: [], revision: 0 };

  test('claims are replaced as a whole, and registrations stay', async () => {
    const { contexts, register } = await open();
    await register('staff', ['1'], 'acc_old');
    expect(await contexts.replace('staff', '1', { ...none, claims: [claim] })).toBe(true);
    const stored = { claims: [claim], registered: ['acc_old'], revision: 1 };
    expect(await contexts.find('staff', '1')).toEqual(stored);
    const other = { ...claim, tenant: 'globex', account: 'acc_2', sinceMs: 7 };
    const released = { atMs: 1_795_262_400_000, by: 'acme' };
    expect(await contexts.replace('staff', '1', { ...stored, claims: [claim, other], released })).toBe(true);
    expect(await contexts.find('staff', '1')).toEqual({ ...stored, claims: [claim, other], released, revision: 2 });
    expect(await contexts.replace('staff', '1', { ...stored, claims: [], released, revision: 2 })).toBe(true);
    expect(await contexts.find('staff', '1')).toEqual({ ...stored, claims: [], released, revision: 3 });
    expect(await contexts.find('crm', '1')).toEqual(none);
  });

  test('contexts are cached as long as the caller allows, and confirmed while their claims are unchanged', async () => {
    const { contexts, reader } = await open();
    const values = ['1', '2', 'free'];
    for (const value of ['1', '2']) await contexts.replace('staff', value, { ...none, claims: [claim] });
    const recall = (value: string, maxAgeMs = 10_000) => reader.recall('staff', value, maxAgeMs);
    const found = await Promise.all(
      values.map(async (value) => ({ integration: 'staff', value, record: await recall(value) })),
    );
    expect(found.map(({ record }) => record.claims)).toEqual([[claim], [claim], []]);
    expect(await reader.confirm(found)).toEqual([true, true, true]);

    const other = { ...claim, tenant: 'globex' };
    for (const value of ['2', 'free']) {
      const stored = await contexts.find('staff', value);
      await contexts.replace('staff', value, { ...stored, claims: [other] });
    }
    expect((await recall('2')).claims).toEqual([claim]);
    expect((await recall('free', 0)).claims).toEqual([other]);
    expect(await reader.confirm(found)).toEqual([true, false, false]);
    // A context that was not confirmed is read again.
    expect((await recall('2')).claims).toEqual([other]);
    clock.advance(10_000);
    await contexts.replace('staff', '1', { ...none, claims: [], revision: 1 });
    expect((await recall('1')).claims).toEqual([]);
    expect(await reader.confirm([])).toEqual([]);
  });

  test('one of many concurrent writes of claims succeeds, and a stale write fails', async () => {
    const { contexts } = await open();
    const calls = Array.from({ length: 8 }, (_, at) =>
      contexts.replace('staff', '1', { ...none, claims: [{ ...claim, tenant: `t${at}` }] }),
    );
    const written = await Promise.all(calls);
    expect(written.filter((isWritten) => isWritten)).toHaveLength(1);
    const stored = await contexts.find('staff', '1');
    expect(stored.claims).toMatchObject([{ tenant: `t${written.indexOf(true)}` }]);
    for (const revision of [0, 2]) expect(await contexts.replace('staff', '1', { ...none, revision })).toBe(false);
    expect(await contexts.find('staff', '1')).toEqual(stored);
  });

  test('values that several tenants may have are listed page by page, each once', async () => {
    const { contexts, register } = await open();
    const globex = { ...claim, tenant: 'globex', account: 'acc_2' };
    for (let at = 0; at < 12; at += 1) await contexts.replace('staff', `own ${at}`, { ...none, claims: [claim] });
    await contexts.replace('staff', 'shared', { ...none, claims: [claim, globex] });
    await register('crm', ['of before'], 'acc_1');
    await register('crm', ['of before'], 'acc_2');
    await register('crm', ['of before'], 'acc_3');
    for (const limit of [1, 2, 100]) {
      const pages = await readAllPages((after) => contexts.listShared(limit, after));
      const listed = pages.flat().map(({ integration, value }) => `${integration}: ${value}`);
      expect(new Set(listed).size).toBe(listed.length);
      expect(listed).toEqual(expect.arrayContaining(['staff: shared', 'crm: of before']));
    }
    expect((await contexts.listShared(100, undefined)).items).toHaveLength(2);
  });

  test('a parked request waits once under each of its values, until it is removed', async () => {
    const { parking } = await open();
    const [first, second] = [rawMessage('raw_1', [{ verb: 'created', id: 'ü' }]), rawMessage('raw_2', [])];
    for (const message of [second, first, first]) await parking.park('staff', ['1', '2'], message);
    expect(await waitingRequests(parking, 'staff', '1')).toEqual([first, second]);
    expect(await parking.list('staff', '1', 1, undefined)).toEqual({
      items: [{ message: first, isExpired: false }],
      next: 'raw_1',
    });
    await parking.remove('staff', '1', 'raw_1');
    await parking.remove('staff', '1', 'raw_unknown');
    expect(await waitingRequests(parking, 'staff', '1')).toEqual([second]);
    expect(await waitingRequests(parking, 'staff', '2')).toEqual([first, second]);
    expect(await waitingRequests(parking, 'crm', '1')).toEqual([]);
  });

  test('many parked requests are listed once each, oldest first, with pages of any size', async () => {
    const { parking } = await open();
    const ids = Array.from({ length: 60 }, (_, index) => `raw_${String(index).padStart(2, '0')}`);
    for (const id of ids.toReversed()) await parking.park('staff', ['a b', 'b'], rawMessage(id, []));
    for (const limit of [1, 7, 25, 100]) {
      const pages = await readAllPages((after) => parking.list('staff', 'a b', limit, after));
      expect(pages.flat().map(({ message }) => message.rawId)).toEqual(ids);
      for (const page of pages) expect(page.length).toBeLessThanOrEqual(limit);
    }
  });

  test('an expired parked request is listed like any other, and hides no request behind it', async () => {
    const { parking } = await open();
    await parking.park('staff', ['7'], rawMessage('raw_00', []));
    clock.advance(31 * 86_400_000);
    const live = Array.from({ length: 59 }, (_, at) => `raw_${String(at + 1).padStart(2, '0')}`);
    for (const id of live) await parking.park('staff', ['7'], rawMessage(id, []));
    const pages = await readAllPages((after) => parking.list('staff', '7', 25, after));
    expect(pages.map((page) => page.length)).toEqual([25, 25, 10]);
    const [expired, ...others] = pages.flat();
    expect(expired).toMatchObject({ message: { rawId: 'raw_00' }, isExpired: true });
    expect(others.map(({ message, isExpired }) => (isExpired ? [] : message.rawId))).toEqual(live);
  });

  test('settings are replaced as a whole, and read from the store for age 0', async () => {
    const { settings } = await open();
    expect(await settings.get('staff', 60_000)).toBeUndefined();
    const first = { integration: 'staff', secrets: { signing_secret: 'old' }, revision: 0 };
    expect(await settings.replace(first)).toBe(true);
    expect(await settings.get('staff', 60_000)).toEqual({ ...first, revision: 1 });
    expect(await settings.replace(first), 'fails when another caller wrote in between').toBe(false);
    const second = { integration: 'staff', secrets: { signing_secret: ['old', 'new'] }, revision: 1 };
    expect(await settings.replace(second)).toBe(true);
    expect(await settings.replace(second)).toBe(false);
    expect(await settings.get('staff', 0)).toMatchObject({ secrets: { signing_secret: ['old', 'new'] } });
  });

  test('one of many concurrent creations of settings succeeds, and a capture stays until it is left out', async () => {
    const { settings } = await open();
    const capture = { secrets: ['signing_secret'], expiresAtEpochSeconds: 1_795_348_800 };
    const made = Array.from({ length: 8 }, (_, at) =>
      settings.replace({ integration: 'staff', secrets: { at: String(at) }, capture, revision: 0 }),
    );
    expect((await Promise.all(made)).filter((isWritten) => isWritten)).toHaveLength(1);
    expect(await settings.get('staff', 0)).toMatchObject({ capture, revision: 1 });
    expect(await settings.replace({ integration: 'staff', secrets: {}, revision: 1 })).toBe(true);
    expect(await settings.get('staff', 0)).toEqual({ integration: 'staff', secrets: {}, revision: 2 });
    expect(await settings.replace({ integration: 'crm', secrets: {}, revision: 3 }), 'there is none').toBe(false);
    expect(await settings.get('crm', 0)).toBeUndefined();
  });
});

test('settings without a revision, of an older version, are replaced like any other', async () => {
  const table = await tables.create('integrationSettings');
  await tables.put(table, { integration: 'staff', secrets: { signing_secret: 'old' } });
  const settings = createDynamoIntegrationSettings(tables.client(), table, clock);
  expect(await settings.get('staff', 0)).toEqual({
    integration: 'staff',
    secrets: { signing_secret: 'old' },
    revision: 0,
  });
  expect(await settings.replace({ integration: 'staff', secrets: {}, revision: 0 })).toBe(true);
  expect(await settings.replace({ integration: 'staff', secrets: {}, revision: 0 })).toBe(false);
  expect(await settings.get('staff', 0)).toEqual({ integration: 'staff', secrets: {}, revision: 1 });
});

test('a cursor of shared values stays within its bound, however long the values are', async () => {
  const table = await tables.create('accountContexts');
  const client = tables.client();
  const contexts = createDynamoSharedContexts(client, table);
  for (let at = 0; at < 9; at += 1)
    await tables.put(table, { context: `staff ${String(at).padEnd(at % 2 === 0 ? 512 : 9, 'x')}`, account: 'acc_1' });
  let after: string | undefined;
  do {
    ({ next: after } = await contexts.listShared(1, after));
    expect(after?.length ?? 0).toBeLessThanOrEqual(512);
  } while (after !== undefined);
});

test('a value without claims expires once no queue can hold an earlier request', async () => {
  const table = await tables.create('accountContexts');
  const registry = createDynamoContextRegistry(tables.client(), table, { clock, keptDays: 28 });
  const expiry = async () => {
    const { Items: [item] = [] } = await tables.client().send(new ScanCommand({ TableName: table }));
    return item?.['expiresAtEpochSeconds']?.N;
  };
  const claims = [{ tenant: 'acme', account: 'acc_1', claimedAtMs: 0 }];
  await registry.replace('staff', '1', { claims, registered: [], revision: 0 });
  expect(await expiry()).toBeUndefined();
  await registry.replace('staff', '1', { claims: [], registered: [], revision: 1 });
  expect(await expiry()).toBe(String(clock.nowMs() / 1000 + 28 * 86_400));
  await registry.replace('staff', '1', { claims, registered: [], revision: 2 });
  expect(await expiry()).toBeUndefined();
});

test('DynamoDB spreads the requests that wait for one account over all shards', async () => {
  const client = tables.client();
  const table = await tables.create('parkedRequests');
  const parking = createDynamoRequestParking(client, table, { clock, retentionDays: 30 });
  for (let index = 0; index < 200; index += 1) await parking.park('staff', ['1'], rawMessage(`raw_${index}`, []));
  const { Items = [] } = await client.send(new ScanCommand({ TableName: table }));
  const counts = Map.groupBy(Items, (item) => item['context']?.S);
  expect(counts.size).toBe(parkedShards);
  expect(Math.max(...[...counts.values()].map((rows) => rows.length))).toBeLessThan((2.5 * 200) / parkedShards);
});
