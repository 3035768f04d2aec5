import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { useIntegrationsFolder } from './integrations-folder.ts';

const folder = useIntegrationsFolder();

const names = ['validate', 'test', 'verify', 'new', 'trigger', 'listen', 'replay', 'redrive', 'reprocess'];

test('lists all commands in its help', async () => {
  const { exitCode, output } = await folder.run(['--help']);
  expect(exitCode).toBe(0);
  for (const name of names) expect(output).toContain(`  ${name} `);
});

test('the page about commands lists exactly the commands', async () => {
  const { output } = await folder.run(['--help']);
  const known = [...output.matchAll(/^ {2}(\w[\w-]*) /gm)].map(([, name = '']) => name);
  const page = readFileSync(new URL('../../../docs/reference/cli.md', import.meta.url), 'utf8');
  const documented = [...page.matchAll(/^\| `(\w[\w-]*)/gm)].map(([, name = '']) => name);
  expect(known.length).toBeGreaterThan(0);
  expect(new Set(documented)).toEqual(new Set(known));
});

test.each(names)('tells how %s is used', async (name) => {
  const { exitCode, output } = await folder.run([name, '--help']);
  expect(exitCode).toBe(0);
  expect(output).toContain(`npm run tributary -- ${name}`);
  expect(output).toContain('--json');
});

test.each([
  [[], 'Expected a command.'],
  [['verfiy'], 'There is no command "verfiy". Did you mean "verify"?'],
  [['verify', 'staff', 'r.json', '--sercets', 's.json'], '"verify" has no option --sercets. Did you mean "--secrets"?'],
  [['verify', 'staff'], 'Expected <request.json>.'],
  [['validate', 'one', 'two'], 'Got an unexpected argument: "two".'],
])('fails when the command line is %j, with the usage and status 2', async (argv, message) => {
  const { exitCode, output } = await folder.run(argv);
  expect(exitCode).toBe(2);
  expect(output).toMatch(new RegExp(`^${message.replaceAll(/[.?<>]/g, '\\$&')}\\n\\nUsage: `));
  const forPrograms = await folder.run([...argv, '--json']);
  expect(forPrograms.exitCode).toBe(2);
  expect(JSON.parse(forPrograms.output)).toEqual({ error: message });
});
