import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { fromItem, type Row } from '../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { createDynamoSyncEraser } from '../../lambdas/adapters/dynamo/stores/provider-erasers.ts';
import { createDynamoSyncStore } from '../../lambdas/adapters/dynamo/stores/sync-store.ts';
import { dueShards, shardOf } from '../../lambdas/contracts/shards.ts';
import type { StoredCursor } from '../../lambdas/engine/sync/cursor.ts';
import type { SyncState } from '../../lambdas/engine/sync/sync-state.ts';
import type { RunRow, SyncKey, SyncRow, SyncStore } from '../../lambdas/ports/sync/sync-store.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { aSyncRow, aSyncRun, createInMemorySyncs } from '../fakes/in-memory-syncs.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

const tables = useTables();

interface Opened {
  readonly syncs: SyncStore;
  readonly eraser: Eraser;
  readonly clock: ManualClock;
}

async function openDynamo() {
  const clock = createManualClock();
  const client = tables.client();
  const table = await tables.create('syncs');
  return {
    clock,
    table,
    syncs: createDynamoSyncStore(client, table, clock),
    eraser: createDynamoSyncEraser(client, table),
  };
}

const implementations: readonly (readonly [string, () => Promise<Opened>])[] = [
  [
    'the fake',
    async () => {
      const clock = createManualClock();
      const fake = createInMemorySyncs(clock);
      return { clock, syncs: fake, eraser: fake.eraser };
    },
  ],
  ['DynamoDB', openDynamo],
];

const key: SyncKey = { account: 'acc_acme', sync: 'contacts' };
const cursor: StoredCursor = { value: '2026-11-21T12:00:00Z', readAtMs: 1, edge: ['mark'] };
const longMs = 30 * 86_400_000;

async function written(syncs: SyncStore, row: SyncRow): Promise<SyncRow> {
  const next = await syncs.replace(row);
  if (next === undefined) throw new Error('another writer came first');
  return next;
}

/** A state of about so many bytes, which hardly shrink. */
function largeState(bytes: number): SyncState {
  let seed = 1;
  const digits = Array.from({ length: Math.ceil(bytes / 6) }, () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed.toString(36).padStart(6, '0').slice(-6);
  });
  return { ...aSyncRow().state, wanted: [{ id: digits.join(''), mode: 'full' }] };
}

