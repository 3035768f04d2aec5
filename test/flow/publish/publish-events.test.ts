import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientSettings } from '../../../lambdas/adapters/aws/client-settings.ts';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { DeliveryJob } from '../../../lambdas/contracts/messages.ts';
import type { Candidate, Publication } from '../../../lambdas/flows/publish/publication.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import type { FeedRow } from '../../../lambdas/ports/events/event-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { type Fault, faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';
import { propertyRuns } from '../../property-runs.ts';
import { anyFault } from '../any-fault.ts';
import { followFeed } from '../follow-feed.ts';

const candidate = (id: string, owner: string, change: Parameters<typeof anEvent>[0] = {}): Candidate => ({
  owner,
  event: anEvent({ id, record_id: id, data: { id }, ...change }),
});
const kindsOf = (publications: readonly Publication[]) => publications.map(({ kind }) => kind);
const rowsOf = (engine: FakeEngine, tenant = 'acme') => engine.events.listAfter(tenant, 0, 1_000);
const jobsOf = (engine: FakeEngine): readonly DeliveryJob[] =>
  engine.deliveryQueue.messages().map(({ body }) => JSON.parse(body));
/** What stands at each number: an event's id, or that it is sealed. */
const placesOf = (rows: readonly FeedRow[]) =>
  rows.map((row): readonly [number, string] => [row.sequence, 'sealed' in row ? 'sealed' : row.id]);

describe('sequence', () => {
  test('stores events in the order in which they are given, over several batches', async () => {
    const engine = createFakeEngine();
    await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1'), candidate('evt_b', 'raw_2')]);
    await publishEvents(engine.publishPorts, [candidate('evt_c', 'raw_3')]);
    expect(placesOf(await rowsOf(engine))).toEqual([
      [1, 'evt_a'],
      [2, 'evt_b'],
      [3, 'evt_c'],
    ]);
  });

  test('stores events of one tenant apart from those of another, each from 1 (invariant 3)', async () => {
    const engine = createFakeEngine();
    await publishEvents(engine.publishPorts, [
      candidate('evt_a', 'raw_1'),
      candidate('evt_b', 'raw_2', { tenant: 'globex' }),
      candidate('evt_c', 'raw_3'),
    ]);
    expect(placesOf(await rowsOf(engine))).toEqual([
      [1, 'evt_a'],
      [2, 'evt_c'],
    ]);
    expect(placesOf(await rowsOf(engine, 'globex'))).toEqual([[1, 'evt_b']]);
  });

  test('publishes nothing of an empty batch', async () => {
    expect(await publishEvents(createFakeEngine().publishPorts, [])).toEqual([]);
  });
});

describe('an input that fails for the last time', () => {
  const lastTry = (id: string, owner: string) => ({ ...candidate(id, owner), isLastTry: true });
  const failing = (engine: FakeEngine, change: object) => ({
    ...engine.publishPorts,
    events: { ...engine.publishPorts.events, ...change },
  });
  const refused = () => Promise.reject(new Error('not now'));

  test('leaves its events to the next message that brings them, once its write can no longer take effect', async () => {
    const engine = createFakeEngine();
    const ports = failing(engine, { writeRows: refused });
    expect(kindsOf(await publishEvents(ports, [lastTry('evt_a', 'raw_1')]))).toEqual(['failed']);
    expect(kindsOf(await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_2')]))).toEqual(['failed']);
    engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
    expect(kindsOf(await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_2')]))).toEqual(['published']);
    // Sent again from the dead-letter queue.
    expect(kindsOf(await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]))).toEqual(['duplicate']);
    const places = placesOf(await rowsOf(engine)).filter(([, id]) => id === 'evt_a');
    expect(places).toHaveLength(1);
  });

  test('leaves the deliveries of a row that it wrote', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    const ports = { ...engine.publishPorts, deliveryQueue: { sendAll: refused } };
    expect(kindsOf(await publishEvents(ports, [lastTry('evt_a', 'raw_1')]))).toEqual(['failed']);
    expect(await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_2')])).toEqual([
      { kind: 'published', deliveries: 1, type: 'record:updated' },
    ]);
    expect(jobsOf(engine).map(({ event }) => event)).toEqual(['evt_a']);
  });

  test('keeps the claim while it may come again', async () => {
    const engine = createFakeEngine();
    const ports = failing(engine, { writeRows: refused });
    await publishEvents(ports, [candidate('evt_a', 'raw_1')]);
    engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
    expect(kindsOf(await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_2')]))).toEqual(['duplicate']);
    expect(kindsOf(await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]))).toEqual(['published']);
  });
});

describe('duplicates', () => {
  test('are known for a week, however soon the tenant’s events expire', async () => {
    const engine = createFakeEngine();
    await engine.tenants.replace({ tenant: 'acme', retention: { eventsDays: 1 }, certificates: [], revision: 0 });
    await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]);
    engine.clock.advance(7 * 86_400_000 - 1);
    expect(kindsOf(await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_2')]))).toEqual(['duplicate']);
    engine.clock.advance(2);
    expect(kindsOf(await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_3')]))).toEqual(['published']);
  });

  test('publishes an event that is in a batch several times once', async () => {
    const engine = createFakeEngine();
    const publications = await publishEvents(engine.publishPorts, [
      candidate('evt_a', 'raw_1'),
      candidate('evt_a', 'raw_2'),
      candidate('evt_a', 'raw_1'),
    ]);
    expect(kindsOf(publications)).toEqual(['published', 'duplicate', 'duplicate']);
    expect(placesOf(await rowsOf(engine))).toEqual([[1, 'evt_a']]);
  });

  test('drops an event that another owner has published and leaves no hole (invariant 8)', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]);
    const publications = await publishEvents(engine.publishPorts, [
      candidate('evt_b', 'raw_2'),
      candidate('evt_a', 'raw_2'),
      candidate('evt_c', 'raw_2'),
    ]);
    expect(kindsOf(publications)).toEqual(['published', 'duplicate', 'published']);
    expect(placesOf(await rowsOf(engine))).toEqual([
      [1, 'evt_a'],
      [2, 'evt_b'],
      [3, 'sealed'],
      [4, 'evt_c'],
    ]);
    expect(jobsOf(engine).map(({ event }) => event)).toEqual(['evt_a', 'evt_b', 'evt_c']);
    const reader = followFeed(engine.feedPorts, 'acme');
    await reader.read();
    expect(reader.seen.map(({ id }) => id)).toEqual(['evt_a', 'evt_b', 'evt_c']);
  });

  test('queues the deliveries again, of the same event at its place, when its owner comes again (invariant 2)', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]);
    const [row] = await rowsOf(engine);
    engine.clock.advance(1_000);
    const again = await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]);
    expect(again).toEqual([{ kind: 'published', deliveries: 1, type: 'record:updated' }]);
    const [first, second, ...others] = jobsOf(engine);
    expect(second).toEqual(first);
    expect(others).toEqual([]);
    expect(await rowsOf(engine)).toEqual([row, expect.objectContaining({ sequence: 2, sealed: true })]);
  });

  test('fails while an earlier run of the same owner may still write, and publishes after that', async () => {
    const engine = createFakeEngine();
    await engine.events.takeSequences('acme', 1);
    const claimedAtMs = engine.clock.nowMs();
    await engine.events.claim({ id: 'evt_a', owner: 'raw_1', tenant: 'acme', sequence: 1, claimedAtMs });
    engine.clock.advance(limits.sequenceHoleLifetimeMs);
    const [early] = await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]);
    expect(early).toMatchObject({ kind: 'failed', error: { code: 'contended', retryable: true } });
    engine.clock.advance(1);
    const [late] = await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]);
    expect(late?.kind).toBe('published');
    expect((await rowsOf(engine)).filter((row) => !('sealed' in row))).toHaveLength(1);
  });
});

