import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import type { DeliveryJob } from '../../../lambdas/contracts/messages.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { attemptNow, cancelDelivery } from '../../../lambdas/flows/subscriptions/manage-delivery.ts';
import {
  disableSubscription,
  enableSubscription,
  rotateSecret,
} from '../../../lambdas/flows/subscriptions/manage-subscription.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anEvent } from '../../fakes/samples.ts';
import { propertyRuns } from '../../property-runs.ts';
import { anyFault } from '../any-fault.ts';
import { letTimePass } from '../let-time-pass.ts';
import { publishRecords } from './publish-records.ts';
import { subscribe } from './subscribe.ts';

const secondMs = 1_000;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const idOf = ({ headers }: CallbackRequest) => String(headers['webhook-id']);
const eventOf = ({ body }: CallbackRequest) => JSON.parse(body) as { id: string; type: string; record_id: string };
const records = (requests: readonly CallbackRequest[]) => requests.map((request) => eventOf(request).record_id);

describe('one event, for three days', () => {
  test('is tried ten times over 75 hours, then kept as exhausted and reported', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    await subscribe(engine, { id: 'sub_ops', types: ['delivery.*', 'subscription.*'] });
    const startMs = engine.clock.nowMs();
    const at: number[] = [];
    engine.callbacks.answerWith(({ url }) => {
      if (!url.includes('sub_1')) return answered(204);
      at.push(engine.clock.nowMs() - startMs);
      return answered(500);
    });
    const [id = ''] = await publishRecords(engine, ['1']);
    await letTimePass(engine, 100 * hourMs);

    expect(at).toHaveLength(10);
    const waits = at.map((ms, index) => ms - (at[index - 1] ?? 0)).slice(1);
    const schedule = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    for (const [index, seconds] of schedule.entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(seconds * secondMs);
      // Jitter of a fifth, and the delays of the queue and of dispatch.
      expect(waits[index]).toBeLessThanOrEqual(seconds * secondMs * 1.2 + 2 * secondMs);
    }
    const [delivery] = (await engine.deliveries.list('sub_1', 10, undefined)).items;
    expect(delivery).toMatchObject({
      event: id,
      state: 'exhausted',
      exhaustedBy: 'attempts-exhausted',
      attemptCount: 10,
    });
    const told = engine.callbacks.requests.filter(({ url }) => url.includes('sub_ops')).map(eventOf);
    expect(told.filter(({ type }) => type === 'delivery.exhausted')).toMatchObject([{ record_id: id }]);
    expect(new Set(engine.callbacks.requests.filter(({ url }) => url.includes('sub_1')).map(idOf))).toEqual(
      new Set([id]),
    );
  });

  test('is signed with the current secrets, when they rotate between retries', async () => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine);
    engine.callbacks.answerWith((_, earlier) => answered(earlier < 4 ? 500 : 204));
    await publishRecords(engine, ['1']);
    await letTimePass(engine, minuteMs);
    const [old] = subscription.secrets;
    const rotation = await rotateSecret(engine.manageSubscriptionPorts, 'sub_1', 2 * 3_600);
    await letTimePass(engine, 12 * hourMs);

    const { requests } = engine.callbacks;
    const verifies = (secret: string | undefined, { body, headers }: CallbackRequest) => {
      try {
        // The library uses the machine's clock; the time of the callback is not under test.
        new Webhook(secret ?? '').sign(
          String(headers['webhook-id']),
          new Date(Number(headers['webhook-timestamp']) * 1000),
          body,
        );
        return headers['webhook-signature']
          ?.split(' ')
          .includes(
            new Webhook(secret ?? '').sign(
              String(headers['webhook-id']),
              new Date(Number(headers['webhook-timestamp']) * 1000),
              body,
            ),
          );
      } catch {
        return false;
      }
    };
    expect(requests.map((request) => [verifies(old?.value, request), verifies(rotation?.secret, request)])).toEqual([
      [true, false],
      [true, false],
      [true, true],
      [true, true],
      [false, true],
    ]);
  });

  test('waits as long as the endpoint asks, in seconds or until a date', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    const at: number[] = [];
    engine.callbacks.answerWith((_, earlier) => {
      at.push(engine.clock.nowMs());
      const later = new Date(engine.clock.nowMs() + 2 * hourMs).toUTCString();
      return earlier === 0 ? answered(429, '1800.5') : earlier === 1 ? answered(503, later) : answered(204);
    });
    await publishRecords(engine, ['1']);
    await letTimePass(engine, 6 * hourMs);
    expect(at).toHaveLength(3);
    expect((at[1] as number) - (at[0] as number)).toBeGreaterThanOrEqual(1_800_500);
    expect((at[2] as number) - (at[1] as number)).toBeGreaterThanOrEqual(2 * hourMs - secondMs);
  });

  test('can be sent now, which replaces the scheduled attempt, or be cancelled', async () => {
    const engine = createFakeEngine();
    const subscription = await subscribe(engine);
    engine.callbacks.answerWith(() => answered(500));
    await publishRecords(engine, ['1', '2']);
    await letTimePass(engine, 10 * minuteMs);
    const [first, second] = (await engine.deliveries.list('sub_1', 10, undefined)).items;
    if (first === undefined || second === undefined) throw new Error('two deliveries');
    expect(first).toMatchObject({ state: 'retrying', nextAttemptAt: expect.any(String) });
    const before = engine.callbacks.requests.length;
    engine.callbacks.answerWith(() => answered(204));
    await attemptNow(engine.manageDeliveryPorts, subscription, first);
    await cancelDelivery(engine.manageDeliveryPorts, second);
    await letTimePass(engine, 5 * dayMs);
    expect(engine.callbacks.requests.slice(before).map(idOf)).toEqual([first.event]);
    expect(await engine.deliveries.find(first)).toMatchObject({
      state: 'delivered',
      attempts: expect.arrayContaining([expect.objectContaining({ trigger: 'manual' })]),
    });
    expect(await engine.deliveries.find(second)).toMatchObject({ state: 'cancelled' });
  });

  test('is not retried when the endpoint is gone, and no other event is sent', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    engine.callbacks.answerWith(() => answered(410));
    await publishRecords(engine, ['1']);
    await letTimePass(engine, minuteMs);
    await publishRecords(engine, ['2']);
    await letTimePass(engine, dayMs);
    expect(engine.callbacks.requests).toHaveLength(1);
    expect(await engine.subscriptions.find('sub_1')).toMatchObject({ status: 'disabled', disabled: { by: 'gone' } });
    expect(engine.notices.sent).toMatchObject([{ type: 'subscription.disabled' }]);
  });
});

