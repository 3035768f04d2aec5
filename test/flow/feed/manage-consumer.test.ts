import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import {
  commitConsumer,
  createConsumer,
  deleteConsumer,
  findConsumer,
  type LeaseOutcome,
  type LeaseRequest,
  leaseConsumer,
  listConsumers,
  seekConsumer,
} from '../../../lambdas/flows/feed/manage-consumer.ts';
import { alwaysEnter } from '../../fakes/always-enter.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { anEventRow } from '../../fakes/samples.ts';

const warehouse = { tenant: 'acme', name: 'warehouse' };
const ttlMs = limits.consumerLeaseSeconds * 1000;

async function write(engine: FakeEngine, from: number, to: number): Promise<void> {
  const writtenAtMs = engine.clock.nowMs();
  for (let sequence = from; sequence <= to; sequence += 1)
    await engine.events.writeRows([{ ...anEventRow(sequence), writtenAtMs }]);
}

/** An engine whose tenant has ten events, and a consumer at the beginning of its feed. */
async function aFeed(count = 10): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await write(engine, 1, count);
  await createConsumer(engine.consumerPorts, { ...warehouse, since: { kind: 'beginning' } });
  return engine;
}

const lease = (engine: FakeEngine, change: Partial<LeaseRequest> = {}) =>
  leaseConsumer(engine.consumerPorts, { ...warehouse, enter: alwaysEnter, limit: 4, ...change });
const commit = (engine: FakeEngine, id: string, position: number, release = false) =>
  commitConsumer(engine.consumerPorts, { ...warehouse, lease: id, position, release });
const positionOf = async (engine: FakeEngine) => (await findConsumer(engine.consumerPorts, warehouse))?.position;

function leased(outcome: LeaseOutcome) {
  if (outcome.kind !== 'leased') throw new Error(`expected a lease, got ${outcome.kind}`);
  const { page } = outcome;
  return { id: outcome.lease, ...outcome, page, sequences: page.events.map(({ sequence }) => sequence) };
}

describe('consumers', () => {
  test('are created once, at the requested position, and then stay unchanged', async () => {
    const engine = createFakeEngine();
    await write(engine, 1, 10);
    const filter = { resources: ['hris/*'] };
    const made = await createConsumer(engine.consumerPorts, { ...warehouse, filter, since: { kind: 'now' } });
    const at = new Date(engine.clock.nowMs()).toISOString();
    const consumer = {
      ...warehouse,
      filter: { types: [], resources: ['hris/*'], accounts: [], integrations: [], origins: [] },
      position: 10,
      lease: undefined,
      createdAt: at,
      updatedAt: at,
      revision: 1,
    };
    expect(made).toEqual({ kind: 'created', consumer });
    engine.clock.advance(1_000);
    expect(await createConsumer(engine.consumerPorts, { ...warehouse, since: { kind: 'beginning' } })).toEqual({
      kind: 'exists',
      consumer,
    });
    expect(await findConsumer(engine.consumerPorts, warehouse)).toEqual(consumer);
  });

  test('of one name are separate for each tenant (invariant 3)', async () => {
    const engine = await aFeed();
    const other = { tenant: 'globex', name: 'warehouse' };
    expect((await createConsumer(engine.consumerPorts, { ...other, since: { kind: 'beginning' } })).kind).toBe(
      'created',
    );
    expect(leased(await lease(engine, other)).sequences).toEqual([]);
    expect(leased(await lease(engine)).sequences).toEqual([1, 2, 3, 4]);
  });

  test('are listed sorted by name, and deleted', async () => {
    const engine = await aFeed();
    await createConsumer(engine.consumerPorts, { tenant: 'acme', name: 'billing', since: { kind: 'now' } });
    const { items, next } = await listConsumers(engine.consumerPorts, 'acme', 1, undefined);
    expect(items.map(({ name }) => name)).toEqual(['billing']);
    const rest = await listConsumers(engine.consumerPorts, 'acme', 1, next);
    expect(rest.items.map(({ name }) => name)).toEqual(['warehouse']);
    expect(await deleteConsumer(engine.consumerPorts, warehouse)).toEqual({ kind: 'deleted' });
    expect(await deleteConsumer(engine.consumerPorts, warehouse)).toEqual({ kind: 'unknown' });
  });

  test('fails when there is no consumer of the name', async () => {
    const engine = createFakeEngine();
    expect(await lease(engine)).toEqual({ kind: 'unknown' });
    expect(await commit(engine, 'lease_1', 3)).toEqual({ kind: 'unknown' });
    expect(await seekConsumer(engine.consumerPorts, warehouse, { kind: 'now' })).toEqual({ kind: 'unknown' });
  });
});

