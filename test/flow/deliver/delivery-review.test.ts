import { describe, expect, test } from 'vitest';
import type { DeliveryJob } from '../../../lambdas/contracts/messages.ts';
import type { Delivery } from '../../../lambdas/engine/delivery/delivery.ts';
import { prepareSubscription } from '../../../lambdas/flows/deliver/attempt/prepare-subscription.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { attemptNow, cancelDelivery } from '../../../lambdas/flows/subscriptions/manage-delivery.ts';
import { disableSubscription, enableSubscription } from '../../../lambdas/flows/subscriptions/manage-subscription.ts';
import { runReplay, startReplay } from '../../../lambdas/flows/subscriptions/replay-events.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import { type Subscription, scopeOf } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { letTimePass } from '../let-time-pass.ts';
import { publishRecords } from './publish-records.ts';
import { subscribe } from './subscribe.ts';

const secondMs = 1_000;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

const idOf = ({ headers }: CallbackRequest) => String(headers['webhook-id']);

async function onlyDelivery(engine: FakeEngine) {
  const [delivery] = (await engine.deliveries.list('sub_1', 10, undefined)).items;
  if (delivery === undefined) throw new Error('a delivery');
  return delivery;
}

/** A store that dies within its first `addMany`: it has written the rows, but not their entries. */
function dyingBeforeEntries(engine: FakeEngine) {
  let isDead = false;
  return {
    ...engine.deliveries,
    addMany: async (deliveries: readonly Delivery[]) => {
      if (isDead || deliveries.length === 0) return engine.deliveries.addMany(deliveries);
      isDead = true;
      engine.deliveries.putRows(deliveries);
      throw new Error('the process has ended');
    },
  };
}

describe('an attempt that a person asks for', () => {
  test('during another attempt is made when that one is the last and fails', async () => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine, { retry: { scheduleMs: [] } });
    let asked = false;
    engine.callbacks.answerWith(async () => {
      if (asked) return answered(204);
      asked = true;
      await attemptNow(engine.manageDeliveryPorts, subscription, await onlyDelivery(engine));
      return answered(500);
    });
    await publishRecords(engine, ['1']);
    await letTimePass(engine, hourMs);
    expect(await onlyDelivery(engine)).toMatchObject({ state: 'delivered' });
  });

  test('is not reported as exhausted', async () => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine, { retry: { scheduleMs: [] } });
    await subscribe(engine, { id: 'sub_ops', types: ['delivery.*'] });
    let asked = false;
    engine.callbacks.answerWith(async ({ url }) => {
      if (asked || url.includes('sub_ops')) return answered(204);
      asked = true;
      await attemptNow(engine.manageDeliveryPorts, subscription, await onlyDelivery(engine));
      return answered(500);
    });
    await publishRecords(engine, ['1']);
    await letTimePass(engine, hourMs);
    expect(engine.callbacks.requests.filter(({ url }) => url.includes('sub_ops'))).toEqual([]);
  });

  test('of an ordered subscription is made at once, although the next was scheduled for later', async () => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine, { ordering: 'record', retry: { scheduleMs: [5 * hourMs] } });
    engine.callbacks.answerWith((_, earlier) => answered(earlier === 0 ? 500 : 204));
    await publishRecords(engine, ['1']);
    await letTimePass(engine, minuteMs);
    await attemptNow(engine.manageDeliveryPorts, subscription, await onlyDelivery(engine));
    await letTimePass(engine, 5 * minuteMs);
    expect(await onlyDelivery(engine)).toMatchObject({ state: 'delivered' });
  });

  test('is not lost when a drain reads its entry before the delivery is stored', async () => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine, { retry: { scheduleMs: [] } });
    engine.callbacks.answerWith((_, earlier) => answered(earlier === 0 ? 500 : 204));
    await publishRecords(engine, ['1']);
    await letTimePass(engine, minuteMs);
    const { deliveries } = engine;
    const split = {
      ...deliveries,
      replace: async (delivery: Parameters<typeof deliveries.replace>[0]) => {
        await deliveries.remind([delivery]);
        await drainEndpoint(engine.drainPorts, { kind: 'drain', subscription: 'sub_1', scope: scopeOf(subscription) });
        return deliveries.replaceRow(delivery);
      },
    };
    await attemptNow({ ...engine.manageDeliveryPorts, deliveries: split }, subscription, await onlyDelivery(engine));
    await letTimePass(engine, 5 * minuteMs);
    expect(await onlyDelivery(engine)).toMatchObject({ state: 'delivered' });
  });
});

