import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { localAdminKey } from '../../../lib/local/admin-key.ts';
import { useRunningEngine } from '../../e2e/running-engine.ts';
import { type ConsolePage, keepShots, useConsole } from '../a-browser.ts';
import { type Hands, handsOn, type Names, unlike, walk } from '../a-keyboard.ts';
import { furnishEngine } from '../furnish-engine.ts';
import { accessPages } from './keyboard-pages/access-pages.ts';
import { accountPages } from './keyboard-pages/account-pages.ts';
import { accountTabPages } from './keyboard-pages/account-tab-pages.ts';
import { deliveryPages } from './keyboard-pages/delivery-pages.ts';
import { eventPages } from './keyboard-pages/event-pages.ts';
import { governancePages } from './keyboard-pages/governance-pages.ts';
import { subscriptionPages } from './keyboard-pages/subscription-pages.ts';
import { subscriptionTabPages } from './keyboard-pages/subscription-tab-pages.ts';
import { syncPages } from './keyboard-pages/sync-pages.ts';
import { examineDialog, type KeyboardPage, type Things, type User } from './keyboard-steps.ts';

const running = useRunningEngine();
const inBrowser = useConsole(running);

let things: Things;
let opened: ConsolePage;
let hands: Hands;
beforeAll(async () => {
  const { call, account, subscriber, github, eventually } = running();
  const acme = await furnishEngine(running(), 'acme');
  things = { acme, busy: { subscription: 'sub_busy' } };
  // What actions remove.
  await subscriber({ id: 'sub_doomed' });
  await account('github', { id: 'acc_doomed' });
  await call('POST', `/v1/accounts/${acme.account.id}/syncs`, {
    id: 'doomed',
    resources: [{ resource: 'ticketing/comments', each: { repository: 'context.repositories' } }],
  });
  await call('POST', '/v1/keys', { tenant: 'acme', name: 'doomed', scopes: ['events:read'] });
  await call('POST', '/v1/portal-sessions', {
    tenant: 'acme',
    scopes: ['events:read'],
    return_url: 'https://app.example.com/',
  });
  // What an endpoint has refused for good.
  const refusing = await subscriber({ id: 'sub_refusing', retry: { schedule_seconds: [1] } });
  refusing.answer((_, response) => response.writeHead(500).end('out of order'));
  await github(acme.account.url, { issue: 4 });
  await eventually(async () => {
    const { body } = await call('GET', '/v1/subscriptions/sub_refusing/deliveries?state=exhausted');
    return body.data.length === 1;
  });
  // Enough for a replay that can be cancelled.
  const { url } = await account('github', { tenant: 'busy' });
  await subscriber({ tenant: 'busy', id: 'sub_busy' });
  for (let issue = 1; issue <= 60; issue += 1) await github(url, { issue });
  opened = await inBrowser().asOperator({ isShared: true });
  hands = await handsOn(opened.page);
}, 120_000);

beforeEach(() => keepShots(opened.page));

const withTenant = (path: string) =>
  path.includes('tenant=') ? path : `${path}${path.includes('?') ? '&' : '?'}tenant=acme`;

async function load(path: string): Promise<void> {
  await opened.goto(withTenant(path));
  await opened.page.locator('h1').first().waitFor();
  await opened.page.locator('.loading').first().waitFor({ state: 'detached' });
}

const frame: Names = {
  link: [
    'Skip to the content',
    'Tributary',
    'Overview',
    'Events',
    'Deliveries',
    'Errors',
    'Subscriptions',
    'Playground',
    'Accounts',
    'Syncs',
    'Catalogue',
    'Keys',
    'Portal sessions',
    'Tenants',
    'Audit',
  ],
  choice: ['Tenant'],
  button: ['Find… ⌘K', 'Sign out'],
};

const inFrame = (names: Names): Names =>
  Object.fromEntries(
    (['link', 'button', 'disclosure', 'choice', 'check', 'field', 'region'] as const).map((kind) => [
      kind,
      [...(frame[kind] ?? []), ...(names[kind] ?? [])],
    ]),
  );

