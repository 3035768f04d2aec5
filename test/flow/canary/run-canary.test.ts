import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { canary } from '../../../lambdas/contracts/canary.ts';
import type { CanaryPorts } from '../../../lambdas/flows/canary/canary-ports.ts';
import { type CanaryMemory, runCanary } from '../../../lambdas/flows/canary/run-canary.ts';
import type { HttpRequest } from '../../../lambdas/ports/runtime/http-caller.ts';
import { createInMemoryAccounts } from '../../fakes/in-memory-accounts.ts';
import { apiKey, createInMemoryApiKeys } from '../../fakes/in-memory-api-keys.ts';
import { createManualClock } from '../../fakes/manual-clock.ts';
import { anAccount } from '../../fakes/samples.ts';
import { createSeededRandomness } from '../../fakes/seeded-randomness.ts';

const publicUrl = 'https://api.example.com';
const webhookUrl = 'https://hooks.example.com/in/canary/acc_canary';
const functionUrl = 'https://canary.example.com/';
const subscription = {
  id: 'sub_canary1',
  url: `${functionUrl}callbacks/sub_canary1`,
  status: 'enabled',
  created_at: '2026-11-21T11:00:00.000Z',
};

/** A deployment that has the canary's account and subscription; a webhook is accepted while the account is there. */
async function world(keys: Parameters<typeof createInMemoryApiKeys>[0] = []) {
  const clock = createManualClock();
  const accounts = createInMemoryAccounts();
  const apiKeys = createInMemoryApiKeys(keys);
  const account = anAccount({ id: canary.account, tenant: canary.tenant, integration: canary.integration });
  await accounts.create({ ...account, secrets: { signing_secret: 'a first secret' } });
  const calls: HttpRequest[] = [];
  let secretOfProvider = 'a first secret';
  async function answer({ method, url, headers, body = '' }: HttpRequest): Promise<{ status: number; body: string }> {
    if (url === webhookUrl) {
      const signed = `${headers['x-canary-timestamp']}.${body}`;
      const expected = createHmac('sha256', secretOfProvider).update(signed).digest('hex');
      return { status: headers['x-canary-signature'] === expected ? 200 : 401, body: '{}' };
    }
    const { pathname } = new URL(url);
    const found: Record<string, unknown> = {
      [`GET /v1/accounts/${canary.account}`]: { webhook_url: webhookUrl, base_url: functionUrl.replace(/\/$/, '') },
      'GET /v1/subscriptions': { data: [subscription] },
      'GET /v1/events': { data: [] },
      [`GET /v1/subscriptions/${subscription.id}/deliveries`]: { data: [] },
    };
    return { status: 200, body: JSON.stringify(found[`${method} ${pathname}`] ?? {}) };
  }
  const ports: CanaryPorts = {
    http: {
      call(request) {
        calls.push(request);
        return answer(request);
      },
    },
    apiKeys,
    accounts: accounts.reader(clock),
    subscriptions: { getMany: () => Promise.resolve([]) },
    clock,
    randomness: createSeededRandomness(),
    publicUrl,
  };
  const memory: CanaryMemory = {};
  return {
    apiKeys,
    clock,
    calls,
    run: () => runCanary(ports, memory, functionUrl),
    /** The account is deleted, and made anew with another secret. */
    remakeAccount: () => {
      accounts.overwrite({ ...account, secrets: { signing_secret: 'a second secret' } });
      secretOfProvider = 'a second secret';
    },
  };
}

const isRefused = (outcome: Awaited<ReturnType<typeof runCanary>>) =>
  outcome.kind === 'failing' && outcome.faults.includes('push-refused');

describe('the push of the canary', () => {
  test('is signed with the secret of an account that was made anew, in the run that sets the canary up again', async () => {
    const { run, clock, remakeAccount } = await world();
    expect(isRefused(await run())).toBe(false);
    remakeAccount();
    clock.advance(5 * 60_000);
    expect(isRefused(await run())).toBe(true);
    clock.advance(5 * 60_000);
    expect(isRefused(await run())).toBe(false);
  });
});

describe('the key of the canary', () => {
  test('is of its own tenant, and has three scopes', async () => {
    const { run, apiKeys } = await world();
    await run();
    expect(await apiKeys.find(canary.key)).toMatchObject({ tenant: canary.tenant, scopes: canary.scopes });
    expect(canary.scopes).toEqual(['accounts:write', 'events:read', 'subscriptions:write']);
  });

  test.each([null, 'acme'])('fails to take over a key of the tenant %s, and calls nothing', async (tenant) => {
    const taken = apiKey(canary.key, 'secret of the operator', tenant);
    const { run, apiKeys, calls } = await world([taken]);
    await expect(run()).rejects.toThrow(/the key "canary" is not the canary's own.*revoke it/);
    expect(await apiKeys.find(canary.key)).toEqual(taken);
    expect(calls).toEqual([]);
  });
});