describe.each(implementations)('syncs in %s', (_, open) => {
  test('come back as they were written, with a new revision', async () => {
    const { syncs } = await open();
    expect(await syncs.get(key)).toBeUndefined();
    const full = aSyncRow({
      state: {
        isPaused: true,
        wanted: [{ id: 'run_1', mode: 'backfill', since: '2026-01-01T00:00:00.000Z' }],
        nextAtMs: 5,
        failures: 2,
        failingSinceMs: 4,
        stop: { kind: 'backing-off', reason: 'ü 記録/😀 \u0000 "quoted"', untilMs: 9 },
        news: [{ kind: 'failing', id: 'run_1', reason: 'because' }],
      },
      lease: { owner: 'one', untilMs: 7_000 },
      dueAtMs: 5_000,
    });
    const first = await written(syncs, full);
    expect(first).toEqual({ ...full, revision: 1 });
    expect(await syncs.get(key)).toEqual(first);
    const second = await written(syncs, aSyncRow({ lease: undefined, revision: 1 }));
    expect(second).toEqual(aSyncRow({ revision: 2 }));
    expect(Object.keys((await syncs.get(key)) ?? {})).not.toContain('lease');
    expect(await syncs.get(key)).toEqual(second);
    expect(await syncs.get({ ...key, sync: 'contact' })).toBeUndefined();
    expect(await syncs.get({ ...key, account: 'acc_acme2' })).toBeUndefined();
  });

  test('come back unchanged where their state is large', async () => {
    const { syncs } = await open();
    for (const bytes of [4_000, 5_000, 300_000]) {
      const row = aSyncRow({ sync: `of-${bytes}`, state: largeState(bytes) });
      await written(syncs, row);
      expect(await syncs.get(row)).toEqual({ ...row, revision: 1 });
    }
  });

  test('fails when another wrote since the sync was read', async () => {
    const { syncs } = await open();
    const read = await written(syncs, aSyncRow());
    const next = await written(syncs, { ...read, dueAtMs: 2 });
    expect(await syncs.replace({ ...read, dueAtMs: 3 })).toBeUndefined();
    expect(await syncs.get(key)).toEqual(next);
  });

  test('of revision 0 are created only, and others only changed', async () => {
    const { syncs } = await open();
    expect(await syncs.replace(aSyncRow({ revision: 1 }))).toBeUndefined();
    expect(await syncs.get(key)).toBeUndefined();
    await written(syncs, aSyncRow());
    expect(await syncs.replace(aSyncRow())).toBeUndefined();
  });

  test('are leased by one of many', async () => {
    const { syncs } = await open();
    const race = (row: SyncRow) =>
      Promise.all(
        Array.from({ length: 10 }, (__, index) =>
          syncs.replace({ ...row, lease: { owner: `run-${index}`, untilMs: 1 } }),
        ),
      );
    const [first, ...others] = (await race(aSyncRow())).filter((row) => row !== undefined);
    expect(others).toEqual([]);
    expect((await race(first ?? aSyncRow())).filter((row) => row !== undefined)).toHaveLength(1);
  });

  test('are listed by account and id, without the rows of other kinds', async () => {
    const { syncs } = await open();
    const rows = ['deals', 'contacts', 'contacts-2'].map((sync) => aSyncRow({ sync }));
    for (const row of [...rows, aSyncRow({ account: 'acc_acme2' })]) await written(syncs, row);
    await syncs.putCursor({ ...key, place: 'crm/contacts' }, cursor, 'acme');
    await syncs.putRun(aSyncRun('run_1'));
    expect((await syncs.list('acc_acme')).map(({ sync }) => sync)).toEqual(['contacts', 'contacts-2', 'deals']);
    expect(await syncs.list('acc_acme')).toContainEqual(aSyncRow({ revision: 1 }));
    expect(await syncs.list('acc')).toEqual([]);
  });

  test('are listed by shard once they are due, the earliest first, up to a limit', async () => {
    const { syncs } = await open();
    const keys = Array.from({ length: 60 }, (__, index) => ({ account: `acc_${index}`, sync: 'contacts' }));
    const dueAtMs = (index: number) => 1_000 + ((index * 7) % 60);
    const rows = await Promise.all(
      keys.map((one, index) => written(syncs, aSyncRow({ ...one, dueAtMs: dueAtMs(index) }))),
    );
    for (let shard = 0; shard < dueShards; shard += 1) {
      const own = rows
        .filter(({ account, sync }) => shardOf(`${account}#${sync}`) === shard)
        .sort((a, b) => (a.dueAtMs ?? 0) - (b.dueAtMs ?? 0));
      const due = own.filter((row) => (row.dueAtMs ?? 0) <= 1_030);
      expect(await syncs.listDue(shard, 1_030, 100)).toEqual(due);
      expect(await syncs.listDue(shard, 2_000, 2)).toEqual(own.slice(0, 2));
      expect(await syncs.listDue(shard, 999, 100)).toEqual([]);
    }
  });

  test('are not listed as due without a time', async () => {
    const { syncs } = await open();
    const list = () => syncs.listDue(shardOf(`${key.account}#${key.sync}`), Number.MAX_SAFE_INTEGER, 100);
    const waiting = await written(syncs, aSyncRow());
    await syncs.putCursor({ ...key, place: 'crm/contacts' }, cursor, 'acme');
    await syncs.putRun(aSyncRun('run_1'));
    expect(await list()).toEqual([]);
    const due = await written(syncs, { ...waiting, dueAtMs: 1 });
    expect(await list()).toEqual([due]);
    await written(syncs, { ...due, dueAtMs: undefined });
    expect(await list()).toEqual([]);
  });

  test('are removed with their cursors, unless another wrote since they were read', async () => {
    const { syncs } = await open();
    const read = await written(syncs, aSyncRow());
    const other = await written(syncs, aSyncRow({ sync: 'contacts-2' }));
    for (const { sync } of [read, other])
      await syncs.putCursor({ ...key, sync, place: 'crm/contacts' }, cursor, 'acme');
    await syncs.putRun(aSyncRun('run_1'));
    const next = await written(syncs, read);
    expect(await syncs.remove(read)).toBe(false);
    expect(await syncs.get(key)).toEqual(next);
    expect(await syncs.getCursor({ ...key, place: 'crm/contacts' })).toEqual(cursor);
    // Again, as after a lost answer.
    for (let times = 0; times < 2; times += 1) expect(await syncs.remove(next)).toBe(true);
    expect(await syncs.get(key)).toBeUndefined();
    expect(await syncs.getCursor({ ...key, place: 'crm/contacts' })).toBeUndefined();
    expect(await syncs.getRun(key, 'run_1')).toEqual(aSyncRun('run_1'));
    expect(await syncs.get(other)).toEqual(other);
    expect(await syncs.getCursor({ ...key, sync: other.sync, place: 'crm/contacts' })).toEqual(cursor);
    expect(await syncs.replace(next)).toBeUndefined();
  });

  test('begin without the cursors of a former sync of the same name (invariant 5)', async () => {
    const { syncs } = await open();
    await syncs.remove(await written(syncs, aSyncRow()));
    // Written by a run that had not noticed the removal.
    await syncs.putCursor({ ...key, place: 'crm/contacts' }, cursor, 'acme');
    const created = await written(syncs, aSyncRow());
    expect(await syncs.getCursor({ ...key, place: 'crm/contacts' })).toBeUndefined();
    await syncs.putCursor({ ...key, place: 'crm/contacts' }, cursor, 'acme');
    await written(syncs, created);
    expect(await syncs.getCursor({ ...key, place: 'crm/contacts' })).toEqual(cursor);
  });

  test('are erased by tenant, with their cursors and their runs, page by page (invariant 3)', async () => {
    const { syncs, eraser, clock } = await open();
    const furnish = async (tenant: string, account: string) => {
      for (let index = 0; index < 5; index += 1) {
        const sync = `sync-${index}`;
        await written(syncs, aSyncRow({ tenant, account, sync }));
        await syncs.putCursor({ account, sync, place: 'crm/contacts' }, cursor, tenant);
        await syncs.putRun(aSyncRun('run_1', { tenant, account, sync }));
      }
    };
    await furnish('acme', 'acc_1');
    await furnish('acme2', 'acc_2');
    clock.advance(longMs);
    const find = async (tenant: string) => (await readAllPages((after) => eraser.find(tenant, after))).flat();
    const items = await find('acme');
    const countOf = (kind: string) => items.filter((item) => item.kind === kind).length;
    expect(items).toHaveLength(15);
    expect(['syncs', 'sync_cursors', 'sync_runs'].map(countOf)).toEqual([5, 5, 5]);
    await eraser.remove('acme', items);
    await eraser.remove('acme', items.slice(0, 2));
    expect(await find('acme')).toEqual([]);
    expect(await syncs.list('acc_1')).toEqual([]);
    expect(await find('acme2')).toHaveLength(15);
  });
});

