import type { ServerResponse } from 'node:http';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test, vi } from 'vitest';
import { environmentKeys } from '../../../lambdas/contracts/environment.ts';
import { useRunningEngine } from '../running-engine.ts';

const running = useRunningEngine();

/** Longer than the engine waits before it considers a drainer dead. */
const longerThanAnyDrainMs = 130_000;

test('killing ingress, normalize, deliver and drain during their work loses no acknowledged event (invariant 1)', async () => {
  const { account, subscriber, github, eventually, engine } = running();
  const { url } = await account('github');
  const receiver = await subscriber();
  const kills = { ingress: 0, normalize: 0, deliver: 0, drain: 0 };
  const names = Object.keys(kills) as (keyof typeof kills)[];
  // The subscriber holds its answers back until drain has been killed during some of them.
  const waiting: ServerResponse[] = [];
  receiver.answer((_, response) => {
    waiting.push(response);
    if (kills.drain >= 3) for (const one of waiting.splice(0)) one.writeHead(204).end();
  });
  const sending = new AbortController();
  const killing = (async () => {
    while (!sending.signal.aborted || kills.drain < 3) {
      for (const name of names) if (kills[name] < 10 && engine.killWorker(name)) kills[name] += 1;
      await new Promise((resolve) => setImmediate(resolve));
      // The endpoint of a killed drainer waits until the drainer counts as dead. Advance the clock only while no
      // function works: otherwise a message could become visible again while its worker still holds it, and end as a
      // dead letter.
      if (sending.signal.aborted && !engine.isAtWork()) await engine.advanceClock(longerThanAnyDrainMs);
    }
  })();

  const acknowledged: string[] = [];
  for (let first = 1; first <= 300; first += 20) {
    const burst = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const issue = first + index;
        return { answer: await github(url, { issue }), issue: String(issue) };
      }),
    );
    for (const { answer } of burst) expect([200, 500, 503]).toContain(answer.status);
    acknowledged.push(...burst.filter(({ answer }) => answer.status === 200).map((sent) => sent.issue));
  }
  sending.abort();
  await killing;
  for (const one of waiting.splice(0)) one.writeHead(204).end();

  const arrived = () => new Set(receiver.callbacks.map(({ event }) => String(event['record_id'])));
  await eventually(() => acknowledged.every((issue) => arrived().has(issue)));
  for (const name of names) expect(kills[name]).toBeGreaterThan(0);
  // Delivered at least once, always with the same id: as many ids as records, however often each arrived.
  expect(receiver.ids().size).toBe(arrived().size);
});

// drain serves an endpoint of unknown speed; deliver sends to one that is known to be fast.
test.each([
  ['drain', 0],
  ['deliver', 1],
] as const)(
  'a delivery whose %s is killed while the subscriber answers is sent again with the same id (invariant 2)',
  async (name, earlier) => {
    const { account, subscriber, github, eventually, engine, call } = running();
    const { url } = await account('github', { tenant: `hanging-${name}` });
    const receiver = await subscriber({ tenant: `hanging-${name}` });
    const delivered = async () =>
      (await call('GET', `/v1/subscriptions/${receiver.id}/deliveries`)).body.data.filter(
        ({ state }: { state: string }) => state === 'delivered',
      ).length;
    for (let sent = 1; sent <= earlier; sent += 1) {
      await github(url);
      await eventually(async () => (await delivered()) === sent);
    }
    receiver.answer(() => {
      // Never answered: the test kills the worker while it waits.
    });
    await github(url);
    await eventually(() => receiver.callbacks.length === earlier + 1);
    expect(engine.killWorker(name)).toBe(true);
    receiver.answer((_, response) => void response.writeHead(204).end());
    await eventually(() => receiver.callbacks.length === earlier + 2);
    const [first, second] = receiver.callbacks.slice(earlier);
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(second?.body).toBe(first?.body);
  },
);

