import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test, vi } from 'vitest';
import { createDynamoEndpointStore } from '../../../lambdas/adapters/dynamo/stores/endpoint-store.ts';
import { createDynamoReplayStore } from '../../../lambdas/adapters/dynamo/stores/replay-store.ts';
import { environmentKeys } from '../../../lambdas/contracts/environment.ts';
import type { DrainMessage } from '../../../lambdas/contracts/messages.ts';
import { shardOf } from '../../../lambdas/contracts/shards.ts';
import { newEndpoint } from '../../../lambdas/engine/delivery/endpoint-state.ts';
import type { Replay } from '../../../lambdas/ports/delivery/replay-store.ts';
import { useRunningEngine } from '../running-engine.ts';

const running = useRunningEngine();

function replayStore() {
  const { engine } = running();
  const client = new DynamoDBClient(engine.clientConfig('dynamodb'));
  const table = engine.environment('drain')[environmentKeys.deliveriesTable] ?? '';
  const clock = { nowMs: () => engine.now() };
  return { client, replays: createDynamoReplayStore(client, table, { clock, retentionDays: 30 }) };
}

test('a replayed exhausted delivery gets a new schedule and keeps its attempts', async () => {
  const { account, subscriber, github, call, eventually } = running();
  const { url } = await account('github', { tenant: 'given-up' });
  const receiver = await subscriber({ tenant: 'given-up', retry: { schedule_seconds: [1, 1] } });
  let refusals = 4;
  receiver.answer((_, response) => {
    refusals -= 1;
    response.writeHead(refusals >= 0 ? 500 : 204).end();
  });
  await github(url, { issue: 1 });
  const path = `/v1/subscriptions/${receiver.id}`;
  const only = async () => (await call('GET', `${path}/deliveries`)).body.data[0];
  await eventually(async () => (await only())?.state === 'exhausted');
  expect(receiver.callbacks).toHaveLength(3);
  await call('POST', `${path}/replay`, { mode: 'failed' });
  await eventually(async () => (await only()).state === 'delivered');
  const { body } = await call('GET', `/v1/deliveries/${(await only()).id}`);
  expect(body).toMatchObject({ attempt_count: 5 });
  expect(body.attempts.map(({ status }: { readonly status: number }) => status)).toEqual([500, 500, 500, 500, 204]);
});

test('a slow replay continues beyond the 16 runs after which Lambda stops a chain of messages', async () => {
  const { account, subscriber, github, call, engine, eventually } = running();
  const { url } = await account('github', { tenant: 'slow' });
  const receiver = await subscriber({ tenant: 'slow' });
  const events = 18;
  for (let issue = 1; issue <= events; issue += 1) await github(url, { issue: 7_000 + issue });
  await eventually(() => receiver.ids().size === events);

  // Slower than the API allows, so that each run ends after one event.
  const { client, replays } = replayStore();
  const replay = {
    id: 'rpl_slow',
    subscription: receiver.id,
    scope: 'slow',
    tenant: 'slow',
    mode: 'all',
    afterSequence: 0,
    upToSequence: Math.max(...receiver.callbacks.map(({ event }) => Number(event['sequence']))),
    position: 0,
    ratePerSecond: 0.1,
    state: 'running',
    scanned: 0,
    replayed: 0,
    createdAt: new Date(engine.now()).toISOString(),
    endedAt: undefined,
    revision: 1,
  } as const satisfies Replay;
  await replays.create(replay);
  const message: DrainMessage = { kind: 'replay', replay: replay.id, subscription: receiver.id, scope: 'slow' };
  const sqs = new SQSClient(engine.clientConfig('sqs'));
  const QueueUrl = engine.environment('drain')[environmentKeys.drainQueueUrl];
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message) }));

  const view = async () => (await call('GET', `/v1/subscriptions/${receiver.id}/replays/${replay.id}`)).body;
  const isDone = async () => (await view()).state === 'done';
  for (let round = 0; round < 75 && !(await isDone()); round += 1) {
    await vi.waitFor(() => expect(engine.isAtWork()).toBe(false), 10_000);
    // The next run is due 10 s after the previous one.
    await engine.advanceClock(11_000);
  }
  expect(await view()).toMatchObject({ state: 'done', replayed: events });
  // Its own messages continued it: dispatch would have restarted it after 15 minutes.
  expect(engine.metrics.sum('silent-work-restarted', { service: 'dispatch' })).toBe(0);
  sqs.destroy();
  client.destroy();
}, 120_000);

test('dispatch requests one drain for every due endpoint of a shard', async () => {
  const { engine } = running();
  const client = new DynamoDBClient(engine.clientConfig('dynamodb'));
  const table = engine.environment('dispatch')[environmentKeys.limitsTable] ?? '';
  const endpoints = createDynamoEndpointStore(client, table, newEndpoint);
  const shard = 3;
  const ids = Array.from({ length: 3_000 }, (_, at) => `sub_due_${at}`).filter((id) => shardOf(id) === shard);
  const due = ids.slice(0, 110);
  const requested = () => engine.metrics.sum('drains-requested', { service: 'dispatch' });
  const before = requested();
  const { error } = engine.invocations('dispatch');
  const dueAtMs = engine.now();
  for (const id of due) await endpoints.replace({ ...newEndpoint('due', id), hasBacklog: true }, dueAtMs);

  await engine.advanceClock(60_000);
  expect(requested() - before).toBe(due.length);
  // Each drain finds no subscription and removes its endpoint from the index.
  const left = () => endpoints.listDue(shard, Number.MAX_SAFE_INTEGER, 1_000);
  await vi.waitFor(async () => expect(await left()).toEqual([]), { timeout: 40_000, interval: 200 });
  await engine.advanceClock(60_000);
  expect(requested() - before).toBe(due.length);
  expect(engine.invocations('dispatch').error).toBe(error);
  client.destroy();
}, 120_000);