describe('a lease', () => {
  test('reads on from the committed position, page by page', async () => {
    const engine = await aFeed();
    const first = leased(await lease(engine));
    expect(first.expiresAtMs).toBe(engine.clock.nowMs() + ttlMs);
    expect(first.sequences).toEqual([1, 2, 3, 4]);
    expect(await commit(engine, first.id, first.page.position)).toMatchObject({
      kind: 'committed',
      consumer: { position: 4, lease: { id: first.id, handedOut: 4 } },
    });
    const second = leased(await lease(engine, { lease: first.id }));
    expect([second.id, second.sequences]).toEqual([first.id, [5, 6, 7, 8]]);
    await commit(engine, first.id, 8, true);
    const third = leased(await lease(engine));
    expect(third.id).not.toBe(first.id);
    expect([third.sequences, third.page.caughtUp]).toEqual([[9, 10], true]);
  });

  test('gives its holder the uncommitted events again, and is extended', async () => {
    const engine = await aFeed();
    const { id } = leased(await lease(engine));
    await commit(engine, id, 2);
    engine.clock.advance(ttlMs - 1);
    const again = leased(await lease(engine, { lease: id, limit: 2 }));
    expect([again.id, again.sequences]).toEqual([id, [3, 4]]);
    expect(again.expiresAtMs).toBe(engine.clock.nowMs() + ttlMs);
  });

  test('fails when another reader holds the lease, and the outcome says until when', async () => {
    const engine = await aFeed();
    const { id, expiresAtMs } = leased(await lease(engine, { ttlSeconds: 30 }));
    expect(expiresAtMs).toBe(engine.clock.nowMs() + 30_000);
    expect(await lease(engine)).toEqual({ kind: 'held', untilMs: expiresAtMs });
    expect(await lease(engine, { lease: 'lease_of_yesterday' })).toEqual({ kind: 'held', untilMs: expiresAtMs });
    engine.clock.advance(30_000);
    const taken = leased(await lease(engine));
    expect(taken.id).not.toBe(id);
    expect(taken.sequences).toEqual([1, 2, 3, 4]);
  });

  test('has a bounded duration', async () => {
    const engine = await aFeed();
    const first = leased(await lease(engine, { ttlSeconds: 1 }));
    expect(first.expiresAtMs).toBe(engine.clock.nowMs() + limits.minConsumerLeaseSeconds * 1000);
    const second = leased(await lease(engine, { lease: first.id, ttlSeconds: 1e9 }));
    expect(second.expiresAtMs).toBe(engine.clock.nowMs() + limits.maxConsumerLeaseSeconds * 1000);
  });

  test('goes to exactly one of many concurrent readers', async () => {
    for (const count of [2, 8]) {
      const engine = await aFeed();
      const outcomes = await Promise.all(Array.from({ length: count }, () => lease(engine)));
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual([...Array(count - 1).fill('held'), 'leased']);
    }
  });

  test('is held while its holder waits for an event, and its time begins when the event arrives', async () => {
    const engine = await aFeed(0);
    let others: LeaseOutcome | undefined;
    let pauses = 0;
    const pause = async (ms: number) => {
      engine.clock.advance(ms);
      pauses += 1;
      if (pauses === 20) others = await lease(engine);
      if (pauses === 30) await write(engine, 1, 1);
    };
    const ports = { ...engine.consumerPorts, pause };
    const got = leased(
      await leaseConsumer(ports, { ...warehouse, enter: alwaysEnter, limit: 4, ttlSeconds: 5, waitMs: 20_000 }),
    );
    expect(others?.kind).toBe('held');
    expect(got.sequences).toEqual([1]);
    expect(got.expiresAtMs).toBe(engine.clock.nowMs() + 5_000);
  });

  test('is released when the events cannot be read', async () => {
    const engine = await aFeed();
    const payloads = { get: () => Promise.reject(new Error('not now')) };
    await engine.events.writeRows([
      { ...anEventRow(11), inlineData: undefined, claimKey: 'acme/evt_11', writtenAtMs: 0 },
    ]);
    const ports = { ...engine.consumerPorts, payloads };
    await expect(leaseConsumer(ports, { ...warehouse, enter: alwaysEnter, limit: 20 })).rejects.toThrow('not now');
    expect((await lease(engine)).kind).toBe('leased');
  });

  test('is granted although the answer to its write was lost', async () => {
    const engine = await aFeed();
    let writes = 0;
    const consumers = {
      ...engine.consumers,
      // Acts like an SDK that retries, and finds the revision changed by its own first write.
      async replace(consumer: Parameters<typeof engine.consumers.replace>[0]) {
        writes += 1;
        const isReplaced = await engine.consumers.replace(consumer);
        return writes === 1 ? engine.consumers.replace(consumer) : isReplaced;
      },
    };
    const got = await leaseConsumer(
      { ...engine.consumerPorts, consumers },
      { ...warehouse, enter: alwaysEnter, limit: 4 },
    );
    expect(leased(got).sequences).toEqual([1, 2, 3, 4]);
  });

  test('reads the events of the consumer’s filter, and can commit the skipped ones', async () => {
    const engine = createFakeEngine();
    await write(engine, 1, 10);
    await engine.events.writeRows([{ ...anEventRow(5, { account: 'acc_second' }), writtenAtMs: 0 }]);
    const filter = { accounts: ['acc_second'] };
    await createConsumer(engine.consumerPorts, { ...warehouse, filter, since: { kind: 'beginning' } });
    const got = leased(await lease(engine));
    expect([got.sequences, got.page.position]).toEqual([[5], 10]);
    expect(await commit(engine, got.id, 10)).toMatchObject({ kind: 'committed', consumer: { position: 10 } });
  });
});

