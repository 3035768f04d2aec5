import type { ServerResponse } from 'node:http';
import { setDefaultCACertificates } from 'node:tls';
import { describe, expect, test, vi } from 'vitest';
import { createEgressPolicy, type EgressPolicyOptions } from '../../../../lambdas/adapters/http/egress-policy.ts';
import { createEndpointPools } from '../../../../lambdas/adapters/http/endpoint-pools.ts';
import { createUndiciCallbackClient } from '../../../../lambdas/adapters/http/undici-callback-client.ts';
import { systemClock } from '../../../../lambdas/adapters/node/system-clock.ts';
import { limits } from '../../../../lambdas/contracts/limits.ts';
import { createAddressFilter } from '../../../../lambdas/engine/outbound/public-addresses.ts';
import type { CallbackRequest } from '../../../../lambdas/ports/delivery/callback-client.ts';
import { countDials } from '../../../fakes/count-dials.ts';
import { hostileUrls, resolveHostileNames } from '../../../fakes/hostile-urls.ts';
import { startLoopbackEndpoint } from '../../../fakes/loopback-endpoint.ts';
import { createManualClock } from '../../../fakes/manual-clock.ts';
import { aParty, certificateOf, type ProviderCertificate } from '../../../fakes/provider-certificates.ts';

/** Every name resolves to this machine. */
const toLoopback: NonNullable<EgressPolicyOptions['resolve']> = (_, callback) =>
  callback(null, [{ address: '127.0.0.1', family: 4 }]);
const local = createEgressPolicy({
  mayDial: createAddressFilter(['127.0.0.0/8']),
  allowHttp: true,
  resolve: toLoopback,
});
const post = (url: string, change: Partial<CallbackRequest> = {}): CallbackRequest => ({
  url,
  headers: { 'content-type': 'application/json', 'webhook-id': 'evt_1' },
  body: '{"id":"evt_1"}',
  ...change,
});
const urlOf = ({ port }: { readonly port: number }, host = '127.0.0.1') => `http://${host}:${port}/hooks?a=b`;

