import { describe, expect, test } from 'vitest';
import type { RawMessage } from '../../../lambdas/contracts/messages.ts';
import type { DeliveryAttempt } from '../../../lambdas/engine/delivery/delivery.ts';
import { deliveryOf } from '../../../lambdas/flows/deliver/drain/follow-ordered-feed.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { createFakeApi, type FakeApi } from '../../fakes/fake-api.ts';
import { aRawMessage } from '../../fakes/furnish-tenant.ts';
import { anAccount, anEvent } from '../../fakes/samples.ts';

const at = (minute: number) => new Date(Date.UTC(2026, 10, 21, 11, minute)).toISOString();

function attempt(change: Partial<DeliveryAttempt>): DeliveryAttempt {
  const none = { status: undefined, error: undefined, response: undefined };
  return { number: 1, trigger: 'schedule', at: at(59), durationMs: 12, ...none, ...change };
}

/** Ten events of acme and one of globex, with a delivery each; every third of acme's fails. */
async function aWorld() {
  const api = createFakeApi();
  const { engine } = api;
  for (const tenant of ['acme', 'globex'])
    await api.call('POST', '/v1/subscriptions', {
      id: `sub_${tenant}`,
      tenant,
      url: `https://${tenant}.example.com/hooks`,
      headers: { 'x-secret': 'a credential' },
    });
  await publishEvents(
    engine.publishPorts,
    Array.from({ length: 10 }, (_, n) => ({
      owner: `raw_${n}`,
      event: anEvent({
        id: `evt_${n}`,
        timestamp: at(n),
        record_id: String(n % 4),
        resource: n % 2 === 0 ? 'hris/employees' : 'hris/departments',
        type: n === 0 ? 'record:created' : 'record:updated',
      }),
    })),
  );
  await publishEvents(engine.publishPorts, [
    { owner: 'raw', event: anEvent({ id: 'evt_globex', tenant: 'globex', timestamp: at(5) }) },
  ]);
  for (const [tenant, count] of [
    ['acme', 10],
    ['globex', 1],
  ] as const) {
    const subscription = await engine.subscriptions.find(`sub_${tenant}`);
    const rows = await engine.events.getMany(Array.from({ length: count }, (_, n) => ({ tenant, sequence: n + 1 })));
    if (subscription === undefined) throw new Error('no subscription');
    await engine.deliveries.putMany(
      rows.map((row) => ({
        ...deliveryOf(subscription, row),
        ...((row.sequence - 1) % 3 === 0
          ? {
              state: 'exhausted' as const,
              attempts: [attempt({ status: 503, response: `request ${row.sequence} failed` })],
            }
          : (row.sequence - 1) % 3 === 1
            ? { state: 'delivered' as const, attempts: [attempt({ status: 204 })] }
            : { state: 'retrying' as const, waitsIn: 'backlog' as const, attempts: [attempt({ error: 'timeout' })] }),
        attemptCount: 1,
      })),
    );
  }
  return api;
}

const search = async (api: FakeApi, query: string, key = 'acme') => {
  const events: string[] = [];
  for (let cursor = ''; ; ) {
    const { status, body, text } = await api.call('GET', `/v1/deliveries?${query}${cursor}`, undefined, key);
    if (status !== 200) throw new Error(text);
    events.push(...body.data.map(({ event_id: id }: { event_id: string }) => id));
    if (body.next_cursor === null) return events;
    cursor = `&cursor=${encodeURIComponent(body.next_cursor)}`;
  }
};