describe('a replay', () => {
  const retry = { scheduleMs: [secondMs, 5 * secondMs] };
  const again = (engine: FakeEngine, subscription: Subscription, mode: 'all' | 'failed' = 'failed') =>
    startReplay(engine.drainPorts, subscription, { tenant: 'acme', mode, ratePerSecond: 50 });

  test('starts a new schedule for an exhausted delivery, and keeps its earlier attempts', async () => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine, { retry });
    engine.callbacks.answerWith(() => answered(500));
    await publishRecords(engine, ['1']);
    await letTimePass(engine, hourMs);
    expect(await onlyDelivery(engine)).toMatchObject({ state: 'exhausted', attemptCount: 3 });
    await again(engine, subscription);
    await letTimePass(engine, hourMs);
    const delivery = await onlyDelivery(engine);
    expect(delivery).toMatchObject({ state: 'exhausted', exhaustedBy: 'attempts-exhausted', attemptCount: 6 });
    expect(delivery.attempts.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(delivery.attempts.map(({ trigger }) => trigger).slice(3)).toEqual(['manual', 'schedule', 'schedule']);
  });

  test.each(['failed', 'all'] as const)(
    'sends its deliveries when the response of a write was lost and the write repeated (mode %s)',
    async (mode) => {
      const engine = createFakeEngine();
      const subscription = await subscribe(engine, { retry });
      engine.callbacks.answerWith(() => answered(mode === 'failed' ? 500 : 204));
      await publishRecords(engine, ['1']);
      await letTimePass(engine, hourMs);
      const before = await onlyDelivery(engine);
      engine.callbacks.answerWith(() => answered(204));
      const { id } = await again(engine, subscription, mode);
      const { deliveries } = engine;
      const unheard = {
        ...deliveries,
        replace: async (...args: Parameters<typeof deliveries.replace>) => {
          expect(await deliveries.replace(...args)).toBe(true);
          return deliveries.replace(...args);
        },
      };
      for (const { id: message } of engine.drainQueue.messages()) engine.drainQueue.remove(message);
      await runReplay({ ...engine.drainPorts, deliveries: unheard }, prepareSubscription(subscription), id);
      expect(await engine.replays.find('sub_1', id)).toMatchObject({ state: 'done', replayed: 1 });
      await letTimePass(engine, hourMs);
      const after = await onlyDelivery(engine);
      expect(after).toMatchObject({ state: 'delivered', attemptCount: before.attemptCount + 1 });
    },
  );

  test.each(['replay', 'attempt'] as const)('of an old delivery is retried when it fails (%s)', async (how) => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine, { retry });
    engine.callbacks.answerWith(() => answered(500));
    await publishRecords(engine, ['1']);
    await letTimePass(engine, hourMs);
    engine.clock.advance(100 * hourMs);
    engine.callbacks.answerWith((_, earlier) => answered(earlier < 4 ? 500 : 204));
    if (how === 'replay') await again(engine, subscription);
    else await attemptNow(engine.manageDeliveryPorts, subscription, await onlyDelivery(engine));
    await letTimePass(engine, hourMs);
    expect(await onlyDelivery(engine)).toMatchObject({ state: 'delivered', exhaustedBy: undefined, attemptCount: 5 });
  });

  test.each(['none', 'record', 'tenant'] as const)('goes after new events (ordering %s)', async (ordering) => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine, { ordering });
    const old = await publishRecords(engine, ['1', '2', '1']);
    await letTimePass(engine, 10 * minuteMs);
    const before = engine.callbacks.requests.length;
    const { id } = await again(engine, subscription, 'all');
    await runReplay(engine.drainPorts, prepareSubscription(subscription), id);
    // Slower than deliver accepts: everything goes through the backlog or the feed.
    const [state] = await engine.endpoints.getMany([{ endpoint: 'sub_1', scope: 'acme' }]);
    if (state === undefined) throw new Error('the endpoint is known');
    await engine.endpoints.replace({ ...state, latencyMs: 60_000 }, undefined);
    const fresh = await publishRecords(engine, ['2', '3']);
    for (const { id: message, body } of engine.deliveryQueue.receive()) {
      const jobs = [JSON.parse(body)].flat() as readonly DeliveryJob[];
      await deliverEvents(
        engine.deliverPorts,
        jobs.map((job) => ({ messageId: message, job })),
      );
      engine.deliveryQueue.remove(message);
    }
    await letTimePass(engine, 10 * minuteMs);
    expect(engine.callbacks.requests.slice(before).map(idOf)).toEqual([...fresh, ...old]);
  });

  test.each(['record', 'tenant'] as const)('that fails does not block new events (ordering %s)', async (ordering) => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine, { ordering });
    const [old] = await publishRecords(engine, ['1']);
    await letTimePass(engine, 10 * minuteMs);
    engine.callbacks.answerWith(({ headers }) => answered(headers['webhook-id'] === old ? 500 : 204));
    await again(engine, subscription, 'all');
    await letTimePass(engine, 2 * secondMs);
    expect((await onlyDelivery(engine)).state).toBe('retrying');
    const [fresh = ''] = await publishRecords(engine, ['1']);
    await letTimePass(engine, 2 * secondMs);
    expect(engine.callbacks.requests.map(idOf)).toContain(fresh);
  });
});

