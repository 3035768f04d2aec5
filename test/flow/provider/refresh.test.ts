import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toCaller } from '../../../lambdas/flows/provider/provider-ports.ts';
import { sealValues, storeClient } from '../../../lambdas/flows/provider/sealed-credentials.ts';
import { type UsableCredentials, useCredentials } from '../../../lambdas/flows/provider/use-credentials.ts';
import { createFakeProvider } from '../../fakes/fake-provider.ts';
import { createManualClock, type ManualClock } from '../../fakes/manual-clock.ts';
import { createProgrammableExpressions } from '../../fakes/programmable-expressions.ts';
import { anAccount } from '../../fakes/samples.ts';
import { createSeededRandomness } from '../../fakes/seeded-randomness.ts';
import { propertyRuns } from '../../property-runs.ts';
import { desk, deskWith } from './desk.ts';

const account = anAccount({ integration: 'desk', context: { subdomain: 'acme' }, credentialKind: 'oauth2' });
const caller = toCaller(account, desk);
const hourMs = 3_600_000;

/** A provider whose refresh tokens work once: a second use revokes all of them. */
function createTokenEndpoint() {
  let current = 'refresh-0';
  let issued = 0;
  let isRevoked = false;
  return {
    issued: () => issued,
    isRevoked: () => isRevoked,
    grant(form: URLSearchParams) {
      if (isRevoked || form.get('refresh_token') !== current) {
        isRevoked = true;
        return { status: 400, body: { error: 'invalid_grant' } };
      }
      issued += 1;
      current = `refresh-${issued}`;
      return { body: { access_token: `access-${issued}`, refresh_token: current, expires_in: 3600 } };
    },
  };
}

async function prepare(clock: ManualClock, expiresAtMs: number) {
  // Many wait at once: a pause of one must not move the clock for all.
  const pause = async () => {
    await new Promise((resolve) => setImmediate(resolve));
  };
  const provider = createFakeProvider(clock, createSeededRandomness(), createProgrammableExpressions(), pause);
  const { ports } = provider;
  await storeClient(ports, 'desk', { clientId: 'our-client', clientSecret: 'client-secret' }, clock.nowMs());
  await ports.credentials.replace({
    account: account.id,
    tenant: account.tenant,
    incarnation: account.createdAt,
    kind: 'oauth2',
    sealed: await sealValues(ports, account, {
      kind: 'oauth2',
      members: {},
      token: { access: 'access-0', refresh: 'refresh-0', expiresAtMs },
    }),
    generation: 1,
    expiresAtMs,
    updatedAtMs: expiresAtMs - hourMs,
    revision: 0,
  });
  return provider;
}

const accessOf = (used: UsableCredentials) => (used.kind === 'credentials' ? used.values.token?.access : used.kind);

