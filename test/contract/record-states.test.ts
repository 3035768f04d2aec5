import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { recordRowKey, toRecordAttributes } from '../../lambdas/adapters/dynamo/rows/record-rows.ts';
import { itemBytes, toItem } from '../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import {
  createDynamoRecordDirectory,
  createDynamoRecordEraser,
} from '../../lambdas/adapters/dynamo/stores/record-directory.ts';
import { createDynamoRecordStates } from '../../lambdas/adapters/dynamo/stores/record-states.ts';
import type { RecordState } from '../../lambdas/engine/records/record-state.ts';
import type {
  RecordDirectory,
  RecordKey,
  RecordStates,
  StoredRecord,
} from '../../lambdas/ports/events/record-states.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { createInMemoryRecordStates } from '../fakes/in-memory-record-states.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { aRecordState } from '../fakes/samples.ts';
import { countRequests, useTables } from './emulated-aws.ts';

const tables = useTables();

interface Opened {
  readonly states: RecordStates;
  readonly directory: RecordDirectory;
  readonly eraser: Eraser;
}

const implementations: readonly (readonly [string, (clock: ManualClock) => Promise<Opened>])[] = [
  [
    'the fake',
    async (clock) => {
      const fake = createInMemoryRecordStates(clock);
      return { states: fake, directory: fake, eraser: fake.eraser };
    },
  ],
  [
    'DynamoDB',
    async (clock) => {
      const table = await tables.create('records');
      const client = tables.client();
      return {
        states: createDynamoRecordStates(client, table, clock),
        directory: createDynamoRecordDirectory(client, table, clock),
        eraser: createDynamoRecordEraser(client, table),
      };
    },
  ],
];

const key = (recordId: string, change: Partial<RecordKey> = {}): RecordKey => ({
  tenant: 'acme',
  account: 'acc_acme',
  incarnation: '2026-01-01T00:00:00.000Z',
  resource: 'crm/contacts',
  recordId,
  ...change,
});
const unknown: StoredRecord = { state: undefined, lastN: 0 };
const full = (change: Partial<RecordState> = {}): RecordState =>
  aRecordState({
    version: '2026-11-29T06:00:00.123456Z',
    isRead: true,
    drops: [
      { outcome: 'stale', origin: 'webhook', version: '1', atMs: 1, seenAtMs: 2 },
      { outcome: 'unchanged', origin: 'poll', atMs: 3, seenAtMs: 4 },
    ],
    changes: [
      { ...(aRecordState().changes[0] as RecordState['changes'][number]), isAbandoned: true },
      { ...(aRecordState().changes[0] as RecordState['changes'][number]), sequence: 2, type: 'record:deleted' },
    ],
    ...change,
  });

