import { expect, test } from 'vitest';
import { useRunningEngine } from '../e2e/running-engine.ts';
import { signIn, useConsole } from './a-browser.ts';

const running = useRunningEngine();
const inBrowser = useConsole(running);

test('an operator signs in with a key, which only the exchange for a token sees', async () => {
  const { page, goto, calls, faults } = await inBrowser().open();
  await goto('/');
  await page.getByLabel('API key').fill('tk_local_wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('The key is not valid').waitFor();
  await signIn(page);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  expect(calls.filter((call) => call === 'POST /v1/token')).toHaveLength(2);
  const stored = await page.evaluate<string>(
    'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])',
  );
  expect(stored).not.toContain('tk_local_admin');
  // A reload keeps the session, another tab has none.
  await page.reload();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key').waitFor();
  expect(faults).toEqual([]);
});

test('a partner comes by a link that opens once, and sees its own tenant', async () => {
  const { page, faults, session } = await inBrowser().asPartner('acme', ['events:read', 'subscriptions:read']);
  const menu = page.getByRole('navigation', { name: 'Pages' });
  await menu.getByRole('link', { name: 'Events' }).waitFor();
  expect(await menu.getByRole('link').allTextContents()).toEqual([
    'Events',
    'Deliveries',
    'Errors',
    'Subscriptions',
    'Playground',
    'Catalogue',
  ]);
  expect(page.url()).not.toContain('code=');
  await page.getByRole('link', { name: 'Back' }).waitFor();
  const again = await inBrowser().open();
  await again.page.goto(`${running().engine.url}/console/p/${session}/#code=${session}_wrong`);
  await again.page.getByText('This link was used, or its session has ended').waitFor();
  expect(faults).toEqual([]);
});

test('a session that is revoked is signed out, and what was typed stays', async () => {
  const { page, goto, session } = await inBrowser().asPartner('acme');
  await goto('/subscriptions/new');
  await page.getByLabel('Address').fill('https://app.example.com/typed');
  expect((await running().call('DELETE', `/v1/portal-sessions/${session}`)).status).toBe(204);
  await page.getByRole('button', { name: 'Create the subscription' }).click();
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
  await dialog.waitFor();
  expect(await page.getByLabel('Address').inputValue()).toBe('https://app.example.com/typed');
});

test('signing in again goes on where one was', async () => {
  const { page, goto } = await inBrowser().asOperator();
  await goto('/subscriptions/new');
  await page.getByLabel('Address').fill('https://app.example.com/typed');
  let isRefused = true;
  await page.route('**/v1/subscriptions', async (route) =>
    isRefused && route.request().method() === 'POST'
      ? route.fulfill({
          status: 401,
          contentType: 'application/problem+json',
          body: '{"status":401,"detail":"expired"}',
        })
      : route.continue(),
  );
  await page.getByRole('button', { name: 'Create the subscription' }).click();
  await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
  isRefused = false;
  await page.getByLabel('API key').fill('tk_local_admin');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  expect(await page.getByLabel('Address').inputValue()).toBe('https://app.example.com/typed');
});
