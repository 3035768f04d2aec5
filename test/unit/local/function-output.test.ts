import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalEngine, startLocalEngine } from '../../../lib/local/engine.ts';
import { type FixtureAssembly, httpApiTo, writeFixtureAssembly } from './fixture-assembly.ts';
import { until } from './until.ts';

/** Writes a line, and in the same turn of the event loop makes a request on a connection that is open. */
const web = `
import { Agent, get } from 'node:http';
const agent = new Agent({ keepAlive: true });
const calls = {
  '/fetch': async (url) => (await fetch(url)).text(),
  '/get': (url) =>
    new Promise((resolve) => get(url, { agent }, (response) => response.resume().on('end', () => setImmediate(resolve)))),
};
export const handler = async ({ rawPath, queryStringParameters: { url } }) => {
  const call = calls[rawPath];
  await call(url + '/stay');
  console.log('before ' + rawPath);
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
  assembly = await writeFixtureAssembly({ Web: { code: web } }, httpApiTo('Web', ['ANY /{proxy+}']));
  engine = await startLocalEngine({ ...assembly, port: 0, onLog: ({ text }) => lines.push(text) });
  await new Promise<void>((resolve) => killer.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  killer.close();
  await engine.stop();
  await assembly.remove();
});

test.each(['/get', '/fetch'])('the log of a function that is killed during a request is complete: %s', async (path) => {
  const { port } = killer.address() as AddressInfo;
  const response = await fetch(`${engine.url}${path}?url=${encodeURIComponent(`http://127.0.0.1:${port}`)}`);
  expect(response.status).toBe(500);
  await until(() => lines.includes(`before ${path}`));
});
