import { describe, expect, test } from 'vitest';
import { createDynamoSubscriptionDirectory } from '../../lambdas/adapters/dynamo/stores/subscription-directory.ts';
import { maxRememberedMs } from '../../lambdas/adapters/dynamo/stores/subscription-routes.ts';
import { createDynamoSubscriptionStore } from '../../lambdas/adapters/dynamo/stores/subscription-store.ts';
import { systemRandomness } from '../../lambdas/adapters/node/system-randomness.ts';
import type { SubscriptionDirectory, SubscriptionStore } from '../../lambdas/ports/delivery/subscription-store.ts';
import { createInMemorySubscriptions, toRoute } from '../fakes/in-memory-subscriptions.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import { aSubscription } from '../fakes/samples.ts';
import { countRequests, useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

type Subscriptions = SubscriptionStore & SubscriptionDirectory;

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<Subscriptions>])[] = [
  ['the fake', async () => createInMemorySubscriptions()],
  [
    'DynamoDB',
    async () => {
      const table = await tables.create('subscriptions');
      return {
        ...createDynamoSubscriptionStore(tables.client(), table, createManualClock()),
        ...createDynamoSubscriptionDirectory(tables.client(), table, systemRandomness),
      };
    },
  ],
];

const idsOf = (all: readonly { readonly id: string }[]) => all.map(({ id }) => id).sort();

