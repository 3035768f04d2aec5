import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import { credentials as credentialsSchema } from '../../../../../lambdas/engine/provider/language/credentials-schema.ts';
import {
  type ProviderSimulator,
  type ProviderSimulatorOptions,
  startProviderSimulator,
} from '../../../../../lib/local/simulators/provider/provider-simulator.ts';
import { createManualClock } from '../../../../fakes/manual-clock.ts';
import { connectAccount } from './simulated-account.ts';
import { deskExchanges, simulatedDesk } from './simulated-desk.ts';

const running: ProviderSimulator[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.stop()));
});

const tickets = 'ticketing/tickets';
const redirectUri = 'https://app.example/callback';

/** The desk with other credentials. */
function deskThatTakes(written: object): Definition {
  const { api } = simulatedDesk;
  if (api === undefined) throw new TypeError('desk has no api');
  return {
    ...simulatedDesk,
    api: { ...api, limits: [], credentials: credentialsSchema.parse(written) },
  };
}

const oauth2 = {
  authorize_url: 'https://login.desk.example/authorize',
  token_url: 'https://login.desk.example/token',
  refresh: 'single-use',
};

async function start(written: object, options: Partial<ProviderSimulatorOptions> = {}) {
  const clock = createManualClock();
  const definition = deskThatTakes(written);
  const simulator = await startProviderSimulator({
    definition,
    exchanges: deskExchanges,
    records: 3,
    clock,
    ...options,
  });
  running.push(simulator);
  const statusOf = async (headers: Record<string, string>, path = '/v2/tickets/7') =>
    (await fetch(`${simulator.url}${path}`, { headers })).status;
  const token = async (form: Record<string, string>, headers: Record<string, string> = {}) => {
    const body = new URLSearchParams({
      client_id: 'simulated-client_id',
      client_secret: 'simulated-client_secret',
      ...form,
    });
    const response = await fetch(`${simulator.url}/token`, { method: 'POST', body, headers });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
  const consent = async (more: Record<string, string> = {}) => {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: 'simulated-client_id',
      redirect_uri: redirectUri,
      state: 's1',
      ...more,
    });
    const response = await fetch(`${simulator.url}/authorize?${query.toString()}`, { redirect: 'manual' });
    const location = response.headers.get('location');
    return location === null ? { status: response.status } : Object.fromEntries(new URL(location).searchParams);
  };
  return { clock, definition, simulator, statusOf, token, consent };
}

