import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { createEgressPolicy } from '../../../../lambdas/adapters/http/egress-policy.ts';
import { createEndpointPools } from '../../../../lambdas/adapters/http/endpoint-pools.ts';
import { createUndiciProviderApi } from '../../../../lambdas/adapters/http/undici-provider-api.ts';
import { systemClock } from '../../../../lambdas/adapters/node/system-clock.ts';
import { createAddressFilter } from '../../../../lambdas/engine/outbound/public-addresses.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A call of a provider that answers so. */
async function callOf(listener: RequestListener) {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const policy = createEgressPolicy({ allowHttp: true, mayDial: createAddressFilter(['127.0.0.0/8']) });
  return createUndiciProviderApi(policy, createEndpointPools(policy, systemClock)).send({
    method: 'GET',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    headers: {},
    body: undefined,
    timeoutMs: 2_000,
    maxAnswerBytes: 100_000,
  });
}

const text = JSON.stringify({ error: { code: 'MailboxNotEnabledForRESTAPI' } });

describe('an answer that is compressed', () => {
  test.each([200, 400, 401, 404, 429, 503])('is read, with status %i', async (status) => {
    for (const [encoding, bytes] of [
      ['gzip', gzipSync(text)],
      ['br', brotliCompressSync(text)],
    ] as const) {
      const answer = await callOf((_, response) =>
        response.writeHead(status, { 'content-encoding': encoding }).end(bytes),
      );
      expect(answer).toMatchObject({ kind: 'answered', status });
      expect(answer.kind === 'answered' && String(answer.body)).toBe(text);
    }
  });

  test.each([204, 304, 401, 404])('may be empty, with status %i', async (status) => {
    const answer = await callOf((_, response) => response.writeHead(status, { 'content-encoding': 'gzip' }).end());
    expect(answer).toMatchObject({ kind: 'answered', status });
  });

  test('that unfolds to more than is allowed is too large', async () => {
    const answer = await callOf((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000))),
    );
    expect(answer).toMatchObject({ kind: 'failed', why: 'too-large' });
  });

  test('that ends early, or is none, is no answer: what it says of a record is unknown', async () => {
    for (const bytes of [gzipSync(text).subarray(0, 30), Buffer.from(text)]) {
      const answer = await callOf((_, response) => response.writeHead(404, { 'content-encoding': 'gzip' }).end(bytes));
      expect(answer).toMatchObject({ kind: 'failed', why: 'network', wasSent: true });
    }
  });
});