describe('a crash between deliveries and their entries', () => {
  test.each(['record', 'tenant'] as const)('loses no event of a feed, ordering %s', async (ordering) => {
    const engine = createFakeEngine();
    await subscribe(engine, { ordering });
    engine.callbacks.answerWith((_, earlier) => answered(earlier === 0 ? 500 : 204));
    const ids = await publishRecords(engine, ['1', '1', '1']);
    const deliveries = dyingBeforeEntries(engine);
    const [message] = engine.drainQueue.receive();
    await expect(drainEndpoint({ ...engine.drainPorts, deliveries }, JSON.parse(message?.body ?? ''))).rejects.toThrow(
      'has ended',
    );
    await letTimePass(engine, 5 * hourMs);
    expect([...new Set(engine.callbacks.requests.map(idOf))]).toEqual(ids);
  });

  test.each(['entries', 'drain'] as const)('loses no event of a replay, before its %s', async (before) => {
    const engine = createFakeEngine();
    const ids = await publishRecords(engine, ['1', '2']);
    engine.clock.advance(10 * minuteMs);
    const subscription = await subscribe(engine);
    const replay = await startReplay(engine.drainPorts, subscription, {
      tenant: 'acme',
      mode: 'all',
      ratePerSecond: 50,
    });
    const endpoints = {
      ...engine.endpoints,
      wake: async () => {
        throw new Error('the process has ended');
      },
    };
    const ports =
      before === 'entries'
        ? { ...engine.drainPorts, deliveries: dyingBeforeEntries(engine) }
        : { ...engine.drainPorts, endpoints };
    engine.drainQueue.receive();
    await expect(runReplay(ports, prepareSubscription(subscription), replay.id)).rejects.toThrow('has ended');
    await letTimePass(engine, hourMs);
    expect(engine.callbacks.requests.map(idOf).sort()).toEqual(ids);
  });
});

describe('drain messages', () => {
  test('do not pile up while an endpoint is down', async () => {
    const engine = createFakeEngine();
    await subscribe(engine, { ordering: 'record' });
    engine.callbacks.answerWith(() => answered(500));
    for (let index = 0; index < 100; index += 1) {
      await publishRecords(engine, [String(index)]);
      await letTimePass(engine, 20 * secondMs);
    }
    expect(engine.drainQueue.messages().length).toBeLessThan(10);
  });
});

describe('an endpoint that is about to be disabled', () => {
  test.each([
    ['has been changed', (one: Subscription): Subscription => ({ ...one, types: [...one.types, 'other:*'] })],
  ])('gets the waiting deliveries when its subscription %s in the meantime', async (_, change) => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine, { ratePerSecond: 1 });
    let isFirst = true;
    engine.callbacks.answerWith(async () => {
      if (!isFirst) return answered(204);
      isFirst = false;
      const stored = (await engine.subscriptions.find('sub_1')) ?? subscription;
      await engine.subscriptions.replace(change(stored));
      return answered(410);
    });
    const ids = await publishRecords(
      engine,
      Array.from({ length: 5 }, (_one, index) => String(index)),
    );
    await letTimePass(engine, hourMs);
    expect(await engine.subscriptions.find('sub_1')).toMatchObject({ status: 'enabled' });
    expect(new Set(engine.callbacks.requests.map(idOf))).toEqual(new Set(ids));
  });
});

