import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test, vi } from 'vitest';
import { environmentKeys } from '../../../lambdas/contracts/environment.ts';
import { githubIssue, useRunningEngine } from '../running-engine.ts';

/** Rates that a test can reach. Only accounts of the test for a rate come near it. */
const running = useRunningEngine({ ingressAccountRatePerMinute: 20, ingressTenantRatePerMinute: 30 });
const undo: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const step of undo) await step();
});

interface Relay {
  readonly url: string;
  /** Answers of ingress, in order. */
  readonly answers: readonly { readonly status: number; readonly retryAfter: string | null; readonly body: string }[];
}

/** A receiver that relays each callback as a webhook of an account, signed with its secret. */
async function startRelay(
  webhookUrl: string,
  secret: string,
  headersOf: (headers: IncomingHttpHeaders) => IncomingHttpHeaders,
): Promise<Relay> {
  const answers: { status: number; retryAfter: string | null; body: string }[] = [];
  let relayed = 0;
  const relay = async (headers: IncomingHttpHeaders) => {
    relayed += 1;
    const body = githubIssue(70_000 + relayed);
    const answer = await fetch(webhookUrl, {
      method: 'POST',
      headers: {
        ...(headersOf(headers) as Record<string, string>),
        'content-type': 'application/json',
        'x-github-event': 'issues',
        'x-github-delivery': `relayed-${relayed}`,
        'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      },
      body,
    });
    answers.push({ status: answer.status, retryAfter: answer.headers.get('retry-after'), body: await answer.text() });
  };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(204).end();
      void relay(request.headers);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, answers };
}

/** All headers except those that describe the connection and the body. */
function withoutConnection(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const own = ['connection', 'host', 'content-length', 'transfer-encoding'];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.includes(name)));
}

test('H4: a callback may not target ingress itself, under any of its names', async () => {
  const { engine, call, account, subscriber } = running();
  const { url } = await account('github', { tenant: 'own-hosts' });
  const { port, pathname } = new URL(url);
  const receiver = await subscriber({ tenant: 'own-hosts' });
  const own = [
    'localhost',
    'LOCALHOST',
    'localhost.',
    'engine.localhost',
    '127.0.0.1',
    '127.0.0.1.',
    '127.7.7.7',
    '2130706433',
    '[::1]',
    '[::ffff:127.0.0.1]',
  ].map((host) => `http://${host}:${port}${pathname}`);
  for (const refused of [url, ...own]) {
    const tokenFrom = { type: 'oauth2', token_url: refused, client_id: 'c', client_secret: 's' };
    for (const answer of [
      await call('POST', '/v1/subscriptions', { tenant: 'own-hosts', url: refused }),
      await call('PATCH', `/v1/subscriptions/${receiver.id}`, { url: refused }),
      await call('POST', '/v1/subscriptions', { tenant: 'own-hosts', url: receiver.url, auth: tokenFrom }),
      await call('PATCH', `/v1/subscriptions/${receiver.id}`, { auth: tokenFrom }),
    ]) {
      expect(answer.status, refused).toBe(422);
      expect(answer.body.detail, refused).toMatch(/leads back to this Tributary deployment/);
    }
  }
  for (const name of ['ingress', 'normalize', 'enrich', 'deliver', 'drain', 'api'])
    expect(engine.environment(name)[environmentKeys.ownOrigins]).toBe(engine.url);
});

test('H4: a relay that sends callbacks back as webhooks, with their headers, is stopped after three hops', async () => {
  const { engine, call, account, github, eventually } = running();
  const { url } = await account('github', { tenant: 'relayed' });
  const relay = await startRelay(url, 's3cret', withoutConnection);
  const created = await call('POST', '/v1/subscriptions', { tenant: 'relayed', url: relay.url });
  expect(created.status).toBe(201);
  expect((await github(url)).status).toBe(200);
  await eventually(() => relay.answers.length === 3);
  expect(relay.answers.map(({ status }) => status)).toEqual([200, 200, 508]);
  expect(JSON.parse(relay.answers[2]?.body ?? '')).toMatchObject({ title: 'Loop Detected', reason: 'hop-limit' });
  expect(engine.metrics.sum('hop-limit', { service: 'ingress' })).toBe(1);
  await vi.waitFor(async () => {
    const { body } = await call('GET', '/v1/events?tenant=relayed');
    expect(body.data).toHaveLength(3);
    expect(JSON.stringify(body)).not.toContain('hops');
  });
  const { body } = await call('GET', '/v1/stats');
  expect(JSON.stringify(body)).toContain('hop-limit');
});

