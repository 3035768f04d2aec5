import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { newDelivery, parked } from '../../../lambdas/engine/delivery/record-attempt.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { beginAtEnd } from '../../../lambdas/flows/subscriptions/create-subscription.ts';
import {
  disableSubscription,
  enableSubscription,
  removeSubscription,
  updateSubscription,
} from '../../../lambdas/flows/subscriptions/manage-subscription.ts';
import { startReplay } from '../../../lambdas/flows/subscriptions/replay-events.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anEvent, anEventRow, aSubscription } from '../../fakes/samples.ts';
import { letTimePass } from '../let-time-pass.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const key = { scope: 'acme', endpoint: 'sub_1' };
const idOf = ({ headers }: CallbackRequest) => String(headers['webhook-id']);

async function publish(engine: FakeEngine, ids: readonly string[], ports = engine.publishPorts): Promise<void> {
  const timestamp = new Date(engine.clock.nowMs()).toISOString();
  await publishEvents(
    ports,
    ids.map((id) => ({ event: anEvent({ id, record_id: id, timestamp }), owner: id })),
  );
}

/** Put deliveries into an endpoint's backlog, one for each event id. */
async function park(engine: FakeEngine, ids: readonly string[], tenant = 'acme'): Promise<void> {
  for (const [index, event] of ids.entries()) {
    const row = anEventRow(index + 1, { id: event, tenant });
    await engine.events.writeRows([{ ...row, writtenAtMs: engine.clock.nowMs() }]);
    const { sequence, timestamp } = row;
    const delivery = newDelivery({ subscription: 'sub_1', scope: 'acme', event, tenant, sequence, timestamp });
    await engine.deliveries.putMany([parked(delivery)]);
  }
}

describe('disabling', () => {
  test('loses no queued, retrying or waiting delivery: all are sent once it is enabled', async () => {
    const engine = createFakeEngine();
    const { manageSubscriptionPorts: ports } = engine;
    await engine.subscriptions.create(aSubscription({ retry: { scheduleMs: [minuteMs, hourMs, hourMs] } }));
    engine.callbacks.answerWith(() => answered(500));
    await publish(engine, ['evt_later']);
    await letTimePass(engine, 30 * minuteMs);
    await publish(engine, ['evt_soon']);
    await letTimePass(engine, minuteMs / 2);
    await publish(engine, ['evt_queued']);
    await disableSubscription(ports, 'sub_1');
    const before = engine.callbacks.requests.length;
    await letTimePass(engine, 3 * hourMs);
    expect(engine.callbacks.requests).toHaveLength(before);

    engine.callbacks.answerWith(() => answered(204));
    await enableSubscription(ports, 'sub_1', undefined);
    await letTimePass(engine, minuteMs);
    expect(engine.callbacks.requests.slice(before).map(idOf).sort()).toEqual(['evt_later', 'evt_queued', 'evt_soon']);
    const { items } = await engine.deliveries.list('sub_1', 10, undefined);
    expect(items.map(({ state }) => state)).toEqual(['delivered', 'delivered', 'delivered']);
  });

  test('stops a running drain before its next posts', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription({ concurrency: 1 }));
    await park(engine, ['evt_1', 'evt_2', 'evt_3']);
    engine.callbacks.answerWith(() => {
      // Longer than a round, so that each post has its own round.
      engine.clock.advance(6_000);
      return answered(204);
    });
    const post = engine.callbacks.post.bind(engine.callbacks);
    engine.callbacks.post = async (request) => {
      const outcome = await post(request);
      if (engine.callbacks.requests.length === 1) await disableSubscription(engine.manageSubscriptionPorts, 'sub_1');
      return outcome;
    };
    await drainEndpoint(engine.drainPorts, { kind: 'drain', subscription: 'sub_1', scope: 'acme' });
    expect(engine.callbacks.requests.map(idOf)).toEqual(['evt_1']);
    expect(await engine.deliveries.listBacklog('sub_1', 10, undefined)).toHaveLength(2);
  });
});

describe('enabling', () => {
  test('starts sending immediately, although the next probe was far away', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    engine.callbacks.answerWith(() => answered(503, '800'));
    await publish(engine, ['evt_1']);
    await letTimePass(engine, minuteMs);
    await disableSubscription(engine.manageSubscriptionPorts, 'sub_1');
    engine.callbacks.answerWith(() => answered(204));
    await enableSubscription(engine.manageSubscriptionPorts, 'sub_1', undefined);
    await publish(engine, ['evt_2']);
    await letTimePass(engine, 5_000);
    expect(engine.callbacks.requests.map(idOf)).toContain('evt_2');
  });

  test('also catches up with events of publishers that still saw it disabled', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    await disableSubscription(engine.manageSubscriptionPorts, 'sub_1');
    await letTimePass(engine, 10 * minuteMs);
    await publish(engine, ['evt_1']);
    const seen = await engine.subscriptions.listFor('acme');
    await enableSubscription(engine.manageSubscriptionPorts, 'sub_1', { tenant: 'acme' });
    await letTimePass(engine, 5_000);
    expect(engine.callbacks.requests.map(idOf)).toEqual(['evt_1']);
    await publish(engine, ['evt_2'], {
      ...engine.publishPorts,
      subscriptions: { ...engine.subscriptions, listFor: async () => seen },
    });
    await letTimePass(engine, 2 * minuteMs);
    expect(engine.callbacks.requests.map(idOf)).toEqual(['evt_1', 'evt_2']);
    const { items } = await engine.replays.list('sub_1', 10, undefined);
    expect(items).toMatchObject([{ state: 'done', replayed: 2 }]);
  });
});