describe.each(implementations)('cursors of syncs in %s', (_, open) => {
  test('come back as they were written last', async () => {
    const { syncs } = await open();
    const place = { ...key, place: 'crm/contacts' };
    expect(await syncs.getCursor(place)).toBeUndefined();
    const full: StoredCursor = {
      value: 'https://api.example.com/?after=ü&😀',
      readAtMs: 7,
      edge: Array.from({ length: 1_000 }, (__, index) => `mark-${index}`),
      validator: { asked: 'digest', etag: '"tag"' },
      missed: ['one'],
    };
    for (const one of [cursor, full, cursor]) {
      await syncs.putCursor(place, one, 'acme');
      expect(await syncs.getCursor(place)).toEqual(one);
    }
    await syncs.putCursor(place, { value: undefined, readAtMs: 1, edge: [] }, 'acme');
    expect(Object.keys((await syncs.getCursor(place)) ?? {})).toEqual(['readAtMs', 'edge']);
  });

  test('are kept apart by account, sync and place, also by odd and long places', async () => {
    const { syncs } = await open();
    const long = 'x'.repeat(600);
    const places = ['', ':', 'crm/contacts', 'crm/contacts:1', '記録/😀', '\u0000', long, `${long}y`, '😀'.repeat(400)];
    const keys = [
      ...places.map((place) => ({ ...key, place })),
      { ...key, sync: 'contacts-2', place: 'crm/contacts' },
      { ...key, account: 'acc_acme2', place: 'crm/contacts' },
    ];
    for (const [index, one] of keys.entries()) await syncs.putCursor(one, { ...cursor, readAtMs: index }, 'acme');
    for (const [index, one] of keys.entries())
      expect(await syncs.getCursor(one)).toEqual({ ...cursor, readAtMs: index });
    await syncs.removeCursors(key);
    const left = await Promise.all(keys.map((one) => syncs.getCursor(one)));
    expect(left.map((one) => one !== undefined)).toEqual([...places.map(() => false), true, true]);
    await syncs.removeCursors(key);
  });

  test('are removed, all of many', async () => {
    const { syncs } = await open();
    const keys = Array.from({ length: 130 }, (__, index) => ({ ...key, place: `crm/contacts ${index}` }));
    await Promise.all(keys.map((one) => syncs.putCursor(one, cursor, 'acme')));
    await syncs.removeCursors(key);
    const left = await Promise.all(keys.map((one) => syncs.getCursor(one)));
    expect(left.filter((one) => one !== undefined)).toEqual([]);
  });
});

