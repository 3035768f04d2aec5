import type { ServerResponse } from 'node:http';
import { describe, expect, test, vi } from 'vitest';
import { createEgressPolicy } from '../../../../lambdas/adapters/http/egress-policy.ts';
import { createOauthTokens } from '../../../../lambdas/adapters/http/oauth-tokens.ts';
import type { OauthClient } from '../../../../lambdas/engine/endpoint-auth/endpoint-auth-schema.ts';
import { createAddressFilter } from '../../../../lambdas/engine/outbound/public-addresses.ts';
import type { TokenOutcome } from '../../../../lambdas/ports/delivery/oauth-tokens.ts';
import { countDials } from '../../../fakes/count-dials.ts';
import { hostileUrls, resolveHostileNames } from '../../../fakes/hostile-urls.ts';
import { startLoopbackEndpoint } from '../../../fakes/loopback-endpoint.ts';
import { createManualClock } from '../../../fakes/manual-clock.ts';

const local = createEgressPolicy({ mayDial: createAddressFilter(['127.0.0.0/8']), allowHttp: true });
const secret = 'hunter2:ü&+ %';
const json = (response: ServerResponse, value: unknown, status = 200) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

/** A token endpoint that numbers its tokens, and a client for it. */
async function start(answer?: (response: ServerResponse) => void) {
  let issued = 0;
  const endpoint = await startLoopbackEndpoint(
    answer ??
      ((response) => json(response, { access_token: `token-${++issued}`, token_type: 'Bearer', expires_in: 3600 })),
  );
  const clock = createManualClock();
  const tokens = createOauthTokens(local, clock);
  const client: OauthClient = {
    type: 'oauth2',
    token_url: `http://127.0.0.1:${endpoint.port}/token`,
    client_id: 'tributary',
    client_secret: secret,
    auth_style: 'basic',
  };
  return { endpoint, clock, tokens, client };
}
const told = (outcome: TokenOutcome) => (outcome.kind === 'token' ? outcome.token : outcome.error);

describe('a token', () => {
  test('is requested as RFC 6749 says, with HTTP Basic', async () => {
    const { endpoint, tokens, client } = await start();
    expect(await tokens.tokenFor({ ...client, scope: 'hooks:write a', audience: 'https://api.example.com' })).toEqual({
      kind: 'token',
      token: 'token-1',
    });
    const [received] = endpoint.requests;
    expect(received?.request).toMatchObject({
      method: 'POST',
      url: '/token',
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        // Both are form-encoded before they are joined (RFC 6749, 2.3.1).
        authorization: `Basic ${Buffer.from('tributary:hunter2%3A%C3%BC%26%2B+%25').toString('base64')}`,
      },
    });
    expect(Object.fromEntries(new URLSearchParams(received?.body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'hooks:write a',
      audience: 'https://api.example.com',
    });
  });

  test('is requested with credentials in the body where the client says so', async () => {
    const { endpoint, tokens, client } = await start();
    await tokens.tokenFor({ ...client, auth_style: 'body' });
    const [received] = endpoint.requests;
    expect(received?.request.headers.authorization).toBeUndefined();
    expect(Object.fromEntries(new URLSearchParams(received?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'tributary',
      client_secret: secret,
    });
  });

  test('is used until a minute before it expires', async () => {
    const { clock, tokens, client } = await start();
    const next = async () => told(await tokens.tokenFor(client));
    expect([await next(), await next()]).toEqual(['token-1', 'token-1']);
    clock.advance(3_540_000 - 1);
    expect(await next()).toBe('token-1');
    clock.advance(1);
    expect([await next(), await next()]).toEqual(['token-2', 'token-2']);
  });

  test.each([
    ['names no lifetime', {}, 240_000],
    ['has its lifetime as text', { expires_in: '600' }, 540_000],
    ['has an invalid lifetime', { expires_in: 'soon' }, 240_000],
    ['has null as its lifetime', { expires_in: null }, 240_000],
    ['never expires', { expires_in: 1e12 }, 24 * 3_600_000 - 60_000],
  ])('is remembered within reason where it %s', async (_name, members, lifetimeMs) => {
    const { endpoint, clock, tokens, client } = await start((response) =>
      json(response, { access_token: 'abc', ...members }),
    );
    await tokens.tokenFor(client);
    clock.advance(lifetimeMs - 1);
    await tokens.tokenFor(client);
    expect(endpoint.requests).toHaveLength(1);
    clock.advance(1);
    await tokens.tokenFor(client);
    expect(endpoint.requests).toHaveLength(2);
  });

  test.each([0, 59, -1])('is used once where its lifetime is %i s', async (expires_in) => {
    const { endpoint, tokens, client } = await start((response) => json(response, { access_token: 'abc', expires_in }));
    for (let call = 0; call < 2; call += 1) expect(told(await tokens.tokenFor(client))).toBe('abc');
    expect(endpoint.requests).toHaveLength(2);
  });

  test('is fetched once for all concurrent callers', async () => {
    const { endpoint, tokens, client } = await start();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => tokens.tokenFor(client)));
    expect(new Set(outcomes.map(told))).toEqual(new Set(['token-1']));
    expect(endpoint.requests).toHaveLength(1);
  });

  test('is fetched again after a fetch that failed for all waiting callers', async () => {
    let calls = 0;
    const { endpoint, tokens, client } = await start((response) => {
      calls += 1;
      json(response, calls === 1 ? {} : { access_token: 'abc' }, calls === 1 ? 503 : 200);
    });
    const outcomes = await Promise.all([1, 2, 3].map(() => tokens.tokenFor(client)));
    expect(outcomes.map(told)).toEqual(outcomes.map(() => 'token endpoint answered 503'));
    expect(told(await tokens.tokenFor(client))).toBe('abc');
    expect(endpoint.requests).toHaveLength(2);
  });

  test('differs for each client, secret, scope, audience and style (invariant 3)', async () => {
    const { endpoint, tokens, client } = await start();
    const clients: OauthClient[] = [
      client,
      { ...client, client_id: 'other' },
      { ...client, client_secret: 'other' },
      { ...client, scope: 'other' },
      { ...client, audience: 'other' },
      { ...client, auth_style: 'body' },
      { ...client, token_url: `${client.token_url}?tenant=other` },
    ];
    for (const each of clients) await tokens.tokenFor(each);
    const again = await Promise.all(clients.map(async (each) => told(await tokens.tokenFor({ ...each }))));
    expect(again).toEqual(clients.map((_, at) => `token-${at + 1}`));
    expect(endpoint.requests).toHaveLength(clients.length);
  });

  test('is forgotten when the endpoint refuses it, but a newer token is kept', async () => {
    const { tokens, client } = await start();
    const next = async () => told(await tokens.tokenFor(client));
    expect(await next()).toBe('token-1');
    tokens.forget(client, 'token-1');
    expect(await next()).toBe('token-2');
    // Another delivery learns late that the first one was refused.
    tokens.forget(client, 'token-1');
    expect(await next()).toBe('token-2');
    tokens.forget({ ...client, client_id: 'unknown' }, 'token-2');
    expect(await next()).toBe('token-2');
  });
});

