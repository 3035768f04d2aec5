import { describe, expect, test } from 'vitest';
import type { DeliveryJob } from '../../../lambdas/contracts/messages.ts';
import { prepareSubscription } from '../../../lambdas/flows/deliver/attempt/prepare-subscription.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { disableSubscription, enableSubscription } from '../../../lambdas/flows/subscriptions/manage-subscription.ts';
import { runReplay, startReplay } from '../../../lambdas/flows/subscriptions/replay-events.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { aSubscription } from '../../fakes/samples.ts';
import { letTimePass } from '../let-time-pass.ts';
import { publishRecords } from './publish-records.ts';
import { subscribe } from './subscribe.ts';

const secondMs = 1_000;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

const idOf = ({ headers }: CallbackRequest) => String(headers['webhook-id']);
const replay = (engine: FakeEngine, subscription: Subscription, mode: 'failed' | 'missing') =>
  startReplay(engine.drainPorts, subscription, { tenant: 'acme', mode, ratePerSecond: 50 });

async function onlyDelivery(engine: FakeEngine) {
  const [delivery] = (await engine.deliveries.list('sub_1', 10, undefined)).items;
  if (delivery === undefined) throw new Error('a delivery');
  return delivery;
}

describe('a retry', () => {
  /** A delivery whose first attempt has failed, and whose retry waits in the queue. */
  async function retrying(engine: FakeEngine): Promise<Subscription> {
    const subscription = await subscribe(engine, { retry: { scheduleMs: [10 * minuteMs] } });
    engine.callbacks.answerWith(() => answered(500));
    await publishRecords(engine, ['1']);
    await letTimePass(engine, secondMs);
    engine.callbacks.answerWith(() => answered(204));
    expect(await onlyDelivery(engine)).toMatchObject({ state: 'retrying', waitsIn: 'queue' });
    return subscription;
  }

  test('that a new filter does not want is cancelled, and replayed once the filter wants it again', async () => {
    const engine = createFakeEngine();
    const subscription = await retrying(engine);
    const { shaping } = subscription;
    await engine.subscriptions.replace({ ...subscription, shaping: { ...shaping, filter: 'false' } });
    await letTimePass(engine, hourMs);
    expect(await onlyDelivery(engine)).toMatchObject({ state: 'cancelled', waitsIn: undefined });
    const changed = { ...subscription, revision: subscription.revision + 1 };
    await engine.subscriptions.replace(changed);
    await replay(engine, changed, 'failed');
    await letTimePass(engine, hourMs);
    expect(await onlyDelivery(engine)).toMatchObject({ state: 'delivered' });
  });

  test.each(['queue', 'backlog'] as const)(
    'in the %s whose event has expired is exhausted, and told',
    async (where) => {
      const engine = createFakeEngine();
      await retrying(engine);
      await subscribe(engine, { id: 'sub_ops', types: ['delivery.*'] });
      if (where === 'backlog') {
        const delivery = await onlyDelivery(engine);
        await engine.deliveries.replace({ ...delivery, waitsIn: 'backlog', state: 'waiting' });
        engine.drainQueue.send(JSON.stringify({ kind: 'drain', subscription: 'sub_1', scope: 'acme' }));
      }
      const { events } = engine;
      const gone = {
        ...events,
        getMany: async (keys: Parameters<typeof events.getMany>[0]) =>
          (await events.getMany(keys)).filter(({ resource }) => resource !== 'hris/employees'),
      };
      Object.assign(engine.deliverPorts, { events: gone });
      Object.assign(engine.drainPorts, { events: gone });
      await letTimePass(engine, hourMs);
      expect(await onlyDelivery(engine)).toMatchObject({ state: 'exhausted', exhaustedBy: 'event-expired' });
      const told = engine.callbacks.requests.map(({ body }) => JSON.parse(body) as { type: string; data: object });
      expect(told.filter(({ type }) => type === 'delivery.exhausted')).toMatchObject([
        { data: { reason: 'event-expired' } },
      ]);
    },
  );
});

