import { expect, test } from 'vitest';
import { createDynamoApiKeyStore } from '../../lambdas/adapters/dynamo/stores/api-key-store.ts';
import { createDynamoAuditLog } from '../../lambdas/adapters/dynamo/stores/audit-log.ts';
import { findSecret, readApiKey } from '../../lambdas/engine/access/api-key-secret.ts';
import type { CommandPorts } from '../../lib/cli/command.ts';
import { runCommandLine } from '../../lib/cli/run-command-line.ts';
import { createInMemoryClaimStore } from '../fakes/in-memory-claim-store.ts';
import { useTables } from './emulated-aws.ts';

const tables = useTables();
const nowMs = Date.parse('2026-11-21T12:00:00Z');

/** A deployed stack of which only the tables exist. */
async function deployed(without: readonly string[] = []) {
  const [apiKeys, audit] = [await tables.create('apiKeys'), await tables.create('audit')];
  const copies = createInMemoryClaimStore();
  const outputs = new Map([
    ['ApiUrl', 'https://api.example'],
    ['ConsoleUrl', 'https://api.example/console'],
    ['ApiKeysTable', apiKeys],
    ['AuditTable', audit],
    ['AuditBucket', 'the-audit'],
    ['AuditRetentionDays', '400'],
  ]);
  for (const name of without) outputs.delete(name);
  const stacks: string[] = [];
  const ports: CommandPorts = {
    integrations: '',
    nowMs: () => nowMs,
    fetch: () => Promise.reject(new Error('no network in this test')),
    deployment: async (stack) => {
      stacks.push(stack);
      return { outputs, dynamo: tables.client(), bucket: () => copies };
    },
    print: () => undefined,
    note: () => undefined,
    pause: () => Promise.resolve(),
    interruption: () => new AbortController().signal,
  };
  return {
    stacks,
    copies,
    keys: createDynamoApiKeyStore(tables.client(), apiKeys),
    audit: createDynamoAuditLog(tables.client(), audit, copies, { retentionDays: 400 }),
    run: (...argv: string[]) => runCommandLine(['bootstrap-key', ...argv], ports),
  };
}

test('the first key may do everything, is shown once, and is in the audit without its secret', async () => {
  const { run, keys, audit, stacks, copies } = await deployed();
  const { exitCode, output } = await run('--stage', 'prod', '--expires-in', '30', '--json');
  expect(exitCode).toBe(0);
  const shown = JSON.parse(output);
  expect(shown).toMatchObject({
    expires_at: '2026-12-21T12:00:00.000Z',
    api_url: 'https://api.example',
    console_url: 'https://api.example/console',
  });
  const { id, secret } = readApiKey(shown.key) ?? {};
  const stored = await keys.find('first');
  expect([id, stacks]).toEqual(['first', ['Tributary-prod']]);
  expect(stored).toMatchObject({ tenant: null, scopes: ['admin'], expiresAtMs: Date.parse('2026-12-21T12:00:00Z') });
  expect(findSecret(stored?.secrets ?? [], secret ?? '', nowMs)).toBeDefined();
  const entries = await audit.list({
    tenant: undefined,
    since: '2026-11-21T00:00:00Z',
    until: '2026-11-22T00:00:00Z',
    limit: 10,
    after: undefined,
  });
  expect(entries.items).toMatchObject([{ operation: 'bootstrapKey', object: 'keys/first', status: 201 }]);
  expect(JSON.stringify(entries)).not.toContain(secret);
  expect(copies.keys()).toHaveLength(2);
});

test('a key that exists stays as it is', async () => {
  const { run, keys } = await deployed();
  expect((await run()).exitCode).toBe(0);
  const before = await keys.find('first');
  const { exitCode, output } = await run();
  expect(exitCode).toBe(1);
  expect(output).toContain('A key with the id "first" exists in Tributary-dev');
  expect(await keys.find('first')).toEqual(before);
  expect((await run('--id', 'second')).exitCode).toBe(0);
});

test('of many who write the first key at the same time, one has it', async () => {
  const { run } = await deployed();
  const codes = (await Promise.all(Array.from({ length: 5 }, () => run()))).map(({ exitCode }) => exitCode);
  expect(codes.toSorted((one, other) => one - other)).toEqual([0, 1, 1, 1, 1]);
});

test.each([
  [['--stage', 'No Stage'], /--stage: expected a stage/],
  [['--id', 'with_underscore'], /--id: expected letters and digits/],
  [['--id', 'canary'], /--id: "canary" is the id of the canary's own key, expected another/],
  [['--expires-in', 'soon'], /--expires-in: expected a number of days/],
])('%j is unusable', async (argv, message) => {
  const { exitCode, output } = await (await deployed()).run(...argv);
  expect(exitCode).toBe(2);
  expect(output).toMatch(message);
});

test('a stack of an older version is named as such', async () => {
  const { exitCode, output } = await (await deployed(['AuditBucket'])).run();
  expect(exitCode).toBe(2);
  expect(output).toContain(
    'The stack does not have one output AuditBucket: deploy this version first, or name the stack of one engine.',
  );
});
