import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { ProviderSimulator } from '../../lib/local/simulators/provider/provider-simulator.ts';
import { useRunningEngine } from './running-engine.ts';
import { connectCrm, patiently, type ShownRun, servedBy, startProvider, sumRuns } from './simulated-accounts.ts';

/** The providers live by the clock of the engine. */
let nowMs = () => Date.now();
const clock = { nowMs: () => nowMs() };
let crm: ProviderSimulator;
let zendesk: ProviderSimulator;
beforeAll(async () => {
  crm = await startProvider('legacy-crm', { records: { 'crm/contacts': 105, 'crm/deals': 3 }, clock });
  zendesk = await startProvider('zendesk', {
    records: { 'ticketing/tickets': 2, 'ticketing/comments': 3 },
    context: { subdomain: 'acme' },
    clock,
  });
});
afterAll(async () => {
  await Promise.all([crm.stop(), zendesk.stop()]);
});

const running = useRunningEngine(undefined, () => ({
  hosts: [`https://api.legacy-crm.example=${crm.url}`, `https://acme.zendesk.com=${zendesk.url}`],
}));
beforeAll(() => {
  nowMs = () => running().engine.now();
});

/** Longer than the interval of the CRM's syncs, and than a run of dispatch. */
const minuteMs = 61_000;

/** A CRM of its own for one test. */
async function ownCrm(contacts: number, more: Parameters<typeof startProvider>[1] | object = {}) {
  const own = await startProvider('legacy-crm', { records: { 'crm/contacts': contacts }, clock, ...more });
  onTestFinished(() => own.stop());
  return own;
}

const eventually = (holds: () => boolean | Promise<boolean>) => patiently(running().engine, holds);

/** The events of a tenant in its feed. */
async function feedOf(tenant: string, query = '') {
  const { body } = await running().call('GET', `/v1/events?tenant=${tenant}&since=beginning&limit=500${query}`);
  return body.data as readonly Record<string, unknown>[];
}

test('declared syncs run by themselves, and their figures are what the provider has served', async () => {
  const { subscriber, engine } = running();
  const receiver = await subscriber({ tenant: 'polled' });
  // The account calls the origin of the definition.
  const account = await connectCrm(running(), crm, 'polled', {});
  await account.settled();
  await eventually(() => receiver.callbacks.length === 108);
  for (const { event } of receiver.callbacks)
    expect(event).toMatchObject({ type: 'record:created', origin: 'poll', snapshot: true });
  // The second page begins at the last time of the first one, so one row comes twice.
  expect((await account.runs('contacts')).at(-1)).toMatchObject({
    outcome: 'succeeded',
    calls: 2,
    pages: 2,
    records: 106,
    created: 105,
    unchanged: 1,
  });

  // A change is found by the next run, without a webhook.
  const [contact] = crm.records('crm/contacts');
  await crm.change('crm/contacts', contact?.id ?? '', { first: 'Ada' });
  await engine.advanceClock(minuteMs);
  await eventually(() => receiver.callbacks.length === 109);
  const { event, body, headers } = receiver.callbacks.at(-1) as (typeof receiver.callbacks)[number];
  // A library accepts only times near its own clock, and the engine's is ahead.
  const signedAt = new Date(Number(headers['webhook-timestamp']) * 1000);
  expect(headers['webhook-signature']).toBe(receiver.webhook.sign(String(headers['webhook-id']), signedAt, body));
  const change = { type: 'record:updated', origin: 'poll', record_id: contact?.id, data: { first_name: 'Ada' } };
  expect(event).toMatchObject(change);
  expect(event).not.toHaveProperty('snapshot');
  expect(await feedOf('polled', '&types=record:updated')).toEqual([event]);

  // Where nothing has changed, a run is one call.
  expect(await account.run('incremental', 'companies')).toMatchObject({ calls: 1, created: 0, updated: 0 });
  const figures = () => ({ ...servedBy(crm), created: 108, updated: 1 });
  await eventually(async () => isDeepStrictEqual(await sumRuns(account), figures()));
  // Another run may end between two looks.
  await eventually(async () => {
    const shown = await account.syncs();
    const ended = await Promise.all(shown.map(async ({ id }: { id: string }) => (await account.runs(id))[0]));
    return isDeepStrictEqual(
      shown.map(({ last_run: last }: { last_run: unknown }) => last),
      ended,
    );
  });
});