test('killing the api gives its callers a 5xx, and the next callers a working api', async () => {
  const { call, engine } = running();
  const calls = Array.from({ length: 40 }, (_, index) =>
    call('POST', '/v1/accounts', { id: `acc_kill_${index}`, tenant: 'acme', integration: 'github' }),
  );
  while (!engine.killWorker('api')) await new Promise((resolve) => setImmediate(resolve));
  const answers = await Promise.all(calls);
  for (const [index, { status }] of answers.entries()) {
    expect([201, 500]).toContain(status);
    const stored = await call('GET', `/v1/accounts/acc_kill_${index}`);
    // An unacknowledged account may have been stored; an acknowledged one must have been.
    expect([200, status === 201 ? 200 : 404]).toContain(stored.status);
  }
  expect(answers.some(({ status }) => status === 500)).toBe(true);
});

test('a failing subscriber gets retries for three days and its owner a notice, then the delivery is exhausted', async () => {
  const { account, subscriber, github, eventually, engine, call } = running();
  const { url } = await account('github', { tenant: 'failing' });
  const receiver = await subscriber({ tenant: 'failing' });
  receiver.answer((_, response) => void response.writeHead(500).end('no'));
  const givenUp = () =>
    ['deliver', 'drain'].reduce((sum, service) => sum + engine.metrics.sum('dead-lettered', { service }), 0);
  const before = givenUp();
  const find = async () => (await call('GET', `/v1/subscriptions/${receiver.id}/deliveries`)).body.data[0];
  await github(url);
  const beganMs = engine.now();
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    await eventually(async () => (await find())?.attempts.length === attempt);
    const { next_attempt_at: next } = await find();
    expect(next === null).toBe(attempt === 10);
    if (next !== null) await engine.advanceClock(Math.max(0, Date.parse(next) - engine.now()));
  }
  expect((engine.now() - beganMs) / 3_600_000).toBeGreaterThan(75);
  await eventually(() => givenUp() > before);
  expect(receiver.callbacks).toHaveLength(10);
  expect(receiver.ids().size).toBe(1);
  const delivery = await find();
  expect(delivery).toMatchObject({ state: 'exhausted', next_attempt_at: null });
  expect(delivery.attempts[0]).toMatchObject({ number: 1, status: 500, response: 'no' });
  // Half of the five days after which the subscription is disabled.
  expect(engine.busEvents()).toContainEqual(
    expect.objectContaining({
      bus: 'default',
      source: 'tributary',
      detailType: 'subscription.disabling',
      detail: expect.objectContaining({ subscription_id: receiver.id, percent: 50 }),
    }),
  );
});

test('a failed message is retried within seconds, and counted when SQS dead-letters it (invariant 9)', async () => {
  const { engine } = running();
  const sqs = new SQSClient(engine.clientConfig('sqs'));
  const environment = engine.environment('normalize');
  const QueueUrl = environment[environmentKeys.rawQueueUrl];
  const ended = () => engine.invocations('normalize').succeeded;
  const counted = () => engine.metrics.sum('dead-lettered', { service: 'normalize' });
  const before = { ended: ended(), counted: counted() };
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '{' }));
  const received = (times: number) =>
    vi.waitFor(() => expect(ended()).toBeGreaterThanOrEqual(before.ended + times), 20_000);
  await received(1);
  // Each wait plus its maximum jitter. The queue's visibility timeout is three minutes.
  for (const [index, seconds] of [3, 13, 50, 150, 450, 1_125, 2_250].entries()) {
    expect(counted()).toBe(before.counted);
    await engine.advanceClock(seconds * 1000);
    await received(index + 2);
  }
  await vi.waitFor(() => expect(counted()).toBe(before.counted + 1), 10_000);
  await engine.advanceClock(1_000);
  await vi.waitFor(async () => {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: environment[environmentKeys.rawDeadLetterQueueUrl],
        AttributeNames: ['ApproximateNumberOfMessages'],
      }),
    );
    expect(Attributes['ApproximateNumberOfMessages']).toBe('1');
  }, 20_000);
  sqs.destroy();
});
