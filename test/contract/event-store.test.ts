import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { clientSettings } from '../../lambdas/adapters/aws/client-settings.ts';
import { toItem } from '../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import {
  createDynamoEventLocator,
  createDynamoEventReader,
  createDynamoEventWriter,
} from '../../lambdas/adapters/dynamo/stores/event-store.ts';
import type {
  EventClaim,
  EventLocator,
  EventReader,
  EventWriter,
  FeedRow,
} from '../../lambdas/ports/events/event-store.ts';
import { createInMemoryEvents } from '../fakes/in-memory-events.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { anEventRow } from '../fakes/samples.ts';
import { awsConfig, countRequests, useTables } from './emulated-aws.ts';

interface Store {
  readonly events: EventWriter & EventReader & EventLocator;
  readonly clock: ManualClock;
}

const usualDays = 30;
const msPerDay = 86_400_000;

const tables = useTables();
const implementations: readonly (readonly [string, (retentionDays?: number) => Promise<Store>])[] = [
  [
    'the fake',
    async (retentionDays = usualDays) => {
      const clock = createManualClock();
      return { clock, events: createInMemoryEvents(clock, { retentionDays }) };
    },
  ],
  [
    'DynamoDB',
    async (retentionDays = usualDays) => {
      const clock = createManualClock();
      const [events, idempotency] = await Promise.all([tables.create('events'), tables.create('idempotency')]);
      const client = tables.client();
      return {
        clock,
        events: {
          ...createDynamoEventWriter(client, { events, idempotency }, { clock, retentionDays }),
          ...createDynamoEventReader(client, events, clock),
          ...createDynamoEventLocator(client, idempotency, clock),
        },
      };
    },
  ],
];