describe('a callback', () => {
  const client = createUndiciCallbackClient(local, systemClock);

  test('is posted unchanged, and its answer is returned', async () => {
    const endpoint = await startLoopbackEndpoint((response) =>
      response.writeHead(429, { 'retry-after': '60' }).end('slow down'),
    );
    expect(await client.post(post(urlOf(endpoint)))).toEqual({
      kind: 'answered',
      status: 429,
      retryAfter: '60',
      response: 'slow down',
      durationMs: expect.any(Number),
    });
    const [received] = endpoint.requests;
    expect(received?.body).toBe('{"id":"evt_1"}');
    expect(received?.request).toMatchObject({
      method: 'POST',
      url: '/hooks?a=b',
      headers: { host: `127.0.0.1:${endpoint.port}`, 'content-type': 'application/json', 'webhook-id': 'evt_1' },
    });
  });

  test.each([
    [true, { kind: 'answered', status: 204 }],
    [false, { kind: 'failed', error: 'no answer within 0.05 s', isAbandoned: true }],
  ])('whose answer is late asks its caller, who says %s', async (waitsOn, outcome) => {
    const endpoint = await startLoopbackEndpoint((response) => {
      asked.promise.then(() => response.writeHead(204).end()).catch(() => undefined);
    });
    const asked = Promise.withResolvers<void>();
    const late = {
      afterMs: 50,
      async waitsOn() {
        if (waitsOn) asked.resolve();
        return waitsOn;
      },
    };
    expect(await client.post(post(urlOf(endpoint), { late }))).toMatchObject(outcome);
  });

  test('that is answered in time asks nobody, and gives up where its caller cannot say', async () => {
    const quick = await startLoopbackEndpoint((response) => response.writeHead(204).end());
    const waitsOn = vi.fn(() => Promise.reject(new Error('no store')));
    expect(await client.post(post(urlOf(quick), { late: { afterMs: 30, waitsOn } }))).toMatchObject({ status: 204 });
    expect(waitsOn).not.toHaveBeenCalled();
    const silent = await startLoopbackEndpoint(() => undefined);
    const outcome = await client.post(post(urlOf(silent), { late: { afterMs: 30, waitsOn } }));
    expect(outcome).toMatchObject({ kind: 'failed', isAbandoned: true });
    expect(waitsOn).toHaveBeenCalledTimes(1);
  });

  test('is answered after a provisional answer', async () => {
    const endpoint = await startLoopbackEndpoint((response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.writeHead(202).end('taken');
    });
    expect(await client.post(post(urlOf(endpoint)))).toMatchObject({ status: 202, response: 'taken' });
  });

  test('does not follow a redirect, which is an answer and not a success (invariant 11)', async () => {
    const secret = await startLoopbackEndpoint((response) => response.end('secret'));
    for (const status of [301, 302, 303, 307, 308]) {
      const endpoint = await startLoopbackEndpoint((response) =>
        response.writeHead(status, { location: urlOf(secret) }).end(),
      );
      expect(await client.post(post(urlOf(endpoint)))).toMatchObject({ kind: 'answered', status, response: '' });
    }
    expect(secret.opened()).toBe(0);
  });

  test.each([
    ['never answers', () => undefined],
    [
      'begins an answer but never ends it',
      ({ socket }: ServerResponse) => void socket?.write('HTTP/1.1 200 OK\r\nx: '),
    ],
  ])('fails when the endpoint %s within the timeout', async (_name, answer) => {
    const endpoint = await startLoopbackEndpoint(answer);
    expect(await client.post(post(urlOf(endpoint), { timeoutMs: 150 }))).toEqual({
      kind: 'failed',
      error: 'no answer within 0.15 s',
      durationMs: expect.any(Number),
    });
    await vi.waitFor(() => expect(endpoint.open.size).toBe(0));
  });

  test('is answered once the status has arrived, although the body never ends', async () => {
    const endpoint = await startLoopbackEndpoint((response) => void response.writeHead(202).write('begun'));
    expect(await client.post(post(urlOf(endpoint), { timeoutMs: 300 }))).toMatchObject({
      kind: 'answered',
      status: 202,
      response: 'begun',
    });
    await vi.waitFor(() => expect(endpoint.open.size).toBe(0));
  });

  test('returns at most 16 KB of a body, and drops the rest', async () => {
    let sentBytes = 0;
    const endpoint = await startLoopbackEndpoint((response) => {
      const chunk = Buffer.alloc(8_192, 'x');
      const send = () => {
        while (!response.destroyed) {
          sentBytes += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', send);
        }
      };
      send();
    });
    const outcome = await client.post(post(urlOf(endpoint)));
    expect(outcome).toMatchObject({ kind: 'answered', status: 200, response: 'x'.repeat(16_384) });
    await vi.waitFor(() => expect(endpoint.open.size).toBe(0));
    // The sockets' buffers hold some megabytes; an endless stream would send more.
    expect(sentBytes).toBeLessThan(20_000_000);
  });

  test.each([
    ['is down', /^ECONNREFUSED$/, undefined],
    ['hangs up', /^UND_ERR_SOCKET$/, 'hang-up'],
    ['does not speak HTTP', /^Response does not match the HTTP\/1.1 protocol/, 'nonsense'],
  ] as const)('fails when the endpoint %s, without revealing its address', async (_name, error, behaviour) => {
    const endpoint = await startLoopbackEndpoint((response) => {
      if (behaviour === 'nonsense') response.socket?.end('nonsense\r\n\r\n');
      else response.socket?.destroy();
    });
    // No program listens on port 1 of this machine.
    const url = behaviour === undefined ? 'http://127.0.0.1:1/' : urlOf(endpoint);
    expect(await client.post(post(url))).toMatchObject({
      kind: 'failed',
      error: expect.stringMatching(error),
    });
  });

  test('fails when a header cannot be sent, without revealing its value (invariant 10)', async () => {
    const endpoint = await startLoopbackEndpoint((response) => response.end());
    const outcome = await client.post(post(urlOf(endpoint), { headers: { authorization: 'hunter2\r\nx: y' } }));
    expect(outcome.kind).toBe('failed');
    expect(JSON.stringify(outcome)).not.toContain('hunter2');
    expect(endpoint.requests).toEqual([]);
  });
});