test('a reconciliation finds what was deleted, and tells the tenant of the drift', async () => {
  const { subscriber } = running();
  const receiver = await subscriber({ tenant: 'lost', types: ['record:deleted', 'sync.*'] });
  const own = await ownCrm(12);
  const account = await connectCrm(running(), own, 'lost');
  await account.of('PATCH', '/syncs/contacts', { reconcile: 'off' });
  await account.settled();
  const [contact] = own.records('crm/contacts');
  await own.remove('crm/contacts', contact?.id ?? '');
  expect(await account.run('incremental')).toMatchObject({ deleted: 0 });
  const run = await account.run('reconcile');
  expect(run).toMatchObject({ outcome: 'succeeded', deleted: 1, unchanged: 11, drift: { 'silent-delete': 1 } });
  await eventually(() => receiver.callbacks.length === 2);
  const byType = Object.fromEntries(receiver.callbacks.map(({ event }) => [event['type'], event]));
  expect(byType['record:deleted']).toMatchObject({ origin: 'reconcile', record_id: contact?.id });
  expect(byType['sync.drift']).toMatchObject({ origin: 'operation', data: { drift: { 'silent-delete': 1 } } });
});

test('the published job brings tickets, and the comments of each', async () => {
  const { call } = running();
  const { username, password } = zendesk.credentials.basic as Record<string, string>;
  const created = await call('POST', '/v1/accounts', {
    tenant: 'desk',
    integration: 'zendesk',
    context: { subdomain: 'acme' },
    credentials: { type: 'basic', username, password },
    syncs: 'off',
  });
  expect(created.status).toBe(201);
  const root = `/v1/accounts/${created.body.id}/syncs`;
  expect((await call('GET', root)).body.data).toEqual([]);
  const posted = await call('POST', root, {
    integration_name: 'zendesk',
    resources: [
      {
        resource: 'ticketing/tickets',
        method: 'list',
        query: { updated_at: { gt: '{{previous_run_date}}' } },
      },
      {
        resource: 'ticketing/comments',
        method: 'list',
        depends_on: 'ticketing/tickets',
        query: { ticket_id: '{{resources.ticketing.tickets.id}}' },
      },
    ],
  });
  expect(posted).toMatchObject({ status: 201, body: { declared: false } });
  onTestFinished(async () => void (await call('DELETE', `${root}/${posted.body.id}`)));
  const runs = async (): Promise<readonly ShownRun[]> =>
    (await call('GET', `${root}/${posted.body.id}/runs`)).body.data;
  await eventually(async () => (await runs()).length > 0);
  expect((await runs()).at(-1)).toMatchObject({ outcome: 'succeeded', calls: 3, created: 5 });
  const { calls } = zendesk.stats();
  expect(calls).toMatchObject({ 'ticketing/tickets.changes': expect.any(Number), 'ticketing/comments.list': 2 });
  const events = await feedOf('desk');
  const idsOf = (resource: string) =>
    new Set(events.filter((event) => event['resource'] === resource).map((event) => event['record_id']));
  for (const resource of ['ticketing/tickets', 'ticketing/comments'])
    expect(idsOf(resource)).toEqual(new Set(zendesk.records(resource).map(({ id }) => id)));
});