const user = (): User => ({
  hands,
  things,
  running,
  examine: (title, names, mayLack) => examineDialog(hands, title, names, mayLack),
});

const pages: readonly KeyboardPage[] = [
  ...eventPages,
  ...deliveryPages,
  ...subscriptionPages,
  ...subscriptionTabPages,
  ...accountPages,
  ...accountTabPages,
  ...syncPages,
  ...accessPages,
  ...governancePages,
];

/** For the names of tests, before there is anything. */
const nameless = {
  acme: { subscription: '<id>', event: '<id>', delivery: '<id>', failedDelivery: '<failed>', account: { id: '<id>' } },
  busy: { subscription: '<id>' },
} as unknown as Things;

describe.each(pages.map((page) => [page.path(nameless), page] as const))(
  '%s',
  (_, { path, names, mayLack, actions }) => {
    test('every part is named, is reached by Tab, shows that it has the focus, and obeys keys', async () => {
      await load(path(things));
      const { stops, faults } = await walk(hands);
      expect([...faults, ...unlike(stops, inFrame(names), mayLack)]).toEqual([]);
      expect(opened.faults).toEqual([]);
    }, 120_000);

    test.each(Object.entries(actions))(
      '%s',
      async (__, act) => {
        await load(path(things));
        await act(user());
        expect(opened.faults).toEqual([]);
      },
      120_000,
    );
  },
);

describe('the frame', () => {
  test('leads past the menu, and chooses a tenant', async () => {
    await load('/subscriptions');
    await hands.follow('Skip to the content');
    await hands.press('Tab');
    await hands.isAt('link', 'New subscription');
    await load('/subscriptions');
    await hands.choose('Tenant', 'All');
    await hands.address(/\/subscriptions$/);
    await hands.isAt('choice', 'Tenant');
  }, 120_000);

  test('finds an object, and gives the focus back when one finds nothing', async () => {
    await load('/');
    await hands.push('Find… ⌘K');
    await examineDialog(hands, 'Find', { field: ['Id, name or page'], button: ['Close'] });
    await hands.press('Escape');
    await hands.closed();
    await hands.isAt('button', 'Find… ⌘K');
    await hands.press('/');
    await hands.dialog('Find');
    await hands.isAt('field', 'Id, name or page');
    await hands.page.keyboard.type('sub_acme');
    await hands.sees('Good one of acme');
    await hands.press('ArrowDown');
    await hands.press('ArrowUp');
    await hands.press('Enter');
    await hands.address(/\/subscriptions\/sub_acme/);
    await hands.keepsFocus('another page is shown');
  }, 120_000);

  test('has keys for every page', async () => {
    await load('/');
    await hands.press('?');
    await examineDialog(hands, 'Keys', { button: ['Close'] });
    await hands.push('Close');
    await hands.page.getByRole('dialog').waitFor({ state: 'detached' });
    for (const [key, title] of Object.entries({
      e: 'Events',
      d: 'Deliveries',
      r: 'Errors',
      s: 'Subscriptions',
      p: 'Playground',
      a: 'Accounts',
      y: 'Syncs',
      c: 'Catalogue',
      k: 'API keys',
      l: 'Portal sessions',
      t: 'Tenants',
      u: 'Audit',
      o: 'Overview',
    })) {
      await hands.press('g');
      await hands.press(key);
      await hands.page.getByRole('heading', { name: title, level: 1 }).waitFor();
      await hands.isAt('region', title);
    }
  }, 120_000);

  test('signs out and in again, after a wrong key', async () => {
    await load('/');
    await hands.push('Sign out');
    await hands.sees('Sign in with an API key');
    await hands.keepsFocus('one has signed out');
    await hands.type('API key', 'tk_wrong_wrong');
    await hands.press('Enter');
    await hands.sees('The key is not valid');
    await hands.isRefused('API key');
    await hands.type('API key', localAdminKey);
    await hands.push('Sign in');
    await hands.page.getByRole('button', { name: 'Sign out' }).waitFor();
    await hands.keepsFocus('one has signed in');
  }, 120_000);
});