describe('catching up', () => {
  /** A subscription that missed an event while it was disabled. */
  async function behind(change = {}) {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription(change));
    await disableSubscription(engine.manageSubscriptionPorts, 'sub_1');
    await publish(engine, ['evt_1']);
    await letTimePass(engine, 10 * minuteMs);
    return engine;
  }

  test('is not forgotten by a call that fails or dies, and is repeated', async () => {
    const calls = injectFault((await behind()).manageSubscriptionPorts);
    await enableSubscription(calls.ports, 'sub_1', { tenant: 'acme' });
    for (const fault of calls.calls.flatMap((_, index) => faultsAt(index + 1))) {
      const engine = await behind();
      const { ports } = injectFault(engine.manageSubscriptionPorts, fault);
      await enableSubscription(ports, 'sub_1', { tenant: 'acme' }).catch(() => undefined);
      await letTimePass(engine, minuteMs);
      await enableSubscription(engine.manageSubscriptionPorts, 'sub_1', { tenant: 'acme' });
      await letTimePass(engine, 10 * minuteMs);
      expect(engine.callbacks.requests.map(idOf), JSON.stringify(fault)).toEqual(['evt_1']);
    }
  });

  test('survives a write whose answer was lost, and whose second try was refused', async () => {
    const engine = await behind();
    const { subscriptions } = engine;
    const ports = {
      ...engine.manageSubscriptionPorts,
      subscriptions: {
        ...subscriptions,
        replace: async (one: Subscription) => (await subscriptions.replace(one)) && false,
      },
    };
    expect(await enableSubscription(ports, 'sub_1', { tenant: 'acme' })).toMatchObject({
      disabledSince: expect.any(String),
      catchUp: { mode: 'missing' },
    });
    await letTimePass(engine, 10 * minuteMs);
    expect(engine.callbacks.requests.map(idOf)).toEqual(['evt_1']);
  });

  test('reaches events whose publisher died before, and leaves those that were tried before', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription({ retry: { scheduleMs: [1_000] } }));
    engine.callbacks.answerWith(() => answered(500));
    await publish(engine, ['evt_tried']);
    await letTimePass(engine, 20 * minuteMs);
    // The publisher of this one dies before it queues the delivery, and is tried again when it is disabled.
    await publish(engine, ['evt_untried'], {
      ...engine.publishPorts,
      deliveryQueue: { ...engine.publishPorts.deliveryQueue, sendAll: async () => Promise.reject(new Error('dead')) },
    }).catch(() => undefined);
    await letTimePass(engine, 20 * minuteMs);
    await disableSubscription(engine.manageSubscriptionPorts, 'sub_1');
    await publish(engine, ['evt_untried']);
    const before = engine.callbacks.requests.length;
    engine.callbacks.answerWith(() => answered(204));
    await enableSubscription(engine.manageSubscriptionPorts, 'sub_1', { tenant: 'acme' });
    await letTimePass(engine, 10 * minuteMs);
    expect(engine.callbacks.requests.slice(before).map(idOf)).toEqual(['evt_untried']);
  });
});