describe('the life of a hole', () => {
  /** A run that is held up between taking its numbers and writing them. */
  const heldUp = (engine: FakeEngine, meanwhile: () => Promise<void> | void) => ({
    ...engine.publishPorts,
    events: {
      ...engine.events,
      async claim(wanted: Parameters<typeof engine.events.claim>[0]) {
        const standing = await engine.events.claim(wanted);
        await meanwhile();
        return standing;
      },
      // A store that would take rows whenever they come.
      writeRows: (rows: readonly FeedRow[]) => engine.events.writeRows(rows),
    },
  });

  test('fails when its numbers were taken too long ago, writes nothing, and publishes when it comes again (invariants 2 and 8)', async () => {
    const engine = createFakeEngine();
    const slow = heldUp(engine, () => engine.clock.advance(limits.sequenceWriteBeginMs));
    const [late] = await publishEvents(slow, [candidate('evt_a', 'raw_1')]);
    expect(late).toMatchObject({ kind: 'failed', error: { code: 'contended', retryable: true } });
    expect(await rowsOf(engine)).toEqual([]);
    const [soon] = await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]);
    expect(soon).toMatchObject({ kind: 'failed', error: { code: 'contended', retryable: true } });
    engine.clock.advance(limits.sequenceHoleLifetimeMs);
    const [again] = await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]);
    expect(again?.kind).toBe('published');
    expect(placesOf(await rowsOf(engine))).toEqual([
      [2, 'sealed'],
      [3, 'evt_a'],
    ]);
  });

  test('publishes when it was held up for a little less', async () => {
    const engine = createFakeEngine();
    const slow = heldUp(engine, () => engine.clock.advance(limits.sequenceWriteBeginMs - 1));
    expect(kindsOf(await publishEvents(slow, [candidate('evt_a', 'raw_1')]))).toEqual(['published']);
  });

  test('counts the time from before the numbers were asked for, which may have been taken long before the answer', async () => {
    const engine = createFakeEngine();
    const events = {
      ...engine.events,
      async takeSequences(tenant: string, count: number) {
        const first = await engine.events.takeSequences(tenant, count);
        engine.clock.advance(limits.sequenceWriteBeginMs);
        return first;
      },
    };
    expect(kindsOf(await publishEvents({ ...engine.publishPorts, events }, [candidate('evt_a', 'raw_1')]))).toEqual([
      'failed',
    ]);
    expect(await rowsOf(engine)).toEqual([]);
  });

  test('a reader that has passed a number misses nothing when its writer wakes up (invariant 8)', async () => {
    const engine = createFakeEngine();
    const reader = followFeed(engine.feedPorts, 'acme');
    const slow = heldUp(engine, async () => {
      await publishEvents(engine.publishPorts, [candidate('evt_b', 'raw_2')]);
      engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
      await reader.read();
    });
    await publishEvents(slow, [candidate('evt_a', 'raw_1')]);
    expect(reader.seen.map(({ id }) => id)).toEqual(['evt_b']);
    engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
    await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]);
    await reader.read();
    expect(reader.seen.map(({ id, sequence }) => [id, sequence])).toEqual([
      ['evt_b', 2],
      ['evt_a', 3],
    ]);
  });

  test('the store is told until when it may write, and is asked no later', async () => {
    const engine = createFakeEngine();
    const startedAtMs = engine.clock.nowMs();
    const untils: (number | undefined)[] = [];
    const events: typeof engine.events = {
      ...engine.events,
      async writeRows(rows, untilMs) {
        untils.push(untilMs);
        engine.clock.advance(limits.sequenceWriteEndMs);
        await engine.events.writeRows(rows, untilMs);
      },
    };
    const [late] = await publishEvents({ ...engine.publishPorts, events }, [candidate('evt_a', 'raw_1')]);
    expect(untils).toEqual([startedAtMs + limits.sequenceWriteEndMs]);
    expect(late).toMatchObject({ kind: 'failed', error: { code: 'storage-unavailable', retryable: true } });
    expect(await rowsOf(engine)).toEqual([]);
  });

  test('the writer has given up, whatever the clocks say, when a reader may pass', () => {
    const { sequenceWriteBeginMs, sequenceWriteEndMs, requestInFlightMs, clockSkewMs, sequenceHoleLifetimeMs } = limits;
    const { maxAttempts, requestHandler } = clientSettings;
    expect(requestInFlightMs).toBeGreaterThan(requestHandler.requestTimeout);
    expect(sequenceWriteEndMs - sequenceWriteBeginMs).toBeGreaterThan(maxAttempts * requestHandler.requestTimeout);
    expect(sequenceWriteEndMs + requestInFlightMs + clockSkewMs).toBeLessThan(sequenceHoleLifetimeMs);
  });
});

