import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { DeliveryJob } from '../../../lambdas/contracts/messages.ts';
import { findEventRow } from '../../../lambdas/flows/feed/read-event.ts';
import type { Candidate, RecordInput } from '../../../lambdas/flows/publish/publication.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import type { EventClaim, EventRow, EventWriter } from '../../../lambdas/ports/events/event-store.ts';
import type { RecordStates } from '../../../lambdas/ports/events/record-states.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { anEvent, anEventRow, aSubscription } from '../../fakes/samples.ts';

const integers = { versionKind: 'integer', volatile: [] } as const;

const candidate = (
  owner: string,
  record: Partial<RecordInput> = {},
  change: Partial<Candidate> & { readonly data?: Record<string, unknown> } = {},
): Candidate => {
  const { data = { id: '1' }, ...rest } = change;
  return {
    owner,
    event: anEvent({ id: 'unused', record_id: '1', data }),
    record: {
      incarnation: 'first',
      traits: integers,
      by: 'webhook',
      change: 'updated',
      version: undefined,
      changeName: `updated ${owner}`,
      seenAtMs: Date.parse('2026-11-21T12:00:00.000Z'),
      ...record,
    },
    ...rest,
  };
};

const eventsOf = async (engine: FakeEngine) =>
  (await engine.events.listAfter('acme', 0, 1_000)).filter(
    (row): row is EventRow & { writtenAtMs: number } => !('sealed' in row),
  );
const jobsOf = (engine: FakeEngine): readonly DeliveryJob[] =>
  engine.deliveryQueue.messages().map(({ body }) => JSON.parse(body));
const refused = () => Promise.reject(new Error('not now'));
const withEvents = (engine: FakeEngine, change: object) => ({
  ...engine.publishPorts,
  events: { ...engine.publishPorts.events, ...change },
});
const publishOne = async (engine: FakeEngine, one: Candidate, ports = engine.publishPorts) =>
  (await publishEvents(ports, [one]))[0]?.kind;

describe('a change whose input was killed at its last receive, before its row', () => {
  const killed = async () => {
    const engine = createFakeEngine();
    const ports = withEvents(engine, { writeRows: refused });
    // No `isLastTry`: the function was killed before it could give the change up.
    expect(await publishOne(engine, candidate('raw_1', { version: '5' }), ports)).toBe('failed');
    engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
    return engine;
  };

  test('is brought by the same webhook, sent again', async () => {
    const engine = await killed();
    const again = candidate('raw_2', { version: '5', changeName: 'updated raw_1' });
    expect(await publishOne(engine, again)).toBe('published');
    expect(await eventsOf(engine)).toHaveLength(1);
    expect(await publishOne(engine, candidate('raw_1', { version: '5' }))).toBe('duplicate');
  });

  test('is brought by a read that finds nothing new, hours later', async () => {
    const engine = await killed();
    engine.clock.advance(12 * 3_600_000);
    const read = candidate('run_1', { version: '5', by: 'read', change: 'unknown', changeName: undefined });
    expect(await publishOne(engine, read)).toBe('published');
    expect(await eventsOf(engine)).toHaveLength(1);
    expect(await publishOne(engine, { ...read, owner: 'run_2' })).toBe('unchanged');
    expect(await eventsOf(engine)).toHaveLength(1);
  });
});

test('deliveries of a change that was given up are queued by the first input that finds it, and by no other', async () => {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription());
  const ports = { ...engine.publishPorts, deliveryQueue: { sendAll: refused } };
  const last = { ...candidate('raw_1', { version: '5' }), isLastTry: true };
  expect(await publishOne(engine, last, ports)).toBe('failed');
  const read = (owner: string) =>
    candidate(owner, { version: '5', by: 'read', change: 'unknown', changeName: undefined });
  expect(await publishOne(engine, read('run_1'))).toBe('published');
  expect(await publishOne(engine, read('run_2'))).toBe('unchanged');
  expect(await publishOne(engine, read('run_3'))).toBe('unchanged');
  expect(jobsOf(engine)).toHaveLength(1);
});

