import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  aMajor,
  aResource,
  releaseThreeMajors,
  useIntegrationsFolder,
  writeIntegration,
  writeOlderMajor,
  writeResource,
} from './integrations-folder.ts';

const folder = useIntegrationsFolder();

async function faultsOf(...argv: readonly string[]) {
  const { exitCode, output } = await folder.run(['validate', ...argv, '--json']);
  const { faults } = JSON.parse(output) as { faults: readonly Readonly<Record<string, unknown>>[] };
  expect(exitCode).toBe(faults.length === 0 ? 0 : 1);
  return faults;
}

const released = () => JSON.parse(readFileSync(folder.path('integrations/resources/released.json'), 'utf8')) as unknown;

test('are checked with the integrations, and are reported as not released', async () => {
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

test('are released with their version, one line per version', async () => {
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

describe('released resources', () => {
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

  test('fail when a change breaks readers without a major version, and are not released', async () => {
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

  test('fail when the version skips a number', async () => {
    writeResource(folder, 'hris/employees', { version: '3.0.0', properties: withoutName });
    expect(await faultsOf()).toMatchObject([{ line: 6, column: 14, path: 'version', got: '"3.0.0"' }]);
  });

  test('fail when the file is missing', async () => {
    folder.remove('integrations/resources/hris/employees.json');
    expect(await faultsOf()).toMatchObject([{ file: 'integrations/resources/hris/employees.json', got: 'no file' }]);
  });

  test.each<[string, string | object, object]>([
    ['is not JSON', '{', { line: 1, column: 2, message: expect.stringContaining('expected JSON') }],
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

test('fail when a schema is wrong, and report every fault with its place', async () => {
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

test('fail when a file is in the wrong folder or has a wrong name', async () => {
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

test('are not an integration, and no integration may have their name', async () => {
  writeIntegration(folder);
  writeResource(folder);
  expect((await folder.run(['test', 'resources'])).output).toContain('There is no integration "resources".');
  const { exitCode, output } = await folder.run(['new', 'resources']);
  expect(exitCode).toBe(2);
  expect(output).toContain('folder of the canonical resources');
});

describe('older major versions', () => {
  const downTo2 = '$ ~> |$| { "full_name": display_name }, ["display_name"] |';
  const downTo1 = '$ ~> |$| { "name": full_name, "nickname": null }, ["full_name"] |';
  const shown = (faults: readonly Readonly<Record<string, unknown>>[]) =>
    faults.map(
      ({ file, line, column, message }) =>
        `${String(file).slice(23)}:${String(line)}:${String(column)} ${String(message)}`,
    );

  beforeEach(() => releaseThreeMajors(folder));

  test('are listed with their resource, by name after their sunset, and are not separate resources', async () => {
    writeOlderMajor(folder, 2, { down: downTo2 });
    writeOlderMajor(folder, 1, { sunset_at: '2026-11-01T00:00:00Z' }, downTo1);
    expect(await folder.run(['validate', 'resources'])).toEqual({
      exitCode: 0,
      output: 'hris/employees 1.1.0 is past its sunset at 2026-11-01T00:00:00Z\n1 resource: no faults\n',
    });
    const { output } = await folder.run(['validate', 'resources', '--json']);
    expect(JSON.parse(output).resources).toEqual([
      {
        resource: 'hris/employees',
        version: '3.0.0',
        released: true,
        older: [
          { version: '2.0.0', deprecated_at: '2026-10-01T00:00:00Z', sunset_at: null },
          { version: '1.1.0', deprecated_at: '2026-10-01T00:00:00Z', sunset_at: '2026-11-01T00:00:00Z' },
        ],
      },
    ]);
    const before = released();
    expect(await folder.run(['validate', '--release'])).toMatchObject({ exitCode: 0 });
    expect(released()).toEqual(before);
  });

  test('may exist with a current version that is not released yet', async () => {
    writeOlderMajor(folder, 3, { down: '$ ~> |$| { "display_name": called }, ["called"] |' });
    const { properties } = aMajor(3) as { properties: Record<string, unknown> };
    const { display_name: called, ...rest } = properties;
    writeResource(folder, 'hris/employees', { version: '4.0.0', properties: { ...rest, called } });
    expect(await faultsOf('resources')).toEqual([]);
  });

  test('fail when a version before the current one is missing, or they are not older', async () => {
    writeOlderMajor(folder, 1, { down: downTo1 });
    writeOlderMajor(folder, 3);
    folder.write('integrations/resources/hris/employees.v9.jsonata', '$');
    expect(shown(await faultsOf('resources'))).toEqual([
      'hris/employees.v9.jsonata:1:1 got a mapping alone, expected hris/employees.v9.json, too',
      'hris/employees.v3.json:1:1 got major version 3 with the current version 3.0.0, expected an older major version',
      'hris/employees.v1.json:1:1 got no major version 2 to map down from, expected hris/employees.v2.json, too: no version may be missing between a served one and the current one',
    ]);
  });

  test('fail when they were not released, or have no resource', async () => {
    folder.write('integrations/resources/released.json', {
      'hris/employees': { '3.0.0': aResource('hris/employees', aMajor(3)) },
    });
    writeOlderMajor(folder, 2, { down: downTo2 });
    folder.write('integrations/resources/hris/jobs.v1.json', {});
    folder.write('integrations/resources/hris/employees.v0.json', {});
    expect(shown(await faultsOf('resources'))).toEqual([
      'hris/employees.v0.json:1:1 got a file that is not a resource, expected <model>/<plural>.json in lower-case letters and "_"',
      'hris/jobs.v1.json:1:1 got a file that is not a resource, expected hris/jobs.json, too: this file belongs to an older major version of it',
      'hris/employees.v2.json:1:1 got no released version 2, expected one that readers know',
    ]);
  });

  test('fail when the file has invalid members, and report the place of each', async () => {
    writeOlderMajor(folder, 2, {
      down: 7,
      deprecated_at: 'soon',
      sunset_at: '2027-06-01',
      link: 'javascript:alert(1)',
      since: '1.0.0',
    });
    expect(shown(await faultsOf('resources'))).toEqual([
      'hris/employees.v2.json:2:11 got 7, expected JSONata, or the name of the file that holds it',
      'hris/employees.v2.json:3:20 got "soon", expected a time such as 2027-06-01T00:00:00Z',
      'hris/employees.v2.json:4:16 got "2027-06-01", expected a time such as 2027-06-01T00:00:00Z',
      'hris/employees.v2.json:5:11 got "javascript:alert(1)", expected a URL of http or https',
      'hris/employees.v2.json:6:3 got the member "since", expected one of down, deprecated_at, sunset_at, link',
    ]);
    folder.write('integrations/resources/hris/employees.v2.json', '{\n  "down": \n');
    expect(await faultsOf('resources')).toMatchObject([{ line: 3, message: expect.stringContaining('expected JSON') }]);
    folder.write('integrations/resources/hris/employees.v2.json', '[]');
    expect(await faultsOf('resources')).toMatchObject([{ line: 1, got: '[]' }]);
  });

  test('fail when they end before they are deprecated', async () => {
    writeOlderMajor(folder, 2, { down: downTo2, sunset_at: '2026-10-01T00:00:00Z' });
    expect(await faultsOf('resources')).toMatchObject([
      { line: 4, path: 'sunset_at', expected: 'a time after "deprecated_at", 2026-10-01T00:00:00Z' },
    ]);
  });

  test.each<[string, string, string | undefined, string]>([
    ['is not JSONata', '{ "a": }', undefined, 'hris/employees.v2.json:2:11 got invalid JSONata ('],
    ['is empty', ' ', undefined, 'hris/employees.v2.json:2:11 got nothing, expected JSONata from'],
    [
      'needs backtracking',
      '$match(id, /(?=a)/)',
      undefined,
      'hris/employees.v2.json:2:11 got invalid JSONata (the pattern',
    ],
    [
      'names a missing file',
      'employees.v2.jsonata',
      undefined,
      'hris/employees.v2.json:2:11 got "employees.v2.jsonata" but no such file',
    ],
    [
      'names another file',
      'down.jsonata',
      downTo2,
      'hris/employees.v2.json:2:11 got "down.jsonata", expected "employees.v2.jsonata"',
    ],
    [
      'is misspelt',
      'employees.v2.jsonat',
      downTo2,
      'hris/employees.v2.json:2:11 got "employees.v2.jsonat", expected "employees.v2.jsonata"',
    ],
    ['is in both files', downTo2, downTo2, 'hris/employees.v2.json:2:11 got both JSONata and its file'],
    ['is wrong in its file', 'employees.v2.jsonata', '{\n  "id": id id\n}', 'hris/employees.v2.jsonata:2:14 JSONata: '],
  ])('fail when the mapping %s', async (_, down, jsonata, fault) => {
    writeOlderMajor(folder, 2, { down }, jsonata);
    const faults = shown(await faultsOf('resources'));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(fault);
  });

  test.each<[string, string, string]>([
    [
      'adds a property that the version lacks',
      '$',
      'got the property "display_name" of an example with all properties of 3.0.0, expected no such property, as in 2.0.0',
    ],
    [
      'gives another type',
      '{ "id": id, "full_name": 7 }',
      'got an invalid value at "full_name" of an example with all properties of 3.0.0, expected string or null, as in 2.0.0',
    ],
    [
      'omits a property',
      '{ "id": id, "labels": labels, "custom_fields": custom_fields }',
      'got no "full_name" of an example with all properties of 3.0.0, expected the value that it has in 2.0.0, or null if there is none',
    ],
    [
      'assumes that a list has more than one item',
      '{ "id": id, "full_name": null, "labels": labels.("x"), "custom_fields": null }',
      'got an invalid value at "labels" of an example with all properties of 3.0.0, expected array or null, as in 2.0.0',
    ],
    [
      'assumes that a list has one item',
      '{ "id": id, "full_name": labels.$, "labels": labels, "custom_fields": null }',
      'got an invalid value at "full_name" of an example with two in each list of 3.0.0, expected string or null, as in 2.0.0',
    ],
    [
      'assumes a property that may be missing',
      '{ "id": id, "full_name": display_name, "labels": $exists(labels) ? labels : "none", "custom_fields": null }',
      'got an invalid value at "labels" of an example with only an id of 3.0.0, expected array or null, as in 2.0.0',
    ],
    [
      'assumes a value that may be null',
      '$ ~> |$| { "full_name": $uppercase(display_name) }, ["display_name"] |',
      'got a failure (JSONata T0410 in "uppercase" at character 35) of an example of nulls of 3.0.0, expected the data of 2.0.0',
    ],
  ])('fail when the mapping %s', async (_, down, message) => {
    writeOlderMajor(folder, 2, { down });
    expect(await faultsOf('resources')).toMatchObject([
      { file: 'integrations/resources/hris/employees.v2.json', line: 2, column: 11, path: 'down', message },
    ]);
    expect(await folder.run(['validate', '--release'])).toMatchObject({ exitCode: 1 });
  });

  test('fail when a new value is not mapped, with the place of the mapping in its file', async () => {
    const kind = (...values: readonly string[]) => ({
      kind: { type: ['string', 'null'], description: 'What he is.', enum: [...values, null] },
    });
    writeResource(folder, 'hris/employees', { ...aMajor(3, kind('hired')), version: '3.1.0' });
    await folder.run(['validate', 'resources', '--release']);
    writeResource(folder, 'hris/employees', { ...aMajor(3, kind('hired', 'lent')), version: '4.0.0' });
    writeOlderMajor(folder, 3, {}, '$');
    expect(shown(await faultsOf('resources'))).toEqual([
      'hris/employees.v3.jsonata:1:1 got an invalid value at "kind" of an example with all properties with other values of 4.0.0, expected one of hired, null, as in 3.1.0',
    ]);
    writeOlderMajor(folder, 3, {}, '$ ~> |$| { "kind": kind = "lent" ? "hired" : kind } |');
    expect(await faultsOf('resources')).toEqual([]);
  });

  test('also fail the test of an integration', async () => {
    writeIntegration(folder);
    writeOlderMajor(folder, 2);
    const { exitCode, output } = await folder.run(['test']);
    expect(exitCode).toBe(1);
    expect(output).toContain('integrations/resources/hris/employees.v2.json:2:11 down: got the property');
  });
});
