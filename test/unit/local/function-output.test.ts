import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalEngine, startLocalEngine } from '../../../lib/local/engine.ts';
import { type FixtureAssembly, httpApiTo, writeFixtureAssembly } from './fixture-assembly.ts';
import { until } from './until.ts';

/**
 * Writes a line, and in the same turn of the event loop makes a request on a connection that is open. Its thread stops
 * behind the bytes of the request, as where another one gets its core.
 */
const web = `
import { Agent, get } from 'node:http';
import { Socket } from 'node:net';
const agent = new Agent({ keepAlive: true });
const call = (url) =>
  new Promise((resolve) => get(url, { agent }, (response) => response.resume().on('end', () => setImmediate(resolve))));
export const handler = async ({ queryStringParameters: { url } }) => {
  await call(url + '/stay');
  const { uncork } = Socket.prototype;
  Socket.prototype.uncork = function () {
    uncork.call(this);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  };
  console.log('before the request');
  await call(url + '/kill');
};`;

let assembly: FixtureAssembly;
let engine: LocalEngine;
const lines: string[] = [];
const killer = createServer(({ url }, response) => {
  if (url === '/stay') response.end('go on');
  else engine.killWorker('web');
});

beforeAll(async () => {
  assembly = await writeFixtureAssembly({ Web: { code: web } }, httpApiTo('Web', ['GET /']));
  engine = await startLocalEngine({ ...assembly, port: 0, onLog: ({ text }) => lines.push(text) });
  await new Promise<void>((resolve) => killer.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  killer.close();
  await engine.stop();
  await assembly.remove();
});

test('the log of a function that is killed during a request is complete', async () => {
  const { port } = killer.address() as AddressInfo;
  const response = await fetch(`${engine.url}/?url=${encodeURIComponent(`http://127.0.0.1:${port}`)}`);
  expect(response.status).toBe(500);
  await until(() => lines.includes('before the request'));
});
