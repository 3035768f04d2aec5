import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { createDynamoCredentialStore } from '../../lambdas/adapters/dynamo/stores/credential-store.ts';
import { createDynamoCredentialEraser } from '../../lambdas/adapters/dynamo/stores/provider-erasers.ts';
import type { CredentialStore, StoredCredentials } from '../../lambdas/ports/provider/credential-store.ts';
import type { CredentialEraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { createInMemoryCredentials, someCredentials } from '../fakes/in-memory-credentials.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { countRequests, useTables } from './emulated-aws.ts';

const tables = useTables();

interface Opened {
  readonly store: CredentialStore;
  readonly eraser: CredentialEraser;
}

const implementations: readonly (readonly [string, (clock?: ManualClock) => Promise<Opened>])[] = [
  [
    'the fake',
    async () => {
      const fake = createInMemoryCredentials();
      return { store: fake, eraser: fake };
    },
  ],
  [
    'DynamoDB',
    async (clock = createManualClock()) => {
      const table = await tables.create('credentials');
      return {
        store: createDynamoCredentialStore(tables.client(), table, clock),
        eraser: createDynamoCredentialEraser(tables.client(), table),
      };
    },
  ],
];

const full = someCredentials({
  expiresAtMs: 5_000,
  refreshedAtMs: 2_000,
  failed: { sinceMs: 3_000, reason: 'the provider answered 401' },
  refresher: { owner: 'one', untilMs: 4_000 },
});

async function stored(store: CredentialStore, credentials: StoredCredentials): Promise<StoredCredentials> {
  const next = await store.replace(credentials);
  if (next === undefined) throw new Error('another writer came first');
  return next;
}

describe.each(implementations)('credentials in %s', (_, open) => {
  test('come back as they were stored, with a new revision', async () => {
    const { store } = await open();
    const first = await stored(store, full);
    expect(first).toEqual({ ...full, revision: expect.any(Number) });
    expect(first.revision).toBeGreaterThan(0);
    expect(await store.get('acc_acme', 0)).toEqual(first);
    const { failed: _failed, refresher: _refresher, expiresAtMs: _expires, ...rest } = first;
    const second = await stored(store, { ...rest, expiresAtMs: undefined, sealed: 'b3RoZXI=' });
    expect(second).toEqual({ ...rest, sealed: 'b3RoZXI=', revision: first.revision + 1 });
    expect(await store.get('acc_acme', 0)).toEqual(second);
  });

  test('are undefined for an account without any', async () => {
    const { store } = await open();
    expect(await store.get('acc_acme', 0)).toBeUndefined();
    expect(await store.getMany(['acc_acme'])).toEqual([]);
    expect(await store.getMany([])).toEqual([]);
  });

  test('are read of many accounts at once, each once', async () => {
    const { store } = await open();
    const accounts = Array.from({ length: 120 }, (__, index) => `acc_${index}`);
    await Promise.all(accounts.map((account) => stored(store, someCredentials({ account }))));
    const read = await store.getMany(['acc_none', ...accounts, 'acc_0']);
    expect(read.map(({ account }) => account).sort()).toEqual([...accounts].sort());
  });

  test('fails when another writer came first: nothing changes', async () => {
    const { store } = await open();
    const first = await stored(store, full);
    const second = await stored(store, { ...first, sealed: 'b25l' });
    expect(await store.replace({ ...first, sealed: 'dHdv' })).toBeUndefined();
    expect(await store.get('acc_acme', 0)).toEqual(second);
  });

  test('of revision 0 are created only, and those of another only where they are stored', async () => {
    const { store } = await open();
    expect(await store.replace({ ...full, revision: 1 })).toBeUndefined();
    const first = await stored(store, full);
    expect(await store.replace({ ...full, sealed: 'b3RoZXI=' })).toBeUndefined();
    expect(await store.get('acc_acme', 0)).toEqual(first);
  });

  test('are written by one of many concurrent writers', async () => {
    const { store } = await open();
    const race = async (revision: number) => {
      const writers = Array.from({ length: 10 }, (__, index) => ({ ...full, sealed: `s${index}`, revision }));
      const written = (await Promise.all(writers.map((one) => store.replace(one)))).filter((one) => one !== undefined);
      expect(written).toHaveLength(1);
      expect(await store.get('acc_acme', 0)).toEqual(written[0]);
      return written[0]?.revision ?? 0;
    };
    await race(await race(0));
  });

  test('are gone once they are removed, also where there are none', async () => {
    const { store } = await open();
    await stored(store, full);
    await stored(store, someCredentials({ account: 'acc_other' }));
    await store.remove('acc_acme');
    await store.remove('acc_acme');
    expect(await store.get('acc_acme', 60_000)).toBeUndefined();
    expect(await store.get('acc_other', 0)).toBeDefined();
  });

  test('fails when the credentials were removed and others stored since they were read', async () => {
    const clock = createManualClock();
    const { store } = await open(clock);
    const leased = await stored(store, await stored(store, full));
    clock.advance(1_000);
    await store.remove('acc_acme');
    expect(await store.replace({ ...leased, sealed: 'bGF0ZQ==' })).toBeUndefined();
    let later = await stored(store, { ...full, incarnation: '2026-11-20T00:00:00.000Z' });
    // Its owner's writes must not make the two alike.
    for (let write = 0; write < 3; write += 1) {
      expect(later.revision).toBeGreaterThan(leased.revision);
      expect(await store.replace({ ...leased, sealed: 'bGF0ZQ==' })).toBeUndefined();
      later = await stored(store, later);
    }
    expect(await store.get('acc_acme', 0)).toEqual(later);
  });

  test('are erased by account, and only those of the tenant (invariant 3)', async () => {
    const { store, eraser } = await open();
    for (const [account, tenant] of [
      ['acc_1', 'acme'],
      ['acc_2', 'acme'],
      ['acc_3', 'acme2'],
      ['client#staff', '*'],
    ] as const)
      await stored(store, someCredentials({ account, tenant }));
    const all = ['acc_1', 'acc_2', 'acc_3', 'acc_none', 'client#staff'];
    const found = await eraser.findExisting('acme', all);
    expect([...found].sort()).toEqual(['acc_1', 'acc_2']);
    await eraser.removeMany(found);
    await eraser.removeMany(found);
    expect(await eraser.findExisting('acme', all)).toEqual([]);
    expect((await store.getMany(all)).map(({ account }) => account).sort()).toEqual(['acc_3', 'client#staff']);
    expect(await eraser.findExisting('acme', [])).toEqual([]);
  });
});

/** Hold back the answer of the next read. */
function holdAnswer(client: DynamoDBClient) {
  const [arrival, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const answer = await next(args);
        if (commandName !== 'BatchGetItemCommand') return answer;
        client.middlewareStack.remove('hold');
        arrival.resolve();
        await release.promise;
        return answer;
      },
    { step: 'initialize', name: 'hold' },
  );
  return { arrived: arrival.promise, release: () => release.resolve() };
}

