import { describe, expect, test } from 'vitest';
import { canary } from '../../../lambdas/contracts/canary.ts';
import type { ApiKey } from '../../../lambdas/ports/tenants/api-key-store.ts';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { apiKey } from '../../fakes/in-memory-api-keys.ts';
import { anAccount } from '../../fakes/samples.ts';

const secret = 'tk_canary_secret';

/** An engine in which a row has the id of the canary's key. */
async function withRow(tenant: string | null, options: Partial<ApiKey> = {}) {
  const api = createFakeApi({ keys: [apiKey(canary.key, 'secret', tenant, options)] });
  await api.engine.accounts.create(anAccount());
  await api.engine.accounts.create(anAccount({ id: canary.account, tenant: canary.tenant }));
  return api;
}

describe('the key with the id of the canary', () => {
  test.each([null, 'acme', canary.tenant])(
    "reaches the canary's tenant with its scopes only, although its row says admin of %s",
    async (tenant) => {
      const api = await withRow(tenant);
      expect((await api.call('GET', '/v1/caller', undefined, secret)).body).toMatchObject({
        tenant: canary.tenant,
        scopes: canary.scopes,
      });
      const { body } = await api.call('GET', '/v1/accounts', undefined, secret);
      expect(body.data.map(({ id }: { id: string }) => id)).toEqual([canary.account]);
      expect((await api.call('GET', '/v1/accounts/acc_acme', undefined, secret)).status).toBe(404);
      for (const [method, path] of [
        ['GET', '/v1/keys'],
        ['GET', '/v1/audit'],
        ['GET', '/v1/tenants'],
      ] as const)
        expect((await api.call(method, path, undefined, secret)).status, path).toBe(403);
    },
  );

  test('has no scope that its row lacks', async () => {
    const api = await withRow(canary.tenant, { scopes: ['events:read'] });
    expect((await api.call('GET', '/v1/caller', undefined, secret)).body.scopes).toEqual(['events:read']);
  });

  test('makes tokens that reach no further', async () => {
    const api = await withRow(null);
    const body = { grant_type: 'client_credentials', client_id: canary.key, client_secret: secret };
    const token = (await api.call('POST', '/v1/token', body, null)).body.access_token;
    expect((await api.call('GET', '/v1/caller', undefined, token)).body).toMatchObject({
      tenant: canary.tenant,
      scopes: canary.scopes,
    });
    expect((await api.call('GET', '/v1/keys', undefined, token)).status).toBe(403);
  });
});
