import type { Page, Route } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { useRunningEngine } from '../../e2e/running-engine.ts';
import { useConsole } from '../a-browser.ts';
import { type Furnished, furnishEngine, pagesOf } from '../furnish-engine.ts';

const running = useRunningEngine();
const inBrowser = useConsole(running);

let acme: Furnished;
beforeAll(async () => {
  acme = await furnishEngine(running(), 'acme');
}, 60_000);

const problem = (status: number, headers: Readonly<Record<string, string>> = {}) => ({
  status,
  headers: { 'content-type': 'application/problem+json', ...headers },
  body: JSON.stringify({ status, detail: `A test says ${status}.` }),
});

/** How the API fails, and what every page says then. */
const failures = {
  'answers 500': { answer: (route: Route) => route.fulfill(problem(500)), says: /The API failed \(500\)/ },
  'answers 429': {
    answer: (route: Route) => route.fulfill(problem(429, { 'retry-after': '1' })),
    says: /Too many calls were made/,
  },
  'does not answer': { answer: (route: Route) => route.abort(), says: /The API does not answer/ },
} as const;

/** Pages that show nothing of the API, or only what one types. */
const withoutCalls = ['/subscriptions/new', '/nowhere'];

async function problemOn(page: Page): Promise<string> {
  const alert = page.getByRole('alert').first();
  await alert.waitFor();
  return (await alert.textContent()) ?? '';
}

test.each(Object.entries(failures))(
  'while the API %s, every page says so, and recovers by itself',
  async (_, { answer, says }) => {
    const { page, goto, faults } = await inBrowser().asOperator();
    const wrong: string[] = [];
    let fails = true;
    await page.route('**/v1/**', async (route) => (fails ? answer(route) : route.continue()));
    for (const path of pagesOf(acme)) {
      if (withoutCalls.includes(path)) continue;
      fails = true;
      await goto(`${path}${path.includes('?') ? '&' : '?'}tenant=acme`);
      const said = await problemOn(page).catch(() => 'nothing');
      if (!says.test(said)) wrong.push(`${path}: ${said}`);
      fails = false;
      await page
        .getByRole('alert')
        .first()
        .waitFor({ state: 'detached' })
        .catch(() => wrong.push(`${path}: does not recover`));
    }
    expect(wrong).toEqual([]);
    expect(faults).toEqual([]);
  },
  600_000,
);

test('a token that has expired asks for another sign-in on every page, over what is there', async () => {
  const { page, goto } = await inBrowser().asOperator();
  const stored = await page.evaluate<string>("sessionStorage.getItem('tributary.session /console')");
  const wrong: string[] = [];
  // A page that was refused forgets its token, and the next page finds it again.
  await page.addInitScript(`sessionStorage.setItem('tributary.session /console', ${JSON.stringify(stored)})`);
  await page.route('**/v1/**', async (route) => route.fulfill(problem(401)));
  for (const path of pagesOf(acme)) {
    if (withoutCalls.includes(path)) continue;
    await goto(path);
    await page
      .getByRole('dialog', { name: 'Your session has ended' })
      .waitFor()
      .catch(() => wrong.push(path));
  }
  expect(wrong).toEqual([]);
}, 240_000);

test('options that arrive late do not replace what was typed meanwhile', async () => {
  const { page, goto, faults } = await inBrowser().asOperator();
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await running().call('PATCH', `/v1/subscriptions/${acme.subscription}`, { filter: 'data.id = "stored"' });
  await page.route(`**/v1/subscriptions/${acme.subscription}`, async (route) => {
    await asked;
    await route.continue();
  });
  await goto(`/playground?subscription=${acme.subscription}&tenant=acme`);
  const filter = page.getByLabel('Filter', { exact: true });
  await filter.fill('data.id = "typed"');
  answer();
  const fillIn = page.getByRole('button', { name: 'Fill them in' });
  await fillIn.waitFor();
  expect(await filter.inputValue()).toBe('data.id = "typed"');
  await fillIn.click();
  expect(await filter.inputValue()).toBe('data.id = "stored"');
  await fillIn.waitFor({ state: 'detached' });
  await running().call('PATCH', `/v1/subscriptions/${acme.subscription}`, { filter: null });
  expect(faults).toEqual([]);
});
