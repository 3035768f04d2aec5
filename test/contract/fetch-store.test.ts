import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { fromItem } from '../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { createDynamoFetchStore } from '../../lambdas/adapters/dynamo/stores/fetch-store.ts';
import { createDynamoFetchEraser } from '../../lambdas/adapters/dynamo/stores/provider-erasers.ts';
import { dueShards, shardOf } from '../../lambdas/contracts/shards.ts';
import type { FetchQueueKey, FetchRun, FetchStore, WaitingFetch } from '../../lambdas/ports/provider/fetch-store.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { aFetch, createInMemoryFetches } from '../fakes/in-memory-fetches.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

const tables = useTables();

interface Opened {
  readonly fetches: FetchStore;
  readonly eraser: Eraser;
  readonly clock: ManualClock;
}

async function openDynamo() {
  const clock = createManualClock();
  const client = tables.client();
  const table = await tables.create('fetches');
  return {
    clock,
    table,
    fetches: createDynamoFetchStore(client, table, clock),
    eraser: createDynamoFetchEraser(client, table),
  };
}

const implementations: readonly (readonly [string, () => Promise<Opened>])[] = [
  [
    'the fake',
    async () => {
      const clock = createManualClock();
      const fake = createInMemoryFetches(clock);
      return { clock, fetches: fake, eraser: fake.eraser };
    },
  ],
  ['DynamoDB', openDynamo],
];

const key: FetchQueueKey = { account: 'acc_acme', resource: 'crm/contacts' };
const noRun: FetchRun = { ...key, asked: 0, revision: 0 };
const longMs = 30 * 86_400_000;