describe('an expired token', () => {
  test('is refreshed once, whoever meets it at the same time', async () => {
    const clock = createManualClock();
    const provider = await prepare(clock, clock.nowMs() - 1);
    const endpoint = createTokenEndpoint();
    provider.respond(async ({ body }) => {
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      return endpoint.grant(new URLSearchParams(body));
    });
    const used = await Promise.all(
      Array.from({ length: 50 }, () => useCredentials(provider.ports, caller, undefined, clock.nowMs() + 60_000)),
    );
    expect(new Set(used.map(accessOf))).toEqual(new Set(['access-1']));
    expect(provider.requests).toHaveLength(1);
    expect(Object.fromEntries(new URLSearchParams(provider.requests[0]?.body))).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'refresh-0',
      client_id: 'our-client',
      client_secret: 'client-secret',
    });
  });

  test('is refreshed before it expires, and a token that the provider refuses at once', async () => {
    const clock = createManualClock();
    const provider = await prepare(clock, clock.nowMs() + 50_000);
    const endpoint = createTokenEndpoint();
    provider.respond(({ body }) => endpoint.grant(new URLSearchParams(body)));
    expect(accessOf(await useCredentials(provider.ports, caller, undefined, 0))).toBe('access-1');
    expect(accessOf(await useCredentials(provider.ports, caller, undefined, 0))).toBe('access-1');
    expect(accessOf(await useCredentials(provider.ports, caller, 2, 0))).toBe('access-2');
    // A late call that used the token before has its successor already.
    expect(accessOf(await useCredentials(provider.ports, caller, 2, 0))).toBe('access-2');
    expect(endpoint.issued()).toBe(2);
  });

  test('waits while the token endpoint does not answer, and keeps its refresh token', async () => {
    const clock = createManualClock();
    const provider = await prepare(clock, clock.nowMs() - 1);
    const endpoint = createTokenEndpoint();
    provider.respond(() => 503);
    expect(await useCredentials(provider.ports, caller, undefined, 0)).toMatchObject({ kind: 'wait' });
    provider.respond(({ body }) => endpoint.grant(new URLSearchParams(body)));
    clock.advance(10_000);
    expect(accessOf(await useCredentials(provider.ports, caller, undefined, 0))).toBe('access-1');
  });

  test('is not asked for again before the time that the token endpoint tells (invariant 7)', async () => {
    const clock = createManualClock();
    const provider = await prepare(clock, clock.nowMs() - 1);
    const endpoint = createTokenEndpoint();
    provider.respond(() => ({ status: 429, headers: { 'retry-after': '3600' }, body: {} }));
    const untilMs = clock.nowMs() + hourMs;
    for (let minute = 0; minute < 50; minute += 1) {
      const used = await useCredentials(provider.ports, caller, undefined, 0);
      expect(used).toMatchObject({ kind: 'wait', untilMs });
      clock.advance(60_000);
    }
    expect(provider.requests).toHaveLength(1);
    provider.respond(({ body }) => endpoint.grant(new URLSearchParams(body)));
    clock.advance(10 * 60_000);
    expect(accessOf(await useCredentials(provider.ports, caller, undefined, 0))).toBe('access-1');
  });

  test('is asked for a day later at the latest, whatever the token endpoint tells', async () => {
    const clock = createManualClock();
    const provider = await prepare(clock, clock.nowMs() - 1);
    const endpoint = createTokenEndpoint();
    provider.respond(() => ({ status: 503, headers: { 'retry-after': '999999999' }, body: {} }));
    expect(await useCredentials(provider.ports, caller, undefined, 0)).toMatchObject({ kind: 'wait' });
    provider.respond(({ body }) => endpoint.grant(new URLSearchParams(body)));
    clock.advance(24 * hourMs);
    expect(accessOf(await useCredentials(provider.ports, caller, undefined, 0))).toBe('access-1');
  });

  test('is asked for within the limits that count such requests (invariant 7)', async () => {
    const clock = createManualClock();
    const provider = await prepare(clock, clock.nowMs() - 1);
    const endpoint = createTokenEndpoint();
    const limited = toCaller(
      account,
      deskWith({ api: { limits: [{ name: 'tokens', calls: 1, per: '10m', of: ['token'] }] } }),
    );
    provider.respond(({ body }) => endpoint.grant(new URLSearchParams(body)));
    expect(accessOf(await useCredentials(provider.ports, limited, undefined, 0))).toBe('access-1');
    expect(await useCredentials(provider.ports, limited, 2, 0)).toMatchObject({
      kind: 'wait',
      reason: expect.stringContaining('"tokens"'),
    });
    expect(endpoint.issued()).toBe(1);
    clock.advance(12 * 60_000);
    expect(accessOf(await useCredentials(provider.ports, limited, 2, 0))).toBe('access-2');
  });

  test('is kept although another function writes that the tenant was told of the account meanwhile', async () => {
    const clock = createManualClock();
    const provider = await prepare(clock, clock.nowMs() - 1);
    const endpoint = createTokenEndpoint();
    provider.respond(async ({ body }) => {
      const stored = await provider.ports.credentials.get(account.id, 0);
      if (stored !== undefined) await provider.ports.credentials.replace(stored);
      return endpoint.grant(new URLSearchParams(body));
    });
    expect(accessOf(await useCredentials(provider.ports, caller, undefined, clock.nowMs() + 60_000))).toBe('access-1');
    expect(endpoint.issued()).toBe(1);
  });

  test('that cannot be refreshed ends the credentials, and nobody asks again', async () => {
    const clock = createManualClock();
    const provider = await prepare(clock, clock.nowMs() - 1);
    provider.respond(() => ({ status: 200, body: { error: 'invalid_grant' } }));
    for (let call = 0; call < 3; call += 1)
      expect(await useCredentials(provider.ports, caller, undefined, 0)).toMatchObject({
        kind: 'auth-failed',
        reason: expect.stringContaining('invalid_grant'),
      });
    expect(provider.requests).toHaveLength(1);
  });
});

/** Where a refresher dies. Between the provider's answer and the write, the new token is lost: the decision says so. */
const deaths = ['never', 'before-request', 'after-write'] as const;

test('a refresh token is never used twice, with random delays and dying refreshers', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          afterMs: fc.integer({ min: 0, max: 40_000 }),
          death: fc.constantFrom(...deaths),
          turns: fc.nat(8),
        }),
        { minLength: 2, maxLength: 12 },
      ),
      async (workers) => {
        const clock = createManualClock();
        const provider = await prepare(clock, clock.nowMs() - 1);
        const endpoint = createTokenEndpoint();
        const never = () => new Promise<never>(() => {});
        const running = workers.map(async ({ afterMs, death, turns }) => {
          clock.advance(afterMs / workers.length);
          const api: typeof provider.ports.api = {
            async send(request) {
              if (death === 'before-request') return never();
              for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
              const answer = endpoint.grant(new URLSearchParams(request.body));
              const body = Buffer.from(JSON.stringify(answer.body));
              return { kind: 'answered', status: 'status' in answer ? (answer.status ?? 200) : 200, headers: {}, body };
            },
          };
          const credentials: typeof provider.ports.credentials = {
            ...provider.ports.credentials,
            async replace(next) {
              const written = await provider.ports.credentials.replace(next);
              return death === 'after-write' && next.refresher === undefined ? never() : written;
            },
          };
          return useCredentials({ ...provider.ports, api, credentials }, caller, undefined, clock.nowMs() + 5);
        });
        const settled = Promise.all(running.map((run) => Promise.race([run, turnsOf(200)])));
        await settled;
        clock.advance(120_000);
        provider.respond(({ body }) => endpoint.grant(new URLSearchParams(body)));
        expect(accessOf(await useCredentials(provider.ports, caller, undefined, clock.nowMs() + 60_000))).toMatch(
          /^access-[1-9]/,
        );
        expect(endpoint.isRevoked()).toBe(false);
      },
    ),
    propertyRuns(100, 1_000),
  );
});

async function turnsOf(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