describe('a search of deliveries', () => {
  test.each([
    ['', [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]],
    ['limit=3', [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]],
    ['limit=2&state=exhausted', [9, 6, 3, 0]],
    ['state=exhausted,delivered', [9, 7, 6, 4, 3, 1, 0]],
    ['status=503', [9, 6, 3, 0]],
    ['status=5xx,none', [9, 8, 6, 5, 3, 2, 0]],
    ['status=none', [8, 5, 2]],
    ['status=204', [7, 4, 1]],
    ['record_id=1', [9, 5, 1]],
    ['limit=1&record_id=1', [9, 5, 1]],
    ['resources=hris/departments', [9, 7, 5, 3, 1]],
    ['types=record:created', [0]],
    ['integration=other', []],
    ['account=acc_acme&record_id=3', [7, 3]],
    ['event=evt_4', [4]],
    ['event=evt_4&state=exhausted', []],
    ['event=evt_unknown', []],
    [`since=${at(3)}&until=${at(6)}`, [5, 4, 3]],
    [`since=${at(6)}&until=${at(3)}`, []],
    ['subscription=sub_acme&status=503', [9, 6, 3, 0]],
  ])('%s', async (query, expected) => {
    expect(await search(await aWorld(), query)).toEqual(expected.map((n) => `evt_${n}`));
  });

  test('covers all tenants for a key of all, and one tenant for its own (invariant 3)', async () => {
    const api = await aWorld();
    expect(await search(api, 'since=2026-11-21T11:05:00Z&until=2026-11-21T11:05:01Z', 'all')).toEqual([
      'evt_globex',
      'evt_5',
    ]);
    expect(await search(api, 'tenant=globex', 'all')).toEqual(['evt_globex']);
    expect(await search(api, 'event=evt_globex')).toEqual([]);
    for (const path of ['/v1/deliveries?subscription=sub_globex', '/v1/deliveries?tenant=globex'])
      expect((await api.call('GET', path, undefined, 'acme')).status, path).toBe(404);
  });

  test('asks for one subscription where there are too many', async () => {
    const api = await aWorld();
    for (let n = 0; n < 25; n += 1)
      await api.call('POST', '/v1/subscriptions', { id: `sub_${n}`, tenant: 'acme', url: 'https://a.example/x' });
    for (const path of ['/v1/deliveries', '/v1/delivery-errors'])
      expect(await api.call('GET', path, undefined, 'acme')).toMatchObject({
        status: 400,
        body: { reason: 'too-many-subscriptions' },
      });
    expect(await search(api, 'subscription=sub_acme&limit=200')).toHaveLength(10);
  });

  test('shows the event of each delivery, and null where it is no longer kept', async () => {
    const api = await aWorld();
    const shown = await api.call('GET', '/v1/deliveries?limit=1', undefined, 'acme');
    expect(shown.body.data[0].event).toEqual({
      type: 'record:updated',
      resource: 'hris/departments',
      integration: 'staff',
      account: 'acc_acme',
      record_id: '1',
      timestamp: at(9),
    });
  });
});

test('errors are grouped by what went wrong, with what ends by itself and what does not', async () => {
  const api = await aWorld();
  const { body } = await api.call('GET', '/v1/delivery-errors', undefined, 'acme');
  expect(body).toMatchObject({
    is_complete: true,
    data: [
      { subscription_id: 'sub_acme', status: 503, error: null, deliveries: 4, waiting: 0, ended: 4, last_at: at(9) },
      { subscription_id: 'sub_acme', status: null, error: 'timeout', deliveries: 3, waiting: 3, ended: 0 },
    ],
  });
  const latest = await api.call('GET', `/v1/deliveries/${body.data[0].latest}`, undefined, 'acme');
  expect(latest.body.event_id).toBe('evt_9');
  expect((await api.call('GET', `/v1/delivery-errors?until=${at(0)}`, undefined, 'acme')).body.data).toEqual([]);
});

test("a delivery's request holds the event's data, so it takes the scope of both", async () => {
  const scopes = {
    subscriptions: ['subscriptions:read'],
    events: ['events:read'],
    both: ['subscriptions:read', 'events:read'],
  };
  const api = await aWorld();
  const [{ id }] = (await api.call('GET', '/v1/deliveries?event=evt_3', undefined, 'acme')).body.data;
  const statuses = [];
  for (const held of Object.values(scopes)) {
    const { key } = (await api.call('POST', '/v1/keys', { tenant: 'acme', scopes: held })).body;
    statuses.push((await api.call('GET', `/v1/deliveries/${id}/request`, undefined, key)).status);
  }
  expect(statuses).toEqual([403, 403, 200]);
});

test("a delivery's request is made anew: signed at the time of the attempt, its credentials masked", async () => {
  const api = await aWorld();
  const [{ id }] = (await api.call('GET', '/v1/deliveries?event=evt_3', undefined, 'acme')).body.data;
  const { status, body } = await api.call('GET', `/v1/deliveries/${id}/request?attempt=1`, undefined, 'acme');
  expect(status).toBe(200);
  expect(body.url).toBe('https://acme.example.com/hooks');
  expect(body.headers).toMatchObject({
    'webhook-id': 'evt_3',
    'webhook-timestamp': String(Date.parse(at(59)) / 1000),
    'webhook-signature': expect.stringMatching(/^v1,/),
    'x-secret': '***',
  });
  expect(body.signed_content).toBe(`evt_3.${Date.parse(at(59)) / 1000}.${body.body}`);
  expect(JSON.parse(body.body)).toMatchObject({ id: 'evt_3', data: { name: 'Ada' } });
  expect((await api.call('GET', `/v1/deliveries/${id}/request?attempt=2`, undefined, 'acme')).status).toBe(404);
  expect((await api.call('GET', `/v1/deliveries/${id}/request`, undefined, 'globex')).status).toBe(404);
});