describe.each(implementations)('subscription directory on %s', (_, open) => {
  test('lists for concurrent tenants their own current subscriptions, and those for all (invariant 3)', async () => {
    const subscriptions = await open();
    const ofAll = aSubscription({ id: 'sub_all', tenant: null });
    for (const subscription of [aSubscription(), aSubscription({ id: 'sub_2', tenant: 'globex' }), ofAll])
      await subscriptions.create(subscription);
    const listed = await Promise.all(['acme', 'globex', 'initech'].map((tenant) => subscriptions.listFor(tenant)));
    expect(listed.map(idsOf)).toEqual([['sub_1', 'sub_all'], ['sub_2', 'sub_all'], ['sub_all']]);

    await subscriptions.remove(ofAll);
    expect(idsOf(await subscriptions.listFor('acme'))).toEqual(['sub_1']);
  });

  test('creates a subscription of one tenant or of all, and finds it by its id', async () => {
    const subscriptions = await open();
    const ofAcme = aSubscription({ types: ['record:*'], resources: ['hris/*'], integrations: ['staff'] });
    const ofAll = aSubscription({ id: 'sub_2', tenant: null });
    expect(await subscriptions.create(ofAcme)).toBe('created');
    expect(await subscriptions.create(ofAll)).toBe('created');
    expect(await subscriptions.find('sub_1')).toEqual(ofAcme);
    expect(await subscriptions.find('sub_2')).toEqual(ofAll);
    expect(await subscriptions.find('sub_3')).toBeUndefined();
  });

  test('keeps a reserved id for its scope, with or without a subscription (invariant 3)', async () => {
    const subscriptions = await open();
    const reserve = (scope: string) => subscriptions.reserve({ scope, id: 'sub_1' });
    const expectKept = async () => {
      expect(await reserve('acme')).toBe('reserved');
      for (const scope of ['globex', '*']) expect(await reserve(scope)).toBe('taken');
      for (const tenant of ['globex', null])
        expect(await subscriptions.create(aSubscription({ tenant }))).toBe('exists');
    };
    await expectKept();
    expect(await subscriptions.find('sub_1')).toBeUndefined();
    expect((await subscriptions.list(undefined, 10, undefined)).items).toEqual([]);
    expect(await subscriptions.create(aSubscription())).toBe('created');
    await expectKept();
    expect(await subscriptions.find('sub_1')).toEqual(aSubscription());
    await subscriptions.remove(aSubscription());
    await expectKept();
  });

  test('fails when any tenant has taken the id, and changes nothing (invariant 3)', async () => {
    const subscriptions = await open();
    const first = aSubscription();
    await subscriptions.create(first);
    for (const tenant of ['acme', 'globex', null])
      expect(await subscriptions.create(aSubscription({ tenant, url: 'https://evil.example.com' }))).toBe('exists');
    expect(await subscriptions.find('sub_1')).toEqual(first);
    expect(await subscriptions.listFor('acme')).toEqual([toRoute(first)]);
    expect(await subscriptions.listFor('globex')).toEqual([]);
  });

  test('lets one of many concurrent creations of an id succeed', async () => {
    const subscriptions = await open();
    const creations = ['a', 'b', 'c', 'd', null].map((tenant) => subscriptions.create(aSubscription({ tenant })));
    expect((await Promise.all(creations)).filter((result) => result === 'created')).toHaveLength(1);
    expect((await subscriptions.list(undefined, 10, undefined)).items).toHaveLength(1);
  });

  test('replaces a subscription that was read, and fails when another caller changed or removed it', async () => {
    const subscriptions = await open();
    for (const tenant of ['acme', null]) {
      const first = aSubscription({ id: `sub_${tenant}`, tenant });
      await subscriptions.create(first);
      const disabled = aSubscription({
        ...first,
        status: 'disabled',
        disabled: { by: 'failures', at: '2026-11-21T12:00:00.000Z' },
      });
      expect(await subscriptions.replace(disabled)).toBe(true);
      expect(await subscriptions.replace(first)).toBe(false);
      expect(await subscriptions.find(first.id)).toEqual({ ...disabled, revision: 2 });
      // A replacement removes members that it leaves out.
      expect(await subscriptions.replace({ ...first, revision: 2 })).toBe(true);
      expect(await subscriptions.find(first.id)).toEqual({ ...first, revision: 3 });
    }
    expect(await subscriptions.replace(aSubscription({ id: 'sub_none' }))).toBe(false);
    expect(await subscriptions.find('sub_none')).toBeUndefined();
  });

  test('replaces no subscription by the scope of another tenant (invariant 3)', async () => {
    const subscriptions = await open();
    await subscriptions.create(aSubscription());
    for (const tenant of ['globex', null]) expect(await subscriptions.replace(aSubscription({ tenant }))).toBe(false);
    expect(await subscriptions.find('sub_1')).toEqual(aSubscription());
    expect(await subscriptions.listFor('globex')).toEqual([]);
  });

  test('counts the subscriptions of a tenant, or those for all, up to a limit, without removed ones', async () => {
    const subscriptions = await open();
    for (const id of ['sub_1', 'sub_2', 'sub_3']) await subscriptions.create(aSubscription({ id }));
    await subscriptions.create(aSubscription({ id: 'sub_all', tenant: null }));
    await subscriptions.create(aSubscription({ id: 'sub_globex', tenant: 'globex' }));
    await subscriptions.remove(aSubscription({ id: 'sub_2' }));
    expect(await subscriptions.count('acme', 10)).toBe(2);
    expect(await subscriptions.count('acme', 2)).toBe(2);
    expect(await subscriptions.count('acme', 1)).toBe(1);
    expect(await subscriptions.count(null, 10)).toBe(1);
    expect(await subscriptions.count('initech', 10)).toBe(0);
  });

  test('removes a subscription; only its tenant can take its id again (invariant 3)', async () => {
    const subscriptions = await open();
    await subscriptions.create(aSubscription());
    await subscriptions.create(aSubscription({ id: 'sub_2' }));
    await subscriptions.remove(aSubscription());
    await subscriptions.remove(aSubscription());
    expect(await subscriptions.find('sub_1')).toBeUndefined();
    expect(idsOf(await subscriptions.listFor('acme'))).toEqual(['sub_2']);
    expect(idsOf((await subscriptions.list(undefined, 10, undefined)).items)).toEqual(['sub_2']);
    expect(await subscriptions.replace(aSubscription())).toBe(false);
    for (const tenant of ['globex', null]) expect(await subscriptions.create(aSubscription({ tenant }))).toBe('exists');
    expect(await subscriptions.find('sub_1')).toBeUndefined();
    expect(await subscriptions.create(aSubscription())).toBe('created');
    expect(await subscriptions.find('sub_1')).toEqual(aSubscription());
  });

  test('lists only the subscriptions of a tenant, page by page (invariant 3)', async () => {
    const subscriptions = await open();
    for (const id of ['c', 'a', 'e', 'b', 'd']) await subscriptions.create(aSubscription({ id: `sub_${id}` }));
    await subscriptions.create(aSubscription({ id: 'sub_bb', tenant: 'globex' }));
    await subscriptions.create(aSubscription({ id: 'sub_cc', tenant: null }));
    const pages = await readAllPages((after) => subscriptions.list('acme', 2, after));
    expect(pages.flat().map(({ id }) => id)).toEqual(['sub_a', 'sub_b', 'sub_c', 'sub_d', 'sub_e']);
    expect(pages.every((page) => page.length <= 2)).toBe(true);
  });

  test('lists every tenant’s subscriptions and those for all tenants, page by page', async () => {
    const subscriptions = await open();
    const tenants = ['acme', 'globex', null, 'acme', 'initech', null, 'globex'];
    for (const [index, tenant] of tenants.entries())
      await subscriptions.create(aSubscription({ id: `sub_${index}`, tenant }));
    const pages = await readAllPages((after) => subscriptions.list(undefined, 3, after));
    expect(pages.flat().map(({ id, tenant }) => [id, tenant])).toEqual(
      tenants.map((tenant, index) => [`sub_${index}`, tenant]),
    );
  });
});

