import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createEgressPolicy } from '../../../../lambdas/adapters/http/egress-policy.ts';
import { createUndiciCallbackClient } from '../../../../lambdas/adapters/http/undici-callback-client.ts';
import { limits } from '../../../../lambdas/contracts/limits.ts';
import { createAddressFilter } from '../../../../lambdas/engine/outbound/public-addresses.ts';
import { createManualClock } from '../../../fakes/manual-clock.ts';

test('one endpoint gets as many concurrent callbacks as a subscription may choose', async () => {
  const waiting: ServerResponse[] = [];
  // The server answers only after all requests have arrived.
  const server = createServer((_, response) => {
    waiting.push(response);
    if (waiting.length === limits.maxEndpointConcurrency) for (const one of waiting) one.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  onTestFinished(() => server.closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const policy = createEgressPolicy({ mayDial: createAddressFilter(['127.0.0.0/8']), allowHttp: true });
  const callbacks = createUndiciCallbackClient(policy, createManualClock());
  const outcomes = await Promise.all(
    Array.from({ length: limits.maxEndpointConcurrency }, () =>
      callbacks.post({ url, headers: {}, body: '{}', timeoutMs: 5_000 }),
    ),
  );
  expect(new Set(outcomes.map((outcome) => (outcome.kind === 'answered' ? outcome.status : outcome.error)))).toEqual(
    new Set([204]),
  );
});
