import { expect, test } from 'vitest';
import { signIn } from './a-browser.ts';
import { inBrowser, running } from './one-engine.ts';

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

test('another link in the same tab opens its own tenant, and shows nothing of the one before (invariant 3)', async () => {
  const { call, engine, subscriber } = running();
  await subscriber({ tenant: 'first', id: 'sub_of_first' });
  const { page, goto } = await inBrowser().asPartner('first');
  await goto('/subscriptions');
  await page.getByRole('link', { name: 'sub_of_first' }).first().waitFor();
  const body = {
    tenant: 'second',
    scopes: ['admin'],
    return_url: 'https://app.example.com/',
    refresh_url: 'https://app.example.com/again',
  };
  const made = await call('POST', '/v1/portal-sessions', body);
  const link = made.body.url.replace(/^https?:\/\/[^/]+/, engine.url);
  await page.goto(link);
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
  await page.getByText('second', { exact: true }).first().waitFor();
  await page.goto(`${engine.url}/console/p/${made.body.id}/subscriptions`);
  await page.getByRole('heading', { name: 'Subscriptions' }).waitFor();
  await page.locator('.loading').waitFor({ state: 'detached' });
  expect(await page.getByText('sub_of_first').count()).toBe(0);
  // The used link says where to get another.
  const again = await inBrowser().open();
  await again.page.goto(link);
  const renew = again.page.getByRole('link', { name: 'Get a new link' });
  await renew.waitFor();
  expect(await renew.getAttribute('href')).toBe('https://app.example.com/again');
});

test('who signs in after another tenant sees nothing of it', async () => {
  const { call, subscriber } = running();
  await subscriber({ tenant: 'left', id: 'sub_left' });
  const { page, goto } = await inBrowser().asOperator();
  await goto('/subscriptions/sub_left');
  await page.getByRole('heading', { name: 'sub_left' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  const { key } = (await call('POST', '/v1/keys', { tenant: 'stranger', scopes: ['admin'] })).body;
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('There is no such subscription').first().waitFor();
  expect(await page.getByText('127.0.0.1').count()).toBe(0);
});