test('H4: a relay that drops the header is stopped by the rate limit of its account', async () => {
  const { engine, call, account, github, eventually } = running();
  const { url } = await account('github', { tenant: 'stripped' });
  const relay = await startRelay(url, 's3cret', () => ({}));
  const created = await call('POST', '/v1/subscriptions', { tenant: 'stripped', url: relay.url });
  expect(created.status).toBe(201);
  expect((await github(url)).status).toBe(200);
  await eventually(() => relay.answers.some(({ status }) => status === 429));
  const [refused] = relay.answers.filter(({ status }) => status === 429);
  expect(refused?.retryAfter).toMatch(/^[1-9]\d?$/);
  expect(JSON.parse(refused?.body ?? '')).toMatchObject({ status: 429, reason: 'rate-limited' });
  expect(engine.metrics.sum('rate-limited', { service: 'ingress' })).toBeGreaterThan(0);
  // The refused request was the last one: no callback is left to relay.
  const taken = () => relay.answers.filter(({ status }) => status === 200).length;
  await eventually(async () => {
    const { body } = await call('GET', '/v1/events?tenant=stripped&limit=500');
    return !engine.isAtWork() && body.data.length === taken() + 1;
  });
  expect(taken()).toBeGreaterThanOrEqual(19);
});

test('H4: the accounts of one tenant share a rate limit, which does not affect another tenant', async () => {
  const { account, github } = running();
  const first = await account('github', { tenant: 'flooding' });
  const second = await account('github', { tenant: 'flooding' });
  const neighbour = await account('github', { tenant: 'neighbour' });
  const statuses: number[] = [];
  for (let at = 0; at < 40; at += 1) statuses.push((await github((at % 2 === 0 ? first : second).url)).status);
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
  expect(statuses.slice(0, 30).every((status) => status === 200)).toBe(true);
  expect((await github(neighbour.url)).status).toBe(200);
});

test('H4: unsigned requests do not consume the rate limit of an account', async () => {
  const { account, github } = running();
  const { url } = await account('github', { tenant: 'besieged' });
  for (let at = 0; at < 40; at += 1) expect((await github(url, { secret: 'wrong' })).status).toBe(401);
  expect((await github(url)).status).toBe(200);
});

test('H4: a forged hop count does not drop a webhook', async () => {
  const { account, post } = running();
  const { url } = await account('github', { tenant: 'forged' });
  const body = githubIssue(80_001);
  const headers = {
    'x-github-event': 'issues',
    'x-github-delivery': 'forged-1',
    'x-hub-signature-256': `sha256=${createHmac('sha256', 's3cret').update(body).digest('hex')}`,
    'tributary-hops': `9.evt_0123456789abcdef0123456789abcdef.${'A'.repeat(22)}`,
  };
  expect((await post(url, body, headers)).status).toBe(200);
});

test('H4: a subscriber cannot set the header that counts hops', async () => {
  const { call, subscriber } = running();
  const receiver = await subscriber({ tenant: 'reserved' });
  for (const headers of [{ 'tributary-hops': '1' }, { 'Tributary-Anything': 'x' }])
    expect((await call('PATCH', `/v1/subscriptions/${receiver.id}`, { headers })).status).toBe(422);
});

test('H3: a path without a route invokes no function', async () => {
  const { engine, call } = running();
  const before = engine.invocations('api').succeeded;
  expect((await call('GET', '/nosuch')).status).toBe(404);
  expect(engine.invocations('api').succeeded).toBe(before);
});
