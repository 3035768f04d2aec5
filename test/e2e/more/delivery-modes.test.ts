import { beforeAll, expect, test, vi } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { seedApiKey } from '../../../lib/local/admin-key.ts';
import { useRunningEngine } from '../running-engine.ts';

const running = useRunningEngine();
const ownKey = 'tk_modes_secret-of-modes';

beforeAll(async () => {
  await seedApiKey(running().engine, ownKey, 'modes');
});

/** Set a mode, and let the caches of all functions expire. */
async function setMode(body: object): Promise<void> {
  expect((await running().call('PATCH', '/v1/tenants/modes', body)).status).toBe(200);
  await running().engine.advanceClock(limits.tenantPolicyMaxAgeMs);
}

async function feedIds(): Promise<readonly string[]> {
  const { body } = await running().call('GET', '/v1/events?tenant=modes&limit=100');
  return body.data.map(({ record_id }: { record_id: string }) => record_id);
}

test('a tenant is changed from callbacks to the feed and back, while events come, without a deployment', async () => {
  const { account, subscriber, github, call, eventually } = running();
  const { url } = await account('github', { tenant: 'modes' });
  const receiver = await subscriber({ tenant: 'modes' });
  const received = () => new Set(receiver.callbacks.map(({ event }) => event['record_id']));
  await github(url, { issue: 1 });
  await eventually(() => received().has('1'));

  await setMode({ delivery: 'pull' });
  await github(url, { issue: 2 });
  await eventually(async () => (await feedIds()).includes('2'));
  expect((await call('GET', '/v1/events', undefined, ownKey)).status).toBe(200);
  expect(await call('POST', `/v1/subscriptions/${receiver.id}/replay`, { mode: 'all' })).toMatchObject({
    status: 409,
    body: { reason: 'delivery-pull' },
  });

  await setMode({ delivery: 'push' });
  await github(url, { issue: 3 });
  await eventually(() => received().has('3'));
  expect(received().has('2')).toBe(false);
  expect(await call('GET', '/v1/events', undefined, ownKey)).toMatchObject({
    status: 403,
    body: { reason: 'delivery-push' },
  });
  expect(await feedIds()).toEqual(expect.arrayContaining(['1', '2', '3']));

  const replay = await call('POST', `/v1/subscriptions/${receiver.id}/replay`, { mode: 'missing' });
  expect(replay.status).toBe(202);
  await eventually(() => received().has('2'));
});

test('a second endpoint that hangs gets its copies, and delays no callback', async () => {
  const { account, subscriber, github, call, eventually, engine } = running();
  const { url } = await account('github', { tenant: 'modes' });
  const receiver = await subscriber({ tenant: 'modes', resources: ['ticketing/*'] });
  // A receiver without a subscription of its own: its tenant is another one.
  const second = await subscriber({ tenant: 'nobody' });
  second.answer(() => {});
  await setMode({ delivery: 'shadow', shadow_url: second.url });
  for (const issue of [11, 12, 13]) await github(url, { issue });
  const received = () => new Set(receiver.callbacks.map(({ event }) => event['record_id']));
  await vi.waitFor(() => expect([...received()]).toEqual(expect.arrayContaining(['11', '12', '13'])), 30_000);
  await vi.waitFor(() => expect(second.callbacks.length).toBeGreaterThan(0), 30_000);
  const [copy] = second.callbacks;
  const [first] = receiver.callbacks.filter(({ event }) => event.id === copy?.event.id);
  expect(copy?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  expect(copy?.headers['tributary-shadow-of']).toBeDefined();
  expect(copy?.body).toBe(first?.body);
  await eventually(() => engine.metrics.list().some(({ name, sum }) => name === 'shadow-failed' && sum > 0));
  const { body } = await call('GET', `/v1/subscriptions/${receiver.id}`);
  expect(body).toMatchObject({ status: 'enabled', health: { circuit: 'closed' } });
  await setMode({ delivery: 'both' });
});

test('a tenant changes no mode, neither its own nor that of another', async () => {
  const { call } = running();
  expect((await call('PATCH', '/v1/tenants/modes', { delivery: 'pull' }, ownKey)).status).toBe(403);
  expect((await call('PATCH', '/v1/tenants/acme', { delivery: 'pull' }, ownKey)).status).toBe(404);
});
