import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkQuotedTests } from '../../architecture/quoted-tests.ts';
import { repository } from '../../architecture/repository-files.ts';

const texts: Readonly<Record<string, string>> = {
  'a.test.ts': "test('keeps secrets', () => {}); test(\"another's data is unknown\", () => {});",
};
const check = (page: string) => checkQuotedTests(page, (path) => texts[path]);

test.each(['[keeps secrets](a.test.ts)', "[another's data is unknown](a.test.ts)"])('accepts %s', (page) => {
  expect(check(page)).toEqual({ count: 1, missing: [] });
});

test.each([
  ['another name', '\n[keeps all secrets](a.test.ts)', 'keeps all secrets', 2],
  ['a part of a name', '[keeps](a.test.ts)', 'keeps', 1],
  ['a test of a file that does not exist', '[keeps secrets](b.test.ts)', 'keeps secrets', 1],
])('fails when a page quotes %s', (_name, page, name, line) => {
  expect(check(page).missing).toEqual([expect.objectContaining({ name, line })]);
});

describe.each(['SECURITY.md', 'docs/operate/security.md'])('%s', (page) => {
  test('quotes tests that exist', () => {
    const path = resolve(repository, page);
    const { count, missing } = checkQuotedTests(readFileSync(path, 'utf8'), (file) => {
      const quoted = resolve(dirname(path), file);
      return statSync(quoted, { throwIfNoEntry: false }) === undefined ? undefined : readFileSync(quoted, 'utf8');
    });
    expect(missing).toEqual([]);
    expect(count).toBeGreaterThan(30);
  });
});