describe('a hostile endpoint (invariant 11)', () => {
  const confined = createEgressPolicy({
    mayDial: createAddressFilter([]),
    allowHttp: true,
    resolve: resolveHostileNames,
  });

  test('is refused before any address is dialled, whatever its URL', async () => {
    const client = createUndiciCallbackClient(confined, systemClock);
    const { dials, result } = await countDials(() => Promise.all(hostileUrls.map(({ url }) => client.post(post(url)))));
    expect(dials).toBe(0);
    for (const [index, { name, refusal }] of hostileUrls.entries()) {
      const outcome = result[index];
      expect(outcome?.kind === 'failed' && outcome.error, name).toMatch(
        new RegExp(refusal.source.replace('^', '^refused: ')),
      );
    }
  });

  test('is not dialled when its name rebinds between two calls, unless its address is allowed', async () => {
    const endpoint = await startLoopbackEndpoint((response) => response.end());
    const url = urlOf(endpoint, 'rebinding.hostile.test');
    const rebinding = createEgressPolicy({
      mayDial: createAddressFilter([]),
      allowHttp: true,
      resolve: (name, callback) =>
        answers.length > 0 ? callback(null, [{ address: answers.pop() ?? '', family: 4 }]) : toLoopback(name, callback),
    });
    const answers = ['93.184.216.34'];
    expect(await rebinding.refusalOf(url)).toBeUndefined();
    const refused = await countDials(() => createUndiciCallbackClient(rebinding, systemClock).post(post(url)));
    expect(refused).toMatchObject({
      dials: 0,
      result: {
        kind: 'failed',
        error: 'refused: rebinding.hostile.test does not resolve to public addresses only',
      },
    });
    expect(endpoint.opened()).toBe(0);
    const allowed = await countDials(() => createUndiciCallbackClient(local, systemClock).post(post(url)));
    expect(allowed).toMatchObject({ dials: 1, result: { kind: 'answered', status: 200 } });
  });
});

