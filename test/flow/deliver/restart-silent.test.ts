import { describe, expect, test } from 'vitest';
import type { DrainMessage, GovernanceMessage } from '../../../lambdas/contracts/messages.ts';
import { prepareSubscription } from '../../../lambdas/flows/deliver/attempt/prepare-subscription.ts';
import { restartSilent } from '../../../lambdas/flows/deliver/restart-silent.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { continueReplay } from '../../../lambdas/flows/subscriptions/continue-replay.ts';
import { cancelReplay, startReplay } from '../../../lambdas/flows/subscriptions/replay-events.ts';
import { continueErasure, startErasure } from '../../../lambdas/flows/tenants/erase-tenant.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { injectFault } from '../../fakes/inject-fault.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';

const minuteMs = 60_000;

/** An engine with events, and a slow replay of them that has started. */
async function prepare(ids: readonly string[] = ['evt_1', 'evt_2', 'evt_3']) {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription());
  for (const id of ids)
    await publishEvents(engine.publishPorts, [{ owner: 'raw_1', event: anEvent({ id, record_id: id }) }]);
  clear(engine);
  const request = { tenant: 'acme', mode: 'all', ratePerSecond: 0.01 } as const;
  const replay = await startReplay(engine.drainPorts, aSubscription(), request);
  return { engine, replay };
}

/** Lose all messages, as when Lambda stops a recursive chain. @returns The messages of replays. */
function clear({ drainQueue }: FakeEngine): DrainMessage[] {
  const messages = drainQueue.messages();
  for (const { id } of messages) drainQueue.remove(id);
  return messages.map(({ body }) => JSON.parse(body) as DrainMessage).filter(({ kind }) => kind === 'replay');
}

const run = (engine: FakeEngine, message: DrainMessage | undefined) => {
  if (message?.kind !== 'replay') throw new Error('no message of a replay');
  return continueReplay({ ...engine.drainPorts, prepare: prepareSubscription }, message);
};

describe('a replay whose message is lost', () => {
  test('is restarted after 15 minutes, and not before', async () => {
    const { engine, replay } = await prepare();
    await run(engine, clear(engine)[0]);
    const [lost] = clear(engine);
    expect(lost).toMatchObject({ kind: 'replay', replay: replay.id });
    // Its next run was due in 100 s.
    engine.clock.advance(16 * minuteMs);
    expect(await restartSilent(engine.dispatchPorts)).toEqual([]);
    engine.clock.advance(minuteMs);
    const work = { kind: 'replay', subscription: 'sub_1', replay: replay.id };
    expect(await restartSilent(engine.dispatchPorts)).toEqual([work]);
    expect(await restartSilent(engine.dispatchPorts)).toEqual([]);

    for (let runs = 0; runs < 10; runs += 1) {
      const [next] = clear(engine);
      if (next === undefined) break;
      await run(engine, next);
      engine.clock.advance(2 * minuteMs);
    }
    expect(await engine.replays.find('sub_1', replay.id)).toMatchObject({ state: 'done', replayed: 3, restarts: 1 });
  });

  test('and only late ends, while the restart continues: the rate is kept', async () => {
    const { engine, replay } = await prepare();
    const [late] = clear(engine);
    engine.clock.advance(15 * minuteMs);
    await restartSilent(engine.dispatchPorts);
    const [restarted] = clear(engine);
    expect(await run(engine, late)).toBe('ended');
    expect(clear(engine)).toEqual([]);
    expect(await run(engine, restarted)).toBe('continued');
    expect(await engine.replays.find('sub_1', replay.id)).toMatchObject({ state: 'running', replayed: 1 });
  });

  test('before it was ever sent is started', async () => {
    const { engine } = await prepare();
    clear(engine);
    const broken = injectFault(engine.drainPorts, undefined);
    const request = { tenant: 'acme', mode: 'all', ratePerSecond: 50 } as const;
    const drainQueue = { send: async () => Promise.reject(new Error('the queue is unavailable')) };
    await expect(startReplay({ ...broken.ports, drainQueue }, aSubscription(), request)).rejects.toThrow('unavailable');
    engine.clock.advance(15 * minuteMs);
    expect(await restartSilent(engine.dispatchPorts)).toHaveLength(2);
  });

  test('is restarted again after an hour when the restart is silent, too', async () => {
    const { engine } = await prepare();
    engine.clock.advance(15 * minuteMs);
    expect(await restartSilent(engine.dispatchPorts)).toHaveLength(1);
    engine.clock.advance(59 * minuteMs);
    expect(await restartSilent(engine.dispatchPorts)).toEqual([]);
    engine.clock.advance(minuteMs);
    expect(await restartSilent(engine.dispatchPorts)).toHaveLength(1);
  });
});

test('work that has ended is forgotten', async () => {
  const { engine, replay } = await prepare();
  await cancelReplay(engine.drainPorts, 'sub_1', replay.id);
  engine.clock.advance(15 * minuteMs);
  expect(await restartSilent(engine.dispatchPorts)).toEqual([]);
  expect(engine.runningWork.dump()).toEqual([]);
});

test('work that cannot be read does not stop other restarts', async () => {
  const { engine, replay } = await prepare();
  await startErasure(engine.startErasurePorts, 'acme', 'key_admin');
  for (const { id } of engine.governanceQueue.messages()) engine.governanceQueue.remove(id);
  engine.clock.advance(15 * minuteMs);
  const replays = { ...engine.replays, find: async () => Promise.reject(new Error('unreadable')) };
  await expect(restartSilent({ ...engine.dispatchPorts, replays })).rejects.toThrow('unreadable');
  expect(engine.governanceQueue.messages()).toHaveLength(1);
  expect(await engine.replays.find('sub_1', replay.id)).not.toHaveProperty('restarts');
});

test('an erasure whose message is lost is restarted, done, and then forgotten', async () => {
  const { engine } = await prepare();
  await startErasure(engine.startErasurePorts, 'acme', 'key_admin');
  const take = (): GovernanceMessage[] => {
    const messages = engine.governanceQueue.messages();
    for (const { id } of messages) engine.governanceQueue.remove(id);
    return messages.map(({ body }) => JSON.parse(body) as GovernanceMessage);
  };
  expect(take()).toHaveLength(1);
  engine.clock.advance(15 * minuteMs);
  expect((await restartSilent(engine.dispatchPorts)).map(({ kind }) => kind).sort()).toEqual(['erasure', 'replay']);
  for (let runs = 0; runs < 10; runs += 1) {
    for (const message of take()) await continueErasure(engine.erasePorts, message);
    engine.clock.advance(5 * minuteMs);
  }
  expect((await engine.tenants.find('acme'))?.erasure).toMatchObject({ state: 'done' });
  engine.clock.advance(60 * minuteMs);
  expect(await restartSilent(engine.dispatchPorts)).toEqual([]);
  expect(engine.runningWork.dump()).toEqual([]);
});
