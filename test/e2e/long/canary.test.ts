import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { canary } from '../../../lambdas/contracts/canary.ts';
import { environmentKeys } from '../../../lambdas/contracts/environment.ts';
import { useRunningEngine } from '../running-engine.ts';

const running = useRunningEngine({ canary: 'on' });
const minute = 60_000;
const run = { service: 'canary', stage: 'local' };

/** Let the canary's next runs happen, and what they send arrive. */
async function pass(minutes: number): Promise<void> {
  const { engine } = running();
  for (let passed = 0; passed < minutes; passed += 1) {
    await engine.advanceClock(minute);
    await expect.poll(() => engine.isAtWork(), { timeout: 30_000 }).toBe(false);
  }
}

/** The state of one of the canary's alarms, as CloudWatch would evaluate it. */
async function stateOf(path: string): Promise<string | undefined> {
  return (await running().engine.alarms()).find(({ alarm }) => alarm.path === path)?.state;
}

test('the canary sees its own events at both ends, and raises its alarm while its callbacks do not arrive', async () => {
  const { engine, call } = running();
  const healthy = () => engine.metrics.list().find(({ name }) => name === 'canary-latency')?.samples ?? 0;
  const failing = () => engine.metrics.sum('heartbeat-missing', run);
  await pass(45);
  expect(failing()).toBe(0);
  expect(healthy()).toBeGreaterThanOrEqual(6);

  const events = await call('GET', `/v1/events?tenant=${canary.tenant}&since=beginning&limit=100`);
  expect(new Set(events.body.data.map(({ origin }: { origin: string }) => origin))).toEqual(
    new Set(['webhook', 'poll']),
  );

  expect([await stateOf('CanaryFailingAlarm'), await stateOf('CanarySlowAlarm')]).toEqual(['OK', 'OK']);

  const [subscription] = (await call('GET', `/v1/subscriptions?tenant=${canary.tenant}`)).body.data;
  const before = healthy();
  await call('PATCH', `/v1/subscriptions/${subscription.id}`, { resources: ['hris/*'] });
  await pass(25);
  expect(healthy() - before).toBeLessThanOrEqual(1);
  expect(failing()).toBeGreaterThanOrEqual(3);
  expect(await stateOf('CanaryFailingAlarm')).toBe('ALARM');

  await call('PATCH', `/v1/subscriptions/${subscription.id}`, { resources: [] });
  // A run looks at what the runs before it sent, also while nothing arrived.
  await pass(20);
  expect(await stateOf('CanaryFailingAlarm')).toBe('OK');
});

test('fails when a stranger posts to the canary, or reads another way than its provider’s', async () => {
  const { call } = running();
  const [{ url }] = (await call('GET', `/v1/subscriptions?tenant=${canary.tenant}`)).body.data;
  const origin = new URL(url).origin;
  const signed = { 'webhook-id': 'evt_1', 'webhook-timestamp': String(Math.floor(running().engine.now() / 1000)) };
  const post = (path: string) =>
    fetch(`${origin}${path}`, {
      method: 'POST',
      body: '{}',
      headers: { ...signed, 'webhook-signature': 'v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' },
    });
  expect((await post(new URL(url).pathname)).status).toBe(401);
  expect((await post('/callbacks/sub_another')).status).toBe(401);
  expect((await post('/heartbeats')).status).toBe(404);
  expect((await fetch(`${origin}/heartbeats`)).status).toBe(401);
});

test('fails when the canary reads or writes rows of others', async () => {
  const { engine } = running();
  const { logicalId } =
    engine.resources.find(({ type, path }) => type === 'AWS::Lambda::Function' && path.startsWith('Canary')) ?? {};
  const config = engine.clientConfig('dynamodb');
  const client = new DynamoDBClient({
    ...config,
    credentials: { ...config.credentials, accessKeyId: `ASIA${logicalId}` },
  });
  const environment = engine.environment('canary');
  const read = (table: string, id: string) =>
    client.send(new GetItemCommand({ TableName: environment[table], Key: { id: { S: id } } }));
  const write = (id: string) =>
    client.send(
      new PutItemCommand({
        TableName: environment[environmentKeys.apiKeysTable],
        Item: { id: { S: id }, tenant: { NULL: true } },
        ConditionExpression: 'attribute_not_exists(id)',
      }),
    );
  expect((await read(environmentKeys.accountsTable, canary.account)).Item).toBeDefined();
  await expect(write(canary.key)).rejects.toThrow('The conditional request failed');
  await expect(write('everything')).rejects.toThrow(/not authorized to perform: dynamodb:PutItem/);
  await expect(read(environmentKeys.accountsTable, 'acc_other')).rejects.toThrow(/not authorized/);
  await expect(read(environmentKeys.apiKeysTable, 'local')).rejects.toThrow(/not authorized/);
  client.destroy();
});