describe('claim check', () => {
  const ofBytes = (size: number) => ({ text: 'x'.repeat(size - JSON.stringify({ text: '' }).length) });

  test('keeps data up to the threshold in the row and larger data in the claim store', async () => {
    const engine = createFakeEngine();
    const small = ofBytes(limits.claimThresholdBytes);
    const large = ofBytes(limits.claimThresholdBytes + 1);
    await publishEvents(engine.publishPorts, [
      candidate('evt_small', 'raw_1', { data: small }),
      candidate('evt_large', 'raw_1', { data: large }),
    ]);
    expect(engine.payloads.keys()).toEqual(['acme/evt_large']);
    expect(await rowsOf(engine)).toMatchObject([
      { inlineData: JSON.stringify(small), claimKey: undefined },
      { inlineData: undefined, claimKey: 'acme/evt_large' },
    ]);
    const reader = followFeed(engine.feedPorts, 'acme');
    await reader.read();
    expect(reader.seen.map(({ data }) => data)).toEqual([small, large]);
  });

  test('keeps all data in the claim store when the threshold is 0', async () => {
    const engine = createFakeEngine();
    await publishEvents({ ...engine.publishPorts, claimThresholdBytes: 0 }, [candidate('evt_a', 'raw_1')]);
    expect(engine.payloads.keys()).toEqual(['acme/evt_a']);
  });
});