describe('an endpoint that asks for a pause', () => {
  test.each([
    ['for years', '999999999'],
    ['for ever', '9'.repeat(400)],
  ])('is posted to again: %s', async (_, seconds) => {
    const engine = createFakeEngine();
    await subscribe(engine);
    let isFirst = true;
    engine.callbacks.answerWith(() => {
      const outcome = isFirst ? answered(503, seconds) : answered(204);
      isFirst = false;
      return outcome;
    });
    await publishRecords(engine, ['1']);
    await letTimePass(engine, minuteMs);
    const others = await publishRecords(engine, ['2', '3']);
    await letTimePass(engine, 30 * hourMs);
    expect(engine.callbacks.requests.map(idOf)).toEqual(expect.arrayContaining([...others]));
    const [state] = await engine.endpoints.getMany([{ endpoint: 'sub_1', scope: 'acme' }]);
    expect(Number.isSafeInteger(state?.pausedUntilMs)).toBe(true);
  });
});

describe('an event that cannot be read', () => {
  test.each([false, true])('does not block other events (fast: %s)', async (isFast) => {
    const engine = createFakeEngine();
    await subscribe(engine, { retry: { scheduleMs: [] } });
    if (isFast) {
      await publishRecords(engine, ['warm']);
      await letTimePass(engine, minuteMs);
    }
    const before = engine.callbacks.requests.length;
    const ids = await publishRecords(engine, ['1', '2', '3']);
    const { events } = engine;
    const deliverPorts = {
      ...engine.drainPorts,
      events: {
        ...events,
        getMany: async (...args: Parameters<typeof events.getMany>) =>
          (await events.getMany(...args)).map((row) =>
            row.id === ids[0] ? { ...row, inlineData: undefined, claimKey: 'gone' } : row,
          ),
      },
    };
    await letTimePass({ ...engine, deliverPorts, drainPorts: deliverPorts }, 10 * minuteMs);
    expect(engine.callbacks.requests.slice(before).map(idOf)).toEqual(ids.slice(1));
    const { items } = await engine.deliveries.list('sub_1', 10, undefined);
    expect(items.find(({ event }) => event === ids[0])).toMatchObject({ state: 'exhausted' });
  });
});