describe.each(implementations)('subscription store on %s', (_, open) => {
  test('lists for a tenant its own subscriptions and those for all, and no others (invariant 3)', async () => {
    const subscriptions = await open();
    await subscriptions.create(aSubscription({ id: 'sub_acme' }));
    await subscriptions.create(aSubscription({ id: 'sub_all', tenant: null }));
    await subscriptions.create(aSubscription({ id: 'sub_globex', tenant: 'globex' }));
    expect(idsOf(await subscriptions.listFor('acme'))).toEqual(['sub_acme', 'sub_all']);
    expect(idsOf(await subscriptions.listFor('initech'))).toEqual(['sub_all']);
    expect((await subscriptions.listFor('acme')).find(({ id }) => id === 'sub_all')).toEqual(
      toRoute(aSubscription({ id: 'sub_all', tenant: null })),
    );
  });

  test('shows publishing each answered change, and no secret (invariants 3, 10)', async () => {
    const subscriptions = await open();
    const first = aSubscription();
    await subscriptions.create(first);
    expect(await subscriptions.listFor('acme')).toEqual([toRoute(first)]);
    const disabled = aSubscription({ status: 'disabled', types: ['record:created'] });
    await subscriptions.replace(disabled);
    const listed = await subscriptions.listFor('acme');
    expect(listed).toEqual([toRoute(disabled)]);
    expect(JSON.stringify(listed)).not.toContain(first.secrets[0]?.value);
    const second = aSubscription({ id: 'sub_2', tenant: null });
    await subscriptions.create(second);
    expect(idsOf(await subscriptions.listFor('acme'))).toEqual(['sub_1', 'sub_2']);
    await subscriptions.remove(first);
    await subscriptions.remove(second);
    expect(await subscriptions.listFor('acme')).toEqual([]);
    await subscriptions.create(first);
    expect(idsOf(await subscriptions.listFor('acme'))).toEqual(['sub_1']);
  });

  test('lists all subscriptions of a tenant, even if they exceed a page of the store', async () => {
    const subscriptions = await open();
    const accounts = Array.from({ length: 100 }, (_, index) => `${'x'.repeat(2_000)}${index}`);
    const ids = Array.from({ length: 8 }, (_, index) => `sub_${index}`);
    for (const id of ids) await subscriptions.create(aSubscription({ id, accounts }));
    expect(idsOf(await subscriptions.listFor('acme'))).toEqual(ids);
  });

  test('gets many by scope and id, but not by the scope of another tenant (invariant 3)', async () => {
    const subscriptions = await open();
    await subscriptions.create(aSubscription({ id: 'sub_acme' }));
    await subscriptions.create(aSubscription({ id: 'sub_all', tenant: null }));
    const found = await subscriptions.getMany([
      { scope: 'acme', id: 'sub_acme' },
      { scope: '*', id: 'sub_all' },
      { scope: '*', id: 'sub_all' },
      { scope: 'globex', id: 'sub_acme' },
      { scope: 'acme', id: 'sub_all' },
    ]);
    expect([...found].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
      aSubscription({ id: 'sub_acme' }),
      aSubscription({ id: 'sub_all', tenant: null }),
    ]);
  });
});

