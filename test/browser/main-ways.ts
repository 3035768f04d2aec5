import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProviderSimulator } from '../../lib/local/simulators/provider/provider-simulator.ts';
import type { Callback } from '../e2e/running-engine.ts';
import { connectCrm, startProvider } from '../e2e/simulated-accounts.ts';
import { inBrowser, running } from './one-engine.ts';

let nowMs = () => Date.now();
let crm: ProviderSimulator;
beforeAll(async () => {
  crm = await startProvider('legacy-crm', { records: { 'crm/contacts': 105 }, clock: { nowMs: () => nowMs() } });
});
afterAll(() => crm.stop());

beforeAll(() => {
  nowMs = () => running().engine.now();
});

test('connect an account, and see its event arrive in the live tail', async () => {
  const { page, goto, faults } = await inBrowser().asOperator();
  await goto('/accounts/new?integration=github&tenant=acme');
  await page.getByLabel('signing_secret').fill('s3cret');
  await page.getByLabel('Kind').selectOption('None for now');
  await page.getByLabel('Id (optional)', { exact: true }).fill('acc_live');
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('has been created').waitFor();
  const url = (await page.getByRole('region', { name: 'Webhook URL' }).textContent()) ?? '';
  expect(url).toMatch(/\/in\/github\/acc_live$/);
  await page.getByRole('link', { name: 'Watch its events' }).click();
  await page.getByRole('heading', { name: 'Events', level: 1 }).waitFor();
  await running().github(url, { issue: 4711 });
  const row = page.getByRole('row').filter({ hasText: 'ticketing/tickets' });
  await row.first().waitFor();
  // From the event to its whole way.
  await row.first().getByRole('link', { name: /^evt_/ }).click();
  await page.getByText('POST').first().waitFor();
  await page.getByText('x-github-event').first().waitFor();
  expect(faults).toEqual([]);
});