describe('an event of a record is found by its id', () => {
  const expectFound = async (engine: FakeEngine, owner: string) => {
    const [row] = await eventsOf(engine);
    expect(await engine.events.locate(row?.id ?? '')).toEqual({ tenant: 'acme', sequence: row?.sequence, owner });
  };

  /** Before the first state is written, another input writes that of this version. */
  const overtakenBy = (engine: FakeEngine, version: string): RecordStates => {
    const { records } = engine.publishPorts;
    let isFirst = true;
    return {
      ...records,
      async write(key, before, next) {
        if (!isFirst) return records.write(key, before, next);
        isFirst = false;
        await publishOne(engine, candidate('raw_2', { version }, { data: { id: '1', name: 'b' } }));
        return false;
      },
    };
  };

  test('by the pointer that was written with its state, and not again with its row', async () => {
    const engine = createFakeEngine();
    const writeRows: EventWriter['writeRows'] = async (rows, untilMs, pointers) => {
      expect(pointers).toEqual([]);
      return engine.events.writeRows(rows, untilMs, pointers);
    };
    const ports = withEvents(engine, { writeRows });
    expect(await publishOne(engine, candidate('raw_1', { version: '5' }), ports)).toBe('published');
    await expectFound(engine, 'raw_1');
  });

  test('where its name was claimed before, for want of a version', async () => {
    const engine = createFakeEngine();
    expect(await publishOne(engine, candidate('raw_1'))).toBe('published');
    await expectFound(engine, 'raw_1');
  });

  test('where its pointer could not be written with its state', async () => {
    const engine = createFakeEngine();
    const ports = withEvents(engine, { point: async () => new Set() });
    expect(await publishOne(engine, candidate('raw_1', { version: '5' }), ports)).toBe('published');
    await expectFound(engine, 'raw_1');
  });

  test('where an earlier run of its input has left a pointer to a number without an event', async () => {
    const engine = createFakeEngine();
    const first = candidate('raw_1', { version: '5' });
    expect(await publishOne(engine, first, withEvents(engine, { writeRows: refused }))).toBe('failed');
    engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
    expect(await publishOne(engine, { ...first, isRetry: true })).toBe('published');
    await expectFound(engine, 'raw_1');
  });

  test('where another writer came first, and the event has a later number', async () => {
    const engine = createFakeEngine();
    await engine.events.takeSequences('acme', 1);
    const ports = { ...engine.publishPorts, records: overtakenBy(engine, '5') };
    expect(await publishOne(engine, candidate('raw_1', { version: '6' }), ports)).toBe('published');
    const rows = await eventsOf(engine);
    expect(rows.map(({ sequence }) => sequence)).toEqual([3, 4]);
    for (const { id, sequence } of rows) expect(await engine.events.locate(id)).toMatchObject({ sequence });
  });

  test('but not by the pointer of an input that turned out to be stale, although its number has another event', async () => {
    const engine = createFakeEngine();
    const pointers: EventClaim[] = [];
    const point: EventWriter['point'] = async (claims) => {
      pointers.push(...claims);
      return engine.events.point(claims);
    };
    const ports = { ...withEvents(engine, { point }), records: overtakenBy(engine, '9') };
    expect(await publishOne(engine, candidate('raw_1', { version: '5' }), ports)).toBe('stale');
    const [left] = pointers;
    await engine.events.writeRows([{ ...anEventRow(left?.sequence ?? 0, { id: 'evt_other' }), writtenAtMs: 1 }]);
    expect(await engine.events.locate(left?.id ?? '')).toMatchObject({ sequence: left?.sequence });
    expect(await findEventRow({ events: engine.events, locator: engine.events }, left?.id ?? '')).toBeUndefined();
  });
});

describe('event ids', () => {
  test('of an account that is created again are not those of the first', async () => {
    const engine = createFakeEngine();
    await publishOne(engine, candidate('raw_1', { version: '5' }));
    await publishOne(engine, candidate('raw_2', { version: '5', incarnation: 'second' }));
    const ids = (await eventsOf(engine)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
  });

  test.each([
    ['updated', 'raw_3', 'raw_9'],
    ['deleted', 'raw_3', 'raw_9'],
  ] as const)(
    'never name two changes when an input without a version lies between: %s',
    async (change, owner, later) => {
      const engine = createFakeEngine();
      await publishOne(engine, candidate('raw_1', { version: '5' }));
      await publishOne(engine, candidate('raw_2', { change }, { data: { id: '1', name: 'b' } }));
      await publishOne(engine, candidate(owner, { version: '5' }, { data: { id: '1', name: 'c' } }));
      await publishOne(engine, candidate(later, { version: '4' }, { data: { id: '1', name: 'd' } }));
      const read = { version: '5', by: 'read', change: 'unknown', changeName: undefined } as const;
      engine.clock.advance(3_600_000);
      await publishOne(engine, candidate('run_1', { ...read, seenAtMs: engine.clock.nowMs() + 3_600_000 }));
      const ids = (await eventsOf(engine)).map(({ id }) => id);
      expect(ids.length).toBeGreaterThanOrEqual(3);
      expect(new Set(ids).size).toBe(ids.length);
    },
  );
});