const aClaim = (change: Partial<EventClaim> = {}): EventClaim => ({
  id: 'evt_1',
  owner: 'raw_1',
  tenant: 'acme',
  sequence: 1,
  claimedAtMs: 1_000,
  ...change,
});
const written = (row: Parameters<typeof anEventRow>[1], sequence: number): FeedRow => ({
  ...anEventRow(sequence, row),
  writtenAtMs: 5_000 + sequence,
});
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe.each(implementations)('event writer on %s', (_, open) => {
  test('numbers from 1', async () => {
    const { events } = await open();
    expect(await events.takeSequences('acme', 3)).toBe(1);
    expect(await events.takeSequences('acme', 1)).toBe(4);
  });

  test('gives concurrent callers disjoint blocks without gaps', async () => {
    const { events } = await open();
    const counts = numbers(1, 24).map((taker) => (taker % 5) + 1);
    const firsts = await Promise.all(counts.map((count) => events.takeSequences('acme', count)));
    const taken = firsts.flatMap((first, taker) => numbers(first, first + (counts[taker] ?? 0) - 1));
    const total = counts.reduce((sum, count) => sum + count, 0);
    expect(taken.sort((a, b) => a - b)).toEqual(numbers(1, total));
  });

  test('counts the sequence of each tenant separately (invariant 3)', async () => {
    const { events } = await open();
    await events.takeSequences('acme', 5);
    expect(await events.takeSequences('globex', 1)).toBe(1);
  });

  test('keeps the first claim of an id, and returns it to later callers', async () => {
    const { events } = await open();
    const first = aClaim();
    expect(await events.claim(first)).toEqual(first);
    expect(await events.claim(aClaim({ owner: 'raw_2', sequence: 2, claimedAtMs: 2_000 }))).toEqual(first);
    expect(await events.claim(aClaim({ sequence: 3 }))).toEqual(first);
  });

  test('keeps one of many concurrent claims of an id', async () => {
    const { events } = await open();
    const claims = numbers(1, 12).map((sequence) => aClaim({ owner: `raw_${sequence}`, sequence }));
    const standing = await Promise.all(claims.map((claim) => events.claim(claim)));
    expect(new Set(standing.map(({ owner }) => owner)).size).toBe(1);
    expect(claims).toContainEqual(standing[0]);
  });

  test('keeps an abandoned claim, and marks it', async () => {
    const { events } = await open();
    const claim = await events.claim(aClaim());
    expect(await events.moveClaim(claim, { ...claim, isAbandoned: true })).toBe(true);
    expect(await events.claim(aClaim({ owner: 'raw_2' }))).toEqual({ ...claim, isAbandoned: true });
  });

  test('keeps a claim for a week where rows expire sooner', async () => {
    const { events, clock } = await open(1);
    const claim = await events.claim(aClaim());
    clock.advance(7 * msPerDay - 1_000);
    expect(await events.claim(aClaim({ owner: 'raw_2' }))).toEqual(claim);
    clock.advance(2_000);
    const later = aClaim({ owner: 'raw_2' });
    expect(await events.claim(later)).toEqual(later);
  });

  test('counts an expired claim as absent', async () => {
    const { events, clock } = await open();
    await events.claim(aClaim());
    clock.advance((usualDays + 1) * msPerDay);
    expect(await events.locate('evt_1')).toBeUndefined();
    const later = aClaim({ owner: 'raw_2', sequence: 9 });
    expect(await events.claim(later)).toEqual(later);
    expect(await events.locate('evt_1')).toEqual({ tenant: 'acme', sequence: 9, owner: 'raw_2' });
  });

  test('claims the ids that are free, and leaves the claims that exist', async () => {
    const { events } = await open();
    const first = await events.claim(aClaim());
    const pointers = [aClaim({ owner: 'raw_2', sequence: 2 }), aClaim({ id: 'evt_2', owner: 'raw_2', sequence: 3 })];
    expect(await events.point(pointers)).toEqual(new Set(['evt_2']));
    expect(await events.findClaim('evt_1')).toEqual(first);
    expect(await events.locate('evt_2')).toEqual({ tenant: 'acme', sequence: 3, owner: 'raw_2' });
  });

  test('moves a claim that is unchanged since it was read', async () => {
    const { events } = await open();
    const from = await events.claim(aClaim());
    const to = aClaim({ sequence: 7, claimedAtMs: 9_000 });
    expect(await events.moveClaim(from, to)).toBe(true);
    expect(await events.claim(aClaim({ owner: 'raw_3' }))).toEqual(to);
  });

  test('fails when the claim to move has moved before, or has another owner', async () => {
    const { events } = await open();
    const from = await events.claim(aClaim());
    await events.moveClaim(from, aClaim({ sequence: 7 }));
    expect(await events.moveClaim(from, aClaim({ sequence: 8 }))).toBe(false);
    expect(await events.moveClaim(aClaim({ owner: 'raw_2', sequence: 7 }), aClaim({ sequence: 8 }))).toBe(false);
    expect(await events.locate('evt_1')).toEqual({ tenant: 'acme', sequence: 7, owner: 'raw_1' });
  });

  test('lets one of many concurrent moves of a claim succeed', async () => {
    const { events } = await open();
    const from = await events.claim(aClaim());
    const moves = numbers(2, 9).map((sequence) => events.moveClaim(from, aClaim({ sequence })));
    expect((await Promise.all(moves)).filter(Boolean)).toHaveLength(1);
  });

  test('fails when the claim to move does not exist', async () => {
    const { events } = await open();
    expect(await events.moveClaim(aClaim(), aClaim({ sequence: 2 }))).toBe(false);
  });

  test('writes 60 rows at once', async () => {
    const { events } = await open();
    const rows = numbers(1, 60).map((sequence) => written({}, sequence));
    await events.writeRows(rows);
    expect(await events.listAfter('acme', 0, 100)).toEqual(rows);
  });

  test('writes the same row again without a change, and accepts an empty list', async () => {
    const { events } = await open();
    const row = written({ occurred_at: '2026-11-20T00:00:00.000Z', thin: true }, 1);
    await events.writeRows([row]);
    await events.writeRows([row]);
    await events.writeRows([]);
    expect(await events.listAfter('acme', 0, 10)).toEqual([row]);
  });

  test('fails when the time to write rows is over, and writes no row (invariant 8)', async () => {
    const { events, clock } = await open();
    const rows = numbers(1, 30).map((sequence) => written({}, sequence));
    await expect(events.writeRows(rows, clock.nowMs())).rejects.toMatchObject({
      code: 'storage-unavailable',
      retryable: true,
    });
    expect(await events.listAfter('acme', 0, 100)).toEqual([]);
    await events.writeRows(rows, clock.nowMs() + 60_000);
    expect(await events.listAfter('acme', 0, 100)).toEqual(rows);
  });

  test('keeps the counter of a tenant out of its feed', async () => {
    const { events } = await open();
    await events.takeSequences('acme', 2);
    expect(await events.listAfter('acme', 0, 10)).toEqual([]);
    expect(await events.listAfter('acme', -1, 10)).toEqual([]);
  });
});