describe('fan-out', () => {
  test('queues a job for each subscription that wants the event, by tenant, type, resource, integration and account', async () => {
    const engine = createFakeEngine();
    const subscriptions = [
      aSubscription({ id: 'sub_own' }),
      aSubscription({ id: 'sub_all_tenants', tenant: null }),
      aSubscription({ id: 'sub_type', types: ['record:deleted', 'record:up*'] }),
      aSubscription({ id: 'sub_resource', resources: ['hris/*'] }),
      aSubscription({ id: 'sub_account', integrations: ['staff'], accounts: ['acc_acme'] }),
      aSubscription({ id: 'other_tenant', tenant: 'globex' }),
      aSubscription({ id: 'other_type', types: ['record:deleted'] }),
      aSubscription({ id: 'other_resource', resources: ['crm/*', 'hris/employee'] }),
      aSubscription({ id: 'other_integration', integrations: ['github'] }),
      aSubscription({ id: 'other_account', accounts: ['acc_other'] }),
    ];
    for (const subscription of subscriptions) await engine.subscriptions.create(subscription);
    const publications = await publishEvents(engine.publishPorts, [candidate('evt_a', 'raw_1')]);
    expect(publications).toEqual([{ kind: 'published', deliveries: 5, type: 'record:updated' }]);
    expect(
      jobsOf(engine)
        .map(({ subscription }) => subscription)
        .sort(),
    ).toEqual(['sub_account', 'sub_all_tenants', 'sub_own', 'sub_resource', 'sub_type']);
    expect(jobsOf(engine).find(({ subscription }) => subscription === 'sub_all_tenants')).toEqual({
      subscription: 'sub_all_tenants',
      scope: '*',
      event: 'evt_a',
      tenant: 'acme',
      sequence: 1,
      timestamp: '2026-11-21T12:00:00.000Z',
      attempt: 1,
    });
  });

  test('queues each job in the group of the account, so that accounts share the queue fairly (invariant 12)', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    await publishEvents(engine.publishPorts, [
      candidate('evt_a', 'raw_1'),
      candidate('evt_b', 'raw_2', { account: 'acc_second' }),
    ]);
    expect(engine.deliveryQueue.messages().map(({ group }) => group)).toEqual(['acc_acme', 'acc_second']);
  });
});

test('no event of a batch crosses tenants, whoever subscribes to what (invariant 3)', async () => {
  const tenants = ['acme', 'globex', 'initech'];
  const anySubscription = fc.record({
    tenant: fc.constantFrom(...tenants, null),
    types: fc.subarray(['record:*', 'record:created', 'record:updated']),
  });
  const anyCandidate = fc.record({
    tenant: fc.constantFrom(...tenants),
    type: fc.constantFrom('record:created' as const, 'record:updated' as const, 'record:deleted' as const),
    sizeBytes: fc.constantFrom(10, 20_000),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(anySubscription), fc.array(anyCandidate), async (subscribed, given) => {
      const engine = createFakeEngine();
      const subscriptions = subscribed.map((filter, index) => aSubscription({ id: `sub_${index}`, ...filter }));
      for (const subscription of subscriptions) await engine.subscriptions.create(subscription);
      const candidates = given.map(({ tenant, type, sizeBytes }, index) =>
        candidate(`evt_${index}`, `raw_${index}`, {
          tenant,
          type,
          account: `acc_${tenant}`,
          data: { tenant, text: 'x'.repeat(sizeBytes) },
        }),
      );
      await publishEvents(engine.publishPorts, candidates);

      const expectedJobs = candidates.flatMap(({ event }) =>
        subscriptions
          .filter(({ tenant, types }) => {
            const typeWanted = types.length === 0 || types.includes('record:*') || types.includes(event.type);
            return (tenant === null || tenant === event.tenant) && typeWanted;
          })
          .map(({ id }) => `${id} ${event.tenant} ${event.id}`),
      );
      const jobs = jobsOf(engine).map(({ subscription, tenant, event }) => `${subscription} ${tenant} ${event}`);
      expect(jobs.sort()).toEqual(expectedJobs.sort());
      for (const tenant of tenants) {
        const reader = followFeed(engine.feedPorts, tenant);
        await reader.read();
        const own = candidates.filter(({ event }) => event.tenant === tenant).map(({ event }) => event.id);
        expect(reader.seen.map(({ id }) => id)).toEqual(own);
        expect(reader.seen.every((event) => event.tenant === tenant && event.data['tenant'] === tenant)).toBe(true);
      }
    }),
    propertyRuns(20, 200),
  );
});

