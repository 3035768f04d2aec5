import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ApiKey } from '../../../lambdas/ports/tenants/api-key-store.ts';
import { createFakeApi, type FakeApi } from '../../fakes/fake-api.ts';
import { apiKey } from '../../fakes/in-memory-api-keys.ts';

const dayMs = 86_400_000;
const nowMs = Date.parse('2026-11-21T12:00:00.000Z');
const endsAtMs = nowMs + 7 * dayMs;
const soon = new Date(nowMs + dayMs).toISOString();
const end = new Date(endsAtMs).toISOString();
const later = new Date(endsAtMs + 1).toISOString();

const scopes = ['keys:write', 'events:read'] as const;
/** Ends in a week, and may call 30 times per minute. */
const bounded = apiKey('bounded', 'secret', 'acme', { scopes, expiresAtMs: endsAtMs, ratePerMinute: 30 });
const caller = 'tk_bounded_secret';
const other = (id: string, options: Partial<ApiKey> = {}) =>
  apiKey(id, 'secret', 'acme', { scopes: ['events:read'], ...options });
/** Keys that live longer, that may call more often, and that do neither. */
const others = [
  other('endless', { ratePerMinute: 1 }),
  other('quick', { expiresAtMs: nowMs + dayMs, ratePerMinute: 60 }),
  other('usual', { expiresAtMs: nowMs + dayMs }),
  other('short', { expiresAtMs: nowMs + dayMs, ratePerMinute: 10 }),
];
const world = () => createFakeApi({ keys: [bounded, ...others] });
const create = (api: FakeApi, body: object, as = caller) =>
  api.call('POST', '/v1/keys', { name: 'k', scopes: ['events:read'], ...body }, as);
const patch = (api: FakeApi, id: string, body: object, as = caller) => api.call('PATCH', `/v1/keys/${id}`, body, as);
const rotate = (api: FakeApi, id: string, as = caller) => api.call('POST', `/v1/keys/${id}/rotate`, {}, as);
const refusedFor = (reason: string) => ({ status: 403, body: { reason } });

describe('a key that another key creates (M4)', () => {
  test('has the bounds of its creator, or tighter bounds if the request sets them', async () => {
    const api = world();
    expect((await create(api, {})).body).toMatchObject({ expires_at: end, rate_per_minute: 30 });
    const given = { expires_at: soon, rate_per_minute: 5 };
    expect((await create(api, given)).body).toMatchObject(given);
    expect((await create(api, { expires_at: end, rate_per_minute: 30 })).status).toBe(201);
  });

  test('fails when it would end later, or call more often, than its creator', async () => {
    const api = world();
    expect(await create(api, { expires_at: later })).toMatchObject(refusedFor('outlives'));
    expect((await create(api, { expires_at: later })).body.detail).toContain(end);
    expect(await create(api, { rate_per_minute: 31 })).toMatchObject(refusedFor('outpaces'));
    expect((await create(api, { rate_per_minute: 31 })).body.detail).toContain('30 calls a minute');
  });

  test('has no bounds if its creator has none; only a key of all tenants may set a rate above the default', async () => {
    const api = createFakeApi({ callPolicy: { perKey: { calls: 600, windowMs: 60_000 } } });
    expect((await create(api, {}, 'acme')).body).toMatchObject({ expires_at: null, rate_per_minute: null });
    expect((await create(api, { rate_per_minute: 600 }, 'acme')).status).toBe(201);
    expect(await create(api, { rate_per_minute: 601 }, 'acme')).toMatchObject(refusedFor('outpaces'));
    expect((await create(api, { tenant: 'acme', rate_per_minute: 6000 }, 'all')).status).toBe(201);
  });

  test('ends with the secret of its creator that is being rotated out', async () => {
    const api = createFakeApi();
    await api.call('POST', '/v1/keys/acme/rotate', { overlap_seconds: 60 }, 'acme');
    expect((await create(api, {}, 'acme')).body.expires_at).toBe('2026-11-21T12:01:00.000Z');
  });
});

