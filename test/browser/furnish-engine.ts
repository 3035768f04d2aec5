import type { Receiver, RunningEngine } from '../e2e/running-engine.ts';

/** What a furnished engine has, by kind: one object of each page. */
export interface Furnished {
  readonly tenant: string;
  readonly account: { readonly id: string; readonly url: string };
  readonly subscription: string;
  /** A subscription whose endpoint answers 503. */
  readonly failing: string;
  readonly receiver: Receiver;
  readonly failingReceiver: Receiver;
  readonly event: string;
  readonly record: string;
  readonly delivery: string;
  readonly failedDelivery: string;
  readonly sync: string;
}

const secret = 's3cret';

/** Give a tenant an account, two subscriptions, of which one fails, some events, and a sync. */
export async function furnishEngine(running: RunningEngine, tenant: string): Promise<Furnished> {
  const { call, account: makeAccount, subscriber, github, eventually } = running;
  const account = await makeAccount('github', { tenant, secret, id: `acc_${tenant}` });
  const receiver = await subscriber({ tenant, id: `sub_${tenant}`, description: `Good one of ${tenant}` });
  const failingReceiver = await subscriber({ tenant, id: `sub_${tenant}_failing` });
  failingReceiver.answer((_, response) => response.writeHead(503).end('upstream connect error'));
  for (const issue of [1, 2, 3]) await github(account.url, { secret, issue });
  // One that is not verified.
  await running.post(account.url, '{}', { 'x-github-event': 'issues', 'x-hub-signature-256': 'sha256=00' });
  const deliveriesOf = async (id: string) => (await call('GET', `/v1/subscriptions/${id}/deliveries`)).body.data;
  await eventually(async () => {
    const [good, bad] = [await deliveriesOf(`sub_${tenant}`), await deliveriesOf(`sub_${tenant}_failing`)];
    return (
      good.filter(({ state }: { state: string }) => state === 'delivered').length === 3 &&
      bad.filter(({ attempts }: { attempts: unknown[] }) => attempts.length > 0).length > 0
    );
  });
  const job = {
    id: 'issues',
    resources: [{ resource: 'ticketing/tickets', each: { repository: 'context.repositories' } }],
  };
  await call('POST', `/v1/accounts/${account.id}/syncs`, job);
  const [good] = await deliveriesOf(`sub_${tenant}`);
  const bad = (await deliveriesOf(`sub_${tenant}_failing`)).find(
    ({ attempts }: { attempts: unknown[] }) => attempts.length > 0,
  );
  const { body: event } = await call('GET', `/v1/events/${good.event_id}`);
  return {
    tenant,
    account,
    subscription: `sub_${tenant}`,
    failing: `sub_${tenant}_failing`,
    receiver,
    failingReceiver,
    event: good.event_id,
    record: event.record_id,
    delivery: good.id,
    failedDelivery: bad.id,
    sync: 'issues',
  };
}

/** Every page of the console, with the heading that it has. */
export function pagesOf(things: Furnished): readonly string[] {
  const { account, subscription, failing, event, delivery, failedDelivery, record, sync, tenant } = things;
  return [
    '/',
    '/events',
    `/events/${event}`,
    `/records/${account.id}/ticketing/tickets/${record}`,
    '/catalogue',
    '/catalogue?schema=ticketing/tickets',
    '/catalogue?integration=github',
    '/deliveries',
    `/deliveries/${delivery}`,
    `/deliveries/${failedDelivery}`,
    '/errors',
    '/subscriptions',
    '/subscriptions/new',
    `/subscriptions/${subscription}`,
    `/subscriptions/${failing}`,
    ...['edit', 'test', 'secrets', 'replays'].map((tab) => `/subscriptions/${subscription}?tab=${tab}`),
    `/playground?event=${event}`,
    '/accounts',
    '/accounts/new?integration=zendesk',
    `/accounts/${account.id}`,
    ...['webhooks', 'limits', 'syncs'].map((tab) => `/accounts/${account.id}?tab=${tab}`),
    '/syncs',
    `/accounts/${account.id}/syncs/${sync}`,
    '/keys',
    '/sessions',
    '/tenants',
    `/tenants/${tenant}`,
    '/audit',
    '/nowhere',
  ];
}