describe('an endpoint that breaks', () => {
  test('gets no post while its circuit is open, and all events in order once it recovers', async () => {
    const engine = createFakeEngine();
    await subscribe(engine, { retry: { scheduleMs: [] } });
    await publishRecords(engine, ['warm']);
    await letTimePass(engine, secondMs);
    let isDown = true;
    engine.callbacks.answerWith(() => answered(isDown ? 500 : 204));
    await publishRecords(
      engine,
      Array.from({ length: 10 }, (_, index) => `lost ${index}`),
    );
    await letTimePass(engine, secondMs);
    const opened = engine.callbacks.requests.length;
    expect(opened).toBe(11);

    const waiting = Array.from({ length: 250 }, (_, index) => String(index));
    await publishRecords(engine, waiting);
    await letTimePass(engine, 5 * secondMs);
    expect(engine.callbacks.requests).toHaveLength(opened);
    isDown = false;
    await letTimePass(engine, 5 * minuteMs);
    expect(records(engine.callbacks.requests.slice(opened))).toEqual(waiting);
  });

  test('gets only occasional probes while it is down, and they use up no attempts of its events', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    engine.callbacks.answerWith(() => answered(500));
    await publishRecords(
      engine,
      Array.from({ length: 20 }, (_, index) => String(index)),
    );
    await letTimePass(engine, 10 * minuteMs);
    const before = engine.callbacks.requests.length;
    await publishRecords(
      engine,
      Array.from({ length: 100 }, (_, index) => `later ${index}`),
    );
    await letTimePass(engine, 2 * hourMs);
    // Each of the first twenty has its own schedule; the others are tried one at a time.
    expect(engine.callbacks.requests.length - before).toBeLessThan(40);
    engine.callbacks.answerWith(() => answered(204));
    await letTimePass(engine, 3 * dayMs);
    const delivered = (await engine.deliveries.list('sub_1', 500, undefined)).items.filter(
      ({ state }) => state === 'delivered',
    );
    expect(delivered).toHaveLength(120);
  });

  test('is disabled after five days of failures, with notices to its owner before, and catches up later', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    await subscribe(engine, { id: 'sub_ops', types: ['subscription.*'] });
    engine.callbacks.answerWith(({ url }) => answered(url.includes('sub_ops') ? 204 : 500));
    for (let day = 0; day < 6; day += 1) {
      await publishRecords(engine, [`day ${day}`]);
      await letTimePass(engine, dayMs);
    }
    const told = engine.callbacks.requests
      .filter(({ url }) => url.includes('sub_ops'))
      .map((request) => JSON.parse(request.body));
    expect(told.map(({ type, data }) => [type, data.percent])).toEqual([
      ['subscription.disabling', 50],
      ['subscription.disabling', 75],
      ['subscription.disabling', 90],
      ['subscription.disabled', undefined],
    ]);
    expect(engine.notices.sent.map(({ type }) => type)).toEqual(told.map(({ type }) => type));
    expect(await engine.subscriptions.find('sub_1')).toMatchObject({
      status: 'disabled',
      disabled: { by: 'failures' },
    });

    const quiet = engine.callbacks.requests.length;
    const missed = await publishRecords(engine, ['while disabled 1', 'while disabled 2']);
    await letTimePass(engine, dayMs);
    expect(engine.callbacks.requests).toHaveLength(quiet);
    engine.callbacks.answerWith(() => answered(204));
    const enabled = await enableSubscription(engine.manageSubscriptionPorts, 'sub_1', { tenant: 'acme' });
    expect(enabled?.catchUp).toMatchObject({ mode: 'missing', state: 'running' });
    await letTimePass(engine, hourMs);
    const after = engine.callbacks.requests.slice(quiet).filter(({ url }) => url.includes('sub_1'));
    expect(after.map(idOf)).toEqual(expect.arrayContaining([...missed]));
    expect(new Set(after.map(idOf)).size).toBe(after.length);
    expect(
      after
        .filter((request) => missed.includes(idOf(request)))
        .every(({ headers }) => headers['tributary-replay'] === 'true'),
    ).toBe(true);
  });

  describe('twice within a second, and gets no event for days after', () => {
    async function brokenFor(engine: FakeEngine, ms: number) {
      await subscribe(engine, { retry: { scheduleMs: [secondMs] }, disableAfterMs: dayMs });
      engine.callbacks.answerWith(() => answered(500));
      await publishRecords(engine, ['1']);
      await letTimePass(engine, minuteMs);
      expect(engine.callbacks.requests).toHaveLength(2);
      await letTimePass(engine, ms - minuteMs);
    }

    test('is probed with a failed event before it is disabled, and stays enabled if it accepts it', async () => {
      const engine = createFakeEngine();
      await brokenFor(engine, 0.9 * dayMs);
      expect(engine.callbacks.requests).toHaveLength(2);
      engine.callbacks.answerWith(() => answered(204));
      await letTimePass(engine, dayMs);
      expect(engine.callbacks.requests).toHaveLength(3);
      expect(await engine.subscriptions.find('sub_1')).toMatchObject({ status: 'enabled' });
      expect((await engine.deliveries.list('sub_1', 10, undefined)).items).toMatchObject([{ state: 'delivered' }]);
      const [state] = await engine.endpoints.getMany([{ endpoint: 'sub_1', scope: 'acme' }]);
      expect(state).toMatchObject({ failingSinceMs: undefined, noticedPercent: 0 });
    });

    test('is disabled when it rejects that event again', async () => {
      const engine = createFakeEngine();
      await brokenFor(engine, 1.2 * dayMs);
      expect(engine.callbacks.requests).toHaveLength(3);
      expect(await engine.subscriptions.find('sub_1')).toMatchObject({
        status: 'disabled',
        disabled: { by: 'failures' },
      });
    });

    test('is not disabled when no event is left for a probe: counting of its failures starts again', async () => {
      const engine = createFakeEngine();
      const list = async () => ({ items: [], next: undefined });
      const drainPorts = { ...engine.drainPorts, deliveries: { ...engine.deliveries, list } };
      await brokenFor({ ...engine, drainPorts }, 2 * dayMs);
      expect(engine.callbacks.requests).toHaveLength(2);
      expect(await engine.subscriptions.find('sub_1')).toMatchObject({ status: 'enabled' });
      await publishRecords(engine, ['2']);
      await letTimePass(engine, hourMs);
      expect(await engine.subscriptions.find('sub_1')).toMatchObject({ status: 'enabled' });
    });

    test('is probed by the time limit that its owner has set', async () => {
      const usual = createFakeEngine();
      const drainPorts = {
        ...usual.drainPorts,
        endpointPolicy: { ...usual.drainPorts.endpointPolicy, disableAfterMs: hourMs },
      };
      const engine = { ...usual, drainPorts, deliverPorts: drainPorts };
      await brokenFor(engine, 0.6 * dayMs);
      // One notice at half of its own time, and not one per minute from half of the default time on.
      const [state] = await engine.endpoints.getMany([{ endpoint: 'sub_1', scope: 'acme' }]);
      expect(state?.revision).toBeLessThan(20);
      expect(engine.callbacks.requests).toHaveLength(2);
      await letTimePass(engine, 0.5 * dayMs);
      expect(engine.callbacks.requests).toHaveLength(3);
      expect(await engine.subscriptions.find('sub_1')).toMatchObject({ status: 'disabled' });
    });
  });

  test('that its owner disables gets no event until it catches up', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    await publishRecords(engine, ['1']);
    await letTimePass(engine, secondMs);
    await disableSubscription(engine.manageSubscriptionPorts, 'sub_1');
    await letTimePass(engine, dayMs);
    await publishRecords(engine, ['2', '3']);
    await letTimePass(engine, dayMs);
    expect(records(engine.callbacks.requests)).toEqual(['1']);
    await enableSubscription(engine.manageSubscriptionPorts, 'sub_1', { tenant: 'acme' });
    await letTimePass(engine, hourMs);
    expect(records(engine.callbacks.requests)).toEqual(['1', '2', '3']);
  });
});

