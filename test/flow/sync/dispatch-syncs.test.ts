import { expect, test } from 'vitest';
import type { PollMessage } from '../../../lambdas/contracts/messages.ts';
import { dueShards, shardOf } from '../../../lambdas/contracts/shards.ts';
import { type DispatchSyncsPorts, dispatchSyncs } from '../../../lambdas/flows/sync/dispatch-syncs.ts';
import type { SyncRow } from '../../../lambdas/ports/sync/sync-store.ts';
import { createInMemoryQueue, pollQueueOn } from '../../fakes/in-memory-queue.ts';
import { aSyncRow, createInMemorySyncs } from '../../fakes/in-memory-syncs.ts';
import { createManualClock } from '../../fakes/manual-clock.ts';

function open() {
  const clock = createManualClock();
  const syncs = createInMemorySyncs(clock);
  const queue = createInMemoryQueue(clock);
  const ports: DispatchSyncsPorts = { syncs, pollQueue: pollQueueOn(queue), clock };
  const messages = () => queue.messages().map(({ body }) => JSON.parse(body) as PollMessage);
  const add = async (rows: readonly Partial<SyncRow>[]) => {
    for (const row of rows) await syncs.replace(aSyncRow(row));
  };
  return { clock, syncs, queue, ports, messages, add };
}

const accounts = (count: number) => Array.from({ length: count }, (_, index) => `acc_${index}`);

test('starts 10,000 due syncs in one run, each once, in as few calls as the formula says', async () => {
  const { clock, syncs, queue, ports, messages, add } = open();
  const due = accounts(10_000).map((account) => ({ account, dueAtMs: clock.nowMs() }));
  await add(due);
  const calls = { listDue: 0, sendAll: 0, replace: 0 };
  let [writing, mostWriting] = [0, 0];
  const counting: DispatchSyncsPorts = {
    clock,
    syncs: {
      listDue: (...given) => {
        calls.listDue += 1;
        return syncs.listDue(...given);
      },
      replace: async (row) => {
        calls.replace += 1;
        writing += 1;
        mostWriting = Math.max(mostWriting, writing);
        await new Promise((resolve) => setImmediate(resolve));
        const written = await syncs.replace(row);
        writing -= 1;
        return written;
      },
    },
    pollQueue: {
      sendAll: (given) => {
        calls.sendAll += 1;
        return ports.pollQueue.sendAll(given);
      },
    },
  };
  expect(await dispatchSyncs(counting)).toEqual({ started: 10_000, failures: [] });
  const sent = messages();
  expect(sent).toHaveLength(10_000);
  expect(new Set(sent.map(({ account }) => account)).size).toBe(10_000);
  expect(sent[0]).toEqual({ kind: 'poll', account: expect.stringMatching(/^acc_\d+$/), sync: 'contacts' });
  expect(new Set(queue.messages().map(({ group }) => group)).size).toBe(10_000);
  const ofShard = Array.from(
    { length: dueShards },
    (_, shard) => due.filter(({ account }) => shardOf(`${account}#contacts`) === shard).length,
  );
  expect(calls).toEqual({
    listDue: dueShards,
    sendAll: ofShard.reduce((sum, count) => sum + Math.ceil(count / 100), 0),
    replace: 10_000,
  });
  expect(mostWriting).toBeLessThanOrEqual(25 * dueShards);
  // Nothing is left for the next run.
  clock.advance(60_000);
  expect(await dispatchSyncs(ports)).toEqual({ started: 0, failures: [] });
});

test('leaves what is not due, and what waits for a person', async () => {
  const { clock, syncs, ports, messages, add } = open();
  await add([
    { sync: 'due', dueAtMs: clock.nowMs() },
    { sync: 'later', dueAtMs: clock.nowMs() + 1 },
    { sync: 'never' },
  ]);
  expect(await dispatchSyncs(ports)).toEqual({ started: 1, failures: [] });
  expect(messages()).toEqual([{ kind: 'poll', account: 'acc_acme', sync: 'due' }]);
  expect((await syncs.list('acc_acme')).map(({ sync, dueAtMs }) => [sync, dueAtMs])).toEqual([
    ['due', clock.nowMs() + 600_000],
    ['later', clock.nowMs() + 1],
    ['never', undefined],
  ]);
});

test('starts a sync again after ten minutes where no run took it', async () => {
  const { clock, ports, messages, add } = open();
  await add([{ dueAtMs: clock.nowMs() }]);
  await dispatchSyncs(ports);
  clock.advance(599_999);
  await dispatchSyncs(ports);
  expect(messages()).toHaveLength(1);
  clock.advance(1);
  await dispatchSyncs(ports);
  expect(messages()).toHaveLength(2);
});

test('keeps the time of a run that began meanwhile', async () => {
  const { clock, syncs, ports, add } = open();
  await add([{ dueAtMs: clock.nowMs() }]);
  const started: DispatchSyncsPorts = {
    ...ports,
    pollQueue: {
      async sendAll(messages) {
        const row = await syncs.get({ account: 'acc_acme', sync: 'contacts' });
        await syncs.replace({ ...(row ?? aSyncRow()), dueAtMs: 7 });
        await ports.pollQueue.sendAll(messages);
      },
    },
  };
  expect(await dispatchSyncs(started)).toEqual({ started: 1, failures: [] });
  expect(await syncs.get({ account: 'acc_acme', sync: 'contacts' })).toMatchObject({ dueAtMs: 7, revision: 2 });
});

test('marks no sync whose message was not sent, and goes on with the other shards', async () => {
  const { clock, syncs, ports, messages, add } = open();
  await add(accounts(100).map((account) => ({ account, dueAtMs: clock.nowMs() })));
  const failing = shardOf('acc_0#contacts');
  const isFailing = ({ account }: PollMessage) => shardOf(`${account}#contacts`) === failing;
  const broken = new Error('no queue');
  const outcome = await dispatchSyncs({
    ...ports,
    pollQueue: {
      async sendAll(some) {
        if (some.some(isFailing)) throw broken;
        await ports.pollQueue.sendAll(some);
      },
    },
  });
  expect(outcome.failures).toEqual([broken]);
  const left = await syncs.listDue(failing, clock.nowMs(), 700);
  expect(left.length).toBeGreaterThan(0);
  expect(outcome.started).toBe(100 - left.length);
  expect(await dispatchSyncs(ports)).toEqual({ started: left.length, failures: [] });
  expect(new Set(messages().map(({ account }) => account)).size).toBe(100);
});
