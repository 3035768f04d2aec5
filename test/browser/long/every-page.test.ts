import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useRunningEngine } from '../../e2e/running-engine.ts';
import { barriersOn, type ConsolePage, useConsole } from '../a-browser.ts';
import { type Furnished, furnishEngine, pagesOf } from '../furnish-engine.ts';

const running = useRunningEngine();
const inBrowser = useConsole(running);

let acme: Furnished;
let globex: Furnished;
beforeAll(async () => {
  acme = await furnishEngine(running(), 'acme');
  globex = await furnishEngine(running(), 'globex');
}, 60_000);

/** Wait until a page has all that it asked for. */
async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor();
  await page.locator('.loading').first().waitFor({ state: 'detached' });
}

const widthOf = (page: Page) =>
  page.evaluate<{ content: number; window: number }>(
    '({ content: document.documentElement.scrollWidth, window: innerWidth })',
  );

describe.each(['light', 'dark'] as const)('in the theme %s', (theme) => {
  test('no page has a barrier, a fault of a script, or a problem', async () => {
    const { page, goto, faults } = await inBrowser().asOperator({ theme });
    const found: string[] = [];
    for (const path of pagesOf(acme)) {
      await goto(`${path}${path.includes('?') ? '&' : '?'}tenant=acme`);
      await settled(page);
      found.push(...(await barriersOn(page)).map((barrier) => `${path} ${barrier}`));
      // An event of a poll has no request of a provider, which is no problem.
      const problems = await page.getByRole('alert').allTextContents();
      found.push(...problems.map((text) => `${path} says ${text}`));
    }
    expect(found).toEqual([]);
    expect(faults).toEqual([]);
    // The search for barriers finds one that is put there.
    await page.evaluate("document.querySelector('main').append(document.createElement('input'))");
    expect(await barriersOn(page)).toHaveLength(1);
  }, 240_000);
});

test('no page is wider than a telephone', async () => {
  const { page, goto } = await inBrowser().asOperator({ width: 360 });
  const wide: string[] = [];
  for (const path of pagesOf(acme)) {
    await goto(`${path}${path.includes('?') ? '&' : '?'}tenant=acme`);
    await settled(page);
    const { content, window } = await widthOf(page);
    if (content > window) wide.push(`${path}: ${content} px`);
  }
  expect(wide).toEqual([]);
}, 240_000);

/** Paths that are asked again while a page is shown. */
const isPoll = (call: string) => call.includes('wait=');

test('a page asks for nothing twice', async () => {
  const { page, goto, calls } = await inBrowser().asOperator();
  const twice: string[] = [];
  for (const path of pagesOf(acme)) {
    // What the page before still asks for is none of this one's.
    await page.goto('about:blank');
    const before = calls.length;
    await goto(`${path}${path.includes('?') ? '&' : '?'}tenant=acme`);
    await settled(page);
    const made = calls.slice(before).filter((call) => !isPoll(call));
    twice.push(...made.filter((call, place) => made.indexOf(call) !== place).map((call) => `${path}: ${call}`));
  }
  expect(twice).toEqual([]);
  expect(new Set(calls).size).toBeGreaterThan(30);
}, 240_000);

/** What names a tenant, in what it can read. */
const marksOf = ({ account, subscription, event, delivery, tenant }: Furnished) => [
  `acc_${tenant}`,
  `sub_${tenant}`,
  account.id,
  subscription,
  event,
  delivery,
];

/** What of a tenant's marks is in the answers of pages, apart from what is typed into the address. */
async function marksOn(
  { page, goto }: ConsolePage,
  paths: readonly string[],
  marks: readonly string[],
  tenant: string,
) {
  const seen: string[] = [];
  const answers: Promise<string>[] = [];
  page.on('response', (response) => {
    if (response.url().includes('/v1/')) answers.push(response.text().catch(() => ''));
  });
  for (const path of paths) {
    answers.length = 0;
    await goto(`${path}${path.includes('?') ? '&' : '?'}tenant=${tenant}`);
    await settled(page);
    const shown = (await Promise.all(answers)).join('\n');
    // A problem may repeat what was typed; nothing else may be in an answer.
    const others = marks.filter((mark) => !decodeURIComponent(path).includes(mark));
    seen.push(...others.filter((mark) => shown.includes(mark)).map((mark) => `${path}: ${mark}`));
  }
  return seen;
}

test("a partner's session shows nothing of another tenant, whatever is typed into the address (invariant 3)", async () => {
  const partner = await inBrowser().asPartner('acme');
  expect(await marksOn(partner, pagesOf(globex), marksOf(globex), 'globex')).toEqual([]);
  // Of its own tenant, the same pages have its marks.
  expect((await marksOn(partner, pagesOf(acme), marksOf(acme), 'acme')).length).toBeGreaterThan(10);
}, 240_000);
