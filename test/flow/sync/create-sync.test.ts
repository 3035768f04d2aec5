import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadDefinition } from '../../../lib/cli/explain/load-integration.ts';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { createSyncApi } from './sync-api.ts';
import { shopWith } from './sync-world.ts';

/** As others have published it. */
const publishedJob = {
  integration_name: 'zendesk',
  resources: [
    { resource: 'ticketing/tickets', method: 'list', query: { updated_at: { gt: '{{previous_run_date}}' } } },
    {
      resource: 'ticketing/comments',
      method: 'list',
      depends_on: 'ticketing/tickets',
      query: { ticket_id: '{{resources.ticketing.tickets.id}}' },
    },
  ],
};
const job = { resources: [{ resource: 'commerce/products' }] };
const shopApi = () => createSyncApi(shopWith({ syncs: {} }));

test('takes the published job verbatim', async () => {
  const zendesk = loadDefinition(fileURLToPath(new URL('../../../integrations/', import.meta.url)), 'zendesk');
  const { call } = createFakeApi({ definitions: [zendesk] });
  const context = { subdomain: 'acme' };
  await call('POST', '/v1/accounts', { id: 'acc_zd', tenant: 'acme', integration: 'zendesk', context });
  const { status, body } = await call('POST', '/v1/accounts/acc_zd/syncs', publishedJob, 'acme');
  expect(status).toBe(201);
  expect(body).toMatchObject({
    id: expect.stringMatching(/^sync_[0-9a-f]{12}$/),
    declared: false,
    resources: ['ticketing/tickets', 'ticketing/comments'],
    status: 'idle',
    reason: null,
    next_run_at: '2026-11-21T12:00:00.000Z',
    lag_seconds: null,
    cursor: null,
    last_run: null,
  });
  expect((await call('GET', '/v1/accounts/acc_zd/syncs', undefined, 'acme')).body.data).toEqual([body]);
});

test('runs at once, and shows where it is', async () => {
  const { of, workOff, clock, events } = await shopApi();
  const { body: created } = await of('POST', '/syncs', { ...job, id: 'mine', every: '10m', reconcile: 'off' });
  expect(created).toMatchObject({ id: 'mine', every: '10m', reconcile: 'off', emit: 'records', snapshot: 'events' });
  await workOff();
  clock.advance(30_000);
  expect((await of('GET', '/syncs/mine')).body).toMatchObject({
    status: 'idle',
    lag_seconds: 30,
    next_reconcile_at: null,
    cursor: {
      'commerce/products': {
        kind: 'time',
        value: '2026-11-21T11:00:03.000Z',
        digest: null,
        read_at: '2026-11-21T12:00:00.000Z',
      },
    },
    current_run: null,
    waiting_runs: [],
    last_run: { mode: 'incremental', outcome: 'succeeded', pages: 1, records: 3, created: 3, updated: 0, deleted: 0 },
  });
  expect(await events()).toHaveLength(3);
});

test('shows no token of a cursor, which would let its reader follow what changes', async () => {
  const token = 'a-delta-token-of-the-provider';
  const world = await createSyncApi(
    shopWith({
      things: {
        changes: {
          path: '/things',
          query: { token: '{cursor?}' },
          records: 'rows',
          page: { next: 'next' },
          cursor: { kind: 'token', answer: 'token' },
        },
      },
    }),
  );
  world.provider.respond(() => ({ body: { rows: [], token } }));
  await world.workOff();
  const { text, body } = await world.of('GET', '/syncs/products');
  expect(text).not.toContain(token);
  expect(body.cursor).toMatchObject({
    'commerce/products': { kind: 'token', value: null, digest: expect.stringMatching(/^[\w-]{12}$/) },
  });
});