test('a token that takes longer than the lease has its event posted under the next one', async () => {
  const engine = createFakeEngine();
  const subscription = aSubscription({ concurrency: 1 });
  const auth = {
    type: 'oauth2',
    token_url: 'https://login.example/token',
    client_id: 'a',
    client_secret: 'b',
    auth_style: 'body',
  } as const;
  await engine.subscriptions.create({ ...subscription, endpoint: { ...subscription.endpoint, auth } });
  let slowMs = 10 * minuteMs;
  const ports = {
    ...engine.deliverPorts,
    tokens: {
      ...engine.deliverPorts.tokens,
      async tokenFor() {
        engine.clock.advance(slowMs);
        slowMs = 0;
        return { kind: 'token', token: 't' } as const;
      },
    },
  };
  const [id] = await publishRecords(engine, ['1']);
  for (const { id: message, body } of engine.deliveryQueue.receive()) {
    const jobs = [JSON.parse(body)].flat() as readonly DeliveryJob[];
    await deliverEvents(
      ports,
      jobs.map((job) => ({ messageId: message, job })),
    );
    engine.deliveryQueue.remove(message);
  }
  expect(engine.callbacks.requests).toEqual([]);
  await letTimePass(engine, 10 * minuteMs);
  expect(engine.callbacks.requests.map(idOf)).toEqual([id]);
});

test('a replay of an ordered subscription leaves what its follower has not read to the follower', async () => {
  const engine = createFakeEngine();
  const subscription = await subscribe(engine, { ordering: 'record' });
  const first = await publishRecords(engine, ['1']);
  await letTimePass(engine, minuteMs);
  await disableSubscription(engine.manageSubscriptionPorts, 'sub_1');
  const missed = await publishRecords(engine, ['1', '2', '1']);
  const { id } = await replay(engine, subscription, 'missing');
  await runReplay(engine.drainPorts, prepareSubscription(subscription), id);
  const before = engine.callbacks.requests.length;
  const fresh = await publishRecords(engine, ['1']);
  await enableSubscription(engine.manageSubscriptionPorts, 'sub_1', undefined);
  await letTimePass(engine, 10 * minuteMs);
  const sent = engine.callbacks.requests.slice(before).map(idOf);
  expect(sent.filter((event) => event !== missed[1])).toEqual([missed[0], missed[2], ...fresh]);
  expect(sent).toHaveLength(4);
  expect(first).toHaveLength(1);
});

test('a late drain of a disabled subscription does not stop the drain of an enabled one', async () => {
  const engine = createFakeEngine();
  await subscribe(engine, { ordering: 'tenant' });
  await publishRecords(engine, ['1', '2', '3']);
  await disableSubscription(engine.manageSubscriptionPorts, 'sub_1');
  const message = { kind: 'drain', subscription: 'sub_1', scope: 'acme' } as const;
  const { subscriptions } = engine;
  const post = engine.callbacks.post.bind(engine.callbacks);
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let running: Promise<unknown> = Promise.resolve();
  const late = {
    ...engine.drainPorts,
    subscriptions: {
      ...subscriptions,
      async getMany(keys: Parameters<typeof subscriptions.getMany>[0]) {
        const found = await subscriptions.getMany(keys);
        await enableSubscription(engine.manageSubscriptionPorts, 'sub_1', undefined);
        for (const { id } of engine.drainQueue.receive()) engine.drainQueue.remove(id);
        const posting = new Promise<void>((resolve) => {
          engine.callbacks.post = async (request) => {
            resolve();
            await released;
            // Longer than a round, so that each post has its own round.
            engine.clock.advance(6_000);
            return post(request);
          };
        });
        running = drainEndpoint(engine.drainPorts, message);
        await posting;
        return found;
      },
    },
  };
  await drainEndpoint(late, message);
  release();
  await running;
  expect(engine.callbacks.requests).toHaveLength(3);
});
