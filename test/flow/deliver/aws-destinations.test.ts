import { Webhook } from 'standardwebhooks';
import { expect, test, vi } from 'vitest';
import type { AwsDestination } from '../../../lambdas/contracts/aws-destination.ts';
import type { CallbackOutcome } from '../../../lambdas/engine/delivery/callback-outcome.ts';
import { updateSubscription } from '../../../lambdas/flows/subscriptions/manage-subscription.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { aSubscription } from '../../fakes/samples.ts';
import { letTimePass } from '../let-time-pass.ts';
import { publishRecords } from './publish-records.ts';

const hourMs = 3_600_000;
const destination: AwsDestination = {
  type: 'sqs',
  queue_url: 'https://sqs.eu-west-1.amazonaws.com/222222222222/orders',
  role_arn: 'arn:aws:iam::222222222222:role/tributary-events',
  external_id: 'tributary-1',
};
const queue = { url: destination.queue_url, destination };

const deliveryOf = async (engine: FakeEngine, event: string) =>
  (await engine.deliveries.list('sub_1', 100, undefined)).items.find((one) => one.event === event);

test('messages are signed, and carry the key of their record', async () => {
  const engine = createFakeEngine();
  const subscription = aSubscription(queue);
  await engine.subscriptions.create(subscription);
  await publishRecords(engine, ['1', '2']);
  await publishRecords(engine, ['1']);
  await letTimePass(engine, hourMs);
  expect(engine.callbacks.requests).toHaveLength(3);
  const keys = engine.callbacks.requests.map(({ message }) => message?.labels.key);
  expect(new Set(keys).size).toBe(2);
  for (const { url, headers, body, message } of engine.callbacks.requests) {
    expect([url, message?.destination]).toEqual([queue.url, destination]);
    expect(message?.labels).toMatchObject({ subscription: 'sub_1', isReplay: false });
    vi.useFakeTimers({ toFake: ['Date'], now: engine.clock.nowMs() - hourMs });
    try {
      new Webhook(subscription.secrets[0]?.value ?? '').verify(body, { ...headers });
    } finally {
      vi.useRealTimers();
    }
  }
});

test('a queue that does not exist is tried by the schedule, opens the circuit, and gets all once it exists', async () => {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription(queue));
  engine.callbacks.answerWith(() => answered(404));
  await publishRecords(
    engine,
    Array.from({ length: 12 }, (_, index) => String(index)),
  );
  await letTimePass(engine, 10 * 60_000);
  const [state] = await engine.endpoints.getMany([{ scope: 'acme', endpoint: 'sub_1' }]);
  expect(state?.circuit).toBe('open');
  const delivered = new Set<string>();
  engine.callbacks.answerWith(({ headers }) => {
    delivered.add(String(headers['webhook-id']));
    return answered(200);
  });
  await letTimePass(engine, hourMs);
  expect(delivered.size).toBe(12);
});

test('a queue that only fails disables the subscription after five days', async () => {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription(queue));
  const refused: CallbackOutcome = { kind: 'failed', error: 'the role was not assumed', durationMs: 1 };
  engine.callbacks.answerWith(() => refused);
  await publishRecords(engine, ['1']);
  await letTimePass(engine, 125 * hourMs);
  expect((await engine.subscriptions.find('sub_1'))?.disabled).toMatchObject({ by: 'failures' });
});

test('a message that is too large is tried once, is no failure of the queue, and is told', async () => {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription(queue));
  await engine.subscriptions.create(aSubscription({ id: 'sub_ops', types: ['delivery.*'] }));
  const tooLarge: CallbackOutcome = {
    kind: 'failed',
    error: 'too many bytes',
    durationMs: 0,
    isOwn: true,
    isTooLarge: true,
  };
  engine.callbacks.answerWith(({ message }) => (message === undefined ? answered(204) : tooLarge));
  const [id = ''] = await publishRecords(engine, ['1']);
  await letTimePass(engine, 2 * hourMs);
  expect(await deliveryOf(engine, id)).toMatchObject({
    state: 'exhausted',
    exhaustedBy: 'too-large',
    attempts: [{ error: 'too many bytes' }],
  });
  const [state] = await engine.endpoints.getMany([{ scope: 'acme', endpoint: 'sub_1' }]);
  expect(state).toMatchObject({ circuit: 'closed', failingSinceMs: undefined });
  const told = engine.callbacks.requests
    .filter(({ message }) => message === undefined)
    .map(({ body }) => JSON.parse(body));
  expect(told).toMatchObject([{ type: 'delivery.exhausted', data: { reason: 'too-large' } }]);
});

test('events that wait follow their subscription to its new destination', async () => {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription());
  engine.callbacks.answerWith(({ message }) => answered(message === undefined ? 500 : 200));
  const [id = ''] = await publishRecords(engine, ['1']);
  await letTimePass(engine, 1_000);
  const { external_id: _, ...request } = destination;
  const update = await updateSubscription(engine.manageSubscriptionPorts, 'sub_1', { destination: request });
  expect(update.kind).toBe('updated');
  await letTimePass(engine, hourMs);
  expect((await deliveryOf(engine, id))?.state).toBe('delivered');
  expect(engine.callbacks.requests.at(-1)?.message?.destination).toMatchObject({
    ...request,
    external_id: expect.stringMatching(/^tributary-/),
  });
});
