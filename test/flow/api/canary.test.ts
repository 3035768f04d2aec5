import { describe, expect, test } from 'vitest';
import { candidateVersion } from '../../../lambdas/engine/definition/candidate-version.ts';
import { configureCanary } from '../../../lambdas/flows/accounts/configure-canary.ts';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount, staff } from '../../fakes/samples.ts';
import { staffWith } from '../provider-request.ts';

const candidate = { ...staff, mapping: 'body.newer' };
const version = candidateVersion(candidate);
const settings = '/v1/integrations/staff/settings';
const settingsOfShared = '/v1/integrations/shared/settings';
const trial = '/v1/integrations/staff/canary';

const handshake = {
  name: 'hook_secret',
  when: { 'header.X-Hook-Secret': { present: true } },
  verify: 'none',
  capture: { secret: 'signing_secret', from: '{header.X-Hook-Secret}' },
  respond: { headers: {} },
};
const capturing = { ...staffWith({ handshakes: [handshake] }, ['other_secret']), name: 'capturing' };

async function anApi(options: Parameters<typeof createFakeApi>[0] = { candidates: [candidate] }) {
  const api = createFakeApi(options);
  await api.engine.accounts.create(anAccount());
  await api.engine.accounts.create(anAccount({ id: 'acc_2' }));
  await api.engine.accounts.create(anAccount({ id: 'acc_globex', tenant: 'globex' }));
  const modeOf = async (id: string) => (await api.engine.accounts.find(id))?.canary;
  return { ...api, modeOf };
}

describe('PUT /v1/integrations/{integration}/settings with a canary', () => {
  test('tells the named accounts, and those that leave', async () => {
    const api = await anApi();
    const put = (canary: object | null) => api.call('PUT', settings, { canary });
    const first = await put({ accounts: ['acc_acme', 'acc_2'], mode: 'compare' });
    expect(first.status).toBe(200);
    expect(first.body.canary).toEqual({ accounts: ['acc_acme', 'acc_2'], mode: 'compare', deployed: true });
    expect([await api.modeOf('acc_acme'), await api.modeOf('acc_2'), await api.modeOf('acc_globex')]).toEqual([
      'compare',
      'compare',
      undefined,
    ]);
    await put({ accounts: ['acc_2', 'acc_globex'], mode: 'use' });
    expect([await api.modeOf('acc_acme'), await api.modeOf('acc_2'), await api.modeOf('acc_globex')]).toEqual([
      undefined,
      'use',
      'use',
    ]);
    const last = await put(null);
    expect(last.body.canary).toBeUndefined();
    expect([await api.modeOf('acc_2'), await api.modeOf('acc_globex')]).toEqual([undefined, undefined]);
    const { body } = await api.call('GET', `/v1/audit?object=${encodeURIComponent('integrations/staff/settings')}`);
    expect(body.data).toHaveLength(3);
  });

  test('keeps the secrets, and other settings keep the trial', async () => {
    const api = await anApi();
    await api.call('PUT', '/v1/integrations/shared/settings', {
      secrets: { signing_secret: 'a secret' },
      shared_contexts: true,
    });
    await api.engine.accounts.create(anAccount({ id: 'acc_shared', integration: 'shared' }));
    const named = await api.call('PUT', '/v1/integrations/shared/settings', {
      canary: { accounts: ['acc_shared'], mode: 'compare' },
    });
    expect(named.body).toMatchObject({
      secret_names: ['signing_secret'],
      shared_contexts: true,
      canary: { deployed: false },
    });
    const after = await api.call('PUT', '/v1/integrations/shared/settings', { secrets: { signing_secret: 'another' } });
    expect(after.body).toMatchObject({ canary: { accounts: ['acc_shared'] } });
  });

  test.each([
    ['a canary', { canary: null }],
    ['allowed ranges', { allowed_ranges: ['192.0.2.0/24'] }],
    ['nothing', {}],
  ])('switches sharing off beside %s, and keeps the secrets', async (_, others) => {
    const api = await anApi();
    await api.call('PUT', settingsOfShared, { secrets: { signing_secret: 'a secret' }, shared_contexts: true });
    const { status, body } = await api.call('PUT', settingsOfShared, { shared_contexts: false, ...others });
    expect([status, body.secret_names]).toEqual([200, ['signing_secret']]);
    expect(body).not.toHaveProperty('shared_contexts');
  });

  test('keeps the secrets beside a secret that is to be captured', async () => {
    const api = await anApi({ definitions: [capturing] });
    const path = '/v1/integrations/capturing/settings';
    await api.call('PUT', path, { secrets: { other_secret: 'a secret' }, shared_contexts: true });
    const { body } = await api.call('PUT', path, { canary: null, capture: { secrets: ['signing_secret'] } });
    expect(body).toMatchObject({ secret_names: ['other_secret'], shared_contexts: true });
  });

  test.each([
    ['an account that does not exist', { accounts: ['acc_acme', 'acc_none'], mode: 'use' }, 'canary.accounts.1'],
    ['an account of another integration', { accounts: ['acc_shared'], mode: 'use' }, 'canary.accounts.0'],
    ['no account', { accounts: [], mode: 'use' }, 'canary.accounts'],
    ['an account twice', { accounts: ['acc_2', 'acc_2'], mode: 'use' }, 'canary.accounts'],
    ['a mode that there is not', { accounts: ['acc_2'], mode: 'maybe' }, 'canary.mode'],
  ])('fails for %s, and changes nothing', async (_, canary, path) => {
    const api = await anApi();
    await api.engine.accounts.create(anAccount({ id: 'acc_shared', integration: 'shared' }));
    const answer = await api.call('PUT', settings, { canary });
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path }] } });
    expect(await api.engine.settings.get('staff', 0)).toBeUndefined();
    expect(await api.modeOf('acc_acme')).toBeUndefined();
  });

  test('fails for an unknown integration, and for the key of a tenant', async () => {
    const api = await anApi();
    const canary = { accounts: ['acc_acme'], mode: 'use' };
    expect((await api.call('PUT', '/v1/integrations/none/settings', { canary })).status).toBe(404);
    expect((await api.call('PUT', settings, { canary }, 'acme')).status).toBe(403);
    expect(await api.modeOf('acc_acme')).toBeUndefined();
  });

  test('is completed by a repetition, wherever it was interrupted (invariant 2)', async () => {
    const wanted = { accounts: ['acc_2'], mode: 'use' } as const;
    const prepared = async () => {
      const api = await anApi();
      await configureCanary(api.ports, 'staff', { accounts: ['acc_acme'], mode: 'compare' });
      return api;
    };
    const probe = await prepared();
    const { ports, calls } = injectFault({
      integrations: probe.ports.integrations,
      settings: probe.ports.settings,
      accounts: probe.ports.accounts,
    });
    await configureCanary(ports, 'staff', wanted);
    for (let at = 0; at < calls.length; at += 1)
      for (const fault of faultsAt(at)) {
        const api = await prepared();
        const { integrations, settings: stored, accounts } = api.ports;
        await configureCanary(
          injectFault({ integrations, settings: stored, accounts }, fault).ports,
          'staff',
          wanted,
        ).catch(() => undefined);
        await configureCanary(api.ports, 'staff', wanted);
        expect([await api.modeOf('acc_acme'), await api.modeOf('acc_2')], calls[at]).toEqual([undefined, 'use']);
        expect((await api.engine.settings.get('staff', 0))?.canary).toEqual(wanted);
      }
  });
});

