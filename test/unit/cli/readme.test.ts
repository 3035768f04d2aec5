import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { templateTables } from '../../../lib/definitions/definition-json-schema.ts';
import { integrationNames } from '../../../lib/definitions/integration-folders.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

test('the README names every shipped integration', () => {
  const [, shipped = ''] = /^Shipped: (.*?)\. /m.exec(read('README.md')) ?? [];
  const home = new URL('../../../integrations', import.meta.url).pathname;
  expect(shipped.split(', ')).toEqual(integrationNames(home));
});

test.each([
  ['README.md', 200],
  ['CONTRIBUTING.md', 100],
])('%s has at most %i lines', (page, most) => {
  expect(read(page).trimEnd().split('\n').length).toBeLessThanOrEqual(most);
});

describe('the guide to integrations', () => {
  const guide = read('integrations/README.md');

  test('lists every source and every transform, as in the reference', () => {
    expect(guide).toContain(templateTables().join('\n'));
  });

  test('links to existing sections', () => {
    const anchors = new Set(
      [...guide.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      ),
    );
    const wanted = [...guide.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor = '']) => anchor);
    expect(wanted.filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });
});