describe('an ordered subscription', () => {
  test('sends the events of a record one after the other, and those of other records in parallel', async () => {
    const engine = createFakeEngine();
    await subscribe(engine, { ordering: 'record', retry: { scheduleMs: [10 * minuteMs, hourMs] } });
    const poison = 'a';
    engine.callbacks.answerWith((request) =>
      answered(eventOf(request).record_id === poison && isPoison(request) ? 500 : 204),
    );
    let poisonId: string | undefined;
    const isPoison = (request: CallbackRequest) => {
      poisonId ??= eventOf(request).id;
      return eventOf(request).id === poisonId;
    };
    const first = await publishRecords(engine, ['a', 'b', 'a', 'c', 'b']);
    await letTimePass(engine, minuteMs);
    expect(new Set(engine.callbacks.requests.map(idOf))).toEqual(new Set([first[0], first[1], first[3], first[4]]));
    const more = await publishRecords(engine, ['a', 'd']);
    await letTimePass(engine, minuteMs);
    expect(engine.callbacks.requests.map(idOf)).toContain(more[1]);
    expect(engine.callbacks.requests.map(idOf)).not.toContain(more[0]);

    await letTimePass(engine, 3 * hourMs);
    const ofRecord = engine.callbacks.requests.filter((request) => eventOf(request).record_id === 'a').map(idOf);
    // The poison event three times; once it is exhausted, the others in their order.
    expect(ofRecord).toEqual([first[0], first[0], first[0], first[2], more[0]]);
    expect(await engine.deliveries.list('sub_1', 50, undefined)).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ event: first[0], state: 'exhausted' })]),
    });
  });

  test('by tenant stops at its first failing event, and continues in sequence', async () => {
    const engine = createFakeEngine();
    await subscribe(engine, { ordering: 'tenant', retry: { scheduleMs: [10 * minuteMs] } });
    engine.callbacks.answerWith((_, earlier) => answered(earlier === 2 ? 500 : 204));
    const ids = await publishRecords(engine, ['1', '2', '3', '4', '5']);
    await letTimePass(engine, minuteMs);
    expect(engine.callbacks.requests.map(idOf)).toEqual(ids.slice(0, 3));
    const more = await publishRecords(engine, ['6']);
    await letTimePass(engine, hourMs);
    expect(engine.callbacks.requests.map(idOf)).toEqual([...ids.slice(0, 3), ids[2], ids[3], ids[4], more[0]]);
  });

  test.each(['record', 'tenant'] as const)(
    'by %s with a filter continues although the payload of one of its events is gone',
    async (ordering) => {
      const engine = createFakeEngine();
      await subscribe(engine, { ordering, shaping: { filter: 'true' }, retry: { scheduleMs: [1_000] } });
      const lost = 'evt_000000';
      const ports = {
        ...engine.publishPorts,
        claimThresholdBytes: 0,
        payloads: { ...engine.payloads, put: async () => {} },
      };
      await publishEvents(ports, [{ event: anEvent({ id: lost, record_id: '1' }), owner: lost }]);
      await publishRecords(engine, ['2', '3']);
      await letTimePass(engine, hourMs);
      const { items } = await engine.deliveries.list('sub_1', 10, undefined);
      expect(items).toHaveLength(3);
      for (const { event, state } of items) expect(state).toBe(event === lost ? 'exhausted' : 'delivered');
    },
  );

  test('starts with events published after its creation', async () => {
    const engine = createFakeEngine();
    await publishRecords(engine, ['before']);
    engine.clock.advance(secondMs);
    await subscribe(engine, { ordering: 'tenant' });
    engine.clock.advance(secondMs);
    await publishRecords(engine, ['after']);
    await letTimePass(engine, minuteMs);
    expect(records(engine.callbacks.requests)).toEqual(['after']);
  });
});

