import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { expect, test } from 'vitest';
import { useIntegrationsFolder, writeIntegration, writeResource } from './integrations-folder.ts';

const folder = useIntegrationsFolder();

/** An integration in a folder of its own; the shipped folder has the resources. */
function writeOwn(options: Parameters<typeof writeIntegration>[1] = {}): string {
  writeResource(folder);
  writeIntegration(folder, options);
  mkdirSync(folder.path('own'));
  renameSync(folder.path('integrations/staff'), folder.path('own/staff'));
  return folder.path('own');
}

const authors = ['validate', 'test', 'verify', 'new', 'call', 'simulate', 'trigger'];

test.each(authors)('%s takes a folder of definitions', async (name) => {
  expect((await folder.run([name, '--help'])).output).toContain('--integrations <folder>');
});

test.each(['listen', 'sync', 'replay'])(
  'fails when %s gets a folder, because it reads no definitions',
  async (name) => {
    expect(await folder.run([name, '--integrations', '.'])).toMatchObject({ exitCode: 2 });
  },
);

test('tests definitions of another folder against the shipped resources', async () => {
  const own = writeOwn();
  expect(await folder.run(['test', 'staff', '--integrations', own])).toEqual({
    exitCode: 0,
    output: 'staff\n  ok   created\n1 integration, 1 sample: 1 passed, 0 failed\n',
  });
  expect((await folder.run(['test', 'staff'])).output).toContain('There is no integration "staff".');
  folder.write('own/staff/mapping.jsonata', '{ "event_type": "created", "resource": "hris/employees", "data": {} }');
  expect((await folder.run(['test', '--integrations', own])).exitCode).toBe(1);
});

test('validates the definitions of another folder, and not the shipped resources', async () => {
  const own = writeOwn();
  expect(await folder.run(['validate', '--integrations', own])).toEqual({
    exitCode: 0,
    output: '1 integration: no faults\n',
  });
  for (const argv of [['resources'], ['--release'], ['resources', '--release']])
    expect(await folder.run(['validate', ...argv, '--integrations', own])).toMatchObject({
      exitCode: 2,
      output: expect.stringContaining('the resources are those of the release'),
    });
});

test('says that schemas in the folder are not read, because the construct deploys the shipped ones', async () => {
  const own = writeOwn();
  folder.write('own/resources/hris/employees.json', 'no schema');
  let notes = '';
  const note = (text: string) => {
    notes += text;
  };
  expect(await folder.run(['test', '--integrations', own], { note })).toMatchObject({ exitCode: 0 });
  expect(notes).toContain('own/resources is not read');
});

test('writes a new integration into the folder, which it makes', async () => {
  const own = folder.path('fresh/own');
  const { exitCode, output } = await folder.run(['new', 'acme', '--integrations', own]);
  expect(exitCode).toBe(0);
  expect(output).toContain(`wrote ${own}/acme/integration.yaml\n`);
  expect(output).toContain(`npm run tributary -- test acme --update --integrations ${own}`);
  expect(existsSync(folder.path('fresh/own/acme/integration.yaml'))).toBe(true);
  expect(existsSync(folder.path('integrations/acme'))).toBe(false);
  expect(await folder.run(['test', 'acme', '--integrations', own])).toMatchObject({ exitCode: 0 });
});

test('shows faults with the paths of the folder', async () => {
  const own = writeOwn();
  folder.write('own/staff/integration.yaml', 'name: staff');
  for (const command of ['validate', 'test'])
    expect((await folder.run([command, 'staff', '--integrations', own])).output).toContain(
      `${own}/staff/integration.yaml:1:1 title: `,
    );
});

test('fails when there is no such folder', async () => {
  expect(await folder.run(['test', '--integrations', folder.path('nowhere')])).toEqual({
    exitCode: 2,
    output: `--integrations: got "${folder.path('nowhere')}", expected a folder of definitions, <name>/integration.yaml.\n`,
  });
});