describe('the cache of subscriptions for publishing, on DynamoDB', () => {
  async function open() {
    const table = await tables.create('subscriptions');
    const clock = createManualClock();
    const directory = createDynamoSubscriptionDirectory(tables.client(), table, systemRandomness);
    const newPublisher = () => createDynamoSubscriptionStore(tables.client(), table, clock);
    return { table, clock, directory, newPublisher };
  }
  /** Count the requests of some work. */
  async function requestsOf(work: () => Promise<unknown>): Promise<number> {
    const requests = countRequests(tables.client());
    await work();
    requests.end();
    return requests.count();
  }

  test('costs one request while nothing changes, for any number of concurrent tenants', async () => {
    const { clock, directory, newPublisher } = await open();
    for (const tenant of ['acme', 'globex', null])
      await directory.create(aSubscription({ id: `sub_${tenant}`, tenant }));
    const publisher = newPublisher();
    const ask = () => Promise.all(['acme', 'globex'].map((tenant) => publisher.listFor(tenant)));
    // One request for the versions, and three for the scopes.
    expect(await requestsOf(ask)).toBe(4);
    expect(await requestsOf(ask)).toBe(1);
    await directory.create(aSubscription({ id: 'sub_new', tenant: 'globex' }));
    expect(await requestsOf(ask)).toBe(2);
    clock.advance(maxRememberedMs);
    expect(await requestsOf(ask)).toBe(4);
  });

  test('reads only the attributes that publishing needs', async () => {
    const { directory, newPublisher } = await open();
    await directory.create(aSubscription());
    const answers: unknown[] = [];
    tables.client().middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        answers.push((result.output as { Items?: unknown }).Items);
        return result;
      },
      { step: 'initialize', name: 'answers' },
    );
    await newPublisher().listFor('acme');
    tables.client().middlewareStack.remove('answers');
    const [item] = answers.flatMap((items) => (items as Record<string, unknown>[] | undefined) ?? []);
    expect(Object.keys(item ?? {}).sort()).toEqual(Object.keys(toRoute(aSubscription())).sort());
  });

  test('holds every change that another function has answered', async () => {
    const { directory, newPublisher } = await open();
    const publishers = [newPublisher(), newPublisher()];
    const seen = () => Promise.all(publishers.map(async (publisher) => idsOf(await publisher.listFor('acme'))));
    await seen();
    await directory.create(aSubscription());
    expect(await seen()).toEqual([['sub_1'], ['sub_1']]);
    await directory.remove(aSubscription());
    expect(await seen()).toEqual([[], []]);
  });

  test('gets a change that stopped before its version, after the retry or after a minute', async () => {
    const { table, clock, directory, newPublisher } = await open();
    await directory.create(aSubscription());
    const publisher = newPublisher();
    const ids = async () => idsOf(await publisher.listFor('acme'));
    expect(await ids()).toEqual(['sub_1']);
    await tables.put(table, { tenant: '#id', id: 'sub_2', scope: 'acme' });
    await tables.put(table, aSubscription({ id: 'sub_2' }));
    expect(await ids()).toEqual(['sub_1']);
    expect(await directory.create(aSubscription({ id: 'sub_2' }))).toBe('exists');
    expect(await ids()).toEqual(['sub_1', 'sub_2']);
    await tables.put(table, aSubscription({ id: 'sub_3' }));
    await directory.announce({ tenant: 'globex' });
    expect(await ids()).toEqual(['sub_1', 'sub_2']);
    await directory.announce({ tenant: 'acme' });
    expect(await ids()).toEqual(['sub_1', 'sub_2', 'sub_3']);
    await tables.put(table, aSubscription({ id: 'sub_4' }));
    clock.advance(maxRememberedMs);
    expect(await ids()).toEqual(['sub_1', 'sub_2', 'sub_3', 'sub_4']);
  });

  test('does not keep a failed read', async () => {
    const { directory, newPublisher } = await open();
    await directory.create(aSubscription());
    const publisher = newPublisher();
    tables.client().middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName === 'QueryCommand') throw new Error('not now');
          return next(args);
        },
      { step: 'initialize', name: 'refuse' },
    );
    await expect(publisher.listFor('acme')).rejects.toThrow('not now');
    tables.client().middlewareStack.remove('refuse');
    expect(idsOf(await publisher.listFor('acme'))).toEqual(['sub_1']);
  });

  test('is bounded: scopes that were not read recently are read again', async () => {
    const { directory, newPublisher } = await open();
    await directory.create(aSubscription());
    const publisher = newPublisher();
    const tenants = Array.from({ length: 1_000 }, (_, index) => `tenant-${index}`);
    await publisher.listFor('acme');
    await Promise.all(tenants.map((tenant) => publisher.listFor(tenant)));
    expect(await requestsOf(() => publisher.listFor('acme'))).toBe(2);
    expect(await requestsOf(() => publisher.listFor('acme'))).toBe(1);
  });
});