test('a poll and a webhook of the same version are one event', async () => {
  const { subscriber, engine } = running();
  const receiver = await subscriber({ tenant: 'both', types: ['record:updated'] });
  const own = await ownCrm(3);
  const account = await connectCrm(running(), own, 'both');
  await account.settled();
  const [one, two, three] = own.records('crm/contacts').map(({ id }) => id) as [string, string, string];
  const change = async (id: string, first: string) => {
    await engine.advanceClock(2_000);
    await own.change('crm/contacts', id, { first });
    return Math.floor(engine.now() / 1000);
  };
  const eventsOf = (id: string) => receiver.callbacks.map(({ event }) => event).filter((e) => e['record_id'] === id);

  await account.of('POST', '/syncs/contacts/pause');
  await account.tell(one, await change(one, 'Told first'));
  await eventually(() => eventsOf(one).length === 1);
  await account.of('POST', '/syncs/contacts/resume');
  expect(eventsOf(one)).toMatchObject([{ origin: 'webhook', data: { first_name: 'Told first' } }]);
  expect(await account.run('incremental')).toMatchObject({ updated: 0 });

  const atSeconds = await change(two, 'Polled first');
  await account.run('incremental');
  await eventually(() => eventsOf(two).length === 1);
  expect(eventsOf(two)).toMatchObject([{ origin: 'poll', data: { first_name: 'Polled first' } }]);
  const unchanged = () => engine.metrics.sum('unchanged', { service: 'enrich' });
  const before = unchanged();
  await account.tell(two, atSeconds);
  await eventually(() => unchanged() === before + 1);

  const alsoAtSeconds = await change(three, 'Both at once');
  await Promise.all([account.tell(three, alsoAtSeconds), account.run('incremental')]);
  const reads = () => (own.stats().calls['crm/contacts.get'] ?? 0) + (own.stats().calls['crm/contacts.batch_get'] ?? 0);
  await eventually(() => eventsOf(three).length > 0 && reads() === 3 && !engine.isAtWork());
  const events = await feedOf('both', '&types=record:updated');
  expect(events.map(({ record_id: id }) => id)).toEqual([one, two, three]);
  expect(new Set(receiver.callbacks.map(({ headers }) => headers['webhook-id']))).toEqual(
    new Set(events.map(({ id }) => id)),
  );
});

test('a paused sync calls nobody, a resumed one catches up, and a reset one reads all and publishes nothing twice', async () => {
  const { subscriber, engine } = running();
  const receiver = await subscriber({ tenant: 'paused', types: ['record:updated'] });
  const own = await ownCrm(3);
  const account = await connectCrm(running(), own, 'paused');
  await account.settled();
  expect((await account.of('POST', '/syncs/contacts/pause')).body).toMatchObject({
    status: 'paused',
    next_run_at: null,
  });
  const callsOf = () => own.stats().calls['crm/contacts.changes'] ?? 0;
  const before = callsOf();
  const [contact] = own.records('crm/contacts');
  await own.change('crm/contacts', contact?.id ?? '', { first: 'Late' });
  await engine.advanceClock(3 * minuteMs);
  expect((await account.of('POST', '/syncs/contacts/run', { mode: 'incremental' })).status).toBe(409);
  expect(callsOf()).toBe(before);
  await account.of('POST', '/syncs/contacts/resume');
  await eventually(() => receiver.callbacks.length === 1);

  expect((await account.of('POST', '/syncs/contacts/reset', { confirm: false })).status).toBe(409);
  const runs = (await account.runs('contacts')).length;
  await account.of('POST', '/syncs/contacts/reset', { confirm: true });
  await eventually(async () => (await account.runs('contacts')).length > runs);
  expect((await account.runs('contacts')).at(-1 - runs)).toMatchObject({ created: 0, updated: 0, unchanged: 3 });
  expect(await feedOf('paused', '&types=record:*')).toHaveLength(4);
});

test('new credentials wake a sync that was refused', async () => {
  const { subscriber, engine } = running();
  const receiver = await subscriber({ tenant: 'refused', types: ['record:updated', 'account.*'] });
  const own = await ownCrm(3);
  const account = await connectCrm(running(), own, 'refused');
  await account.settled();
  // The provider's owner replaces the key.
  const port = Number(new URL(own.url).port);
  await own.stop();
  const next = await ownCrm(3, { port, credentials: { api_key: { key: 'another' } } });
  await next.change('crm/contacts', next.records('crm/contacts')[0]?.id ?? '', { first: 'Waiting' });
  await engine.advanceClock(minuteMs);
  await eventually(async () => (await account.sync()).status === 'failing');
  expect((await account.sync()).reason).toMatch(/401|refus/);
  const types = () => receiver.callbacks.map(({ event }) => event['type']);
  await eventually(() => types().length === 1);
  expect(types()).toEqual(['account.auth_failed']);
  expect((await account.of('PATCH', '', { credentials: { type: 'api_key', key: 'another' } })).status).toBe(200);
  await eventually(
    () => types().includes('account.recovered') && receiver.callbacks.some(({ body }) => body.includes('Waiting')),
  );
  expect(await account.sync()).toMatchObject({ status: 'idle', reason: null });
});
