import { expect, test } from 'vitest';
import { compileResources } from '../../../lib/definitions/compile-resources.ts';
import { aResource, useIntegrationsFolder, writeResource } from '../cli/integrations-folder.ts';

const folder = useIntegrationsFolder();
const root = () => folder.path('integrations');

test('compiles every resource, in the order of the names; none where there is no folder', () => {
  expect(compileResources(root()).size).toBe(0);
  writeResource(folder, 'hris/employees');
  writeResource(folder, 'crm/contacts');
  expect([...compileResources(root())]).toEqual([
    ['crm/contacts', aResource('crm/contacts')],
    ['hris/employees', aResource()],
  ]);
});

test('fails when schemas are wrong, and tells every fault of each with its file and line', () => {
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
