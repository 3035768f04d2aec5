import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';

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

describe('a replay for a tenant that only pulls', () => {
  test.each([{ mode: 'all' }, { event: 'evt_1' }])('fails: %j', async (body) => {
    const api = await apiWithEvents();
    await api.setMode({ delivery: 'pull' });
    const refused = { status: 409, body: { reason: 'delivery-pull' } };
    expect(await api.call('POST', '/v1/subscriptions/sub_1/replay', body)).toMatchObject(refused);
    expect((await api.call('POST', '/v1/subscriptions/sub_1/replay', { ...body, dry_run: true })).status).toBe(200);
    await api.setMode({ delivery: 'both' });
    expect((await api.call('POST', '/v1/subscriptions/sub_1/replay', body)).status).toBe(202);
  });
});