describe('cached credentials', () => {
  async function openTwo() {
    const clock = createManualClock();
    const client = tables.client();
    const table = await tables.create('credentials');
    const [own, other] = [
      createDynamoCredentialStore(client, table, clock),
      createDynamoCredentialStore(client, table, clock),
    ];
    return { clock, client, own, other };
  }

  test('are as old as a caller allows', async () => {
    const { clock, client, own, other } = await openTwo();
    const first = await stored(own, full);
    await own.get('acc_acme', 30_000);
    const second = await stored(other, first);
    const requests = countRequests(client);
    clock.advance(30_000);
    expect(await own.get('acc_acme', 30_000)).toEqual(first);
    expect(requests.count()).toBe(0);
    clock.advance(1);
    expect(await own.get('acc_acme', 30_000)).toEqual(second);
    expect(requests.count()).toBe(1);
    const third = await stored(other, second);
    expect(await own.get('acc_acme', 0)).toEqual(third);
    expect(await own.get('acc_acme', 30_000)).toEqual(third);
    expect(requests.count()).toBe(3);
    requests.end();
  });

  test('are those that this process wrote, and none after a write that lost', async () => {
    const { client, own, other } = await openTwo();
    const first = await stored(own, full);
    const requests = countRequests(client);
    expect(await own.get('acc_acme', 30_000)).toEqual(first);
    expect(requests.count()).toBe(0);
    requests.end();
    const second = await stored(other, first);
    expect(await own.replace({ ...first, sealed: 'bGF0ZQ==' })).toBeUndefined();
    expect(await own.get('acc_acme', 30_000)).toEqual(second);
  });

  test('do not hold what is missing', async () => {
    const { own, other } = await openTwo();
    expect(await own.get('acc_acme', 30_000)).toBeUndefined();
    const first = await stored(other, full);
    expect(await own.get('acc_acme', 30_000)).toEqual(first);
    await other.remove('acc_acme');
    expect(await own.get('acc_acme', 0)).toBeUndefined();
    expect(await own.get('acc_acme', 30_000)).toBeUndefined();
  });

  test('are not replaced by a read that began before a write or a removal', async () => {
    const { client, own } = await openTwo();
    const first = await stored(own, full);
    let slow = holdAnswer(client);
    let reading = own.get('acc_acme', 0);
    await slow.arrived;
    const second = await stored(own, first);
    slow.release();
    expect(await reading).toEqual(first);
    expect(await own.get('acc_acme', 30_000)).toEqual(second);
    slow = holdAnswer(client);
    reading = own.get('acc_acme', 0);
    await slow.arrived;
    await own.remove('acc_acme');
    slow.release();
    await reading;
    expect(await own.get('acc_acme', 30_000)).toBeUndefined();
  });

  test('are at most 500', async () => {
    const { client, own } = await openTwo();
    for (let index = 0; index <= 500; index += 1) await stored(own, someCredentials({ account: `acc_${index}` }));
    const requests = countRequests(client);
    await own.get('acc_500', 30_000);
    await own.get('acc_1', 30_000);
    expect(requests.count()).toBe(0);
    await own.get('acc_0', 30_000);
    expect(requests.count()).toBe(1);
    requests.end();
  });
});
