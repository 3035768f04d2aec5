import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalEngine, startLocalEngine } from '../../../lib/local/engine.ts';
import { type FixtureAssembly, httpApiTo, writeFixtureAssembly } from './fixture-assembly.ts';
import { until } from './until.ts';

const web = `
export const handler = async (event) => {
  console.log('began ' + event.rawPath);
  if (event.rawPath === '/hang') await new Promise(() => {});
  return 'done';
};`;

let assembly: FixtureAssembly;
let engine: LocalEngine;
const lines: string[] = [];

beforeAll(async () => {
  assembly = await writeFixtureAssembly(
    { Web: { code: web, properties: { ReservedConcurrentExecutions: 2 } } },
    httpApiTo('Web', ['ANY /{proxy+}']),
  );
  engine = await startLocalEngine({
    ...assembly,
    port: 0,
    onLog: ({ text }) => lines.push(text),
    machineLoad: { isBusy: () => false },
  });
});

afterAll(async () => {
  await engine.stop();
  await assembly.remove();
});

test('a function accepts as many concurrent requests as are reserved for it, and the API answers 503 for more', async () => {
  const hanging = [1, 2].map(() => fetch(`${engine.url}/hang`));
  await until(() => lines.filter((line) => line === 'began /hang').length === 2);
  const refused = await fetch(`${engine.url}/soon`);
  expect(refused.status).toBe(503);
  expect(lines).not.toContain('began /soon');
  while (engine.killWorker('web'));
  await Promise.all(hanging);
  expect((await fetch(`${engine.url}/soon`)).status).toBe(200);
});
