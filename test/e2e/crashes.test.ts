import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { limits } from '../../lambdas/contracts/limits.ts';
import { useRunningEngine } from './running-engine.ts';

const running = useRunningEngine();

test('killing ingress, normalize and deliver in the middle of their work loses no acknowledged event (invariant 1)', async () => {
  const { account, subscriber, github, eventually, engine } = running();
  const { url } = await account('github');
  const receiver = await subscriber();
  const kills = { ingress: 0, normalize: 0, deliver: 0 };
  const names = Object.keys(kills) as (keyof typeof kills)[];
  // The subscriber keeps its callbacks waiting until deliver has been killed at some of them.
  const waiting: ServerResponse[] = [];
  receiver.answer((_, response) => {
    waiting.push(response);
    if (kills.deliver >= 3) for (const one of waiting.splice(0)) one.writeHead(204).end();
  });
  const sending = new AbortController();
  const killing = (async () => {
    while (!sending.signal.aborted || kills.deliver < 3) {
      for (const name of names) if (kills[name] < 10 && engine.killWorker(name)) kills[name] += 1;
      await new Promise((resolve) => setImmediate(resolve));
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
  // At least once, always the same id: as many ids as records, however often each came.
  expect(receiver.ids().size).toBe(arrived().size);
});

test('a delivery whose worker dies while the subscriber is answering comes again with the same id (invariant 2)', async () => {
  const { account, subscriber, github, eventually, engine } = running();
  const { url } = await account('github', { tenant: 'hanging' });
  const receiver = await subscriber({ tenant: 'hanging' });
  receiver.answer(() => {
    // The first callback is never answered: its worker is killed while it waits.
  });
  await github(url);
  await eventually(() => receiver.callbacks.length === 1);
  expect(engine.killWorker('deliver')).toBe(true);
  receiver.answer((_, response) => void response.writeHead(204).end());
  await eventually(() => receiver.callbacks.length === 2);
  const [first, second] = receiver.callbacks;
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  expect(second?.body).toBe(first?.body);
});

test('killing the api leaves the caller a 5xx and the next caller a working api', async () => {
  const { call, engine } = running();
  const calls = Array.from({ length: 40 }, (_, index) =>
    call('POST', '/v1/accounts', { id: `acc_kill_${index}`, tenant: 'acme', integration: 'github' }),
  );
  while (!engine.killWorker('api')) await new Promise((resolve) => setImmediate(resolve));
  const answers = await Promise.all(calls);
  for (const [index, { status }] of answers.entries()) {
    expect([201, 500]).toContain(status);
    const stored = await call('GET', `/v1/accounts/acc_kill_${index}`);
    // What was not acknowledged may have been stored; what was, must have been.
    expect([200, status === 201 ? 200 : 404]).toContain(stored.status);
  }
  expect(answers.some(({ status }) => status === 500)).toBe(true);
});

test('a subscriber that fails is tried again on schedule, then the delivery is dead-lettered', async () => {
  const { account, subscriber, github, eventually, engine, call } = running();
  const { url } = await account('github', { tenant: 'failing' });
  const receiver = await subscriber({ tenant: 'failing' });
  receiver.answer((_, response) => void response.writeHead(500).end('no'));
  const before = engine.metrics.sum('dead-lettered', { service: 'deliver' });
  const deliveries = async () => (await call('GET', `/v1/subscriptions/${receiver.id}/deliveries`)).body.data;
  await github(url);
  for (let attempt = 1; attempt <= 6; attempt += 1) {
    await eventually(async () => (await deliveries())[0]?.attempts.length === attempt);
    await engine.advanceClock(limits.queueMaxDelayMs);
  }
  await eventually(() => engine.metrics.sum('dead-lettered', { service: 'deliver' }) > before);
  expect(receiver.callbacks).toHaveLength(6);
  expect(receiver.ids().size).toBe(1);
  const [delivery] = await deliveries();
  expect(delivery).toMatchObject({ state: 'exhausted', next_attempt_at: null });
  expect(delivery.attempts).toHaveLength(6);
  expect(delivery.attempts[0]).toMatchObject({ number: 1, status: 500, response: 'no' });
});