describe('a missing token', () => {
  const repeating = (response: ServerResponse, body: string) =>
    json(response, { error: 'invalid_client', error_description: `no such secret: ${body} ${secret}` }, 401);
  test.each([
    ['the endpoint is down', (response: ServerResponse) => json(response, {}, 503), 'answered 503'],
    ['the client is unknown', (response: ServerResponse) => repeating(response, ''), 'answered 401 (invalid_client)'],
    [
      'the error is not in the standard',
      (response: ServerResponse) => json(response, { error: secret }, 400),
      'answered 400',
    ],
    [
      'it is redirected',
      (response: ServerResponse) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
      'answered 307',
    ],
    ['the answer is not JSON', (response: ServerResponse) => response.end(`<html>${secret}`), 'gave no token'],
    ['the answer is a list', (response: ServerResponse) => json(response, [secret]), 'gave no token'],
    ['the answer is empty', (response: ServerResponse) => response.writeHead(204).end(), 'gave no token'],
    [
      'the token is not text',
      (response: ServerResponse) => json(response, { access_token: { secret } }),
      'gave no token',
    ],
    ['the token is empty', (response: ServerResponse) => json(response, { access_token: '' }), 'gave no token'],
    [
      'the token would break a header',
      (response: ServerResponse) => json(response, { access_token: 'a\r\nx: y' }),
      'gave no token',
    ],
    [
      'the token is endless',
      (response: ServerResponse) => json(response, { access_token: 'a'.repeat(9_000) }),
      'gave no token',
    ],
    [
      'the answer is endless',
      (response: ServerResponse) => json(response, { access_token: 'a', more: 'x'.repeat(70_000) }),
      'gave no token',
    ],
    [
      'it is of another type',
      (response: ServerResponse) => json(response, { access_token: 'a', token_type: 'mac' }),
      'gave a token that is not a bearer token',
    ],
    ['the endpoint hangs up', (response: ServerResponse) => response.socket?.destroy(), 'not reached: UND_ERR_SOCKET'],
  ])('fails when %s, and the reason holds no secret (invariant 10)', async (_name, answer, reason) => {
    for (const auth_style of ['basic', 'body'] as const) {
      const { tokens, client } = await start((response) => void answer(response));
      const outcome = await tokens.tokenFor({ ...client, auth_style });
      expect(outcome).toEqual({ kind: 'failed', error: `token endpoint ${reason}`, durationMs: expect.any(Number) });
    }
  });

  test('fails when the token endpoint may not be called, and nothing is dialled (invariant 11)', async () => {
    const { client } = await start();
    const confined = createEgressPolicy({
      mayDial: createAddressFilter([]),
      allowHttp: false,
      resolve: resolveHostileNames,
    });
    const tokens = createOauthTokens(confined, createManualClock());
    const urls = [client.token_url, ...hostileUrls.map(({ url }) => url)];
    const { dials, result } = await countDials(() =>
      Promise.all(urls.map((token_url) => tokens.tokenFor({ ...client, token_url }))),
    );
    expect(dials).toBe(0);
    for (const outcome of result) expect(told(outcome)).toMatch(/^token endpoint not reached: refused: /);
  });

  test('fails when the endpoint does not answer in time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { endpoint, tokens, client } = await start(() => void vi.advanceTimersByTime(5_000));
      expect(told(await tokens.tokenFor(client))).toBe('token endpoint not reached: no answer within 5 s');
      expect(endpoint.requests).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