describe('a commit', () => {
  test('fails when the position is before the committed one, or beyond the events handed out', async () => {
    const engine = await aFeed();
    const { id } = leased(await lease(engine));
    await commit(engine, id, 3);
    expect(await commit(engine, id, 2)).toEqual({ kind: 'behind', position: 3, handedOut: 4 });
    expect(await commit(engine, id, 5)).toEqual({ kind: 'behind', position: 3, handedOut: 4 });
    expect(await positionOf(engine)).toBe(3);
    expect((await commit(engine, id, 3)).kind).toBe('committed');
    expect((await commit(engine, id, 4)).kind).toBe('committed');
  });

  test('may reach the highest page handed out under the lease', async () => {
    const engine = await aFeed();
    const { id } = leased(await lease(engine, { limit: 8 }));
    await lease(engine, { lease: id, limit: 2 });
    expect(await commit(engine, id, 8)).toMatchObject({ kind: 'committed', consumer: { position: 8 } });
  });

  test('fails when another reader has taken the lease, and that reader gets the same events', async () => {
    const engine = await aFeed();
    const first = leased(await lease(engine));
    engine.clock.advance(ttlMs);
    const second = leased(await lease(engine));
    expect(second.sequences).toEqual(first.sequences);
    expect(await commit(engine, first.id, 4)).toEqual({ kind: 'lease-lost' });
    expect((await commit(engine, second.id, 4)).kind).toBe('committed');
    // Events handed out to the former holder do not count for the next.
    await commit(engine, second.id, 4, true);
    const third = leased(await lease(engine, { limit: 1 }));
    expect((await commit(engine, third.id, 8)).kind).toBe('behind');
  });

  test('succeeds after the lease has expired, while no other reader has taken it', async () => {
    const engine = await aFeed();
    const { id } = leased(await lease(engine));
    engine.clock.advance(ttlMs + 1);
    expect((await commit(engine, id, 4)).kind).toBe('committed');
  });

  test('that releases the lease lets others read immediately, and its holder can no longer commit', async () => {
    const engine = await aFeed();
    const { id } = leased(await lease(engine));
    expect(await commit(engine, id, 4, true)).toMatchObject({ kind: 'committed', consumer: { lease: undefined } });
    expect(await commit(engine, id, 4)).toEqual({ kind: 'lease-lost' });
    expect(leased(await lease(engine)).sequences).toEqual([5, 6, 7, 8]);
  });
});

