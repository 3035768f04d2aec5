import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { compileIntegrations } from '../../../lib/definitions/compile-integrations.ts';
import { seedApiKey } from '../../../lib/local/admin-key.ts';
import { useRunningEngine } from '../running-engine.ts';

const integrations = fileURLToPath(new URL('../../../integrations/', import.meta.url));
const ownKey = 'tk_tried_secret-of-canary';

/** Put a candidate into each bundle, as a deployment of `integrations/github/canary/` does. */
async function deployCandidate(assemblyDir: string): Promise<void> {
  const current = compileIntegrations(integrations).get('github');
  const resources = structuredClone(current?.resources ?? {});
  const tickets = resources['ticketing/tickets'];
  if (tickets === undefined) throw new Error('GitHub has no tickets');
  tickets.map = `(${tickets.map}) ~> | $ | { "title": "[" & title & "]" } |`;
  for (const name of await readdir(assemblyDir)) {
    const bundle = join(assemblyDir, name);
    if (!existsSync(join(bundle, 'integrations'))) continue;
    await mkdir(join(bundle, 'candidates'), { recursive: true });
    await writeFile(join(bundle, 'candidates/github.json'), JSON.stringify({ ...current, resources }));
  }
}

const running = useRunningEngine(undefined, undefined, deployCandidate);

beforeAll(async () => {
  await seedApiKey(running().engine, ownKey, 'canary');
});

const settings = '/v1/integrations/github/settings';
const trial = '/v1/integrations/github/canary';

test('a changed mapping is compared, then used, then ended, on one account', async () => {
  const { account, subscriber, github, call, eventually, engine } = running();
  const tried = await account('github', { tenant: 'canary', id: 'acc_tried' });
  const other = await account('github', { tenant: 'other', id: 'acc_other' });
  const receiver = await subscriber({ tenant: 'canary' });
  const titleOf = (issue: number) =>
    receiver.callbacks
      .filter(({ event }) => event['record_id'] === String(issue))
      .map(({ event }) => (event['data'] as { title: string }).title)[0];

  const named = await call('PUT', settings, { canary: { accounts: ['acc_tried'], mode: 'compare' } });
  expect(named.body.canary).toEqual({ accounts: ['acc_tried'], mode: 'compare', deployed: true });
  await github(tried.url, { issue: 1 });
  await github(other.url, { issue: 1 });
  await eventually(() => titleOf(1) !== undefined);
  expect(titleOf(1)).toBe('Issue 1');
  await eventually(async () => (await call('GET', trial)).body.differences.length > 0);
  const { body } = await call('GET', trial);
  // A request that the queue delivers again is compared again.
  expect(body.accounts).toEqual([
    {
      id: 'acc_tried',
      tenant: 'canary',
      mode: 'compare',
      compared: body.differences.length,
      different: body.differences.length,
      failed: 0,
    },
  ]);
  expect(body.differences[0]).toMatchObject({
    account: 'acc_tried',
    published: 'current',
    events: [{ differences: [{ path: 'data.title', current: 'Issue 1', candidate: '[Issue 1]' }] }],
  });
  // The tenant sees its own; another one sees nothing of it.
  expect((await call('GET', trial, undefined, ownKey)).body.differences).toEqual(body.differences);

  await call('PUT', settings, { canary: { accounts: ['acc_tried'], mode: 'use' } });
  // Functions cache an account for ten seconds.
  await engine.advanceClock(10_000);
  await github(tried.url, { issue: 2 });
  await eventually(() => titleOf(2) !== undefined);
  expect(titleOf(2)).toBe('[Issue 2]');
  await eventually(async () => (await call('GET', trial)).body.differences[0].published === 'candidate');

  await call('PUT', settings, { canary: null });
  await engine.advanceClock(10_000);
  await github(tried.url, { issue: 3 });
  await eventually(() => titleOf(3) !== undefined);
  expect(titleOf(3)).toBe('Issue 3');
  expect((await call('GET', trial)).body).toMatchObject({ deployed: true, accounts: [], differences: [] });
});

test('fails for the key of a tenant, and an unknown account', async () => {
  const { call } = running();
  const canary = { accounts: ['acc_none'], mode: 'use' };
  expect((await call('PUT', settings, { canary }, ownKey)).status).toBe(403);
  expect((await call('PUT', settings, { canary })).status).toBe(422);
});