describe('a change of another key (M4)', () => {
  test('fails when it grants more than the caller has', async () => {
    const api = world();
    for (const change of [{ expires_at: later }, { expires_at: later, name: 'x' }])
      expect(await patch(api, 'short', change)).toMatchObject(refusedFor('outlives'));
    expect(await patch(api, 'short', { rate_per_minute: 31 })).toMatchObject(refusedFor('outpaces'));
    // A key that outlives the caller would keep what it gets now.
    expect(await patch(api, 'endless', { scopes })).toMatchObject(refusedFor('outlives'));
    expect(await patch(api, 'endless', { rate_per_minute: 2 })).toMatchObject(refusedFor('outlives'));
    expect(await patch(api, 'quick', { scopes })).toMatchObject(refusedFor('outpaces'));
    for (const { id, revision } of others) expect((await api.apiKeys.find(id))?.revision).toBe(revision);
  });

  test('replaces a removed bound by the caller’s own bound', async () => {
    const api = world();
    const freed = await patch(api, 'short', { expires_at: null, rate_per_minute: null });
    expect(freed.body).toMatchObject({ expires_at: end, rate_per_minute: 30 });
  });

  test('may restrict a key that lives longer, and extend the scopes of one whose life it shortens', async () => {
    const api = world();
    expect((await patch(api, 'endless', { name: 'renamed' })).body.expires_at).toBeNull();
    expect((await patch(api, 'quick', { rate_per_minute: 45 })).status).toBe(200);
    expect((await patch(api, 'endless', { scopes, expires_at: end })).body).toMatchObject({ scopes, expires_at: end });
  });
});

describe('a key and itself (M4)', () => {
  test('fails when a key changes itself, directly or by its token', async () => {
    const api = world();
    const credentials = { grant_type: 'client_credentials', client_id: 'bounded', client_secret: 'secret' };
    const token = (await api.call('POST', '/v1/token', credentials, null)).body.access_token as string;
    for (const change of [{ expires_at: null }, { rate_per_minute: 1000 }, { name: 'x' }, { expires_at: soon }])
      for (const as of [caller, token])
        expect(await patch(api, 'bounded', change, as)).toMatchObject(refusedFor('own-key'));
    expect(await rotate(api, 'bounded', token)).toMatchObject(refusedFor('needs-key'));
    expect((await api.apiKeys.find('bounded'))?.revision).toBe(1);
  });

  test('rotates itself with its current secret, and keeps its end', async () => {
    const api = world();
    const rotated = await rotate(api, 'bounded');
    expect([rotated.status, rotated.body.expires_at]).toEqual([200, end]);
    expect(await rotate(api, 'bounded')).toMatchObject(refusedFor('needs-current-secret'));
    expect((await rotate(api, 'bounded', rotated.body.key)).status).toBe(200);
  });

  test('may revoke itself', async () => {
    const api = world();
    expect((await api.call('DELETE', '/v1/keys/bounded', undefined, caller)).status).toBe(204);
  });
});

test('fails when a key rotates one that lives longer, or calls more often (M4)', async () => {
  const api = world();
  expect(await rotate(api, 'endless')).toMatchObject(refusedFor('outlives'));
  for (const id of ['quick', 'usual']) expect(await rotate(api, id)).toMatchObject(refusedFor('outpaces'));
  expect((await rotate(api, 'short')).status).toBe(200);
});

test('whatever a bounded key does, no secret that it learns lives longer or calls more often than it (M4)', async () => {
  const bound = fc.option(fc.constantFrom(soon, end, later), { nil: null });
  const rate = fc.option(fc.constantFrom(1, 30, 31, 5000), { nil: null });
  const step = fc.record({
    what: fc.constantFrom('create' as const, 'patch' as const, 'rotate' as const),
    by: fc.nat(20),
    on: fc.nat(20),
    expires_at: bound,
    rate_per_minute: rate,
    isWide: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const api = world();
      const known = new Map([['bounded', caller]]);
      for (const { what, by, on, expires_at, rate_per_minute, isWide } of steps) {
        const as = [...known.values()][by % known.size];
        const { items } = await api.apiKeys.list('acme', 500, undefined);
        const id = items[on % items.length]?.id ?? '';
        const body = { expires_at, rate_per_minute, scopes: isWide ? scopes : ['events:read'] };
        const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
        const answer =
          what === 'create'
            ? await create(api, given, as)
            : what === 'patch'
              ? await patch(api, id, body, as)
              : await rotate(api, id, as);
        if (answer.status < 300 && 'key' in answer.body) known.set(answer.body.id, answer.body.key);
      }
      for (const id of known.keys()) {
        const key = await api.apiKeys.find(id);
        expect(key?.expiresAtMs).toBeLessThanOrEqual(endsAtMs);
        expect(key?.ratePerMinute).toBeLessThanOrEqual(30);
      }
      // No key that outlives the caller has gained anything either.
      const { expiresAtMs, scopes: held, ratePerMinute = 600 } = (await api.apiKeys.find('endless')) as ApiKey;
      expect(expiresAtMs !== undefined || (!held.includes('keys:write') && ratePerMinute === 1)).toBe(true);
    }),
    { numRuns: 200 },
  );
});