describe('connections', () => {
  const answer = (response: { end(): void }) => response.end();

  test('are kept and reused', async () => {
    const client = createUndiciCallbackClient(local, systemClock);
    const endpoint = await startLoopbackEndpoint(answer);
    for (let call = 0; call < 20; call += 1) await client.post(post(urlOf(endpoint)));
    // A call may start before the pool has noticed that the last one has ended.
    expect(endpoint.opened()).toBeLessThanOrEqual(2);
  });

  test('of one endpoint are no more than its concurrency limit', async () => {
    const client = createUndiciCallbackClient(local, systemClock);
    const endpoint = await startLoopbackEndpoint(answer);
    const outcomes = await Promise.all(
      Array.from({ length: limits.maxEndpointConcurrency + 20 }, () => client.post(post(urlOf(endpoint)))),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(outcomes.map(() => 'answered'));
    expect(endpoint.mostOpen()).toBeLessThanOrEqual(limits.maxEndpointConcurrency);
  });

  test('of many endpoints are closed, the least recently used first', async () => {
    const pools = createEndpointPools(local, systemClock, 3);
    const client = createUndiciCallbackClient(local, systemClock, pools);
    const endpoint = await startLoopbackEndpoint(answer);
    for (let host = 1; host <= 30; host += 1) {
      expect(await client.post(post(urlOf(endpoint, `h${host}.example.com`)))).toMatchObject({ status: 200 });
      // This pool is always in use.
      await client.post(post(urlOf(endpoint, 'busy.example.com')));
    }
    expect(pools.size()).toBe(3);
    await vi.waitFor(() => expect(endpoint.open.size).toBeLessThanOrEqual(4));
  });

  test('are closed when their pool is unused for longer than they live, as after a function’s freeze', async () => {
    const clock = createManualClock();
    const pools = createEndpointPools(local, clock);
    const client = createUndiciCallbackClient(local, clock, pools);
    const endpoint = await startLoopbackEndpoint(answer);
    const call = (host: string) => client.post(post(urlOf(endpoint, host)));
    for (const host of ['a.example.com', 'b.example.com']) await call(host);
    clock.advance(3_999);
    await call('b.example.com');
    expect(pools.size()).toBe(2);
    clock.advance(3_999);
    await call('c.example.com');
    // The pool of a is closed.
    expect(pools.size()).toBe(2);
    const before = endpoint.opened();
    clock.advance(60_000);
    await call('c.example.com');
    expect([pools.size(), endpoint.opened()]).toEqual([1, before + 1]);
    await vi.waitFor(() => expect(endpoint.open.size).toBe(1));
  });

  test('are not closed while a call runs', async () => {
    const pools = createEndpointPools(local, systemClock, 1);
    const client = createUndiciCallbackClient(local, systemClock, pools);
    let release = (): void => undefined;
    const slow = await startLoopbackEndpoint((response) => {
      release = () => void response.end('done');
    });
    const quick = await startLoopbackEndpoint(answer);
    const running = client.post(post(urlOf(slow)));
    await vi.waitFor(() => expect(slow.requests).toHaveLength(1));
    expect(await client.post(post(urlOf(quick)))).toMatchObject({ status: 200 });
    release();
    expect(await running).toMatchObject({ kind: 'answered', response: 'done' });
    await vi.waitFor(() => expect(slow.open.size).toBe(0));
  });
});

describe('a client certificate', () => {
  const [authority, server, ours, other] = ['Authority', 'hooks.example.com', 'tributary', 'other'].map(aParty) as [
    Party,
    Party,
    Party,
    Party,
  ];
  type Party = ReturnType<typeof aParty>;
  const pem = ({ privateKey }: Party) => privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  // TLS uses the real clock.
  const pemOf = (options: ProviderCertificate) =>
    certificateOf({ fromMs: Date.now() - 3_600_000, untilMs: Date.now() + 86_400_000, ...options });
  const authorityPem = pemOf({ subject: authority, ca: true });
  const pairOf = (subject: Party) => ({
    certificate: pemOf({ subject, issuer: authority }),
    private_key: pem(subject),
  });
  const tls = {
    key: pem(server),
    cert: pemOf({ subject: server, issuer: authority, hosts: ['hooks.example.com'] }),
    ca: authorityPem,
    requestCert: true,
    rejectUnauthorized: true,
  };
  const peerOf = (socket: unknown): string =>
    (socket as { getPeerCertificate(): { subject: { CN: string } } }).getPeerCertificate().subject.CN;
  const start = () => startLoopbackEndpoint((response, _body, { socket }) => response.end(peerOf(socket)), tls);
  const secureUrl = ({ port }: { readonly port: number }) => `https://hooks.example.com:${port}/`;
  setDefaultCACertificates([authorityPem]);

  test('is shown to an endpoint that asks for it, over separate connections (invariant 3)', async () => {
    const pools = createEndpointPools(local, systemClock);
    const client = createUndiciCallbackClient(local, systemClock, pools);
    const endpoint = await start();
    for (let round = 0; round < 2; round += 1)
      for (const party of [ours, other])
        expect(await client.post(post(secureUrl(endpoint), { clientCertificate: pairs.get(party) }))).toMatchObject({
          kind: 'answered',
          response: party.name,
        });
    expect(pools.size()).toBe(2);
    const without = await client.post(post(secureUrl(endpoint)));
    expect(without).toMatchObject({ kind: 'failed', error: expect.stringMatching(/^[A-Z0-9_]+$/) });
  });
  const pairs = new Map([ours, other].map((party) => [party, pairOf(party)]));

  test('counts towards the bound of all pools', async () => {
    const pools = createEndpointPools(local, systemClock, 2);
    const client = createUndiciCallbackClient(local, systemClock, pools);
    const endpoint = await start();
    for (let at = 0; at < 6; at += 1)
      expect(
        await client.post(post(secureUrl(endpoint), { clientCertificate: pairOf(aParty(`party ${at}`)) })),
      ).toMatchObject({ response: `party ${at}` });
    expect(pools.size()).toBe(2);
    await vi.waitFor(() => expect(endpoint.open.size).toBe(2));
  });

  test.each([
    ['is invalid', { certificate: 'hunter2', private_key: 'hunter2' }],
    ['does not match its key', { ...pairOf(ours), private_key: pem(other) }],
  ])('fails when it %s, without dialling or revealing it (invariant 10)', async (_name, clientCertificate) => {
    const client = createUndiciCallbackClient(local, systemClock);
    const { dials, result } = await countDials(() =>
      client.post(post('https://hooks.example.com/', { clientCertificate })),
    );
    expect(dials).toBe(0);
    expect(result).toMatchObject({ kind: 'failed', error: 'the client certificate cannot be used' });
  });

  test('fails when the certificate of the endpoint is for another name', async () => {
    const client = createUndiciCallbackClient(local, systemClock);
    const endpoint = await start();
    const url = `https://other.example.com:${endpoint.port}/`;
    expect(await client.post(post(url, { clientCertificate: pairOf(ours) }))).toMatchObject({
      kind: 'failed',
      error: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(endpoint.requests).toEqual([]);
  });
});
