import { expect, onTestFinished, test } from 'vitest';
import { useRunningEngine } from '../running-engine.ts';
import { connectCrm, leaseMs, patiently, servedBy, startProvider } from '../simulated-accounts.ts';

const running = useRunningEngine();

test('a poll function that is killed as it reads, and as it publishes, ends complete (invariant 5)', async () => {
  const { subscriber, engine, call } = running();
  const eventually = (holds: () => Promise<boolean>) => patiently(engine, holds);
  const feedOf = async (query = '') =>
    (await call('GET', `/v1/events?tenant=killed&since=beginning&limit=500${query}`)).body.data;
  const receiver = await subscriber({ tenant: 'killed' });
  const own = await startProvider('legacy-crm', {
    records: { 'crm/contacts': 250 },
    clock: { nowMs: () => engine.now() },
    faults: { latencyMs: [100, 100] },
  });
  onTestFinished(() => own.stop());
  const account = await connectCrm(running(), own, 'killed', { base_url: `${own.url}/v1`, syncs: 'off' });
  const people = { id: 'people', integration_name: 'legacy-crm', resources: [{ resource: 'crm/contacts' }] };
  expect((await account.of('POST', '/syncs', people)).status).toBe(201);
  const callsOf = () => servedBy(own).calls;
  // The listing has three pages. Each function goes on where the one before it was killed.
  const moments = [() => callsOf() >= 2, () => callsOf() >= 4, () => receiver.callbacks.length > 0];
  while (moments.length > 0) {
    if (moments[0]?.() === true && engine.killWorker('poll')) moments.shift();
    // Advance the clock only while no function works: its message would come back while it is at work.
    else if (!engine.isAtWork()) await engine.advanceClock(leaseMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const contacts = own.records('crm/contacts').map(({ id }) => id);
  await own.change('crm/contacts', contacts[7] ?? '');
  expect(await account.run('incremental', 'people')).toMatchObject({ outcome: 'succeeded' });
  // A number that a killed function took keeps the feed waiting for a while.
  await eventually(async () => (await feedOf()).length === 251);
  const created = await feedOf('&types=record:created');
  expect(created).toHaveLength(250);
  expect(new Set(created.map((event: { record_id: string }) => event.record_id))).toEqual(new Set(contacts));
  expect(await feedOf('&types=record:updated')).toMatchObject([{ record_id: contacts[7] }]);
});