describe('when a port call fails or the process ends', () => {
  const large = { text: 'x'.repeat(20_000) };
  const batch: readonly Candidate[] = [
    candidate('evt_a', 'raw_1'),
    candidate('evt_b', 'raw_1', { type: 'record:deleted' }),
    // Published before by another owner; large; twice in the batch; of another tenant.
    candidate('evt_old', 'raw_2'),
    candidate('evt_c', 'raw_2', { data: large }),
    candidate('evt_a', 'raw_3'),
    candidate('evt_g', 'raw_4', { tenant: 'globex', account: 'acc_globex' }),
  ];
  /** What each tenant's feed must hold in the end, and each subscription must have got. */
  const expectedFeeds = { acme: ['evt_a', 'evt_b', 'evt_c', 'evt_old'], globex: ['evt_g'] };
  const expectedJobs = {
    sub_acme: ['evt_a', 'evt_b', 'evt_c', 'evt_old'],
    sub_all: ['evt_a', 'evt_b', 'evt_c', 'evt_g', 'evt_old'],
    sub_deleted: ['evt_b'],
    sub_globex: ['evt_g'],
  };

  async function prepare(): Promise<FakeEngine> {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription({ id: 'sub_acme' }));
    await engine.subscriptions.create(aSubscription({ id: 'sub_all', tenant: null }));
    await engine.subscriptions.create(aSubscription({ id: 'sub_deleted', types: ['record:deleted'] }));
    await engine.subscriptions.create(aSubscription({ id: 'sub_globex', tenant: 'globex' }));
    await publishEvents(engine.publishPorts, [candidate('evt_old', 'raw_0')]);
    return engine;
  }

  async function countCalls(): Promise<number> {
    const { ports, calls } = injectFault((await prepare()).publishPorts);
    await publishEvents(ports, batch);
    return calls.length;
  }

  /** What must hold in the end, whatever happened on the way. */
  async function checkEnd(engine: FakeEngine, seenByTenant: ReadonlyMap<string, ReturnType<typeof followFeed>>) {
    for (const [tenant, expected] of Object.entries(expectedFeeds)) {
      const stored = (await rowsOf(engine, tenant)).flatMap((row) => ('sealed' in row ? [] : row));
      expect(stored.map(({ id }) => id).sort(), `rows of ${tenant}`).toEqual(expected);
      const seen = seenByTenant.get(tenant)?.seen ?? [];
      expect(seen.map(({ id, sequence }) => [id, sequence])).toEqual(stored.map(({ id, sequence }) => [id, sequence]));
      for (const { id, sequence } of stored) expect(await engine.events.locate(id)).toMatchObject({ tenant, sequence });
      for (const { event, sequence } of jobsOf(engine).filter((job) => job.tenant === tenant))
        expect([event, sequence]).toEqual([event, stored.find(({ id }) => id === event)?.sequence]);
    }
    expect(seenByTenant.get('acme')?.seen.find(({ id }) => id === 'evt_c')?.data).toEqual(large);
    for (const [subscription, expected] of Object.entries(expectedJobs)) {
      const jobs = jobsOf(engine).filter((job) => job.subscription === subscription);
      expect([...new Set(jobs.map(({ event }) => event))].sort(), `jobs of ${subscription}`).toEqual(expected);
    }
  }

  /**
   * Give the batch again until it succeeds, as the queue would: the first runs with the faults, one
   * each. Readers read before and after each run.
   */
  async function sweep(faults: readonly Fault[], retryAfterMs: number): Promise<void> {
    const engine = await prepare();
    const readers = new Map(Object.keys(expectedFeeds).map((tenant) => [tenant, followFeed(engine.feedPorts, tenant)]));
    const readAll = () => Promise.all([...readers.values()].map((reader) => reader.read()));
    const numberById = new Map<string, number>();
    const observe = async () => {
      await readAll();
      for (const tenant of readers.keys())
        for (const [sequence, id] of placesOf(await rowsOf(engine, tenant))) {
          if (id === 'sealed') continue;
          expect(sequence, `the number of ${id}`).toBe(numberById.get(id) ?? sequence);
          numberById.set(id, sequence);
        }
    };

    let rest = batch;
    for (let runs = 0; rest.length > 0; runs += 1) {
      expect(runs, 'runs').toBeLessThan(80);
      const { ports, crashed } = injectFault(engine.publishPorts, faults[runs]);
      const publications = await publishEvents(ports, rest);
      // An input of which one event failed comes again whole; after a crash all do.
      const failed = new Set(
        rest.filter((_, place) => publications[place]?.kind === 'failed').map(({ owner }) => owner),
      );
      if (!crashed()) rest = rest.filter(({ owner }) => failed.has(owner));
      await observe();
      engine.clock.advance(retryAfterMs);
      await observe();
    }
    engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
    await observe();
    await checkEnd(engine, readers);
  }

  test('every event is in the feed once and queued for all who want it, when retries come after the life of a hole (invariants 2 and 8)', async () => {
    const calls = await countCalls();
    expect(calls).toBeGreaterThan(10);
    for (let at = 1; at <= calls; at += 1)
      for (const fault of faultsAt(at)) await sweep([fault], limits.sequenceHoleLifetimeMs + 1);
  });

  test('every event is in the feed once and queued for all who want it, when retries come soon (invariants 2 and 8)', async () => {
    const calls = await countCalls();
    for (let at = 1; at <= calls; at += 1) for (const fault of faultsAt(at)) await sweep([fault], 7_000);
  });

  test('every event is in the feed once and queued for all who want it, when retries fail too (invariants 2 and 8)', async () => {
    const faults = fc.array(anyFault(await countCalls()), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(faults, fc.constantFrom(1_000, 20_000, 61_000, 180_000), sweep),
      propertyRuns(50, 500),
    );
  });
});

