import { describe, expect, test } from 'vitest';
import type { DrainMessage } from '../../../lambdas/contracts/messages.ts';
import { shardOf } from '../../../lambdas/contracts/shards.ts';
import { leaveDrain } from '../../../lambdas/engine/delivery/drainer.ts';
import { newEndpoint } from '../../../lambdas/engine/delivery/endpoint-state.ts';
import { type DispatchPorts, dispatchDue } from '../../../lambdas/flows/deliver/dispatch-due.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { aSubscription } from '../../fakes/samples.ts';

const minuteMs = 60_000;
const shard = 3;

/** An engine with due endpoints of one shard, the earliest first. */
async function withDue(count: number): Promise<{ readonly engine: FakeEngine; readonly ids: readonly string[] }> {
  const engine = createFakeEngine();
  const ids: string[] = [];
  for (let at = 0; ids.length < count; at += 1) if (shardOf(`sub_${at}`) === shard) ids.push(`sub_${at}`);
  const nowMs = engine.clock.nowMs();
  for (const [at, id] of ids.entries())
    await engine.endpoints.replace({ ...newEndpoint('acme', id), hasBacklog: true }, nowMs - 1_000 + at);
  return { engine, ids };
}

/** Lose all messages of the drain queue. @returns Their subscriptions. */
function lose({ drainQueue }: FakeEngine): readonly string[] {
  const messages = drainQueue.messages();
  for (const { id } of messages) drainQueue.remove(id);
  return messages.map(({ body }) => (JSON.parse(body) as DrainMessage).subscription);
}

/** The ports of dispatch, with an action before each due time is postponed. */
function beforeMark(engine: FakeEngine, act: (endpoint: string) => Promise<unknown>): DispatchPorts {
  const { endpoints } = engine.dispatchPorts;
  return {
    ...engine.dispatchPorts,
    endpoints: {
      ...endpoints,
      async postpone(due, untilMs) {
        await act(due.endpoint);
        return endpoints.postpone(due, untilMs);
      },
    },
  };
}

const dueNow = (engine: FakeEngine) => engine.endpoints.listDue(shard, engine.clock.nowMs(), 1_000);

describe('endpoints that are due', () => {
  test('get one drain message each, however many, and another only if no drain starts in time', async () => {
    const { engine, ids } = await withDue(250);
    expect(await dispatchDue(engine.dispatchPorts)).toEqual({ attempts: 0, endpoints: 250, failures: [] });
    expect([...lose(engine)].sort()).toEqual([...ids].sort());
    for (let minute = 1; minute < 3; minute += 1) {
      engine.clock.advance(minuteMs);
      expect(await dispatchDue(engine.dispatchPorts), `minute ${minute}`).toMatchObject({ endpoints: 0 });
    }
    // All messages were lost.
    engine.clock.advance(minuteMs);
    expect(await dispatchDue(engine.dispatchPorts)).toMatchObject({ endpoints: 250 });
    expect([...lose(engine)].sort()).toEqual([...ids].sort());
  });

  test('that a run has no time for come first in the next run', async () => {
    const { engine, ids } = await withDue(250);
    const slow = beforeMark(engine, async () => engine.clock.advance(300));
    const first = await dispatchDue(slow);
    expect(first.endpoints).toBeGreaterThanOrEqual(150);
    expect(first.endpoints).toBeLessThan(170);
    const asked = lose(engine);
    engine.clock.advance(15_000);
    expect(await dispatchDue(engine.dispatchPorts)).toMatchObject({ endpoints: 250 - first.endpoints });
    expect([...asked, ...lose(engine)].sort()).toEqual([...ids].sort());
  });

  test('get their drain messages although others of their shard fail to get one, or to be postponed', async () => {
    const { engine, ids } = await withDue(250);
    const { drainQueue, endpoints } = engine.dispatchPorts;
    const ports: DispatchPorts = {
      ...engine.dispatchPorts,
      drainQueue: {
        send: async (message, delayMs) =>
          message.subscription === ids[0] ? Promise.reject(new Error('refused')) : drainQueue.send(message, delayMs),
      },
      endpoints: {
        ...endpoints,
        postpone: async (due, untilMs) =>
          due.endpoint === ids[1] ? Promise.reject(new Error('throttled')) : endpoints.postpone(due, untilMs),
      },
    };
    const { endpoints: requested, failures } = await dispatchDue(ports);
    expect(requested).toBe(249);
    expect(failures).toHaveLength(1);
    lose(engine);
    engine.clock.advance(minuteMs);
    expect(await dispatchDue(engine.dispatchPorts)).toMatchObject({ endpoints: 2 });
    expect(lose(engine)).toEqual([ids[0], ids[1]]);
  });

  test('are not read further while the queue accepts no message', async () => {
    const { engine } = await withDue(250);
    let asked = 0;
    const send = async () => {
      asked += 1;
      throw new Error('refused');
    };
    const { endpoints, failures } = await dispatchDue({ ...engine.dispatchPorts, drainQueue: { send } });
    expect({ endpoints, failures: failures.length }).toEqual({ endpoints: 0, failures: 1 });
    expect(asked).toBe(10);
    expect(await dueNow(engine)).toHaveLength(250);
  });
});

describe('the postponed due time of an endpoint', () => {
  test('keeps no endpoint in the index that a drain has emptied in the meantime', async () => {
    const { engine, ids } = await withDue(1);
    const [id = ''] = ids;
    await engine.subscriptions.create(aSubscription({ id }));
    const ports = beforeMark(engine, () =>
      drainEndpoint(engine.drainPorts, { kind: 'drain', subscription: id, scope: 'acme' }),
    );
    expect(await dispatchDue(ports)).toMatchObject({ endpoints: 1 });
    expect(await engine.endpoints.listDue(shard, Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
  });

  test('does not delay an endpoint that a drain has scheduled earlier in the meantime', async () => {
    const { engine } = await withDue(1);
    const soonMs = engine.clock.nowMs() + 1_000;
    const ports = beforeMark(engine, async (endpoint) => {
      const [state] = await engine.endpoints.getMany([{ endpoint, scope: 'acme' }]);
      await engine.endpoints.replace(leaveDrain(state ?? newEndpoint('acme', endpoint), soonMs), soonMs);
    });
    await dispatchDue(ports);
    engine.clock.advance(1_000);
    expect(await dueNow(engine)).toMatchObject([{ dueAtMs: soonMs }]);
  });

  test('does not restore an endpoint that was removed in the meantime', async () => {
    const { engine } = await withDue(1);
    const ports = beforeMark(engine, (endpoint) => engine.endpoints.removeMany([endpoint]));
    expect(await dispatchDue(ports)).toMatchObject({ endpoints: 1, failures: [] });
    expect(await engine.endpoints.listDue(shard, Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
  });
});
