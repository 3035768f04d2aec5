import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { startReplay } from '../../../lambdas/flows/subscriptions/replay-events.ts';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';
import { letTimePass } from '../let-time-pass.ts';

const url = 'https://next.example.com/hooks';

async function apiWithEvents() {
  const api = createFakeApi();
  await api.engine.subscriptions.create(aSubscription());
  await publishEvents(api.engine.publishPorts, [{ owner: 'raw_1', event: anEvent({ id: 'evt_1' }) }]);
  return {
    ...api,
    /** Set a mode, and let the caches of all functions expire. */
    async setMode(body: object) {
      const answer = await api.call('PATCH', '/v1/tenants/acme', body);
      expect(answer.status).toBe(200);
      api.engine.clock.advance(limits.tenantPolicyMaxAgeMs);
      return answer.body;
    },
  };
}

describe('PATCH /v1/tenants/{id}', () => {
  test('sets the delivery mode, shows it, and writes it to the audit', async () => {
    const api = await apiWithEvents();
    expect((await api.call('GET', '/v1/tenants/acme')).body).toMatchObject({ delivery: 'both', shadow_url: null });
    expect(await api.setMode({ delivery: 'shadow', shadow_url: url })).toMatchObject({
      delivery: 'shadow',
      shadow_url: url,
      retention: { events_days: 30 },
    });
    expect((await api.call('GET', '/v1/tenants/acme', undefined, 'acme')).body).toMatchObject({ delivery: 'shadow' });
    const { body } = await api.call('GET', '/v1/audit?object=tenants/acme');
    expect(body.data[0]).toMatchObject({
      before: { delivery: 'both' },
      after: { delivery: 'shadow', shadow_url: url },
    });
    // The other settings stay.
    await api.setMode({ retention: { events_days: 7 } });
    expect((await api.call('GET', '/v1/tenants/acme')).body).toMatchObject({
      delivery: 'shadow',
      retention: { events_days: 7 },
    });
  });

  test.each([
    ['a mode that there is not', { delivery: 'none' }, 'delivery'],
    ['shadow without a second endpoint', { delivery: 'shadow' }, 'shadow_url'],
    ['a second endpoint that may not be called', { shadow_url: 'http://' }, 'shadow_url'],
  ])('fails for %s, and says where', async (_, body, path) => {
    const api = await apiWithEvents();
    const answer = await api.call('PATCH', '/v1/tenants/acme', body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toMatchObject([{ path }]);
  });

  test.each([{ delivery: 'pull' }, { shadow_url: url }, { shadow_url: null }, { delivery: 'both', retention: {} }])(
    'fails for a key of the tenant itself, for modes are flags of the operator: %j',
    async (body) => {
      const api = await apiWithEvents();
      const own = await api.call('PATCH', '/v1/tenants/acme', body, 'acme');
      expect(own).toMatchObject({ status: 403, body: { reason: 'delivery-needs-operator' } });
      // Another tenant's key does not learn that there is such a tenant.
      expect((await api.call('PATCH', '/v1/tenants/acme', body, 'globex')).status).toBe(404);
      expect(await api.engine.tenants.find('acme')).toBeUndefined();
    },
  );
});

describe('the feed of a tenant that is only pushed to', () => {
  test('refuses the keys of the tenant, and serves the operator', async () => {
    const api = await apiWithEvents();
    await api.call('POST', '/v1/consumers', { name: 'warehouse', since: 'beginning' }, 'acme');
    await api.setMode({ delivery: 'push' });
    const refused = { status: 403, body: { reason: 'delivery-push' } };
    expect(await api.call('GET', '/v1/events', undefined, 'acme')).toMatchObject(refused);
    expect(await api.call('POST', '/v1/consumers/warehouse/lease', {}, 'acme')).toMatchObject(refused);
    expect((await api.call('GET', '/v1/events/evt_1', undefined, 'acme')).status).toBe(200);
    expect((await api.call('GET', '/v1/events?tenant=acme')).body.data).toMatchObject([{ id: 'evt_1' }]);
    // Nobody else's feed changes.
    expect((await api.call('GET', '/v1/events', undefined, 'globex')).status).toBe(200);
    await api.setMode({ delivery: 'both' });
    expect((await api.call('GET', '/v1/events', undefined, 'acme')).status).toBe(200);
  });
});

const refused = { status: 409, body: { reason: 'delivery-pull' } };

describe('a tenant that only pulls', () => {
  test('gets no single event again: neither a redelivery nor a retry', async () => {
    const api = await apiWithEvents();
    await letTimePass(api.engine, 1_000);
    const [{ id }] = (await api.call('GET', '/v1/subscriptions/sub_1/deliveries')).body.data;
    await api.setMode({ delivery: 'pull' });
    const calls = [
      ['/v1/events/evt_1/redeliver', { subscription: 'sub_1' }],
      [`/v1/deliveries/${id}/retry`, {}],
    ] as const;
    for (const [path, body] of calls) expect(await api.call('POST', path, body)).toMatchObject(refused);
    await letTimePass(api.engine, 60_000);
    expect(api.engine.callbacks.requests).toHaveLength(1);
    await api.setMode({ delivery: 'both' });
    for (const [path, body] of calls) expect((await api.call('POST', path, body)).status).toBe(202);
  });

  test('gets nothing of what a subscription missed when it is enabled, which it still can be', async () => {
    const api = await apiWithEvents();
    await api.call('POST', '/v1/subscriptions/sub_1/disable', {});
    await api.setMode({ delivery: 'pull' });
    const enable = (body: object) => api.call('POST', '/v1/subscriptions/sub_1/enable', body);
    expect(await enable({ catch_up: true })).toMatchObject(refused);
    expect((await api.engine.subscriptions.find('sub_1'))?.status).toBe('disabled');
    expect(await enable({})).toMatchObject({ status: 200, body: { status: 'enabled', catch_up: null } });
  });

  test('gets no more of a replay that runs: the replay is cancelled, and says why', async () => {
    const api = await apiWithEvents();
    await letTimePass(api.engine, 1_000);
    for (const id of ['evt_2', 'evt_3', 'evt_4'])
      await publishEvents(api.engine.publishPorts, [{ owner: `raw_${id}`, event: anEvent({ id, record_id: id }) }]);
    await letTimePass(api.engine, 1_000);
    // Slow: an event in 100 s.
    const request = { tenant: 'acme', mode: 'all', ratePerSecond: 0.01 } as const;
    const { id } = await startReplay(api.engine.drainPorts, aSubscription(), request);
    const read = async () => (await api.call('GET', `/v1/subscriptions/sub_1/replays/${id}`)).body;
    await letTimePass(api.engine, 150_000);
    expect(await read()).toMatchObject({ state: 'running', replayed: 2, cancelled_by: null });
    await api.setMode({ delivery: 'pull' });
    await letTimePass(api.engine, 600_000);
    expect(await read()).toMatchObject({ state: 'cancelled', replayed: 2, cancelled_by: 'delivery-pull' });
  });

  test('that has just changed back gets a replay, although functions still remember its former mode', async () => {
    const api = await apiWithEvents();
    await letTimePass(api.engine, 1_000);
    await api.setMode({ delivery: 'pull' });
    await api.engine.drainPorts.tenantPolicies.getMany(['acme']);
    await api.call('PATCH', '/v1/tenants/acme', { delivery: 'both' });
    const started = await api.call('POST', '/v1/subscriptions/sub_1/replay', { mode: 'all' });
    await letTimePass(api.engine, 10_000);
    const path = `/v1/subscriptions/sub_1/replays/${started.body.id}`;
    expect((await api.call('GET', path)).body).toMatchObject({ state: 'done', replayed: 1, cancelled_by: null });
    expect(await api.call('POST', `${path}/cancel`, {})).toMatchObject({ body: { cancelled_by: null } });
  });
});

describe('a replay for a tenant that only pulls', () => {
  test.each([{ mode: 'all' }, { event: 'evt_1' }])('fails: %j', async (body) => {
    const api = await apiWithEvents();
    await api.setMode({ delivery: 'pull' });
    expect(await api.call('POST', '/v1/subscriptions/sub_1/replay', body)).toMatchObject(refused);
    expect((await api.call('POST', '/v1/subscriptions/sub_1/replay', { ...body, dry_run: true })).status).toBe(200);
    await api.setMode({ delivery: 'both' });
    expect((await api.call('POST', '/v1/subscriptions/sub_1/replay', body)).status).toBe(202);
  });
});
