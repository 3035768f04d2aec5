import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createEgressPolicy } from '../../../../lambdas/adapters/http/egress-policy.ts';
import { createHttpsProviderClient } from '../../../../lambdas/adapters/http/https-provider-client.ts';
import { EngineError } from '../../../../lambdas/contracts/engine-error.ts';
import type { OutboundCall } from '../../../../lambdas/engine/outbound/outbound-call.ts';
import { createAddressFilter } from '../../../../lambdas/engine/outbound/public-addresses.ts';
import { aParty, certificateOf, type Party, type ProviderCertificate } from '../../../fakes/provider-certificates.ts';

const [root, stranger, site] = ['Test root', 'Unknown root', 'Site'].map(aParty) as [Party, Party, Party];
const dayMs = 86_400_000;
const trusted = getCACertificates('default');
beforeAll(() => setDefaultCACertificates([...trusted, certificateOf({ subject: root, ca: true })]));
afterAll(() => setDefaultCACertificates(trusted));

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const serveHttp = async (listener: RequestListener) => `http://127.0.0.1:${await listen(createHttpServer(listener))}`;

/** Start a provider whose certificate may or may not name its host. */
async function serveHttps(certificate: Partial<ProviderCertificate> = {}, listener: RequestListener = answering(200)) {
  const now = { fromMs: Date.now() - dayMs, untilMs: Date.now() + dayMs };
  const cert = certificateOf({ subject: site, issuer: root, hosts: ['api.acme.example'], ...now, ...certificate });
  const key = site.privateKey.export({ type: 'pkcs8', format: 'pem' });
  return `https://api.acme.example:${await listen(createHttpsServer({ cert, key }, listener))}`;
}

const answering =
  (status: number, body = 'an answer'): RequestListener =>
  (_, response) =>
    void response.writeHead(status, { 'X-One': 'a', 'Set-Cookie': ['b', 'c'] }).end(body);

interface Settings {
  readonly addresses?: readonly string[];
  readonly allowHttp?: boolean;
  readonly allowedRanges?: readonly string[];
}

const clientWith = ({ addresses = ['127.0.0.1'], allowHttp = true, allowedRanges = ['127.0.0.0/8'] }: Settings = {}) =>
  createHttpsProviderClient(
    createEgressPolicy({
      allowHttp,
      mayDial: createAddressFilter(allowedRanges),
      resolve: (_, callback) =>
        callback(
          null,
          addresses.map((address) => ({ address, family: 4 })),
        ),
    }),
    { timeoutMs: 500, maxAnswerBytes: 10_000 },
  );

const call = (url: string, change: Partial<OutboundCall> = {}, settings: Settings = {}) =>
  clientWith(settings).call({ method: 'GET', url, headers: {}, body: undefined, ...change });

async function failureOf(answer: Promise<unknown>): Promise<EngineError> {
  const error = await answer.then(
    () => expect.fail('there was an answer'),
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}
const notInTime = { code: 'provider-unavailable', retryable: true };
const notAllowed = { code: 'provider-unavailable', retryable: false };

describe('a call', () => {
  test('sends the given request, and returns the answer', async () => {
    const seen: unknown[] = [];
    const url = await serveHttp((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method, url, headers } = request;
        seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
        answering(418, 'ü')(request, response);
      });
    });
    const headers = { 'content-type': 'application/json', Authorization: 'Bearer x' };
    const answer = await call(`${url}/key?a=b`, { method: 'PUT', headers, body: '{"ü":1}' });
    expect(answer).toMatchObject({ status: 418, headers: { 'x-one': 'a', 'set-cookie': 'b, c' } });
    expect(answer.body.toString()).toBe('ü');
    expect(seen).toMatchObject([
      {
        method: 'PUT',
        url: '/key?a=b',
        headers: { 'content-type': 'application/json', authorization: 'Bearer x', 'content-length': '8' },
        body: '{"ü":1}',
      },
    ]);
  });

  test('uses TLS, and accepts a host with a valid certificate', async () => {
    const url = await serveHttps();
    expect(await call(url)).toMatchObject({ status: 200 });
    expect(await call(url.replace('https', 'HTTPS'))).toMatchObject({ status: 200 });
  });

  test.each<[string, Partial<ProviderCertificate>]>([
    ['is for another host', { hosts: ['evil.example'] }],
    ['has expired', { fromMs: Date.now() - 2 * dayMs, untilMs: Date.now() - dayMs }],
    ['is from an unknown authority', { issuer: stranger }],
    ['is self-signed', { issuer: site }],
  ])('fails when its certificate %s, and nothing is sent', async (_name, certificate) => {
    let requests = 0;
    const url = await serveHttps(certificate, (_, response) => {
      requests += 1;
      response.end();
    });
    expect(await failureOf(call(url, { method: 'POST', body: 'hush' }))).toMatchObject(notInTime);
    expect(requests).toBe(0);
  });

  test('returns a redirect as the answer', async () => {
    let requests = 0;
    const url = await serveHttp((_, response) => {
      requests += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect(await call(url)).toMatchObject({ status: 302 });
    expect(requests).toBe(1);
  });

  test('leaves no connection open', async () => {
    const url = await serveHttp(answering(200));
    await call(url);
    const [server] = servers as [Server];
    const open = await new Promise<number>((resolve, reject) => {
      const look = (left: number) =>
        server.getConnections((error, count) => {
          if (error !== null) reject(error);
          else if (count === 0 || left === 0) resolve(count);
          else setImmediate(look, left - 1);
        });
      look(1000);
    });
    expect(open).toBe(0);
  });
});