describe('removing', () => {
  test('cancels waiting deliveries, and keeps the id from other tenants (invariant 3)', async () => {
    const engine = createFakeEngine();
    const ports = engine.manageSubscriptionPorts;
    await engine.subscriptions.create(aSubscription());
    const ids = Array.from({ length: 250 }, (_, index) => `evt_${index}`);
    await park(engine, ids);
    const woken = await engine.endpoints.wake(key);
    await engine.endpoints.replace({ ...woken, position: 7, circuit: 'open' }, undefined);
    expect(await removeSubscription(ports, 'sub_1')).toEqual({ kind: 'removed', cancelled: 250 });
    expect(await removeSubscription(ports, 'sub_1')).toEqual({ kind: 'removed', cancelled: 0 });
    expect(await engine.deliveries.listBacklog('sub_1', 10, undefined)).toEqual([]);
    const { items } = await engine.deliveries.list('sub_1', 500, undefined);
    expect(new Set(items.map(({ state }) => state))).toEqual(new Set(['cancelled']));
    expect((await engine.endpoints.getMany([key]))[0]).toMatchObject({
      position: undefined,
      circuit: 'closed',
      hasBacklog: false,
    });
    expect(await engine.subscriptions.create(aSubscription({ tenant: 'globex' }))).toBe('exists');
    expect(await engine.subscriptions.create(aSubscription())).toBe('created');
  });

  test('continues in the next call if one call cannot cancel everything', async () => {
    const engine = createFakeEngine();
    const ports = engine.manageSubscriptionPorts;
    await engine.subscriptions.create(aSubscription());
    await park(
      engine,
      Array.from({ length: 250 }, (_, index) => `evt_${index}`),
    );
    const slow = {
      ...ports,
      deliveries: {
        ...ports.deliveries,
        async listBacklog(...args: Parameters<typeof ports.deliveries.listBacklog>) {
          engine.clock.advance(10_000);
          return ports.deliveries.listBacklog(...args);
        },
      },
    };
    expect(await removeSubscription(slow, 'sub_1')).toEqual({ kind: 'unfinished', cancelled: 200 });
    expect((await engine.subscriptions.find('sub_1'))?.status).toBe('disabled');
    expect(await removeSubscription(slow, 'sub_1')).toEqual({ kind: 'removed', cancelled: 50 });
    expect(await engine.subscriptions.find('sub_1')).toBeUndefined();
  });
});

test("a backlog never gives a subscription another tenant's event, whatever it holds (invariant 3)", async () => {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription());
  await park(engine, ['evt_1'], 'globex');
  const outcome = await drainEndpoint(engine.drainPorts, { kind: 'drain', subscription: 'sub_1', scope: 'acme' });
  expect(outcome.kind).toBe('drained');
  expect(engine.callbacks.requests).toEqual([]);
});

describe('the feed position of an ordered subscription', () => {
  test('is set despite concurrent writes of its endpoint’s state', async () => {
    const engine = createFakeEngine();
    await engine.events.writeRows([{ ...anEventRow(5), writtenAtMs: engine.clock.nowMs() }]);
    let writes = 0;
    const ports = {
      ...engine.manageSubscriptionPorts,
      endpoints: {
        ...engine.endpoints,
        async replace(...[state, dueAtMs]: Parameters<typeof engine.endpoints.replace>) {
          writes += 1;
          if (writes === 1) {
            const [other] = await engine.endpoints.getMany([key]);
            if (other !== undefined) await engine.endpoints.replace({ ...other, latencyMs: 20 }, undefined);
          }
          return engine.endpoints.replace(state, dueAtMs);
        },
      },
    };
    await beginAtEnd(ports, aSubscription());
    expect((await engine.endpoints.getMany([key]))[0]).toMatchObject({ position: 5, latencyMs: 20 });
  });

  test('is kept, since unsent events are queued nowhere else', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription({ ordering: 'record' }));
    const update = (ordering: 'none' | 'tenant') =>
      updateSubscription(engine.manageSubscriptionPorts, 'sub_1', { ordering });
    expect(await update('none')).toMatchObject({ kind: 'conflict', path: 'ordering' });
    expect(await update('tenant')).toMatchObject({ kind: 'updated', subscription: { ordering: 'tenant' } });
  });
});

describe('a replay', () => {
  test('waits at a number that may still be written, and continues after it', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    const writtenAtMs = engine.clock.nowMs();
    // Another writer still writes 2.
    await engine.events.writeRows([1, 3].map((sequence) => ({ ...anEventRow(sequence), writtenAtMs })));
    await startReplay(engine.drainPorts, aSubscription(), { tenant: 'acme', mode: 'all', ratePerSecond: 50 });
    await letTimePass(engine, 10_000);
    expect(engine.callbacks.requests.map(idOf)).toEqual(['evt_1']);
    await engine.events.writeRows([{ ...anEventRow(2), writtenAtMs: engine.clock.nowMs() }]);
    await letTimePass(engine, limits.sequenceHoleLifetimeMs);
    expect(engine.callbacks.requests.map(idOf)).toEqual(['evt_1', 'evt_2', 'evt_3']);
    expect((await engine.replays.list('sub_1', 1, undefined)).items).toMatchObject([{ state: 'done', replayed: 3 }]);
  });

  test('of a disabled subscription sends nothing, and its deliveries wait', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    await engine.events.writeRows([{ ...anEventRow(1), writtenAtMs: engine.clock.nowMs() }]);
    await startReplay(engine.drainPorts, aSubscription(), { tenant: 'acme', mode: 'all', ratePerSecond: 50 });
    await disableSubscription(engine.manageSubscriptionPorts, 'sub_1');
    await letTimePass(engine, minuteMs);
    expect(engine.callbacks.requests).toEqual([]);
    await enableSubscription(engine.manageSubscriptionPorts, 'sub_1', undefined);
    await letTimePass(engine, minuteMs);
    expect(engine.callbacks.requests.map(idOf)).toEqual(['evt_1']);
  });
});
