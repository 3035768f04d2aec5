import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { CommandResult } from '../../../../lib/cli/command.ts';
import { useIntegrationsFolder, writeIntegration } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();
const shipped = fileURLToPath(new URL('../../../../integrations', import.meta.url));

const numbered = { number: { to: 'query.page' }, size: 5, size_to: 'query.limit' };
const row = { id: 1, name: 'Ada', updated_at: '2026-11-20T09:00:00.000Z' };

/** A CRM whose rows appear up to 40 s after their time. */
function writeCrm({ api = {}, changes = {} }: { api?: object; changes?: object } = {}): void {
  folder.write('integrations/crm/integration.yaml', {
    name: 'crm',
    title: 'CRM',
    docs: 'https://crm.example/docs',
    api: {
      base_url: 'https://api.crm.example',
      credentials: { api_key: { key: 'The key.', sent: { headers: { Authorization: 'Token {credential.key}' } } } },
      ...api,
    },
    resources: {
      'crm/contacts': {
        map: '{ "id": $string(id), "name": name, "updated_at": updated_at }',
        version: { from: 'updated_at', as: 'time' },
        get: { path: '/contacts/{id}', record: 'row' },
        list: { path: '/contacts', records: 'rows', page: numbered, complete: true },
        changes: {
          path: '/contacts/changes',
          query: { since: '{since | iso}' },
          records: 'rows',
          page: { ...numbered, order: 'asc' },
          cursor: { lag: '40s', settle: '10s' },
          ...changes,
        },
      },
    },
    syncs: { contacts: { resource: 'crm/contacts', every: '1h' } },
  });
  const answered = (method: string, body: object) =>
    folder.write(`integrations/crm/exchanges/${method}.json`, {
      resource: 'crm/contacts',
      method,
      ...(method === 'get' ? { id: '1' } : {}),
      account: { context: {}, credentials: { type: 'api_key', key: 'k' } },
      exchanges: [{ request: { url: 'https://api.crm.example/contacts' }, response: { body } }],
    });
  answered('get', { row });
  answered('list', { rows: [row] });
  answered('changes', { rows: [row] });
}

const converge = (...options: readonly string[]) =>
  folder.run(['test', 'crm', '--converge', '--seed', '1', '--histories', '2', ...options]);
const told = ({ output }: CommandResult) => JSON.parse(output);

test('misses nothing with a definition that says how late its rows are', async () => {
  writeCrm();
  const { exitCode, output } = await converge();
  expect(output).toMatch(/^crm: 2 histories of each sync from seed 1\n {2}ok {3}crm\/contacts: 0 missed, \d+ calls\n/);
  expect(output).toMatch(/\n0 missed, 0 of 2 histories did not end\n$/);
  expect(exitCode).toBe(0);
}, 30_000);

test('misses nothing with the shipped CRM', async () => {
  const argv = ['test', 'legacy-crm', '--converge', '--seed', '1', '--histories', '1', '--json'];
  const result = await folder.run(argv, { integrations: shipped });
  expect(result.exitCode).toBe(0);
  expect(told(result)).toMatchObject({ integration: 'legacy-crm', seed: 1, histories: 1 });
  expect(told(result).syncs).toHaveLength(5);
}, 30_000);

test('fails when rows lack what the mapping reads, and repeats it for the same seed', async () => {
  // The rows should be declared `thin`.
  writeCrm({ changes: { records: 'rows.{ "id": id, "updated_at": updated_at }' } });
  const result = await converge('--faults', 'late-commits', '--json');
  const [{ resources }] = told(result).syncs;
  expect(result.exitCode).toBe(1);
  expect(resources[0].missed[0]).toEqual({
    resource: 'crm/contacts',
    record: expect.any(String),
    what: 'wrong-state',
    members: ['name'],
    seed: 1,
    faults: [],
    isToldByComparison: true,
  });
  const again = await converge('--faults', 'late-commits');
  expect(again.output).toContain(
    `FAIL crm/contacts: ${resources[0].missed.length} missed, ${resources[0].calls} calls`,
  );
  expect(again.output).toMatch(
    /\n {2}FAIL crm\/contacts: \d+ missed, \d+ calls\n {7}seed 1: record \d+: last state not told, before all records were compared, different: name \(no faults\)\n/,
  );
}, 30_000);

test('fails when a sync does not end, and says why', async () => {
  writeCrm({ api: { errors: [{ when: { status: 200 }, means: 'invalid' }] } });
  const { exitCode, output } = await converge('--faults', 'late-commits');
  expect(exitCode).toBe(1);
  expect(output).toMatch(
    /FAIL crm\/contacts.*\n {7}seed 1: contacts does not end: .*; the simulator does not answer crm\/contacts\.changes: /,
  );
  expect(output).toMatch(/\n0 missed, 2 of 2 histories did not end\n$/);
}, 30_000);

test.each([
  [
    'answers in XML',
    { format: 'xml' },
    'the simulator does not answer crm/contacts.changes: it answers in XML, which the simulator does not write',
  ],
  [
    'computes the cursor of its pages',
    { page: { cursor: { from: 'next.id & "," & next.at', to: 'query.after' }, size: 5, order: 'asc' } },
    'the simulator does not answer crm/contacts.changes: `page.cursor.from: next.id & "," & next.at` computes the cursor, so the simulator cannot write it',
  ],
  [
    'takes its cursor apart',
    {
      query: { since: '{since | iso}', after: "{page.cursor? | part(',', 0)}" },
      page: { cursor: { from: 'next' }, size: 5, order: 'asc' },
    },
    'the simulator does not answer crm/contacts.changes: the simulator cannot read its cursor in the request of the next page',
  ],
])('judges no sync that %s, and says why', async (_, changes, reason) => {
  writeCrm({ changes });
  expect(await converge()).toEqual({
    exitCode: 0,
    output: `crm: 2 histories of each sync from seed 1\n  --   crm/contacts: not judged: ${reason}\nnothing was judged\n`,
  });
  expect(told(await converge('--json')).syncs).toMatchObject([
    { histories: 0, resources: [{ isJudged: false, unjudged: reason, missed: [] }] },
  ]);
});

test('judges no sync without an exchange that shows a record', async () => {
  writeCrm();
  folder.remove('integrations/crm/exchanges');
  const { exitCode, output } = await converge();
  expect(output).toContain('not judged: the simulator does not answer crm/contacts.list: no exchange shows a record');
  expect(exitCode).toBe(0);
});

test.each<[string, readonly string[], string]>([
  ['without an integration', ['test', '--converge'], 'expected the name of an integration'],
  ['for one that polls nothing', ['test', 'staff', '--converge'], 'has no `syncs`'],
  ['for an unknown fault', ['test', 'crm', '--converge', '--faults', 'late-commit'], 'Did you mean "late-commits"?'],
  ['for one that changes data', ['test', 'crm', '--converge', '--faults', 'disappearing-fields'], 'changes data'],
  ['for a seed that is no number', ['test', 'crm', '--converge', '--seed', 'one'], 'expected a whole number'],
  ['for no histories', ['test', 'crm', '--converge', '--histories', '0'], 'from 1 to'],
  ['for an option without --converge', ['test', 'crm', '--seed', '1'], 'only --converge reads it'],
])('fails as unusable %s', async (_, argv, message) => {
  writeCrm();
  writeIntegration(folder);
  expect(await folder.run(argv)).toEqual({ exitCode: 2, output: expect.stringContaining(message) });
});