test('a reader sees each event once in order while several writers run interleaved and some die (invariants 2 and 8)', async () => {
  const anyWriter = fc.record({
    ids: fc.uniqueArray(fc.constantFrom('evt_a', 'evt_b', 'evt_c', 'evt_d', 'evt_e'), { minLength: 1, maxLength: 3 }),
    owner: fc.constantFrom('raw_1', 'raw_2', 'raw_3'),
    fault: fc.option(anyFault(12), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(anyWriter, { minLength: 2, maxLength: 4 }),
      async (scheduler, writers) => {
        const engine = createFakeEngine();
        const reader = followFeed(engine.feedPorts, 'acme', 2);
        // Each call of a writer waits for its turn, which the scheduler gives in any order.
        const events = Object.fromEntries(
          Object.entries(engine.events).map(([name, call]) => [
            name,
            async (...args: unknown[]) => {
              await scheduler.schedule(Promise.resolve(), name);
              return (call as (...args: unknown[]) => Promise<unknown>)(...args);
            },
          ]),
        ) as unknown as typeof engine.events;
        const candidatesOf = ({ ids, owner }: (typeof writers)[number]) => ids.map((id) => candidate(id, owner));
        const runs = writers.map((writer) =>
          publishEvents(injectFault({ ...engine.publishPorts, events }, writer.fault).ports, candidatesOf(writer)),
        );
        const reads = scheduler.scheduleSequence(
          Array.from({ length: 8 }, (_, index) => ({ label: `read ${index}`, builder: () => reader.read() })),
        );
        await scheduler.waitFor(Promise.all([...runs, reads.task]));
        for (let retries = 0; retries < 2; retries += 1) {
          engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
          await reader.read();
          for (const writer of writers) await publishEvents(engine.publishPorts, candidatesOf(writer));
          await reader.read();
        }
        const numbers = reader.seen.map(({ sequence }) => sequence);
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
        expect(reader.seen.map(({ id }) => id).sort()).toEqual([...new Set(writers.flatMap(({ ids }) => ids))].sort());
      },
    ),
    propertyRuns(50, 600),
  );
});