test("an event's deliveries are those to subscriptions of the caller", async () => {
  const api = await aWorld();
  const ids = async (key: string) => {
    const { body } = await api.call('GET', '/v1/events/evt_3/deliveries', undefined, key);
    return body.data?.map(({ subscription_id: id }: { subscription_id: string }) => id);
  };
  expect(await ids('acme')).toEqual(['sub_acme']);
  expect(await ids('all')).toEqual(['sub_acme']);
  expect((await api.call('GET', '/v1/events/evt_3/deliveries', undefined, 'globex')).status).toBe(404);
});

describe("the provider's request of an event", () => {
  async function archived(
    owners: readonly { readonly id: string; readonly tenant: string; readonly secrets?: Record<string, string> }[],
    change: Partial<Omit<RawMessage, 'account'>> & { readonly account?: string | undefined } = {},
  ) {
    const api = await aWorld();
    const { engine } = api;
    const sealed = [];
    for (const { id, tenant, secrets = {} } of owners) {
      const account = anAccount({ id, tenant, secrets });
      await engine.accounts.create(account);
      sealed.push({
        account: id,
        createdAt: account.createdAt,
        key: (await engine.accounts.archiveKeys.keyOf(account)) ?? '',
      });
    }
    const content = { kind: 'inline', encoding: 'utf8', content: '{"id":"1"}' } as const;
    const request = {
      method: 'POST',
      url: '',
      path: '/in/staff/acc_acme',
      query: 'token=secret',
      headers: { 'x-id': '7' },
    };
    await engine.archive.put(
      [
        {
          message: {
            ...aRawMessage('acme', 'raw_3'),
            receivedAt: at(3),
            body: content,
            request,
            ...change,
          } as RawMessage,
          owners: sealed,
        },
      ],
      undefined,
    );
    return api;
  }

  test('is found in the archive, without the secrets of its query', async () => {
    const api = await archived([{ id: 'acc_acme', tenant: 'acme' }]);
    const { status, body, text } = await api.call('GET', '/v1/events/evt_3/request', undefined, 'acme');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: 'raw_3',
      account: 'acc_acme',
      received_at: at(3),
      path: '/in/staff/acc_acme?…',
      headers: { 'x-id': '7' },
      body: '{"id":"1"}',
      body_bytes: 10,
      encoding: 'utf8',
    });
    expect(text).not.toContain('secret');
    expect((await api.call('GET', '/v1/events/evt_3/request', undefined, 'globex')).body.reason).toBe('event-unknown');
  });

  test("at the URL for all accounts is shown to keys for all tenants only: it may hold others' data (invariant 3)", async () => {
    const api = await archived([{ id: 'acc_acme', tenant: 'acme' }], { account: undefined });
    const refused = await api.call('GET', '/v1/events/evt_3/request', undefined, 'acme');
    expect(refused).toMatchObject({ status: 404, body: { reason: 'shared-request' } });
    expect((await api.call('GET', '/v1/events/evt_3/request', undefined, 'all')).status).toBe(200);
  });

  test('is shown without what proves that the provider sent it (invariant 10)', async () => {
    const api = await archived(
      [{ id: 'acc_acme', tenant: 'acme', secrets: { signing_secret: 'the "secret" of acme' } }],
      {
        body: {
          kind: 'inline',
          encoding: 'utf8',
          content:
            '{"clientState":"vendor-wide","items":[{"token" : "xoxb-\\"1"}],"note":"the \\"secret\\" of acme","id":"1"}',
        },
        request: { method: 'POST', url: '', path: '/in', query: '', headers: { 'x-echo': 'the "secret" of acme' } },
      },
    );
    const { body } = await api.call('GET', '/v1/events/evt_3/request', undefined, 'acme');
    expect(body.body).toBe('{"clientState":"***","items":[{"token" : "***"}],"note":"***","id":"1"}');
    expect(body.headers).toEqual({ 'x-echo': '***' });
  });

  test('is shown without them where a byte of it is no UTF-8', async () => {
    const secrets = { signing_secret: 'schlüssel' };
    const sent = Buffer.concat([Buffer.from('token=vendor-wide&note=schlüssel&x='), Buffer.from([0xff])]);
    const api = await archived([{ id: 'acc_acme', tenant: 'acme', secrets }], {
      body: { kind: 'inline', encoding: 'base64', content: sent.toString('base64') },
    });
    const { body } = await api.call('GET', '/v1/events/evt_3/request', undefined, 'acme');
    expect(body.encoding).toBe('base64');
    expect(Buffer.from(body.body, 'base64').toString('latin1')).toBe('token=***&note=***&x=\xff');
  });

  test('of another webhook at the same instant is not taken for it', async () => {
    const api = await archived([{ id: 'acc_acme', tenant: 'acme' }], { rawId: 'raw_other' });
    expect((await api.call('GET', '/v1/events/evt_3/request', undefined, 'acme')).body.reason).toBe('not-kept');
  });

  test('that is binary is shown as base64', async () => {
    const content = Buffer.from([0xff, 0x00, 0xfe]).toString('base64');
    const api = await archived([{ id: 'acc_acme', tenant: 'acme' }], {
      body: { kind: 'inline', encoding: 'base64', content },
    });
    const { body } = await api.call('GET', '/v1/events/evt_3/request', undefined, 'acme');
    expect(body).toMatchObject({ body: content, body_bytes: 3, encoding: 'base64' });
  });

  test('says why there is none', async () => {
    const api = await archived([{ id: 'acc_acme', tenant: 'acme' }]);
    expect((await api.call('GET', '/v1/events/evt_4/request', undefined, 'acme')).body.reason).toBe('not-kept');
    await publishEvents(api.engine.publishPorts, [{ owner: 'p', event: anEvent({ id: 'evt_poll', origin: 'poll' }) }]);
    expect((await api.call('GET', '/v1/events/evt_poll/request', undefined, 'acme')).body.reason).toBe('not-a-webhook');
  });
});