test('is created once for an Idempotency-Key', async () => {
  const { api, of } = await shopApi();
  const headers = { 'idempotency-key': 'one' };
  const post = () => api.call('POST', '/v1/accounts/acc_1/syncs', job, 'acme', headers);
  const [first, second] = [await post(), await post()];
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(second.body.id).toBe(first.body.id);
  expect((await of('GET', '/syncs')).body.data).toHaveLength(1);
});

test('fails for an id that the account has, or that its integration declares', async () => {
  const { of } = await createSyncApi(shopWith());
  expect((await of('POST', '/syncs', { ...job, id: 'mine' })).status).toBe(201);
  for (const id of ['mine', 'products']) expect((await of('POST', '/syncs', { ...job, id })).status).toBe(409);
});

test('fails beyond 50 syncs of an account', async () => {
  const { of } = await shopApi();
  for (let n = 0; n < 50; n += 1) expect((await of('POST', '/syncs', { ...job, id: `s${n}` })).status).toBe(201);
  expect(await of('POST', '/syncs', job)).toMatchObject({
    status: 422,
    body: { reason: 'quota-exceeded', quota: 'syncsPerAccount', limit: 50 },
  });
  await of('DELETE', '/syncs/s7');
  expect((await of('POST', '/syncs', job)).status).toBe(201);
});

test('fails for an integration that calls no API', async () => {
  const { call } = createFakeApi();
  await call('POST', '/v1/accounts', { id: 'acc_1', tenant: 'acme', integration: 'staff' });
  expect(await call('POST', '/v1/accounts/acc_1/syncs', job)).toMatchObject({
    status: 422,
    body: { reason: 'not-supported' },
  });
});

test('without credentials is created, and its run says what it lacks', async () => {
  const { of, workOff } = await createSyncApi(shopWith({ syncs: {} }), { credentials: undefined });
  await of('POST', '/syncs', { ...job, id: 'mine' });
  await workOff();
  expect((await of('GET', '/syncs/mine')).body).toMatchObject({
    status: 'failing',
    reason: expect.stringContaining('credentials'),
  });
});

describe('fails for a job that cannot run, with the path of each fault', () => {
  const read = { resource: 'commerce/products' };
  test.each<[string, object, string, RegExp]>([
    ['another integration', { ...job, integration_name: 'zendesk' }, 'integration_name', /expected .* "shop"/],
    [
      'an unknown resource',
      { resources: [{ resource: 'commerce/product' }] },
      'resources.0.resource',
      /commerce\/products/,
    ],
    [
      'a filter that the call does not offer',
      { resources: [{ ...read, query: { colour: 'red' } }] },
      'resources.0.query.colour',
      /expected a filter of/,
    ],
    [
      'a parent that comes later',
      { resources: [{ ...read, depends_on: 'commerce/orders', query: { id: '{{resources.commerce.orders.id}}' } }] },
      'resources.0.depends_on',
      /expected an earlier resource/,
    ],
    [
      'an unknown value',
      { resources: [{ ...read, query: { since: '{{last_run}}' } }] },
      'resources.0.query.since',
      /previous_run_date/,
    ],
    ['an interval below a minute', { ...job, every: '30s' }, 'every', /1m or more/],
    ['no time that ever comes', { ...job, cron: '0 0 30 2 *' }, 'cron', /never comes/],
    ['a cron of four fields', { ...job, cron: '0 3 * *' }, 'cron', /five fields/],
    ['two schedules', { ...job, cron: '0 3 * * *', every: '5m' }, 'every', /expected one of them/],
    ['an unknown zone', { ...job, cron: '0 3 * * *', time_zone: 'Mars' }, 'time_zone', /Europe\/Berlin/],
    ['an unknown member', { ...job, frequency: '5m' }, '', /frequency/],
  ])('%s', async (_, body, path, message) => {
    const { of } = await shopApi();
    const answer = await of('POST', '/syncs', body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toContainEqual({ path, message: expect.stringMatching(message) });
    expect((await of('GET', '/syncs')).body.data).toEqual([]);
  });
});
