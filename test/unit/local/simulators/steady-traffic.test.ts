import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { startSteadyTraffic } from '../../../../lib/local/simulators/steady-traffic.ts';
import { until } from '../until.ts';

test('a steady provider signs its requests, retries rejected ones, and counts the callbacks', async () => {
  const bodies: string[] = [];
  const forged: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const signed = `${String(request.headers['x-timestamp'])}.${body}`;
      if (request.headers['x-signature'] !== createHmac('sha256', 'key').update(signed).digest('hex'))
        forged.push(body);
      bodies.push(body);
      response.writeHead(bodies.length === 1 ? 500 : 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const traffic = startSteadyTraffic(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, 'key', 1);
  await until(() => traffic.report().accepted >= 3);
  traffic.stop();
  expect(forged).toEqual([]);
  expect(traffic.report().resent).toBeGreaterThanOrEqual(1);
  expect(traffic.report().arrived).toBe(0);
  const [first = ''] = bodies;
  expect(bodies.filter((body) => body === first).length).toBeGreaterThanOrEqual(2);

  const { id } = (JSON.parse(first) as [{ id: string }])[0];
  traffic.arrived(id);
  traffic.arrived(id);
  traffic.arrived('of somebody else');
  expect(traffic.report()).toMatchObject({ arrived: 1, repeated: 1 });
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
});
