import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createBundledResourceCatalog } from '../../../../lambdas/adapters/node/bundled-resource-catalog.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'resources-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the catalog reads the file once, and returns resources by name with their older majors', async () => {
  const file = join(folder, 'resources.json');
  const versioned = {
    'crm/contacts': { schema: { version: '1.0.0' }, older: [] },
    'hris/employees': { schema: { version: '2.1.0' }, older: [{ schema: { version: '1.4.0' }, down: '$' }] },
  };
  writeFileSync(file, JSON.stringify(versioned));
  const catalog = createBundledResourceCatalog(pathToFileURL(file));
  expect([...(await catalog.all())]).toEqual([
    ['crm/contacts', { version: '1.0.0' }],
    ['hris/employees', { version: '2.1.0' }],
  ]);
  writeFileSync(file, '{}');
  expect(Object.fromEntries(await catalog.versioned())).toEqual(versioned);
});

test('fails when the file cannot be read, and reads it again at the next call', async () => {
  const file = join(folder, 'resources.json');
  const catalog = createBundledResourceCatalog(pathToFileURL(file));
  await expect(catalog.all()).rejects.toThrow('ENOENT');
  writeFileSync(file, '{}');
  expect((await catalog.all()).size).toBe(0);
});