describe('a request', () => {
  test.each([
    [{ api_key: { key: 'k', sent: { headers: { 'X-Key': 'k={credential.key}' } } } }, { 'x-key': 'k=simulated-key' }],
    [
      { basic: { username: 'u', password: { help: 'p', default: 'x' } } },
      { authorization: `Basic ${Buffer.from('simulated-username:x').toString('base64')}` },
    ],
    [{ bearer: { token: 't' } }, { authorization: 'Bearer simulated-token' }],
    [
      {
        api_key: {
          key: 'k',
          sent: {
            headers: { Authorization: "{credential.key | base64_encode | prepend('Basic ')}", 'X-Of': '{context.of?}' },
          },
        },
      },
      { authorization: `Basic ${Buffer.from('simulated-key').toString('base64')}` },
    ],
    [
      { oauth1: { consumer_key: 'a', consumer_secret: 'b', token: 'c', token_secret: 'd' } },
      {
        authorization:
          'OAuth oauth_consumer_key="a", oauth_token="c", oauth_signature_method="HMAC-SHA256", oauth_timestamp="1", oauth_nonce="n", oauth_signature="s"',
      },
    ],
    [
      { aws_sigv4: { access_key_id: 'a', secret_access_key: 'b', region: 'c', service: 'execute-api' } },
      {
        authorization: `AWS4-HMAC-SHA256 Credential=a/20261121/eu-west-1/execute-api/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
      },
    ],
  ])('is taken with the credentials of %j, and with no others', async (written, headers) => {
    const { statusOf } = await start(written);
    expect(await statusOf(headers)).toBe(200);
    expect(await statusOf({})).toBe(401);
    const wrong = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.slice(0, -6)]));
    expect(await statusOf(wrong)).toBe(401);
  });

  test('is compared with configured values', async () => {
    const { statusOf } = await start({ bearer: { token: 't' } }, { credentials: { bearer: { token: 'mine' } } });
    expect(await statusOf({ authorization: 'Bearer mine' })).toBe(200);
    expect(await statusOf({ authorization: 'Bearer simulated-token' })).toBe(401);
  });
});

describe('a token', () => {
  test('expires, and the client refreshes it', async () => {
    const { simulator, clock, definition } = await start({ oauth2 }, { tokenLife: 100 });
    const account = await connectAccount(definition, simulator, clock, 'oauth2');
    for (let minute = 0; minute < 5; minute += 1) {
      expect((await account.read(tickets, ['7']))[0]?.kind).toBe('record');
      clock.advance(100_000);
    }
    simulator.expireTokens();
    expect((await account.read(tickets, ['7']))[0]?.kind).toBe('record');
    expect(simulator.stats().tokens).toMatchObject({ refreshes: 5, reuses: 0, revokedFamilies: 0 });
  });

  test('that many calls find expired is refreshed once', async () => {
    const { simulator, clock, definition } = await start({ oauth2 }, { tokenLife: 100 });
    const account = await connectAccount(definition, simulator, clock, 'oauth2');
    clock.advance(200_000);
    const reads = await Promise.all(Array.from({ length: 20 }, () => account.read(tickets, ['7'])));
    expect(reads.flat().every(({ kind }) => kind === 'record')).toBe(true);
    expect(simulator.stats().tokens).toMatchObject({ refreshes: 1, reuses: 0 });
  });

  test('ends with all others of its grant when its refresh token is used a second time', async () => {
    const { simulator, token, statusOf } = await start({ oauth2 });
    const first = simulator.grant();
    const refresh = { grant_type: 'refresh_token', refresh_token: first.refresh ?? '' };
    const second = await token(refresh);
    expect(second).toMatchObject({ status: 200, body: { expires_in: 3600, token_type: 'Bearer' } });
    expect(await statusOf({ authorization: `Bearer ${second.body['access_token']}` })).toBe(200);
    expect(await token(refresh)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await statusOf({ authorization: `Bearer ${second.body['access_token']}` })).toBe(401);
    expect((await token({ ...refresh, refresh_token: second.body['refresh_token'] ?? '' })).status).toBe(400);
    expect(simulator.stats().tokens).toMatchObject({ refreshes: 1, reuses: 1, revokedFamilies: 1 });
  });

  test('may be refreshed again within the grace, and with the same refresh token where it stays', async () => {
    const lenient = await start({ oauth2: { ...oauth2, grace: '1m' } });
    const refresh = { grant_type: 'refresh_token', refresh_token: lenient.simulator.grant().refresh ?? '' };
    expect([(await lenient.token(refresh)).status, (await lenient.token(refresh)).status]).toEqual([200, 200]);
    lenient.clock.advance(60_000);
    expect((await lenient.token(refresh)).status).toBe(400);
    const kept = await start({ oauth2: { ...oauth2, refresh: 'keep' } });
    const again = { grant_type: 'refresh_token', refresh_token: kept.simulator.grant().refresh ?? '' };
    expect((await kept.token(again)).body['refresh_token']).toBeUndefined();
    expect((await kept.token(again)).status).toBe(200);
  });

  test.each([
    [
      { oauth2_client_credentials: { client_id: 'i', client_secret: 's', token_url: oauth2.token_url } },
      'oauth2_client_credentials',
    ],
    [
      {
        oauth2_client_credentials: {
          client_id: 'i',
          client_secret: 's',
          token_url: oauth2.token_url,
          client_auth: 'basic',
          token: { access: 'data.key', expires: 'data.until', as: 'epoch_ms' },
        },
      },
      'oauth2_client_credentials',
    ],
    [
      {
        session: {
          username: 'u',
          password: 'p',
          request: {
            method: 'POST',
            path: '/login',
            json: { user: '{credential.username}', pass: '{credential.password}' },
          },
          token: { access: 'session.id', expires: 'session.until', as: 'iso' },
        },
      },
      'session',
    ],
  ] as const)('is issued and read for %j', async (written, kind) => {
    const { simulator, clock, definition } = await start(written, { tokenLife: 600 });
    const account = await connectAccount(definition, simulator, clock, kind);
    expect((await account.read(tickets, ['7']))[0]?.kind).toBe('record');
    clock.advance(601_000);
    expect((await account.read(tickets, ['8', '9'])).map((read) => read.kind)).toEqual(['record', 'record']);
    expect(simulator.stats().tokens.issued).toBe(2);
  });

  test('fails when the client is wrong, and when an assertion is none', async () => {
    const { token } = await start({ oauth2 });
    expect(await token({ grant_type: 'refresh_token', client_secret: 'wrong' })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
    const jwt = { client_id: 'i', private_key: 'k', token_url: oauth2.token_url };
    const asserted = await start({ oauth2_jwt_bearer: jwt });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const assertionOf = (alg: string, exp: number) => `${part({ alg })}.${part({ exp })}.x`;
    const inAMinute = asserted.clock.nowMs() / 1000 + 60;
    const ask = (assertion: string) => asserted.token({ grant_type: 'jwt-bearer', assertion });
    expect((await ask(assertionOf('RS256', inAMinute))).status).toBe(200);
    expect((await ask(assertionOf('HS256', inAMinute))).status).toBe(401);
    expect((await ask(assertionOf('RS256', inAMinute - 120))).status).toBe(401);
    expect((await ask('not a token')).status).toBe(401);
  });
});

describe('a consent', () => {
  const verifier = 'a-verifier-of-a-test';
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const pkce = { code_challenge: challenge, code_challenge_method: 'S256' };

  test('leads back with a code, which brings tokens once, with what the account captures', async () => {
    const { consent, token, statusOf } = await start({ oauth2: { ...oauth2, capture: { subdomain: '{token.site}' } } });
    const back: Record<string, unknown> = await consent(pkce);
    expect(back).toMatchObject({ state: 's1', code: expect.stringMatching(/^code-/) });
    const exchange = {
      grant_type: 'authorization_code',
      code: String(back['code']),
      redirect_uri: redirectUri,
      code_verifier: verifier,
    };
    expect((await token({ ...exchange, code_verifier: 'another' })).status).toBe(400);
    expect((await token({ ...exchange, redirect_uri: 'https://other.example' })).status).toBe(400);
    const issued = await token(exchange);
    expect(issued).toMatchObject({ status: 200, body: { site: 'acme', refresh_token: expect.any(String) } });
    const bearer = { authorization: `Bearer ${issued.body['access_token']}` };
    expect(await statusOf(bearer)).toBe(200);
    expect((await token(exchange)).status).toBe(400);
    expect(await statusOf(bearer)).toBe(401);
  });

  test('is refused where the owner denies it, and fails when the client is not known', async () => {
    const { consent } = await start({ oauth2 }, { deny: true });
    expect(await consent()).toEqual({ state: 's1', error: 'access_denied' });
    expect(await consent({ client_id: 'another' })).toEqual({ status: 400 });
  });
});
