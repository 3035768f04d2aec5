import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { compileResources, compileVersionedResources } from '../../../lib/definitions/compile-resources.ts';
import { assertDownMappings } from '../../../lib/definitions/try-down-mappings.ts';
import {
  aMajor,
  aResource,
  releaseThreeMajors,
  useIntegrationsFolder,
  writeOlderMajor,
  writeResource,
} from '../cli/integrations-folder.ts';

const folder = useIntegrationsFolder();
const root = () => folder.path('integrations');

test('compiles every resource, in the order of the names; none if there is no folder', () => {
  expect(compileResources(root()).size).toBe(0);
  writeResource(folder, 'hris/employees');
  writeResource(folder, 'crm/contacts');
  expect([...compileResources(root())]).toEqual([
    ['crm/contacts', aResource('crm/contacts')],
    ['hris/employees', aResource()],
  ]);
});

test('fails when schemas are wrong, and reports every fault of each with its file and line', () => {
  writeResource(folder, 'crm/contacts', { title: '' });
  writeResource(folder, 'hris/employees', { version: '2.0.0' });
  expect(() => compileResources(root())).toThrow(
    new Error(
      [
        'invalid resources:',
        'integrations/resources/crm/contacts.json:4:12 title: got "", expected a text that says what it is',
        'integrations/resources/hris/employees.json:6:14 version: got "2.0.0", expected "1.0.0": no version of it is released',
      ].join('\n'),
    ),
  );
});

const downTo2 = '$ ~> |$| { "full_name": display_name }, ["display_name"] |';
const downTo1 = '$ ~> |$| { "name": full_name, "nickname": null }, ["full_name"] |\n';

test('compiles the older major versions with the schema of their newest release and their mapping, newest first', async () => {
  await releaseThreeMajors(folder);
  writeOlderMajor(
    folder,
    1,
    { sunset_at: '2027-06-01T02:00:00+02:00', link: 'https://docs.example.com/a?b=c,d' },
    downTo1,
  );
  writeOlderMajor(folder, 2, { down: downTo2, sunset_at: null });
  writeResource(folder, 'crm/contacts');
  const compiled = compileVersionedResources(root());
  expect([...compiled.keys()]).toEqual(['crm/contacts', 'hris/employees']);
  expect(compiled.get('crm/contacts')?.older).toEqual([]);
  expect(compiled.get('hris/employees')).toEqual({
    schema: aResource('hris/employees', aMajor(3)),
    older: [
      {
        schema: aResource('hris/employees', aMajor(2)),
        down: downTo2,
        deprecated_at: '2026-10-01T00:00:00Z',
        sunset_at: null,
      },
      {
        schema: expect.objectContaining({
          version: '1.1.0',
          properties: expect.objectContaining({ name: expect.anything(), nickname: expect.anything() }),
        }),
        down: downTo1,
        deprecated_at: '2026-10-01T00:00:00Z',
        sunset_at: '2027-06-01T02:00:00+02:00',
        link: 'https://docs.example.com/a?b=c,d',
      },
    ],
  });
  expect([...compileResources(root()).keys()]).toEqual(['crm/contacts', 'hris/employees']);
  await expect(assertDownMappings(pathToFileURL(root()))).resolves.toBeUndefined();
});

test('fails when an older major version is wrong, or its mapping gives invalid data', async () => {
  await releaseThreeMajors(folder);
  writeOlderMajor(folder, 2);
  await expect(assertDownMappings(pathToFileURL(root()))).rejects.toThrow(
    new Error(
      [
        'invalid resources:',
        'integrations/resources/hris/employees.v2.json:2:11 down: got the property "display_name" of an example with all properties of 3.0.0, expected no such property, as in 2.0.0',
      ].join('\n'),
    ),
  );
  writeOlderMajor(folder, 2, { down: '{' });
  expect(() => compileVersionedResources(root())).toThrow(
    /^invalid resources:\nintegrations\/resources\/hris\/employees\.v2\.json:2:11 down: got invalid JSONata .*, expected JSONata from/,
  );
});