test('concurrent claims share a request, even where two of them have one id', async () => {
  const clock = createManualClock();
  const [table, idempotency] = await Promise.all([tables.create('events'), tables.create('idempotency')]);
  const client = tables.client();
  const events = createDynamoEventWriter(client, { events: table, idempotency }, { clock, retentionDays: usualDays });
  const requests = countRequests(client);
  const claims = numbers(1, 10).map((sequence) => aClaim({ id: `evt_${sequence}`, sequence }));
  expect(await Promise.all(claims.map((claim) => events.claim(claim)))).toEqual(claims);
  expect(requests.count()).toBe(1);

  // All ids are claimed; one more request reads the stored claims.
  const others = claims.map((claim) => ({ ...claim, owner: 'raw_2' }));
  expect(await Promise.all(others.map((claim) => events.claim(claim)))).toEqual(claims);
  expect(requests.count()).toBe(3);

  const [first, second] = [aClaim({ id: 'evt_11', owner: 'raw_1' }), aClaim({ id: 'evt_11', owner: 'raw_2' })];
  const standing = await Promise.all([events.claim(first), events.claim(second)]);
  expect(new Set(standing.map(({ owner }) => owner)).size).toBe(1);
  requests.end();
});

test('a refused claim fails alone', async () => {
  const clock = createManualClock();
  const [table, idempotency] = await Promise.all([tables.create('events'), tables.create('idempotency')]);
  const client = tables.client();
  const events = createDynamoEventWriter(client, { events: table, idempotency }, { clock, retentionDays: usualDays });
  // The second id is too long for a key.
  const claims = ['evt_1', 'e'.repeat(3_000), 'evt_2'].map((id) => aClaim({ id }));
  const made = await Promise.allSettled(claims.map((claim) => events.claim(claim)));
  expect(made.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(made[1]).toMatchObject({ reason: { code: 'storage-unavailable', retryable: true } });
});

test('no row is written where its pointer is not: a retry may find the row by its pointer alone', async () => {
  const clock = createManualClock();
  const client = tables.client();
  const events = await tables.create('events');
  const options = { clock, retentionDays: usualDays };
  const writer = createDynamoEventWriter(client, { events, idempotency: 'no-such-table' }, options);
  const pointer = { id: 'evt_1', owner: 'raw_1', tenant: 'acme', sequence: 1, claimedAtMs: 1 };
  await expect(writer.writeRows([written({}, 1)], undefined, [pointer])).rejects.toThrow('resource not found');
  expect(await createDynamoEventReader(client, events, clock).listAfter('acme', 0, 10)).toEqual([]);
});

test('a write without an answer is aborted when its time is over, and not retried (invariant 8)', async () => {
  const clock = createManualClock();
  let calls = 0;
  const server = createServer(() => {
    calls += 1;
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new DynamoDBClient({ ...awsConfig, ...clientSettings, endpoint: `http://127.0.0.1:${port}` });
  const names = { events: 'events', idempotency: 'idempotency' };
  const events = createDynamoEventWriter(client, names, { clock, retentionDays: usualDays });
  await expect(events.writeRows([written({}, 1)], clock.nowMs() + 100)).rejects.toMatchObject({
    code: 'storage-unavailable',
    retryable: true,
  });
  expect(calls).toBe(1);
  client.destroy();
  server.closeAllConnections();
  server.close();
});

describe.each(implementations)('event reader on %s', (_, open) => {
  test('lists the rows of a tenant after a number in order, sealed ones included', async () => {
    const { events } = await open();
    const sealed: FeedRow = { tenant: 'acme', sequence: 10, sealed: true, writtenAtMs: 5_010 };
    const rows = [
      written({}, 2),
      written({ inlineData: undefined, claimKey: 'acme/evt_9' }, 9),
      sealed,
      written({}, 11),
    ];
    await events.writeRows([...rows].reverse());
    expect(await events.listAfter('acme', 0, 10)).toEqual(rows);
    expect(await events.listAfter('acme', 2, 2)).toEqual(rows.slice(1, 3));
    expect(await events.listAfter('acme', 11, 10)).toEqual([]);
  });

  test('lists nothing of another tenant (invariant 3)', async () => {
    const { events } = await open();
    await events.writeRows([written({}, 1), written({ tenant: 'globex' }, 2), written({ tenant: 'acme2' }, 3)]);
    expect((await events.listAfter('acme', 0, 10)).map(({ sequence }) => sequence)).toEqual([1]);
    expect(await events.getMany([{ tenant: 'acme', sequence: 2 }])).toEqual([]);
  });

  test('lists up to the limit although the data is larger than a page of the store', async () => {
    const { events } = await open();
    // Incompressible data.
    const inlineData = () => JSON.stringify({ text: randomBytes(225_000).toString('base64') });
    await events.writeRows(numbers(1, 9).map((sequence) => written({ inlineData: inlineData() }, sequence)));
    const list = async (after: number, limit: number) =>
      (await events.listAfter('acme', after, limit)).map(({ sequence }) => sequence);
    expect(await list(0, 100)).toEqual(numbers(1, 9));
    expect(await list(0, 8)).toEqual(numbers(1, 8));
    expect(await list(5, 8)).toEqual(numbers(6, 9));
  });

  test('returns long events unchanged, from a list or by key', async () => {
    const { events } = await open();
    const inlineData = JSON.stringify({ id: '1', description: 'Ünïcode, "quoted"\n'.repeat(200), due_date: null });
    const rows = [written({ inlineData, dataBytes: Buffer.byteLength(inlineData), thin: true }, 3), written({}, 4)];
    await events.writeRows(rows);
    expect(await events.listAfter('acme', 0, 10)).toEqual(rows);
    expect(await events.firstAfter('acme', 0)).toEqual({ sequence: 3, writtenAtMs: rows[0]?.writtenAtMs });
    expect(await events.getMany([{ tenant: 'acme', sequence: 3 }])).toEqual([
      { ...anEventRow(3), inlineData, dataBytes: Buffer.byteLength(inlineData), thin: true },
    ]);
  });

  test('skips expired rows, and lists up to the limit behind them', async () => {
    const { events, clock } = await open();
    await events.writeRows(numbers(1, 12).map((sequence) => written({}, sequence)));
    clock.advance(20 * msPerDay);
    await events.writeRows(numbers(13, 20).map((sequence) => written({}, sequence)));
    clock.advance(11 * msPerDay);
    expect((await events.listAfter('acme', 0, 3)).map(({ sequence }) => sequence)).toEqual([13, 14, 15]);
    expect(await events.getMany([{ tenant: 'acme', sequence: 12 }])).toEqual([]);
  });

  test('skips many expired rows to find a live one', async () => {
    const { events, clock } = await open();
    await events.writeRows(numbers(1, 700).map((sequence) => written({}, sequence)));
    clock.advance((usualDays + 1) * msPerDay);
    await events.writeRows(numbers(701, 705).map((sequence) => written({}, sequence)));
    expect((await events.listAfter('acme', 0, 1)).map(({ sequence }) => sequence)).toEqual([701]);
    expect((await events.listAfter('acme', 690, 3)).map(({ sequence }) => sequence)).toEqual([701, 702, 703]);
  });

  test('finds the first row, even if it is expired or sealed', async () => {
    const { events, clock } = await open();
    await events.writeRows([written({}, 2), { tenant: 'acme', sequence: 4, sealed: true, writtenAtMs: 7 }]);
    await events.takeSequences('acme', 4);
    clock.advance((usualDays + 1) * msPerDay);
    const first = async (after: number) => events.firstAfter('acme', after);
    expect(await Promise.all([-1, 0, 1].map(first))).toEqual(
      [2, 2, 2].map((sequence) => ({ sequence, writtenAtMs: 5_002 })),
    );
    expect(await first(2)).toEqual({ sequence: 4, writtenAtMs: 7 });
    expect([await first(4), await events.firstAfter('globex', 0)]).toEqual([undefined, undefined]);
  });

  test('gets events by key, and leaves out sealed and missing ones', async () => {
    const { events } = await open();
    await events.writeRows([
      written({}, 1),
      { tenant: 'acme', sequence: 2, sealed: true, writtenAtMs: 1 },
      written({}, 3),
    ]);
    const keys = [3, 1, 2, 4, 3].map((sequence) => ({ tenant: 'acme', sequence }));
    const found = [...(await events.getMany(keys))].sort((a, b) => a.sequence - b.sequence);
    expect(found).toEqual([anEventRow(1), anEventRow(3)]);
    expect(await events.getMany([])).toEqual([]);
  });

  test('gets more events than one request returns', async () => {
    const { events } = await open();
    await events.writeRows(numbers(1, 130).map((sequence) => written({}, sequence)));
    const found = await events.getMany(numbers(1, 140).map((sequence) => ({ tenant: 'acme', sequence })));
    expect(found.map(({ sequence }) => sequence).sort((a, b) => a - b)).toEqual(numbers(1, 130));
  });
});

describe.each(implementations)('event locator on %s', (_, open) => {
  test('finds the key of an event by its id', async () => {
    const { events } = await open();
    await events.claim(aClaim({ tenant: 'globex', sequence: 12 }));
    expect(await events.locate('evt_1')).toEqual({ tenant: 'globex', sequence: 12, owner: 'raw_1' });
    expect(await events.locate('evt_2')).toBeUndefined();
  });
});

test('other rows in the table of claims are not found as events', async () => {
  const table = await tables.create('idempotency');
  const client = tables.client();
  const locator = createDynamoEventLocator(client, table, createManualClock());
  // A caller may pass both ids as the id of an event to replay.
  for (const row of [
    { id: 'nonce#00ff', bodySha256: 'x' },
    { id: 'api#key#00ff', fingerprint: 'x', owner: 'y' },
  ]) {
    await client.send(new PutItemCommand({ TableName: table, Item: toItem(row) }));
    expect(await locator.locate(row.id)).toBeUndefined();
  }
});