describe('the limits of an endpoint', () => {
  test('include its rate, across all functions that send to it', async () => {
    const engine = createFakeEngine();
    await subscribe(engine, { ratePerSecond: 5 });
    const at: number[] = [];
    engine.callbacks.answerWith(() => {
      at.push(engine.clock.nowMs());
      return answered(204);
    });
    const ids = await publishRecords(
      engine,
      Array.from({ length: 60 }, (_, index) => String(index)),
    );
    await letTimePass(engine, minuteMs);
    expect(at).toHaveLength(ids.length);
    for (const from of at)
      expect(at.filter((one) => one >= from && one < from + secondMs).length).toBeLessThanOrEqual(10);
  });

  test('allow batches, with each event sent once', async () => {
    const engine = createFakeEngine();
    await subscribe(engine, { shaping: { batch: { max_events: 25, max_wait_seconds: 10 } } });
    const ids = await publishRecords(
      engine,
      Array.from({ length: 60 }, (_, index) => String(index)),
    );
    await letTimePass(engine, minuteMs);
    const batches = engine.callbacks.requests.map(({ body }) =>
      (JSON.parse(body) as { events: { id: string }[] }).events.map(({ id }) => id),
    );
    expect(batches.flat().sort()).toEqual(ids);
    expect(batches.map((batch) => batch.length).sort((a, b) => a - b)).toEqual([10, 25, 25]);
    expect(new Set(engine.callbacks.requests.map(idOf)).size).toBe(3);
  });

  const batched = { shaping: { batch: { max_events: 3, max_wait_seconds: 600 } } };
  const sizesOf = (engine: FakeEngine) =>
    engine.callbacks.requests.map(({ body }) => (JSON.parse(body) as { events: unknown[] }).events.length);

  test('allow a batch that fills up to be sent before the maximum wait of its oldest event', async () => {
    const engine = createFakeEngine();
    await subscribe(engine, batched);
    await publishRecords(engine, ['1']);
    await letTimePass(engine, 5_000);
    await publishRecords(engine, ['2']);
    await letTimePass(engine, 5_000);
    expect(sizesOf(engine)).toEqual([]);
    await publishRecords(engine, ['3']);
    await letTimePass(engine, 5_000);
    expect(sizesOf(engine)).toEqual([3]);
    // A batch that is not full is sent after its maximum wait.
    await publishRecords(engine, ['4']);
    await letTimePass(engine, 11 * minuteMs);
    expect(sizesOf(engine)).toEqual([3, 1]);
  });

  test('allow a batch that fills up while its drain ends to be sent', async () => {
    const engine = createFakeEngine();
    await subscribe(engine, batched);
    const deliverAll = async () => {
      for (const { id, body } of engine.deliveryQueue.receive()) {
        await deliverEvents(engine.deliverPorts, [{ messageId: id, job: JSON.parse(body) as DeliveryJob }]);
        engine.deliveryQueue.remove(id);
      }
    };
    await publishRecords(engine, ['1', '2']);
    await deliverAll();
    const { deliveries } = engine;
    let isFilled = false;
    const slow = {
      ...deliveries,
      async listBacklog(...args: Parameters<typeof deliveries.listBacklog>) {
        const entries = await deliveries.listBacklog(...args);
        if (!isFilled) {
          isFilled = true;
          await publishRecords(engine, ['3']);
          await deliverAll();
        }
        return entries;
      },
    };
    for (const { id, body } of engine.drainQueue.receive()) {
      await drainEndpoint({ ...engine.drainPorts, deliveries: slow }, JSON.parse(body));
      engine.drainQueue.remove(id);
    }
    await letTimePass(engine, 5_000);
    expect(sizesOf(engine)).toEqual([3]);
  });
});