test('a failing endpoint is found, mended, and what it missed is replayed to the end', async () => {
  const { subscriber, account, github, eventually, call } = running();
  const { url } = await account('github', { tenant: 'mended' });
  const receiver = await subscriber({
    tenant: 'mended',
    id: 'sub_mended',
    retry: { schedule_seconds: [1] },
  });
  receiver.answer((_, response) => response.writeHead(500).end('out of order'));
  for (const issue of [1, 2]) await github(url, { issue });
  await eventually(async () => {
    const { body } = await call('GET', '/v1/subscriptions/sub_mended/deliveries?state=exhausted');
    return body.data.length === 2;
  });
  const { page, goto, faults } = await inBrowser().asOperator();
  await goto('/?tenant=mended');
  const attention = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Needs attention' }) });
  await attention
    .getByRole('link', { name: /sub_mended/ })
    .first()
    .waitFor();
  // The mend: the endpoint works again.
  receiver.answer((_, response) => response.writeHead(204).end());
  await page.getByRole('link', { name: 'Errors' }).click();
  await page.getByRole('heading', { name: 'Status 500' }).waitFor();
  await page.getByText('out of order').first().waitFor();
  await page.getByRole('button', { name: /^Replay… Status 500/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/^2 of \d+ events in the window would be sent/).waitFor();
  const before = receiver.callbacks.length;
  await dialog.getByRole('button', { name: 'Replay 2' }).click();
  await dialog
    .getByText(/finished|ended|done|completed/i)
    .first()
    .waitFor();
  await eventually(() => {
    const replayed = receiver.callbacks.slice(before).map(({ headers }) => headers['webhook-id']);
    expect(new Set(replayed).size).toBe(2);
    return true;
  });
  await eventually(async () => {
    const { body } = await call('GET', '/v1/subscriptions/sub_mended/deliveries?state=delivered');
    return body.data.length === 2;
  });
  expect(faults).toEqual([]);
});

test('a sync is run, and its progress seen', async () => {
  const account = await connectCrm(running(), crm, 'polled');
  await account.settled();
  const { id } = (await account.of('GET', '')).body;
  const { page, goto, faults } = await inBrowser().asPartner('polled');
  await goto(`/accounts/${id}/syncs/contacts`);
  await page.getByRole('button', { name: 'Run now' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('What to read').selectOption('full');
  await dialog.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByText('The run waits to begin').waitFor();
  const history = page.locator('section').filter({ has: page.getByRole('heading', { name: /runs|history/i }) });
  await history.getByRole('row').filter({ hasText: 'everything' }).filter({ hasText: 'succeeded' }).first().waitFor();
  expect(faults).toEqual([]);
});

test('a secret is rotated while callbacks go on, each with a signature that the receiver accepts', async () => {
  const { subscriber, account, github, eventually } = running();
  const { url } = await account('github', { tenant: 'rotated' });
  const receiver = await subscriber({ tenant: 'rotated', id: 'sub_rotated' });
  const ending = new AbortController();
  const traffic = (async () => {
    for (let issue = 1; !ending.signal.aborted; issue += 1) await github(url, { issue });
  })();
  const { page, goto, faults } = await inBrowser().asPartner('rotated');
  await goto('/subscriptions/sub_rotated?tab=secrets');
  await page.getByRole('button', { name: 'Rotate…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Rotate', exact: true }).click();
  const shown = page.getByText(/^whsec_/).first();
  await shown.waitFor();
  const secret = (await shown.textContent()) ?? '';
  await page
    .getByText(/still signs|also signs|signs until|ends/i)
    .first()
    .waitFor();
  const isSignedBy = (key: Webhook, { body, headers }: Callback) => {
    const at = new Date(Number(headers['webhook-timestamp']) * 1000);
    const signatures = String(headers['webhook-signature']).split(' ');
    return signatures.includes(key.sign(String(headers['webhook-id']), at, body));
  };
  // Functions that have read the subscription just before sign with the former secret alone for some seconds.
  const rotated = new Webhook(secret);
  await eventually(() => receiver.callbacks.slice(-3).every((callback) => isSignedBy(rotated, callback)));
  ending.abort();
  await traffic;
  expect(receiver.callbacks.length).toBeGreaterThan(5);
  expect(receiver.callbacks.filter((callback) => !isSignedBy(receiver.webhook, callback))).toEqual([]);
  expect(faults).toEqual([]);
});

test('by keyboard alone: find a subscription, disable it, and go to another page', async () => {
  const { subscriber, call } = running();
  await subscriber({ tenant: 'keys', id: 'sub_keys', description: 'Typed only' });
  const { page, faults } = await inBrowser().asPartner('keys');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog', { name: 'Find' }).waitFor();
  await page.keyboard.type('Typed on');
  await page.getByRole('option', { name: /Typed only/ }).waitFor();
  await page.keyboard.press('Enter');
  await page
    .getByRole('heading', { name: /Typed only|sub_keys/ })
    .first()
    .waitFor();
  const focused = () => page.evaluate<string>("document.activeElement?.textContent ?? ''");
  for (let presses = 0; presses < 60 && !(await focused()).startsWith('Disable'); presses += 1)
    await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  for (let presses = 0; presses < 20 && (await focused()) !== 'Disable'; presses += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect((await call('GET', '/v1/subscriptions/sub_keys')).body.status).toBe('disabled');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('g');
  await page.keyboard.press('y');
  await page.getByRole('heading', { name: 'Syncs', level: 1 }).waitFor();
  expect(faults).toEqual([]);
});

test('send to a queue in an AWS account, with the policies of its role to copy', async () => {
  const { page, goto, faults } = await inBrowser().asOperator();
  await goto('/subscriptions/new?tenant=acme');
  await page.getByLabel('Send events to').selectOption('A queue in your AWS account (SQS)');
  await page.getByLabel('Id', { exact: true }).fill('sub_queue');
  await page.getByLabel('URL of the queue').fill('https://example.com/orders');
  await page.getByLabel('ARN of the role').fill('arn:aws:iam::222222222222:role/tributary-events');
  await page.getByRole('button', { name: 'Create the subscription' }).click();
  await page.getByText('expected the URL of a queue').waitFor();
  await page.getByLabel('URL of the queue').fill('https://sqs.eu-west-1.amazonaws.com/222222222222/orders');
  await page.getByRole('button', { name: 'Create the subscription' }).click();
  await page.getByRole('region', { name: 'Trust policy of the role' }).waitFor();
  const { body } = await running().call('GET', '/v1/subscriptions/sub_queue');
  const trust = await page.getByRole('region', { name: 'Trust policy of the role' }).textContent();
  expect(JSON.parse(trust ?? '').Statement).toMatchObject([
    {
      Principal: { AWS: body.destination.principal },
      Condition: { StringEquals: { 'sts:ExternalId': body.destination.external_id } },
    },
  ]);
  const permissions = await page.getByRole('region', { name: 'Permissions of the role' }).textContent();
  expect(JSON.parse(permissions ?? '').Statement).toEqual([
    { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: 'arn:aws:sqs:eu-west-1:222222222222:orders' },
  ]);

  // The stored subscription, in the form again.
  await goto('/subscriptions/sub_queue?tab=edit');
  await page.getByRole('region', { name: 'Trust policy of the role' }).waitFor();
  await page.getByLabel('Send events to').selectOption('An event bus in your AWS account (EventBridge)');
  await page.getByLabel('ARN of the event bus').fill('arn:aws:events:eu-west-1:222222222222:event-bus/orders');
  await page.getByRole('button', { name: 'Save the changes' }).click();
  await page.getByText('Saved: destination.').waitFor();
  expect((await running().call('GET', '/v1/subscriptions/sub_queue')).body.destination).toMatchObject({
    type: 'eventbridge',
    external_id: body.destination.external_id,
  });
  await page.getByRole('region', { name: 'Permissions of the role' }).getByText('events:DescribeEventBus').waitFor();
  await goto('/subscriptions/sub_queue?tab=test');
  await page.getByRole('heading', { name: 'Ordinary event' }).waitFor();
  expect(await page.getByRole('heading', { name: 'Bad signature' }).count()).toBe(0);
  expect(faults).toEqual([]);
});