describe('a seek', () => {
  test('moves a consumer in either direction, and its reader can no longer commit', async () => {
    const engine = await aFeed();
    const { id } = leased(await lease(engine));
    await commit(engine, id, 4);
    const moved = await seekConsumer(engine.consumerPorts, warehouse, { kind: 'sequence', sequence: 2 });
    expect(moved).toMatchObject({ kind: 'moved', consumer: { position: 1, lease: undefined } });
    expect(await commit(engine, id, 4)).toEqual({ kind: 'lease-lost' });
    expect(leased(await lease(engine)).sequences).toEqual([2, 3, 4, 5]);
    await seekConsumer(engine.consumerPorts, warehouse, { kind: 'now' });
    expect(await positionOf(engine)).toBe(10);
  });

  test('during a reader’s wait ends the wait without a lease', async () => {
    const engine = await aFeed(0);
    const pause = async (ms: number) => {
      engine.clock.advance(ms);
      await write(engine, 1, 3);
      await seekConsumer(engine.consumerPorts, warehouse, { kind: 'sequence', sequence: 3 });
    };
    const ports = { ...engine.consumerPorts, pause };
    const outcome = await leaseConsumer(ports, { ...warehouse, enter: alwaysEnter, limit: 4, waitMs: 20_000 });
    expect(outcome).toEqual({ kind: 'held', untilMs: engine.clock.nowMs() });
    expect(leased(await lease(engine)).sequences).toEqual([3]);
  });
});

test('each event is committed once and in order, however workers start, hang and return (invariant 8)', async () => {
  const anyStep = fc.record({
    worker: fc.nat(2),
    act: fc.constantFrom('lease' as const, 'commit' as const, 'commit' as const, 'release' as const, 'hang' as const),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 60 }), async (steps) => {
      const engine = await aFeed(20);
      const done: number[] = [];
      const hands: (ReturnType<typeof leased> | undefined)[] = [];
      for (const { worker, act, part } of steps) {
        const hand = hands[worker];
        if (act === 'hang') engine.clock.advance(Math.round(part * 2 * ttlMs));
        else if (act === 'lease') {
          const outcome = await lease(engine, { lease: hand?.id });
          hands[worker] = outcome.kind === 'leased' ? leased(outcome) : hand;
        } else if (hand !== undefined) {
          const upTo = hand.sequences[Math.floor(part * hand.sequences.length)] ?? hand.page.position;
          const before = await positionOf(engine);
          const { kind } = await commit(engine, hand.id, upTo, act === 'release');
          if (kind === 'committed')
            for (let sequence = (before ?? 0) + 1; sequence <= upTo; sequence += 1) done.push(sequence);
        }
      }
      expect(done).toEqual(done.map((_, index) => index + 1));
      expect(await positionOf(engine)).toBe(done.length);
    }),
    { numRuns: 200 },
  );
});