describe('whichever call fails or run dies', () => {
  const faults = fc.array(fc.record({ invocation: fc.integer({ min: 0, max: 6 }), fault: anyFault(30) }), {
    minLength: 1,
    maxLength: 3,
  });

  test.each(['none', 'record', 'tenant'] as const)(
    'every event arrives, under its id, ordering %s (property, invariant 2)',
    async (ordering) => {
      await fc.assert(
        fc.asyncProperty(faults, fc.boolean(), async (struck, isFlaky) => {
          const engine = createFakeEngine();
          await subscribe(engine, { ordering });
          engine.callbacks.answerWith((_, earlier) => answered(isFlaky && earlier % 3 === 1 ? 500 : 204));
          const ids = await publishRecords(engine, ['a', 'b', 'a', 'c', 'b', 'a']);
          await letTimePass(
            engine,
            minuteMs,
            (invocation) => struck.find((one) => one.invocation === invocation)?.fault,
          );
          await letTimePass(engine, 5 * hourMs);
          const delivered = await engine.deliveries.list('sub_1', 50, undefined);
          expect(new Set(engine.callbacks.requests.map(idOf))).toEqual(new Set(ids));
          expect(new Map(delivered.items.map(({ event, state }) => [event, state]))).toEqual(
            new Map(ids.map((id) => [id, 'delivered'])),
          );
          expect(await engine.deliveries.listBacklog('sub_1', 10, undefined)).toEqual([]);
          if (ordering === 'none') return;
          // The first posts of the events are in order, within each group.
          const firsts = [
            ...new Map(engine.callbacks.requests.toReversed().map((one) => [idOf(one), one])).values(),
          ].toReversed();
          for (const group of ordering === 'tenant' ? [undefined] : ['a', 'b', 'c']) {
            const ofGroup = firsts.filter((one) => group === undefined || eventOf(one).record_id === group).map(idOf);
            expect(ofGroup).toEqual([...ofGroup].sort());
          }
        }),
        propertyRuns(20, 200),
      );
    },
  );
});