describe.each(implementations)('runs of syncs in %s', (_, open) => {
  const idOf = ({ run }: RunRow) => run.id;

  test('are found by id, each as it was written last', async () => {
    const { syncs } = await open();
    expect(await syncs.getRun(key, 'run_1')).toBeUndefined();
    await syncs.putRun(aSyncRun('run_1'));
    const { run } = aSyncRun('run_1');
    const last = aSyncRun('run_1', {
      run: { ...run, outcome: 'failed', reason: 'ü', drift: { 'silent-delete': 2 }, calls: 3 },
    });
    await syncs.putRun(last);
    await syncs.addRun(aSyncRun('run_1', { tenant: 'other' }));
    await syncs.addRun(aSyncRun('run_2'));
    expect(await syncs.getRun(key, 'run_2')).toEqual(aSyncRun('run_2'));
    expect(await syncs.getRun(key, 'run_1')).toEqual(last);
    expect(await syncs.getRun(key, 'run_')).toBeUndefined();
    expect(await syncs.getRun({ ...key, sync: 'contacts-2' }, 'run_1')).toBeUndefined();
  });

  test('are listed the latest first, page by page, those of one sync only', async () => {
    const { syncs } = await open();
    const ids = Array.from({ length: 7 }, (__, index) => `run_${index}`);
    for (const id of ids) await syncs.putRun(aSyncRun(id));
    for (const sync of ['contact', 'contacts-2']) await syncs.putRun(aSyncRun('run_9', { sync }));
    await syncs.putRun(aSyncRun('run_9', { account: 'acc_acme2' }));
    await syncs.putCursor({ ...key, place: 'run_9' }, cursor, 'acme');
    const pages = await readAllPages((after) => syncs.listRuns(key, 3, after));
    expect(pages.map((page) => page.map(idOf))).toEqual([
      ['run_6', 'run_5', 'run_4'],
      ['run_3', 'run_2', 'run_1'],
      ['run_0'],
    ]);
    expect(await syncs.listRuns(key, 7, undefined)).toMatchObject({ next: undefined });
    expect((await syncs.listRuns(key, 3, 'run_4')).items[0]).toEqual(aSyncRun('run_3'));
    expect(await syncs.listRuns({ ...key, sync: 'none' }, 3, undefined)).toEqual({ items: [], next: undefined });
  });

  test('expire after 30 days', async () => {
    const { syncs, clock } = await open();
    await syncs.putRun(aSyncRun('run_1'));
    clock.advance(longMs - 1);
    await syncs.putRun(aSyncRun('run_2'));
    expect((await syncs.listRuns(key, 10, undefined)).items.map(idOf)).toEqual(['run_2', 'run_1']);
    clock.advance(1);
    expect(await syncs.getRun(key, 'run_1')).toBeUndefined();
    expect((await syncs.listRuns(key, 1, undefined)).items.map(idOf)).toEqual(['run_2']);
    expect(await syncs.listRuns(key, 1, 'run_2')).toEqual({ items: [], next: undefined });
  });
});