describe.each(implementations)('record states in %s', (_, open) => {
  test('come back as they were written, in the order of the keys', async () => {
    const { states } = await open(createManualClock());
    const long = 'x'.repeat(600);
    expect(await states.write(key('1'), unknown, full())).toBe(true);
    expect(await states.write(key(long), unknown, aRecordState())).toBe(true);
    expect(await states.getMany([key(long), key('none'), key('1'), key(`${long}y`)])).toEqual([
      { state: aRecordState(), lastN: 1 },
      unknown,
      { state: full(), lastN: 1 },
      unknown,
    ]);
    expect(await states.getMany([])).toEqual([]);
  });

  test('remember the last version where they have none', async () => {
    const { states } = await open(createManualClock());
    const known = aRecordState({ version: undefined, lastVersion: '5' });
    await states.write(key('1'), unknown, known);
    const [stored] = await states.getMany([key('1')]);
    expect(stored?.state?.version).toBeUndefined();
    expect(stored?.state?.lastVersion).toBe('5');
    await states.write(key('1'), stored as StoredRecord, aRecordState({ n: 2, version: '6' }));
    expect((await states.getMany([key('1')]))[0]?.state?.lastVersion).toBeUndefined();
  });

  test('are written on condition: of two writers that read the same, one wins', async () => {
    const { states } = await open(createManualClock());
    const first = await Promise.all([
      states.write(key('1'), unknown, aRecordState()),
      states.write(key('1'), unknown, aRecordState({ fingerprint: 'of-another' })),
    ]);
    expect(first.filter(Boolean)).toEqual([true]);
    const [stored] = await states.getMany([key('1')]);
    const next = { ...full(), n: 2 };
    expect(await states.write(key('1'), stored as StoredRecord, next)).toBe(true);
    expect(await states.write(key('1'), stored as StoredRecord, { ...next, fingerprint: 'late' })).toBe(false);
    expect(await states.getMany([key('1')])).toEqual([{ state: next, lastN: 2 }]);
  });

  test('forget what a later state lacks', async () => {
    const { states } = await open(createManualClock());
    await states.write(key('1'), unknown, full());
    const { version: _version, fingerprint: _fingerprint, ...rest } = full();
    const next: RecordState = { ...rest, n: 2, isRead: false, isDeleted: true, drops: [] };
    expect(await states.write(key('1'), { state: full(), lastN: 1 }, next)).toBe(true);
    expect(await states.getMany([key('1')])).toEqual([{ state: next, lastN: 2 }]);
  });

  test('of a former account, or of another tenant, do not count, and are written over', async () => {
    const { states } = await open(createManualClock());
    await states.write(key('1'), unknown, aRecordState({ n: 7 }));
    for (const change of [{ incarnation: '2026-02-02T00:00:00.000Z' }, { tenant: 'globex' }])
      expect(await states.getMany([key('1', change)])).toEqual([{ state: undefined, lastN: 7 }]);
    const later = key('1', { incarnation: '2026-02-02T00:00:00.000Z' });
    expect(await states.write(later, { state: undefined, lastN: 7 }, aRecordState({ n: 8 }))).toBe(true);
    expect(await states.getMany([later])).toEqual([{ state: aRecordState({ n: 8 }), lastN: 8 }]);
  });

  test('of deleted records are forgotten after 90 days, those of live records are not', async () => {
    const clock = createManualClock();
    const { states } = await open(clock);
    await states.write(key('dead'), unknown, aRecordState({ isDeleted: true }));
    await states.write(key('live'), unknown, aRecordState());
    clock.advance(90 * 86_400_000 - 1_000);
    expect((await states.getMany([key('dead')]))[0]?.state).toBeDefined();
    clock.advance(2_000);
    expect(await states.getMany([key('dead'), key('live')])).toEqual([
      { state: undefined, lastN: 1 },
      { state: aRecordState(), lastN: 1 },
    ]);
    expect(await states.write(key('dead'), { state: undefined, lastN: 1 }, aRecordState({ n: 2 }))).toBe(true);
    clock.advance(365 * 86_400_000);
    expect((await states.getMany([key('dead')]))[0]?.state?.n).toBe(2);
  });

  test.each([1, 2, 100])('are listed once each by account, in pages of %d', async (limit) => {
    const { states, directory } = await open(createManualClock());
    const ids = Array.from({ length: 40 }, (_, index) => `r${index}`);
    ids.push('\n'.repeat(400), 'with "quotes" and spaces');
    for (const id of ids) await states.write(key(id), unknown, aRecordState());
    await states.write(key('other', { account: 'acc_other' }), unknown, aRecordState());
    await states.write(key('former', { incarnation: '2025-01-01T00:00:00.000Z' }), unknown, aRecordState());
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await directory.list(key(''), limit, after);
      expect(page.items.length).toBeLessThanOrEqual(limit);
      seen.push(...page.items.map(({ recordId }) => recordId));
      after = page.next;
    } while (after !== undefined);
    expect(seen.toSorted()).toEqual(ids.toSorted());
    const [first] = (await directory.list(key(''), 100, undefined)).items;
    expect(first).toMatchObject({ resource: 'crm/contacts', state: aRecordState() });
  });

  test('are erased by account, expired ones too', async () => {
    const clock = createManualClock();
    const { states, eraser } = await open(clock);
    for (const id of ['1', '2', '3', '4', '5']) await states.write(key(id), unknown, aRecordState({ isDeleted: true }));
    await states.write(key('1', { account: 'acc_other' }), unknown, aRecordState());
    clock.advance(100 * 86_400_000);
    let erased = 0;
    let after: string | undefined;
    do {
      const page = await eraser.find('acc_acme', after);
      erased += page.items.length;
      await eraser.remove('acme', page.items);
      after = page.next;
    } while (after !== undefined);
    expect(erased).toBe(5);
    expect(await states.getMany([key('1')])).toEqual([unknown]);
    expect((await states.getMany([key('1', { account: 'acc_other' })]))[0]?.state).toEqual(aRecordState());
  });
});

test('a batch of records costs DynamoDB one request to read and one to write, new records and known ones together', async () => {
  const client = tables.client();
  const table = await tables.create('records');
  const states = createDynamoRecordStates(client, table, createManualClock());
  const keys = Array.from({ length: 10 }, (_, index) => key(`r${index}`));
  await Promise.all(keys.slice(0, 5).map((one) => states.write(one, unknown, aRecordState())));
  const requests = countRequests(client);
  const stored = await states.getMany(keys);
  expect(requests.count()).toBe(1);
  const written = await Promise.all(
    keys.map((one, index) => {
      const before = stored[index] as StoredRecord;
      return states.write(one, before, aRecordState({ n: before.lastN + 1 }));
    }),
  );
  expect(written).toEqual(keys.map(() => true));
  expect(requests.count()).toBe(2);
  requests.end();
});

test('a row of a busy record costs one write unit', () => {
  const owner = '01234567-89ab-cdef-0123-456789abcdef';
  const changes = [1, 2, 3, 4].map((n) => ({
    ...(aRecordState().changes[0] as RecordState['changes'][number]),
    sequence: 1_000_000_000 + n,
    event: `evt_${'0'.repeat(32)}`,
    owner,
  }));
  const drops = full().drops.concat(full().drops).slice(-3);
  const busy = key('a-record-id-of-36-characters-00000000');
  const row = {
    ...recordRowKey(busy),
    ...toRecordAttributes(busy, full({ changes, drops })),
  };
  expect(itemBytes(row)).toBeLessThan(1_024);
});

test('a row whose key another version wrote without a tenant does not count', async () => {
  const table = await tables.create('records');
  const client = tables.client();
  const { tenant: _, ...attributes } = toRecordAttributes(key('1'), aRecordState());
  await client.send(
    new PutItemCommand({ TableName: table, Item: toItem({ ...recordRowKey(key('1')), ...attributes }) }),
  );
  const states = createDynamoRecordStates(client, table, createManualClock());
  expect(await states.getMany([key('1')])).toEqual([{ state: undefined, lastN: 1 }]);
});