describe('a job', () => {
  test('is sent when its subscription is enabled while it is parked', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    const ids = await publishRecords(engine, ['1']);
    await disableSubscription(engine.manageSubscriptionPorts, 'sub_1');
    const { deliveries } = engine;
    const slow = {
      ...deliveries,
      addMany: async (...args: Parameters<typeof deliveries.addMany>) => {
        await enableSubscription(engine.manageSubscriptionPorts, 'sub_1', undefined);
        for (const drain of engine.drainQueue.receive()) {
          await drainEndpoint(engine.drainPorts, JSON.parse(drain.body));
          engine.drainQueue.remove(drain.id);
        }
        return deliveries.addMany(...args);
      },
    };
    const [message] = engine.deliveryQueue.receive();
    const job = JSON.parse(message?.body ?? '');
    await deliverEvents({ ...engine.deliverPorts, deliveries: slow }, [{ messageId: '1', job }]);
    engine.deliveryQueue.remove(message?.id ?? '');
    await letTimePass(engine, 10 * minuteMs);
    expect(engine.callbacks.requests.map(idOf)).toEqual(ids);
  });

  test('that is cancelled while it is parked stays cancelled, and is not sent', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    engine.callbacks.answerWith(() => answered(500));
    await publishRecords(engine, ['1']);
    await letTimePass(engine, 1_000);
    engine.callbacks.answerWith(() => answered(204));
    const posts = engine.callbacks.requests.length;
    engine.clock.advance(minuteMs);
    const [message] = engine.deliveryQueue.receive();
    const job = JSON.parse(message?.body ?? '');
    const { deliveries } = engine;
    const cancellations: string[] = [];
    const slow = {
      ...deliveries,
      async getMany(...args: Parameters<typeof deliveries.getMany>) {
        const found = await deliveries.getMany(...args);
        cancellations.push((await cancelDelivery(engine.manageDeliveryPorts, job)).kind);
        return found;
      },
    };
    // No endpoint is this fast, so deliver parks the job.
    const endpointPolicy = { ...engine.deliverPorts.endpointPolicy, fastLatencyMs: -1 };
    const ports = { ...engine.deliverPorts, deliveries: slow, endpointPolicy };
    expect(await deliverEvents(ports, [{ messageId: '1', job }])).toEqual([{ kind: 'duplicate' }]);
    expect(cancellations[0]).toBe('cancelled');
    engine.deliveryQueue.remove(message?.id ?? '');
    await letTimePass(engine, hourMs);
    expect((await engine.deliveries.list('sub_1', 10, undefined)).items).toMatchObject([{ state: 'cancelled' }]);
    expect(engine.callbacks.requests).toHaveLength(posts);
  });

  test('that is parked while a drain reads its entry is sent by the next drain', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    engine.callbacks.answerWith(() => answered(500));
    const [id] = await publishRecords(engine, ['1']);
    await letTimePass(engine, 1_000);
    engine.callbacks.answerWith(() => answered(204));
    engine.clock.advance(minuteMs);
    const { deliveries } = engine;
    const slow = {
      ...deliveries,
      async replace(delivery: Delivery) {
        // The entry is written first, and a drain runs before the delivery is written.
        await deliveries.remind([delivery]);
        await drainEndpoint(engine.drainPorts, { kind: 'drain', subscription: 'sub_1', scope: 'acme' });
        return deliveries.replaceRow(delivery);
      },
    };
    const endpointPolicy = { ...engine.deliverPorts.endpointPolicy, fastLatencyMs: -1 };
    for (const message of engine.deliveryQueue.receive()) {
      const job = JSON.parse(message.body) as DeliveryJob;
      await deliverEvents({ ...engine.deliverPorts, deliveries: slow, endpointPolicy }, [{ messageId: '1', job }]);
      engine.deliveryQueue.remove(message.id);
    }
    await letTimePass(engine, hourMs);
    expect(await onlyDelivery(engine)).toMatchObject({ event: id, state: 'delivered' });
  });

  test('for which a person asks while a drain removes its entry is sent again', async () => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine);
    const [id] = await publishRecords(engine, ['1']);
    const { deliveries } = engine;
    let isAsked = false;
    const asking = {
      ...deliveries,
      async putMany(...[put, done = []]: Parameters<typeof deliveries.putMany>) {
        const isRemoval = put.length === 0 && done.length > 0;
        if (isRemoval && !isAsked) {
          isAsked = true;
          await attemptNow(engine.manageDeliveryPorts, subscription, await onlyDelivery(engine));
        }
        return deliveries.putMany(put, done);
      },
    };
    for (const { id: message, body } of engine.deliveryQueue.receive()) {
      await deliverEvents(engine.deliverPorts, [{ messageId: message, job: JSON.parse(body) }]);
      engine.deliveryQueue.remove(message);
    }
    for (const drain of engine.drainQueue.receive()) {
      await drainEndpoint({ ...engine.drainPorts, deliveries: asking }, JSON.parse(drain.body));
      engine.drainQueue.remove(drain.id);
    }
    await letTimePass(engine, hourMs);
    expect(engine.callbacks.requests.map(idOf)).toEqual([id, id]);
    expect(await onlyDelivery(engine)).toMatchObject({ state: 'delivered', attemptCount: 2 });
    expect(await deliveries.listBacklog('sub_1', 10, undefined)).toEqual([]);
  });

  test('has its successor when the response of its record was lost and the write repeated', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    await publishRecords(engine, ['warm']);
    await letTimePass(engine, minuteMs);
    let isDown = true;
    engine.callbacks.answerWith(() => answered(isDown ? 500 : 204));
    const [id] = await publishRecords(engine, ['1']);
    const { deliveries } = engine;
    const unheard = {
      ...deliveries,
      replace: async (...args: Parameters<typeof deliveries.replace>) => {
        expect(await deliveries.replace(...args)).toBe(true);
        return deliveries.replace(...args);
      },
    };
    const [message] = engine.deliveryQueue.receive();
    const job = JSON.parse(message?.body ?? '');
    await deliverEvents({ ...engine.deliverPorts, deliveries: unheard }, [{ messageId: '1', job }]);
    engine.deliveryQueue.remove(message?.id ?? '');
    expect(
      (await engine.deliveries.list('sub_1', 10, undefined)).items.find(({ event }) => event === id),
    ).toMatchObject({
      state: 'retrying',
      waitsIn: 'queue',
    });
    isDown = false;
    await letTimePass(engine, hourMs);
    const { items } = await engine.deliveries.list('sub_1', 10, undefined);
    expect(items.find(({ event }) => event === id)).toMatchObject({ state: 'delivered' });
  });
});