/** The fetches of a queue that are due, sorted. */
async function dueOf({ fetches, clock }: Opened, queue = key, limit = 1_000): Promise<readonly WaitingFetch[]> {
  const due = await fetches.listDue(queue, clock.nowMs(), limit);
  const nameOf = ({ recordId, fact }: WaitingFetch) => JSON.stringify([recordId, fact]);
  return [...due].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

async function onlyOf(opened: Opened): Promise<WaitingFetch> {
  const [only, ...others] = await dueOf(opened);
  if (only === undefined || others.length > 0) throw new Error('expected one fetch');
  return only;
}

async function written(fetches: FetchStore, run: FetchRun): Promise<FetchRun> {
  const next = await fetches.replaceRun(run);
  if (next === undefined) throw new Error('another writer came first');
  return next;
}

/** Ids that a provider may have, and that a key must keep apart. */
const oddIds = [
  '1',
  '!run',
  '!',
  ' ',
  '#',
  'id:1',
  'fact:1',
  '["1","created"]',
  '1#created',
  '\u0000',
  'ü',
  'u\u0308',
  '記録/😀?&=%20',
  'x'.repeat(512),
  `${'x'.repeat(511)}y`,
  '😀'.repeat(256),
  `${'😀'.repeat(255)}😁`,
];

describe.each(implementations)('fetches in %s', (_, open) => {
  test('wait as they were added', async () => {
    const opened = await open();
    const { fetches, clock } = opened;
    const fetch = aFetch({
      address: { id: '1', nested: { list: [1, null, 'ü'], empty: '' } },
      occurredAt: '2026-11-21T11:59:00.000Z',
      hops: 2,
      fact: 'evt_1',
      partialData: '',
    });
    await fetches.add([fetch]);
    const waiting = { ...fetch, count: 1, firstAtMs: clock.nowMs(), attempts: 0, dueAtMs: 0 };
    expect(await dueOf(opened)).toEqual([waiting]);
    await fetches.add([]);
    expect(await dueOf(opened)).toEqual([waiting]);
  });

  test('of one record are one, which counts and takes over the last webhook', async () => {
    const opened = await open();
    const { fetches, clock } = opened;
    const firstAtMs = clock.nowMs();
    await fetches.add([aFetch({ occurredAt: '2026-11-21T11:59:00.000Z', hops: 2 })]);
    clock.advance(1_000);
    const last = aFetch({
      change: 'deleted',
      rawEventType: 'contact.removed',
      address: {},
      partialData: '{}',
      incarnation: '2026-11-20T00:00:00.000Z',
      receivedAt: '2026-11-21T12:00:01.000Z',
    });
    await fetches.add([aFetch({ change: 'created', hops: 1 }), last]);
    const only = await onlyOf(opened);
    expect(only).toEqual({ ...last, count: 3, firstAtMs, attempts: 0, dueAtMs: 0 });
    expect(Object.keys(only)).not.toContain('hops');
  });

  test('are counted, each of many that are added at the same time', async () => {
    const opened = await open();
    await Promise.all(Array.from({ length: 20 }, () => opened.fetches.add([aFetch()])));
    expect(await onlyOf(opened)).toMatchObject({ count: 20 });
  });

  test('are kept apart by record, fact, resource and account', async () => {
    const opened = await open();
    const { fetches } = opened;
    const all = [
      aFetch(),
      aFetch({ fact: 'created' }),
      aFetch({ fact: 'removed' }),
      aFetch({ recordId: '1#created' }),
      aFetch({ recordId: '1#created', fact: 'removed' }),
      aFetch({ fact: 'created#removed' }),
    ];
    const others = [aFetch({ resource: 'crm/companies' }), aFetch({ account: 'acc_acme2' })];
    await fetches.add([...all, ...others]);
    const due = await dueOf(opened);
    expect(due.map(({ recordId, fact, count }) => [recordId, fact, count])).toEqual([
      ['1', 'created', 1],
      ['1', 'created#removed', 1],
      ['1', 'removed', 1],
      ['1', undefined, 1],
      ['1#created', 'removed', 1],
      ['1#created', undefined, 1],
    ]);
    for (const other of others) expect(await dueOf(opened, other)).toMatchObject([{ ...other, count: 1 }]);
    await fetches.finish(due.filter(({ fact }) => fact === undefined));
    expect(await dueOf(opened)).toHaveLength(4);
    expect(await dueOf(opened, others[0])).toHaveLength(1);
  });

  test('of records with odd ids and long ids are kept apart, from the run of their queue too', async () => {
    const opened = await open();
    const { fetches } = opened;
    const run = await fetches.ask(key);
    const facts = oddIds.map((fact) => aFetch({ fact }));
    await fetches.add([...oddIds.map((recordId) => aFetch({ recordId })), ...facts]);
    const due = await dueOf(opened);
    const names = due.map(({ recordId, fact }) => JSON.stringify([recordId, fact]));
    const expected = [
      ...oddIds.map((id) => JSON.stringify([id, undefined])),
      ...oddIds.map((fact) => JSON.stringify(['1', fact])),
    ];
    expect([...names].sort()).toEqual(expected.sort());
    expect(new Set(due.map(({ count }) => count))).toEqual(new Set([1]));
    expect(await fetches.getRun(key)).toEqual(run);
    await fetches.postpone(due, opened.clock.nowMs());
    expect(new Set((await dueOf(opened)).map(({ attempts }) => attempts))).toEqual(new Set([1]));
    await fetches.finish(due);
    expect(await dueOf(opened)).toEqual([]);
    expect(await fetches.getRun(key)).toEqual(run);
  });

  test('are removed once their records were read, unless something was added meanwhile', async () => {
    const opened = await open();
    const { fetches } = opened;
    await fetches.add([aFetch(), aFetch({ recordId: '2' })]);
    const read = await dueOf(opened);
    await fetches.add([aFetch()]);
    // Again, as after a lost answer.
    for (let times = 0; times < 2; times += 1) await fetches.finish(read);
    const rest = await dueOf(opened);
    expect(rest).toMatchObject([{ recordId: '1', count: 1 }]);
    // It is another fetch: a read of it is no repetition of the first.
    expect(rest[0]?.firstAtMs).toBeGreaterThan(read[0]?.firstAtMs ?? 0);
    await fetches.finish(rest);
    expect(await dueOf(opened)).toEqual([]);
    // Again, as after a lost answer.
    await fetches.finish(read);
    await fetches.finish([]);
  });

  test('stay where another run removed them and they were added anew', async () => {
    const opened = await open();
    const { fetches, clock } = opened;
    await fetches.add([aFetch()]);
    const read = [await onlyOf(opened)];
    await fetches.finish(read);
    clock.advance(1);
    await fetches.add([aFetch()]);
    await fetches.finish(read);
    await fetches.postpone(read, clock.nowMs() + 1);
    expect(await onlyOf(opened)).toMatchObject({ count: 1, attempts: 0, firstAtMs: clock.nowMs() });
  });

  test('are left for later, unless something was added meanwhile', async () => {
    const opened = await open();
    const { fetches, clock } = opened;
    await fetches.add([aFetch(), aFetch({ recordId: '2' })]);
    const read = await dueOf(opened);
    await fetches.add([aFetch({ recordId: '2' })]);
    const dueAtMs = clock.nowMs() + 1_000;
    await fetches.postpone(read, dueAtMs);
    expect(await dueOf(opened)).toMatchObject([{ recordId: '2', count: 2, attempts: 0, dueAtMs: 0 }]);
    clock.advance(999);
    expect(await dueOf(opened)).toHaveLength(1);
    clock.advance(1);
    expect(await dueOf(opened)).toMatchObject([
      { recordId: '1', count: 1, attempts: 1, dueAtMs },
      { recordId: '2', count: 2 },
    ]);
    await fetches.postpone(await dueOf(opened), dueAtMs + 1);
    clock.advance(1);
    expect(await dueOf(opened)).toMatchObject([{ attempts: 2 }, { attempts: 1 }]);
  });

  test('that were left for later are due at once when something is added', async () => {
    const opened = await open();
    const { fetches, clock } = opened;
    const firstAtMs = clock.nowMs();
    await fetches.add([aFetch()]);
    await fetches.postpone(await dueOf(opened), clock.nowMs() + 60_000);
    expect(await dueOf(opened)).toEqual([]);
    clock.advance(5);
    await fetches.add([aFetch()]);
    expect(await onlyOf(opened)).toMatchObject({ count: 2, attempts: 0, dueAtMs: 0, firstAtMs });
  });

  test('that were finished are not created by a late postponement', async () => {
    const opened = await open();
    const { fetches, clock } = opened;
    await fetches.add([aFetch()]);
    const read = await dueOf(opened);
    await fetches.finish(read);
    await fetches.postpone(read, clock.nowMs());
    expect(await dueOf(opened)).toEqual([]);
    expect(await fetches.nextDueMs(key)).toBeUndefined();
  });

  test('are listed up to a limit, also where most of them are not due', async () => {
    const opened = await open();
    const { fetches, clock } = opened;
    const many = Array.from({ length: 130 }, (__, index) => aFetch({ recordId: String(index).padStart(3, '0') }));
    await fetches.add(many);
    expect(await dueOf(opened, key, 50)).toHaveLength(50);
    const all = await dueOf(opened);
    expect(all).toHaveLength(130);
    const [later, due] = [all.slice(0, 120), all.slice(120)];
    await fetches.postpone(later, clock.nowMs() + 1);
    expect((await dueOf(opened, key, 4)).map(({ recordId }) => recordId)).toHaveLength(4);
    expect(await dueOf(opened, key, 40)).toEqual(due);
  });

  test('are listed behind one of them, whether or not it still waits', async () => {
    const opened = await open();
    const { fetches, clock } = opened;
    await fetches.add(['a', 'b', 'c'].map((recordId) => aFetch({ recordId })));
    const behind = async (recordId: string) =>
      (await fetches.listDue(key, clock.nowMs(), 10, { recordId })).map((fetch) => fetch.recordId);
    expect(await behind('a')).toEqual(['b', 'c']);
    expect(await behind('bb')).toEqual(['c']);
    expect(await behind('c')).toEqual([]);
  });

  test('tell when the next one is due', async () => {
    const opened = await open();
    const { fetches, clock } = opened;
    expect(await fetches.nextDueMs(key)).toBeUndefined();
    await fetches.ask(key);
    await written(fetches, { ...((await fetches.getRun(key)) ?? noRun), dueAtMs: 1 });
    expect(await fetches.nextDueMs(key)).toBeUndefined();
    await fetches.add(['1', '2', '3'].map((recordId) => aFetch({ recordId })));
    expect(await fetches.nextDueMs(key)).toBe(0);
    for (const [index, one] of (await dueOf(opened)).entries())
      await fetches.postpone([one], clock.nowMs() + 3_000 - 1_000 * index);
    expect(await fetches.nextDueMs(key)).toBe(clock.nowMs() + 1_000);
    expect(await fetches.nextDueMs({ ...key, resource: 'crm/companies' })).toBeUndefined();
  });

  test('expire once nothing was added for 30 days, and begin anew', async () => {
    const opened = await open();
    const { fetches, clock } = opened;
    await fetches.add([aFetch({ hops: 3 })]);
    const [read] = await dueOf(opened);
    clock.advance(longMs - 1_000);
    await fetches.add([aFetch()]);
    clock.advance(longMs - 1);
    expect(await onlyOf(opened)).toMatchObject({ count: 2, firstAtMs: read?.firstAtMs });
    clock.advance(1);
    expect(await dueOf(opened)).toEqual([]);
    expect(await fetches.nextDueMs(key)).toBeUndefined();
    await fetches.add([aFetch(), aFetch()]);
    expect(await onlyOf(opened)).toEqual({
      ...aFetch(),
      count: 2,
      firstAtMs: clock.nowMs(),
      attempts: 0,
      dueAtMs: 0,
    });
  });

  test('are erased by tenant, page by page, also expired ones (invariant 3)', async () => {
    const opened = await open();
    const { fetches, eraser, clock } = opened;
    const of = (tenant: string, account: string, count: number) =>
      Array.from({ length: count }, (__, index) => aFetch({ tenant, account, recordId: `!${index} #ü` }));
    await fetches.add([...of('acme', 'acc_1', 30), ...of('acme', 'acc_2', 3), ...of('acme2', 'acc_3', 5)]);
    await fetches.ask({ ...key, account: 'acc_1' });
    clock.advance(longMs);
    await fetches.add([aFetch({ tenant: 'acme2', account: 'acc_3', recordId: 'fresh' })]);
    const items = (await readAllPages((after) => eraser.find('acme', after))).flat();
    expect(items.map(({ kind }) => kind)).toEqual(Array.from({ length: 33 }, () => 'fetches'));
    await eraser.remove('acme', items);
    await eraser.remove('acme', items.slice(0, 2));
    expect((await readAllPages((after) => eraser.find('acme', after))).flat()).toEqual([]);
    expect((await readAllPages((after) => eraser.find('acme2', after))).flat()).toHaveLength(6);
  });
});

describe.each(implementations)('runs of fetches in %s', (_, open) => {
  test('come back as they were written, with a new revision', async () => {
    const { fetches } = await open();
    expect(await fetches.getRun(key)).toBeUndefined();
    const full: FetchRun = {
      ...key,
      asked: 3,
      lease: { owner: 'one', untilMs: 7_000 },
      dueAtMs: 5_000,
      messageUntilMs: 6_000,
      revision: 0,
    };
    const first = await written(fetches, full);
    expect(first).toEqual({ ...full, revision: 1 });
    expect(await fetches.getRun(key)).toEqual(first);
    const second = await written(fetches, { ...key, asked: 4, lease: undefined, revision: 1 });
    expect(second).toEqual({ ...key, asked: 4, revision: 2 });
    expect(await fetches.getRun(key)).toEqual(second);
    expect(await fetches.getRun({ ...key, resource: 'crm/companies' })).toBeUndefined();
  });

  test('count what was asked for, and keep the rest', async () => {
    const { fetches } = await open();
    expect(await fetches.ask(key)).toEqual({ ...key, asked: 1, revision: 1 });
    const leased = await written(fetches, {
      ...key,
      asked: 1,
      lease: { owner: 'one', untilMs: 7_000 },
      dueAtMs: 5_000,
      messageUntilMs: 6_000,
      revision: 1,
    });
    const asked = await fetches.ask(key);
    expect(asked).toEqual({ ...leased, asked: 2, revision: 3 });
    expect(await fetches.getRun(key)).toEqual(asked);
    await Promise.all(Array.from({ length: 10 }, () => fetches.ask(key)));
    expect(await fetches.getRun(key)).toEqual({ ...leased, asked: 12, revision: 13 });
  });

  test('fails when fetches were asked for, or another wrote, since the run was read', async () => {
    const { fetches } = await open();
    const read = await fetches.ask(key);
    const asked = await fetches.ask(key);
    expect(await fetches.replaceRun({ ...read, dueAtMs: 1 })).toBeUndefined();
    expect(await fetches.getRun(key)).toEqual(asked);
    const next = await written(fetches, { ...asked, dueAtMs: 2 });
    expect(await fetches.replaceRun({ ...asked, dueAtMs: 3 })).toBeUndefined();
    expect(await fetches.getRun(key)).toEqual(next);
  });

  test('of revision 0 are created only, and others only changed', async () => {
    const { fetches } = await open();
    expect(await fetches.replaceRun({ ...noRun, revision: 1 })).toBeUndefined();
    expect(await fetches.getRun(key)).toBeUndefined();
    await written(fetches, noRun);
    expect(await fetches.replaceRun(noRun)).toBeUndefined();
    const other = { ...key, resource: 'crm/companies' };
    await fetches.ask(other);
    expect(await fetches.replaceRun({ ...noRun, ...other })).toBeUndefined();
  });

  test('are leased by one of many', async () => {
    const { fetches } = await open();
    const race = (run: FetchRun) =>
      Promise.all(
        Array.from({ length: 10 }, (__, index) =>
          fetches.replaceRun({ ...run, lease: { owner: `run-${index}`, untilMs: 1 } }),
        ),
      );
    const [first, ...others] = (await race(noRun)).filter((run) => run !== undefined);
    expect(others).toEqual([]);
    expect((await race(first ?? noRun)).filter((run) => run !== undefined)).toHaveLength(1);
  });

  test('are listed by shard once they are due, the earliest first, up to a limit', async () => {
    const { fetches } = await open();
    const queues = Array.from({ length: 60 }, (__, index) => ({ account: `acc_${index}`, resource: 'crm/contacts' }));
    const dueAtMs = (index: number) => 1_000 + ((index * 7) % 60);
    const runs = await Promise.all(
      queues.map((queue, index) => written(fetches, { ...noRun, ...queue, dueAtMs: dueAtMs(index) })),
    );
    for (let shard = 0; shard < dueShards; shard += 1) {
      const own = runs
        .filter(({ account, resource }) => shardOf(`${account}#${resource}`) === shard)
        .sort((a, b) => (a.dueAtMs ?? 0) - (b.dueAtMs ?? 0));
      const due = own.filter((run) => (run.dueAtMs ?? 0) <= 1_030);
      expect(await fetches.listDueRuns(shard, 1_030, 100)).toEqual(due);
      expect(await fetches.listDueRuns(shard, 2_000, 2)).toEqual(own.slice(0, 2));
      expect(await fetches.listDueRuns(shard, 999, 100)).toEqual([]);
    }
  });

  test('are not listed without a time, nor are fetches', async () => {
    const { fetches, clock } = await open();
    const shard = shardOf(`${key.account}#${key.resource}`);
    const list = () => fetches.listDueRuns(shard, Number.MAX_SAFE_INTEGER, 100);
    await fetches.add([aFetch()]);
    const asked = await fetches.ask(key);
    expect(await list()).toEqual([]);
    const due = await written(fetches, { ...asked, dueAtMs: clock.nowMs() });
    expect(await list()).toEqual([due]);
    const askedAgain = await fetches.ask(key);
    expect(await list()).toEqual([askedAgain]);
    const { dueAtMs: _dueAtMs, ...rest } = askedAgain;
    await written(fetches, rest);
    expect(await list()).toEqual([]);
  });

  test('expire 30 days after the last write, and begin anew', async () => {
    const { fetches, clock } = await open();
    const shard = shardOf(`${key.account}#${key.resource}`);
    const run = await written(fetches, { ...noRun, asked: 5, dueAtMs: 1, messageUntilMs: 2 });
    clock.advance(longMs - 1_000);
    const asked = await fetches.ask(key);
    clock.advance(longMs - 1);
    expect(await fetches.getRun(key)).toEqual({ ...run, asked: 6, revision: 2 });
    expect(await fetches.listDueRuns(shard, 1, 10)).toEqual([asked]);
    clock.advance(1);
    expect(await fetches.getRun(key)).toBeUndefined();
    expect(await fetches.listDueRuns(shard, 1, 10)).toEqual([]);
    expect(await fetches.replaceRun(asked)).toBeUndefined();
    expect(await fetches.ask(key)).toEqual({ ...key, asked: 1, revision: 1 });
    clock.advance(longMs);
    expect(await written(fetches, { ...noRun, dueAtMs: 1 })).toEqual({ ...noRun, dueAtMs: 1, revision: 1 });
    expect(await fetches.listDueRuns(shard, 1, 10)).toHaveLength(1);
  });
});

describe('the rows of fetches in DynamoDB', () => {
  async function rowsOf(table: string) {
    const { Items = [] } = await tables.client().send(new ScanCommand({ TableName: table }));
    return Items.map(fromItem);
  }

  test('sort above the run of their queue', async () => {
    const { fetches, table } = await openDynamo();
    await fetches.add([...oddIds, ''].flatMap((id) => [aFetch({ recordId: id }), aFetch({ fact: id })]));
    const keys = (await rowsOf(table)).map(({ record }) => String(record));
    expect(keys).toHaveLength(2 * oddIds.length + 2);
    for (const one of keys) expect(Buffer.compare(Buffer.from(one), Buffer.from('!run'))).toBe(1);
    expect(Math.max(...keys.map((one) => Buffer.byteLength(one)))).toBeLessThanOrEqual(1_024);
  });

  test('of a run expire, however it was written', async () => {
    const { fetches, table, clock } = await openDynamo();
    await fetches.ask(key);
    await written(fetches, { ...noRun, account: 'acc_2' });
    const expiries = (await rowsOf(table)).map(({ expiresAtEpochSeconds }) => expiresAtEpochSeconds);
    expect(expiries).toEqual([1, 2].map(() => (clock.nowMs() + longMs) / 1000));
  });

  test('keep the id of a record alone whose webhook is larger than a row', async () => {
    const { fetches, clock } = await openDynamo();
    const data = (bytes: number) => JSON.stringify({ text: 'x'.repeat(bytes) });
    await fetches.add([
      aFetch({ recordId: 'large', partialData: data(299_000) }),
      aFetch({ recordId: 'larger', partialData: data(500_000) }),
    ]);
    const due = await fetches.listDue(key, clock.nowMs(), 10);
    expect(due.map(({ partialData }) => partialData)).toEqual([data(299_000), '{"id":"larger"}']);
  });

  test('tell when the next one is due, of more than a page of rows', async () => {
    const { fetches, clock } = await openDynamo();
    const partialData = JSON.stringify({ text: 'x'.repeat(200_000) });
    await fetches.add(Array.from({ length: 12 }, (_, index) => aFetch({ recordId: String(10 + index), partialData })));
    const due = await fetches.listDue(key, clock.nowMs(), 100);
    expect(due).toHaveLength(12);
    for (const [index, one] of due.entries()) await fetches.postpone([one], clock.nowMs() + 1_000 - index);
    expect(await fetches.nextDueMs(key)).toBe(clock.nowMs() + 1_000 - 11);
  });
});
