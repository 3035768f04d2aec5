import { expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { traceOfId } from '../../../lambdas/engine/trace/trace-ids.ts';
import { type FeedQuery, readFeed } from '../../../lambdas/flows/feed/read-feed.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { anEventRow } from '../../fakes/samples.ts';

/** Write events with these numbers, now. */
async function write(engine: FakeEngine, ...sequences: readonly number[]): Promise<void> {
  const writtenAtMs = engine.clock.nowMs();
  await engine.events.writeRows(sequences.map((sequence) => ({ ...anEventRow(sequence), writtenAtMs })));
}

async function seal(engine: FakeEngine, sequence: number): Promise<void> {
  await engine.events.writeRows([{ tenant: 'acme', sequence, sealed: true, writtenAtMs: engine.clock.nowMs() }]);
}

const everything: FeedQuery = { tenant: 'acme', position: 0, limit: 10, types: [], resources: [], accounts: [] };

async function read(engine: FakeEngine, position = 0, limit = 10, filter: Partial<FeedQuery> = {}) {
  const { events, ...page } = await readFeed(engine.feedPorts, { ...everything, position, limit, ...filter });
  return { sequences: events.map(({ sequence }) => sequence), ...page };
}

test('an empty feed is caught up at its beginning', async () => {
  expect(await read(createFakeEngine())).toEqual({ sequences: [], position: 0, caughtUp: true });
});

test('the reader stops before a gap while it may be filled, and continues once it is (invariant 8)', async () => {
  const engine = createFakeEngine();
  await write(engine, 1, 3);
  engine.clock.advance(limits.sequenceHoleLifetimeMs);
  expect(await read(engine)).toEqual({ sequences: [1], position: 1, caughtUp: false });
  await write(engine, 2);
  expect(await read(engine, 1)).toEqual({ sequences: [2, 3], position: 3, caughtUp: true });
});

test('the reader passes a gap once no writer can fill it (invariant 8)', async () => {
  const engine = createFakeEngine();
  await write(engine, 1, 3, 4);
  engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
  expect(await read(engine)).toEqual({ sequences: [1, 3, 4], position: 4, caughtUp: true });
});

test('the reader stops before a gap at the very beginning (invariant 8)', async () => {
  const engine = createFakeEngine();
  await write(engine, 2);
  expect(await read(engine)).toEqual({ sequences: [], position: 0, caughtUp: false });
});

test('the reader passes an old gap and stops before a young one (invariant 8)', async () => {
  const engine = createFakeEngine();
  await write(engine, 1, 3);
  engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
  await write(engine, 5);
  expect(await read(engine)).toEqual({ sequences: [1, 3], position: 3, caughtUp: false });
});

test('any event behind a gap bounds its age, and the events before it are returned (invariant 8)', async () => {
  const engine = createFakeEngine();
  await write(engine, 1, 4);
  engine.clock.advance(limits.sequenceHoleLifetimeMs);
  await write(engine, 3);
  expect(await read(engine)).toEqual({ sequences: [1], position: 1, caughtUp: false });
  engine.clock.advance(1);
  expect(await read(engine, 1)).toEqual({ sequences: [3, 4], position: 4, caughtUp: true });
});

test('the age of a gap is taken before the read, however long the read takes (invariant 8)', async () => {
  const engine = createFakeEngine();
  await write(engine, 1, 3);
  const slowly: typeof engine.events = {
    ...engine.events,
    async listAfter(...args) {
      const rows = await engine.events.listAfter(...args);
      // Number 2 may be written by the time the read returns.
      engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
      return rows;
    },
  };
  const page = await readFeed({ ...engine.feedPorts, events: slowly }, everything);
  expect(page.position).toBe(1);
});

test('pages end at the limit, and are caught up only if no event is left', async () => {
  const engine = createFakeEngine();
  await write(engine, 1, 2, 3, 4, 5);
  expect(await read(engine, 0, 2)).toEqual({ sequences: [1, 2], position: 2, caughtUp: false });
  expect(await read(engine, 2, 2)).toEqual({ sequences: [3, 4], position: 4, caughtUp: false });
  expect(await read(engine, 4, 2)).toEqual({ sequences: [5], position: 5, caughtUp: true });
  expect(await read(engine, 5, 2)).toEqual({ sequences: [], position: 5, caughtUp: true });
});

test('sealed numbers are skipped, and are no gaps (invariant 8)', async () => {
  const engine = createFakeEngine();
  await write(engine, 1, 4);
  await seal(engine, 2);
  await seal(engine, 3);
  await seal(engine, 5);
  expect(await read(engine)).toEqual({ sequences: [1, 4], position: 5, caughtUp: true });
  expect(await read(engine, 1, 1)).toEqual({ sequences: [4], position: 5, caughtUp: true });
});

test('events that the filter excludes are skipped, and not read again', async () => {
  const engine = createFakeEngine();
  const rows = [
    anEventRow(1, { type: 'record:deleted' }),
    anEventRow(2, { resource: 'crm/contacts' }),
    anEventRow(3, { account: 'acc_other' }),
    anEventRow(4),
  ];
  await engine.events.writeRows(rows.map((row) => ({ ...row, writtenAtMs: 0 })));
  expect((await read(engine, 0, 10, { types: ['record:updated'] })).sequences).toEqual([2, 3, 4]);
  expect((await read(engine, 0, 10, { resources: ['hris/*'] })).sequences).toEqual([1, 3, 4]);
  expect((await read(engine, 0, 10, { accounts: ['acc_other'] })).sequences).toEqual([3]);
  expect(await read(engine, 0, 1, { accounts: ['acc_other', 'acc_third'] })).toEqual({
    sequences: [3],
    position: 4,
    caughtUp: true,
  });
});

test('a reader filters by lists of accounts, integrations and origins', async () => {
  const engine = createFakeEngine();
  const rows = [
    anEventRow(1, { account: 'acc_second' }),
    anEventRow(2, { integration: 'github' }),
    anEventRow(3, { origin: 'poll' }),
    anEventRow(4, { account: 'acc_third', origin: 'backfill' }),
  ];
  await engine.events.writeRows(rows.map((row) => ({ ...row, writtenAtMs: 0 })));
  const sequences = async (filter: Partial<FeedQuery>) => (await read(engine, 0, 10, filter)).sequences;
  expect(await sequences({ accounts: ['acc_second', 'acc_third'] })).toEqual([1, 4]);
  expect(await sequences({ integrations: ['github', 'gitlab'] })).toEqual([2]);
  expect(await sequences({ origins: ['poll', 'backfill'] })).toEqual([3, 4]);
  expect(await sequences({ origins: ['webhook'], integrations: ['staff'] })).toEqual([1]);
});

/** Write rows, of which every `every`-th is about a contact. */
async function writeSparse(engine: FakeEngine, count: number, every: number): Promise<void> {
  const writtenAtMs = engine.clock.nowMs();
  await engine.events.writeRows(
    Array.from({ length: count }, (_, index) => ({
      ...anEventRow(index + 1, (index + 1) % every === 0 ? { resource: 'crm/contacts' } : {}),
      writtenAtMs,
    })),
  );
}

test('a page is filled although few events match, and the next continues after it (invariant 8)', async () => {
  const engine = createFakeEngine();
  await writeSparse(engine, 1_000, 150);
  const contacts = { resources: ['crm/*'] };
  expect(await read(engine, 0, 4, contacts)).toMatchObject({ sequences: [150, 300, 450, 600], caughtUp: false });
  const first = await read(engine, 0, 4, contacts);
  expect(await read(engine, first.position, 4, contacts)).toEqual({
    sequences: [750, 900],
    position: 1_000,
    caughtUp: true,
  });
});

test('a page ends after a bounded number of rows, matching or not, and after a bounded time', async () => {
  const engine = createFakeEngine();
  await writeSparse(engine, limits.feedMaxRows + 100, limits.feedMaxRows + 50);
  const contacts = { resources: ['crm/*'] };
  expect(await read(engine, 0, 4, contacts)).toEqual({
    sequences: [],
    position: limits.feedMaxRows,
    caughtUp: false,
  });
  expect((await read(engine, limits.feedMaxRows, 4, contacts)).sequences).toEqual([limits.feedMaxRows + 50]);
  const slowly: typeof engine.events = {
    ...engine.events,
    async listAfter(...args) {
      engine.clock.advance(2_000);
      return engine.events.listAfter(...args);
    },
  };
  const page = await readFeed({ ...engine.feedPorts, events: slowly }, { ...everything, ...contacts });
  expect(page).toMatchObject({ events: [], position: 150, caughtUp: false });
});

test('a reader that changes its filter continues at its position (invariant 8)', async () => {
  const engine = createFakeEngine();
  await writeSparse(engine, 300, 100);
  const { position } = await read(engine, 0, 1, { resources: ['crm/*'] });
  expect(position).toBeGreaterThanOrEqual(100);
  expect((await read(engine, position, 2)).sequences).toEqual([position + 1, position + 2]);
});

test('the reader continues after expired events', async () => {
  const engine = createFakeEngine();
  await write(engine, 1, 2);
  engine.clock.advance(limits.retentionDays * 86_400_000);
  await write(engine, 3);
  engine.clock.advance(limits.sequenceHoleLifetimeMs + 1);
  expect(await read(engine)).toEqual({ sequences: [3], position: 3, caughtUp: true });
});

test('an event has the members of the contract, with its data by claim check', async () => {
  const engine = createFakeEngine();
  await engine.payloads.put('acme/evt_1', Buffer.from('{"name":"Ada"}'), 'application/json');
  const row = anEventRow(1, { inlineData: undefined, claimKey: 'acme/evt_1', occurred_at: '2026-11-20T00:00:00.000Z' });
  await engine.events.writeRows([{ ...row, writtenAtMs: 0 }]);
  const { events } = await readFeed(engine.feedPorts, everything);
  expect(JSON.stringify(events[0])).toBe(
    JSON.stringify({
      id: 'evt_1',
      type: 'record:updated',
      timestamp: '2026-11-21T12:00:00.000Z',
      tenant: 'acme',
      account: 'acc_acme',
      integration: 'staff',
      resource: 'hris/employees',
      record_id: '123',
      sequence: 1,
      origin: 'webhook',
      raw_event_type: 'employee.updated',
      schema_version: '1.0.0',
      occurred_at: '2026-11-20T00:00:00.000Z',
      correlation_id: traceOfId('evt_1'),
      data: { name: 'Ada' },
    }),
  );
});

test('a page ends before it is too large for one answer, and the next continues there (invariant 8)', async () => {
  const engine = createFakeEngine();
  const writtenAtMs = engine.clock.nowMs();
  const sizes = [1_000, 2_000_000, 1_000_000, 2_748_000, 1_000];
  await engine.events.writeRows(
    sizes.map((dataBytes, index) => ({ ...anEventRow(index + 1), dataBytes, writtenAtMs })),
  );
  expect(await read(engine)).toEqual({ sequences: [1, 2], position: 2, caughtUp: false });
  expect(await read(engine, 2)).toEqual({ sequences: [3], position: 3, caughtUp: false });
  // An event of any size fits a page of its own.
  expect(await read(engine, 3)).toEqual({ sequences: [4], position: 4, caughtUp: false });
  expect(await read(engine, 4)).toEqual({ sequences: [5], position: 5, caughtUp: true });
});