describe('an answer', () => {
  test.each<[string, RequestListener]>([
    ['does not come', () => {}],
    ['has a head and no body', (_, response) => response.writeHead(200).flushHeaders()],
    [
      'comes byte by byte',
      (_, response) => {
        const timer = setInterval(() => response.write('x'), 20);
        response.on('close', () => clearInterval(timer));
      },
    ],
    [
      'is cut off',
      (_, response) => void response.writeHead(200, { 'content-length': 100 }).write('x', () => response.destroy()),
    ],
    ['is cut off before its head', (request) => void request.socket.destroy()],
    ['is not HTTP', (request) => void request.socket.end('nonsense\r\n\r\n')],
    ['is too large', answering(200, 'x'.repeat(10_001))],
    [
      'has no end',
      (_, response) => {
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(1000)));
          if (!response.destroyed) response.once('drain', more);
        };
        more();
      },
    ],
  ])('fails when it %s, so that the call comes again', async (_name, listener) => {
    const url = await serveHttp(listener);
    expect(await failureOf(call(`${url}/hush`))).toMatchObject(notInTime);
  });

  test('may be as large as the limit', async () => {
    const url = await serveHttp(answering(200, 'x'.repeat(10_000)));
    expect((await call(url)).body).toHaveLength(10_000);
  });

  test('fails when no server listens', async () => {
    const url = await serveHttp(answering(200));
    const [server] = servers as [Server];
    await new Promise((resolve) => server.close(resolve));
    const failure = await failureOf(call(`${url}/hush?key=hush`, { headers: { authorization: 'hush' }, body: 'hush' }));
    expect(failure).toMatchObject(notInTime);
    expect(`${failure.message}${JSON.stringify(failure.cause)}`).not.toContain('hush');
  });
});

describe('a forbidden call', () => {
  test.each<[string, string, Settings]>([
    ['is plain http', 'http://api.acme.example/', { allowHttp: false }],
    ['is to this machine', 'https://127.0.0.1/', { allowedRanges: [] }],
    ['is to the metadata service', 'http://169.254.169.254/latest/meta-data', {}],
    ['carries a password', 'https://a:b@api.acme.example/', {}],
    ['is not a URL', 'api.acme.example', {}],
    ['has another scheme', 'file:///etc/passwd', {}],
    ['is for a directory', 'ldap://api.acme.example/', {}],
  ])('fails when it %s, for good', async (_name, url, settings) => {
    expect(await failureOf(call(url, {}, settings))).toMatchObject(notAllowed);
  });

  test.each([[['10.0.0.1']], [['127.0.0.1', '169.254.169.254']], [['0.0.0.0']]])(
    'fails when its name resolves to %j, and dials no address',
    async (addresses) => {
      let requests = 0;
      const url = await serveHttps({}, (_, response) => {
        requests += 1;
        response.end();
      });
      expect(await failureOf(call(url, {}, { addresses }))).toMatchObject({ code: 'provider-unavailable' });
      expect(requests).toBe(0);
    },
  );

  test('fails when a header contains a line break, with the error of a failed call', async () => {
    const url = await serveHttp(answering(200));
    expect(await failureOf(call(url, { headers: { 'X-A': 'a\r\nX-B: b' } }))).toMatchObject({
      code: 'provider-unavailable',
    });
  });
});
