import { describe, expect, test } from 'vitest';
import { checkLinks } from '../../architecture/markdown-links.ts';

function check(text: string) {
  const pages = new Map([
    ['docs/page.md', text],
    ['docs/guides/other.md', '# Other\n\n## Send, sign & retry\n\n## Twice\n\n## Twice\n\n```sh\n# No heading\n```\n'],
  ]);
  return checkLinks(pages, new Set([...pages.keys(), 'lib/config.ts']));
}

describe('accepts a link to', () => {
  test.each([
    ['a page', '[other](guides/other.md)'],
    ['a heading of a page', '[other](guides/other.md#send-sign--retry)'],
    ['the second of two equal headings', '[other](guides/other.md#twice-1)'],
    ['a heading of the page itself', '# Here\n\n[above](#here)'],
    ['a heading with code and a link', '# The `id` of [x](guides/other.md)\n\n[above](#the-id-of-x)'],
    ['a folder', '[guides](guides/)'],
    ['a file beyond the folder, with a title', '[settings](../lib/config.ts "Settings")'],
    ['a file from the root', '[settings](/lib/config.ts)'],
    ['a reference definition', '[settings]: ../lib/config.ts'],
    ['an image in HTML', '<img src="../lib/config.ts">'],
  ])('%s', (_name, text) => {
    const { count, broken } = check(text);
    expect(broken).toEqual([]);
    expect(count).toBeGreaterThan(0);
  });
});

test.each([
  ['a URL', '[site](https://example.com/none.md#none)'],
  ['an address', '[mail](mailto:ops@example.com)'],
  ['code in a line', 'Write `[text](none.md)` or ``a ` [b](none.md)``.'],
  ['a block of code', '```md\n[text](none.md)\n```'],
])('does not check %s', (_name, text) => {
  expect(check(text)).toEqual({ count: 0, broken: [] });
});

test.each([
  ['a file that does not exist', '\n\n[text](none.md)', 3, 'none.md', 'docs/none.md does not exist'],
  ['a file outside the repository', '[text](../../a.md)', 1, '../../a.md', '../a.md does not exist'],
  ['another case', '[text](Guides/other.md)', 1, 'Guides/other.md', 'docs/Guides/other.md does not exist'],
  ['no heading of the page', 'One\n[text](#none)', 2, '#none', 'docs/page.md has no heading "none"'],
  [
    'no heading of another page',
    '[text](guides/other.md#no-heading)',
    1,
    'guides/other.md#no-heading',
    'docs/guides/other.md has no heading "no-heading"',
  ],
  [
    'an anchor in a file of code',
    '[text](../lib/config.ts#stage)',
    1,
    '../lib/config.ts#stage',
    'lib/config.ts is no Markdown page and has no headings',
  ],
  ['a reference definition', '[text]: none.md', 1, 'none.md', 'docs/none.md does not exist'],
])('fails when a link names %s', (_name, text, line, link, reason) => {
  expect(check(text).broken).toEqual([{ file: 'docs/page.md', line, link, reason }]);
});
