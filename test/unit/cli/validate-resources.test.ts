import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { aResource, useIntegrationsFolder, writeIntegration, writeResource } from './integrations-folder.ts';

const folder = useIntegrationsFolder();

async function faultsOf(...argv: readonly string[]) {
  const { exitCode, output } = await folder.run(['validate', ...argv, '--json']);
  const { faults } = JSON.parse(output) as { faults: readonly Readonly<Record<string, unknown>>[] };
  expect(exitCode).toBe(faults.length === 0 ? 0 : 1);
  return faults;
}

const released = () => JSON.parse(readFileSync(folder.path('integrations/resources/released.json'), 'utf8')) as unknown;

test('are checked beside the integrations, and are told to be not released', async () => {
  writeIntegration(folder);
  writeResource(folder);
  expect(await folder.run(['validate'])).toEqual({
    exitCode: 0,
    output: 'hris/employees 1.0.0 is not released\n1 integration, 1 resource: no faults\n',
  });
  expect((await folder.run(['validate', 'staff'])).output).toBe('1 integration: no faults\n');
  expect((await folder.run(['validate', 'resources'])).output).toBe(
    'hris/employees 1.0.0 is not released\n1 resource: no faults\n',
  );
});

test('are released with the version that they have, each version on a line of its own', async () => {
  writeIntegration(folder);
  writeResource(folder, 'hris/employees');
  writeResource(folder, 'crm/contacts');
  expect((await folder.run(['validate', '--release'])).output).toBe(
    'released crm/contacts 1.0.0\nreleased hris/employees 1.0.0\n1 integration, 2 resources: no faults\n',
  );
  writeResource(folder, 'hris/employees', { version: '1.0.1', title: 'Worker' });
  expect((await folder.run(['validate', 'resources', '--release'])).output).toContain(
    'released hris/employees 1.0.1\n',
  );
  expect(released()).toEqual({
    'crm/contacts': { '1.0.0': aResource('crm/contacts') },
    'hris/employees': {
      '1.0.0': aResource(),
      '1.0.1': aResource('hris/employees', { version: '1.0.1', title: 'Worker' }),
    },
  });
  expect(readFileSync(folder.path('integrations/resources/released.json'), 'utf8').split('\n')).toHaveLength(10);
  expect((await folder.run(['validate', '--release'])).output).toBe('1 integration, 2 resources: no faults\n');
});

describe('released ones', () => {
  const { properties } = aResource();
  const { name: _, ...withoutName } = properties;

  beforeEach(async () => {
    writeResource(folder);
    await folder.run(['validate', '--release']);
  });

  test('fail when the schema changes without a new version, at the place of the change', async () => {
    writeResource(folder, 'hris/employees', {
      properties: { ...properties, name: { ...properties.name, description: 'The name.' } },
    });
    expect(await faultsOf()).toEqual([
      {
        file: 'integrations/resources/hris/employees.json',
        line: 18,
        column: 22,
        path: 'properties.name.description',
        got: '"description": "The name." in version "1.0.0"',
        expected: expect.stringContaining('version "1.0.1"'),
        message: expect.stringMatching(/^got .*, expected .*/),
      },
    ]);
  });

  test('fail when readers break without a major version, and are not released', async () => {
    writeResource(folder, 'hris/employees', { version: '1.1.0', properties: withoutName });
    expect(await faultsOf()).toMatchObject([
      { line: 8, path: 'properties.name', expected: expect.stringContaining('version "2.0.0"') },
    ]);
    const before = released();
    expect(await folder.run(['validate', '--release'])).toMatchObject({ exitCode: 1 });
    expect(released()).toEqual(before);
    writeResource(folder, 'hris/employees', { version: '2.0.0', properties: withoutName });
    expect(await folder.run(['validate', '--release'])).toMatchObject({ exitCode: 0 });
  });

  test('fail when the version skips one', async () => {
    writeResource(folder, 'hris/employees', { version: '3.0.0', properties: withoutName });
    expect(await faultsOf()).toMatchObject([{ line: 6, column: 14, path: 'version', got: '"3.0.0"' }]);
  });

  test('fail when the file is gone', async () => {
    folder.remove('integrations/resources/hris/employees.json');
    expect(await faultsOf()).toMatchObject([{ file: 'integrations/resources/hris/employees.json', got: 'no file' }]);
  });

  test.each<[string, string | object, object]>([
    ['is no JSON', '{', { line: 1, column: 2, message: expect.stringContaining('expected JSON') }],
    ['is of another shape', { 'hris/employees': [] }, { line: 1, path: 'hris/employees' }],
    [
      'has a schema under another version',
      { 'hris/employees': { '1.1.0': aResource() } },
      { path: 'hris/employees.1.1.0', got: 'the schema urn:tributary:resource:hris/employees in version 1.0.0' },
    ],
  ])('fail when the file of releases %s', async (_, content, fault) => {
    folder.write('integrations/resources/released.json', content);
    expect(await faultsOf()).toMatchObject([{ file: 'integrations/resources/released.json', ...fault }]);
  });
});

test('fail when a schema is wrong, and tell every fault where it stands', async () => {
  writeResource(folder, 'hris/employees', { $id: 'urn:tributary:resource:hris/staff', version: '0.9.0' });
  writeResource(folder, 'hris/jobs', { required: [], properties: { id: { type: 'strng' } } });
  folder.write('integrations/resources/hris/broken.json', '{\n  "a": ,\n}');
  folder.write('integrations/resources/hris/twice.json', '{\n  "a": 1,\n  "a": 2\n}');
  const faults = (await faultsOf()).map(
    ({ file, line, column, message }) =>
      `${String(file).slice(23)}:${String(line)}:${String(column)} ${String(message)}`,
  );
  expect(faults).toEqual([
    "hris/broken.json:2:8 expected JSON: Unexpected token ','",
    'hris/employees.json:3:10 got "urn:tributary:resource:hris/staff", expected "urn:tributary:resource:hris/employees"',
    'hris/jobs.json:10:15 got "strng", expected one of string, integer, number, boolean, object, array, alone or in a list with "null"',
    'hris/jobs.json:13:15 got [], expected ["id"]: all else may be missing',
    'hris/twice.json:3:3 got a member twice, expected it once',
  ]);
});

test('fail when a file lies in the wrong folder or has a wrong name', async () => {
  writeResource(folder);
  for (const name of [
    'notes.md',
    'integration.yaml',
    'hris/Jobs.json',
    'hris/jobs.yaml',
    'hris/more/jobs.json',
    'HR/jobs.json',
  ])
    folder.write(`integrations/resources/${name}`, '{}');
  folder.write('integrations/resources/.DS_Store', '');
  expect((await faultsOf()).map(({ file }) => String(file).slice(23))).toEqual([
    'HR/jobs.json',
    'hris/Jobs.json',
    'hris/jobs.yaml',
    'hris/more',
    'integration.yaml',
    'notes.md',
  ]);
});

test('are not released by the name of an integration', async () => {
  writeIntegration(folder);
  expect(await folder.run(['validate', 'staff', '--release'])).toMatchObject({ exitCode: 2 });
});

test('are no integration, and none may have their name', async () => {
  writeIntegration(folder);
  writeResource(folder);
  expect((await folder.run(['test', 'resources'])).output).toContain('There is no integration "resources".');
  const { exitCode, output } = await folder.run(['new', 'resources']);
  expect(exitCode).toBe(2);
  expect(output).toContain('folder of the canonical resources');
});