describe('the rows of syncs in DynamoDB', () => {
  async function rowsOf(table: string): Promise<readonly Row[]> {
    const { Items = [] } = await tables.client().send(new ScanCommand({ TableName: table }));
    return Items.map(fromItem);
  }

  test('name their tenant, and only those of runs expire', async () => {
    const { syncs, table, clock } = await openDynamo();
    await written(syncs, aSyncRow());
    await syncs.putCursor({ ...key, place: 'crm/contacts' }, cursor, 'acme');
    await syncs.putRun(aSyncRun('run_1'));
    const expiries = (await rowsOf(table)).map(({ row, tenant, expiresAtEpochSeconds }) => [
      row,
      tenant,
      expiresAtEpochSeconds,
    ]);
    expect(expiries).toEqual([
      ['cursor:contacts:crm/contacts', 'acme', undefined],
      ['run:contacts:run_1', 'acme', (clock.nowMs() + longMs) / 1000],
      ['sync:contacts', 'acme', undefined],
    ]);
  });

  test('hold a short state as text, and a long one compressed', async () => {
    const { syncs, table } = await openDynamo();
    const wanted = Array.from({ length: 200 }, (_, index) => ({ id: `run_${index}`, mode: 'full' as const }));
    await written(syncs, aSyncRow());
    await written(syncs, aSyncRow({ sync: 'large', state: { ...aSyncRow().state, wanted } }));
    const [short, long] = (await rowsOf(table)).map(({ state }) => state);
    expect(JSON.parse(String(short))).toEqual(aSyncRow().state);
    expect(long).toBeInstanceOf(Uint8Array);
    expect((long as Uint8Array).byteLength).toBeLessThan(2_000);
  });

  test('fails when a state or a cursor is larger than a row may be, and says so', async () => {
    const { syncs } = await openDynamo();
    const state = largeState(800_000);
    await expect(syncs.replace(aSyncRow({ state }))).rejects.toMatchObject({
      code: 'corrupt-state',
      message: expect.stringMatching(
        /^sync contacts of account acc_acme takes \d+ bytes, and a row has at most 400000$/,
      ),
    });
    const edge = state.wanted.map(({ id }) => id);
    await expect(syncs.putCursor({ ...key, place: '' }, { ...cursor, edge }, 'acme')).rejects.toThrow(
      /^a cursor of sync contacts of account acc_acme takes/,
    );
    expect(await syncs.get(key)).toBeUndefined();
  });

  test('fails when a row cannot be read', async () => {
    const { syncs, table } = await openDynamo();
    for (const [row, state] of [
      ['sync:text', '{'],
      ['sync:bytes', Buffer.from([1, 2, 3])],
    ])
      await tables.put(table, { account: 'acc_acme', row, state, revision: 1 });
    for (const sync of ['text', 'bytes'])
      await expect(syncs.get({ ...key, sync })).rejects.toMatchObject({ code: 'corrupt-state' });
  });

  test('are listed as due by what they hold, where the index lags', async () => {
    const { syncs } = await openDynamo();
    const due = await written(syncs, aSyncRow({ dueAtMs: 1 }));
    const shardOfAccount = (account: string) => shardOf(`${account}#${due.sync}`);
    const shard = shardOfAccount(due.account);
    const accounts = Array.from({ length: 1_000 }, (_, index) => `acc_${index}`);
    const account = accounts.find((one) => shardOfAccount(one) === shard) ?? '';
    const moved = await written(syncs, aSyncRow({ account, dueAtMs: 1 }));
    const client = tables.client();
    client.middlewareStack.add(
      (next) => async (args) => {
        const answer = await next(args);
        if ('IndexName' in args.input) await written(syncs, { ...moved, dueAtMs: 2 });
        return answer;
      },
      { name: 'lag' },
    );
    expect(await syncs.listDue(shard, 1, 10)).toEqual([due]);
    client.middlewareStack.remove('lag');
  });
});