describe('a preview', () => {
  const preview = async (options: object, key = 'acme') =>
    (await aWorld()).call('POST', '/v1/subscription-preview', { event: 'evt_3', ...options }, key);

  test.each([
    [{}, { wanted: true, fault: null, content_type: 'application/json' }],
    [{ filter: 'data.name = "Ada"' }, { wanted: true, fault: null }],
    [{ filter: 'data.name = "Bob"' }, { wanted: false, body: null, fault: null }],
    [{ filter: '$error("no")' }, { wanted: null, body: null, fault: { of: 'filter' } }],
    [{ transform: '$error("no")' }, { wanted: true, body: null, fault: { of: 'transform' } }],
    [{ transform: '{ "who": data.name }' }, { wanted: true, body: '{"who":"Ada"}' }],
  ])('%j', async (options, expected) => {
    expect((await preview(options)).body).toMatchObject(expected);
  });

  test('keeps to the fields that are asked for', async () => {
    const { body } = await preview({ fields: { include: ['data.id'] } });
    expect(JSON.parse(body.body).data).toEqual({ id: '123' });
  });

  test('of a body that is too large for an answer is cut', async () => {
    const { status, body } = await preview({ transform: '{ "text": $pad("", 900000, "x") }' });
    expect(status).toBe(200);
    expect(body.body).toHaveLength(262_144);
    expect(body.body_bytes).toBe(900_011);
  });

  test('is refused for a stranger, and for what is no expression', async () => {
    expect((await preview({}, 'globex')).status).toBe(404);
    expect((await preview({ filter: '(' })).status).toBe(422);
  });
});

test('the series has every hour of its window', async () => {
  const api = createFakeApi();
  const { statistics } = api.engine;
  const counts = { verified: 3, published: 2, 'rejected:signature-mismatch': 1, 'rejected:rate-limited': 2 };
  await statistics.add({ scope: 'acme', integration: 'staff', hour: '2026-11-21T10', counts });
  await statistics.add({ scope: 'acme', integration: 'other', hour: '2026-11-21T10', counts: { verified: 4 } });
  await statistics.add({ scope: 'globex', integration: 'staff', hour: '2026-11-21T11', counts: { verified: 9 } });
  const { body } = await api.call(
    'GET',
    `/v1/stats/series?since=2026-11-21T09:30:00Z&until=2026-11-21T12:00:00Z`,
    undefined,
    'acme',
  );
  const nothing = { verified: 0, rejected: 0, published: 0, dead_lettered: 0 };
  expect(body.data).toEqual([
    { hour: '2026-11-21T09:00:00.000Z', ...nothing },
    { hour: '2026-11-21T10:00:00.000Z', verified: 7, rejected: 3, published: 2, dead_lettered: 0 },
    { hour: '2026-11-21T11:00:00.000Z', ...nothing },
  ]);
});