describe('GET /v1/integrations/{integration}/canary', () => {
  const difference = (input: string, second: number) => ({
    at: `2026-11-21T12:00:0${second}.000Z`,
    input,
    published: 'current' as const,
    failures: {},
    events: [],
    more: 0,
  });

  test('shows an operator all accounts, and a tenant its own', async () => {
    const api = await anApi();
    await api.call('PUT', settings, { canary: { accounts: ['acc_acme', 'acc_globex'], mode: 'compare' } });
    const key = { integration: 'staff', version };
    const counts = { compared: 4, different: 1, failed: 0 };
    await api.engine.canaries.add({ ...key, tenant: 'acme', account: 'acc_acme' }, counts, [difference('raw_1', 1)]);
    await api.engine.canaries.add({ ...key, tenant: 'globex', account: 'acc_globex' }, counts, [
      difference('raw_2', 2),
    ]);
    // An account that has left the trial, and an earlier candidate.
    await api.engine.canaries.add({ ...key, tenant: 'acme', account: 'acc_2' }, counts, [difference('raw_3', 3)]);
    await api.engine.canaries.add({ ...key, version: 'v0', tenant: 'acme', account: 'acc_acme' }, counts, [
      difference('raw_4', 4),
    ]);
    const { body } = await api.call('GET', trial);
    expect(body).toMatchObject({ deployed: true, version, note: null, mode: 'compare' });
    expect(body.accounts).toEqual([
      { id: 'acc_acme', tenant: 'acme', mode: 'compare', ...counts },
      { id: 'acc_globex', tenant: 'globex', mode: 'compare', ...counts },
    ]);
    expect(body.differences.map(({ input }: { input: string }) => input)).toEqual(['raw_2', 'raw_1']);
    const own = (await api.call('GET', trial, undefined, 'acme')).body;
    expect(own.accounts.map(({ id }: { id: string }) => id)).toEqual(['acc_acme']);
    expect(own.differences.map(({ input }: { input: string }) => input)).toEqual(['raw_1']);
    expect(JSON.stringify(own)).not.toContain('globex');
  });

  test('says what is missing', async () => {
    const without = await anApi({});
    expect((await without.call('GET', trial)).body).toMatchObject({
      deployed: false,
      note: expect.stringContaining('canary/'),
    });
    await without.call('PUT', settings, { canary: { accounts: ['acc_acme'], mode: 'use' } });
    expect((await without.call('GET', trial)).body).toMatchObject({
      note: expect.stringContaining('current definition'),
      accounts: [{ id: 'acc_acme', compared: 0 }],
    });
    const untried = await anApi();
    expect((await untried.call('GET', trial)).body).toMatchObject({
      note: expect.stringContaining('no account'),
      mode: null,
    });
    expect((await untried.call('GET', '/v1/integrations/none/canary')).status).toBe(404);
  });
});
