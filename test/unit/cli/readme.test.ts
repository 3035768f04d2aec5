import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseCallTransform } from '../../../lambdas/engine/provider/request/call-transforms.ts';
import { callTransformTable } from '../../../lib/definitions/call-tables.ts';
import { templateTables } from '../../../lib/definitions/definition-json-schema.ts';
import { integrationNames } from '../../../lib/definitions/integration-folders.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

test('the README names every shipped integration', () => {
  const [, shipped = ''] = /^Shipped: (.*?)\. /m.exec(read('README.md')) ?? [];
  const home = new URL('../../../integrations', import.meta.url).pathname;
  expect(shipped.split(', ')).toEqual(integrationNames(home));
});

test('the README has the figures of the benchmark', () => {
  const sections = new Map(
    read('BENCHMARKS.md')
      .split(/^## /m)
      .map((text) => [text.split('\n')[0] ?? '', text]),
  );
  const figure = (section: string, row: string) =>
    [...sections]
      .find(([title]) => title.startsWith(section))?.[1]
      .split(`| ${row} | `)[1]
      ?.split(' |')[0];
  const shown = (row: string) => read('README.md').split(`| ${row} | `)[1]?.split(/[ |]/)[0];
  const pairs = [
    [
      'modelled AWS cost of a million events of 2 KB for one subscriber, in batches of 10',
      figure('Modelled AWS cost', 'batches of 10: all'),
    ],
    ['AWS requests from webhook to callback, in batches of 10', figure('AWS requests per event', 'batches of 10: all')],
    [
      'events through the local engine on two cores, every callback reconciled',
      figure('Provider to subscriber', '1 KB, 1 subscription: events sustained'),
    ],
  ] as const;
  for (const [row, measured] of pairs) {
    expect(measured).toMatch(/^[\d.]+$/);
    expect(shown(row), row).toBe(measured);
  }
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
});

test('the guide to APIs lists every transform of calls, and each as the code reads it', () => {
  expect(read('integrations/API.md')).toContain(callTransformTable().join('\n'));
  const written = callTransformTable()
    .slice(2)
    .map((row) => /^\| `([^`]*)`/.exec(row)?.[1] ?? '');
  expect(written.filter((one) => typeof parseCallTransform(one) === 'string')).toEqual([]);
});

describe.each(['integrations/README.md', 'integrations/API.md'])('the guide %s', (page) => {
  const guide = read(page);

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
