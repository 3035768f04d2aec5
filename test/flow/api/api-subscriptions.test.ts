import { generateKeyPairSync } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { beforeEach, describe, expect, test } from 'vitest';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { createFakeApi, type FakeAnswer, type FakeApi } from '../../fakes/fake-api.ts';
import { anEventRow } from '../../fakes/samples.ts';

const url = 'https://app.example.com/hooks';
const dayMs = 86_400_000;
let api: FakeApi;
beforeEach(() => {
  api = createFakeApi();
});

const create = (body: object = {}) =>
  api.call('POST', '/v1/subscriptions', { id: 'sub_1', tenant: 'acme', url, ...body });
const faults = ({ body }: FakeAnswer) => body.errors as readonly { path: string; message: string }[];
const problem = (status: number) => ({ status, headers: { 'content-type': 'application/problem+json' } });

describe('a request that creates a subscription', () => {
  test('needs few members: the answer shows defaults for the rest', async () => {
    const { status, body } = await create();
    expect(status).toBe(201);
    expect(body).toEqual({
      id: 'sub_1',
      url,
      destination: { type: 'http', url },
      tenant: 'acme',
      description: null,
      metadata: {},
      status: 'enabled',
      disabled: null,
      types: [],
      resources: [],
      integrations: [],
      accounts: [],
      filter: null,
      fields: null,
      include_previous: null,
      encrypt: null,
      batch: null,
      transform: null,
      envelope: 'tributary',
      schema_versions: {},
      ordering: 'none',
      rate_per_second: null,
      concurrency: 10,
      retry: {
        schedule_seconds: [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400],
        max_age_seconds: 345_600,
      },
      disable_after_seconds: 432_000,
      signatures: ['v1'],
      secrets: [{ created_at: '2026-11-21T12:00:00.000Z', expires_at: null }],
      auth: null,
      headers: {},
      client_certificate: null,
      timeout_seconds: 15,
      health: {
        circuit: 'closed',
        blocked_until: null,
        paused_until: null,
        failing_since: null,
        disables_at: null,
        has_backlog: false,
        latency_ms: null,
      },
      created_at: '2026-11-21T12:00:00.000Z',
      secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
    });
  });

  test('may set every member, and reads return all but the secrets (invariant 10)', async () => {
    const jwk = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' });
    const said = {
      types: ['record:*', 'subscription.*', 'delivery.exhausted'],
      resources: ['hris/*'],
      integrations: ['hibob'],
      accounts: ['acc_1'],
      filter: 'data.country = "DE"',
      fields: { drop: ['data.salary'] },
      encrypt: { fields: ['data.email'], jwk },
      batch: { max_events: 50, max_wait_seconds: 5 },
      transform: '{ "text": data.name }',
      envelope: 'cloudevents',
      rate_per_second: 0.5,
      concurrency: 100,
      retry: { schedule_seconds: [1, 2.5], max_age_seconds: 60 },
      disable_after_seconds: 3600,
      signatures: ['v1a', 'v1'],
      timeout_seconds: 30,
    };
    const created = await create({
      ...said,
      auth: {
        type: 'oauth2',
        token_url: 'https://login.example.com/token',
        client_id: 'tributary',
        client_secret: 'hidden-1',
        scope: 'hooks',
      },
      headers: { 'X-Team': 'hidden-2' },
    });
    expect(created.status).toBe(201);
    const { secret, ...visible } = created.body;
    const read = await api.call('GET', '/v1/subscriptions/sub_1');
    expect(read.body).toEqual(visible);
    expect(read.body).toMatchObject({
      ...said,
      signatures: ['v1', 'v1a'],
      auth: {
        type: 'oauth2',
        token_url: 'https://login.example.com/token',
        client_id: 'tributary',
        scope: 'hooks',
        auth_style: 'basic',
      },
      headers: { 'X-Team': '***' },
    });
    const list = await api.call('GET', '/v1/subscriptions');
    expect(list.body.data).toEqual([visible]);
    for (const hidden of ['hidden', 'whsec_', 'whsk_', secret]) {
      expect(read.text).not.toContain(hidden);
      expect(list.text).not.toContain(hidden);
    }
    expect(created.text.match(/hidden|whsk_/)).toBeNull();
  });

  test.each<[string, object, string, RegExp]>([
    ['no URL', { url: undefined }, 'url', /expected string/],
    ['an unknown member', { colour: 'blue' }, '', /Unrecognized key: "colour"/],
    ['a malformed id', { id: 'a b' }, 'id', /letters, digits/],
    ['a malformed tenant', { tenant: '*' }, 'tenant', /letters, digits/],
    [
      'an unknown event type',
      { types: ['record:created', 'record:moved'] },
      'types.1',
      /expected one of \*, record:\*/,
    ],
    ['an unknown operational type', { types: ['subscription.deleted'] }, 'types.0', /subscription\.disabled/],
    ['a malformed resource pattern', { resources: ['HRIS'] }, 'resources.0', /hris\/\*/],
    ['a filter that does not parse', { filter: 'data.x = (' }, 'filter', /^JSONata: at character/],
    ['a transform that is too long', { transform: `"${'x'.repeat(9000)}"` }, 'transform', /8192/],
    [
      'fields with include and drop',
      { fields: { drop: ['data.a'], include: ['data.b'] } },
      'fields',
      /either include or drop/,
    ],
    ['a path outside of data', { fields: { drop: ['id'] } }, 'fields.drop.0', /expected a path below data/],
    [
      'a private key',
      { encrypt: { fields: ['data.a'], jwk: { kty: 'OKP', crv: 'X25519', x: 'AAAA', d: 'hidden' } } },
      'encrypt.jwk.d',
      /public key/,
    ],
    ['too large a batch', { batch: { max_events: 101, max_wait_seconds: 0 } }, 'batch.max_events', /100/],
    ['an unknown envelope', { envelope: 'soap' }, 'envelope', /cloudevents/],
    ['an unknown ordering', { ordering: 'fifo' }, 'ordering', /"none"\|"record"\|"tenant"/],
    ['order over all tenants', { ordering: 'tenant', tenant: null }, 'ordering', /one tenant have an order/],
    ['order in batches', { ordering: 'record', batch: { max_events: 2, max_wait_seconds: 0 } }, 'batch', /one by one/],
    ['a rate of zero', { rate_per_second: 0 }, 'rate_per_second', /0\.001/],
    ['too high a rate', { rate_per_second: 10_001 }, 'rate_per_second', /10000/],
    ['a rate that is not a number', { rate_per_second: '5' }, 'rate_per_second', /expected number/],
    ['a concurrency of zero', { concurrency: 0 }, 'concurrency', />=1/],
    ['too much concurrency', { concurrency: 101 }, 'concurrency', /<=100/],
    ['a fractional concurrency', { concurrency: 1.5 }, 'concurrency', /int/],
    [
      'too many waits',
      { retry: { schedule_seconds: Array.from({ length: 21 }, () => 1) } },
      'retry.schedule_seconds',
      /20/,
    ],
    ['too short a wait', { retry: { schedule_seconds: [1, 0.5] } }, 'retry.schedule_seconds.1', />=1/],
    ['too long a wait', { retry: { schedule_seconds: [604_801] } }, 'retry.schedule_seconds.0', /604800/],
    [
      'waits longer than the usual age',
      { retry: { schedule_seconds: [345_000, 1000] } },
      'retry.schedule_seconds',
      /add up to 346000 s.*give max_age_seconds/,
    ],
    [
      'an age beyond the retention period',
      { retry: { max_age_seconds: 2_592_001 } },
      'retry.max_age_seconds',
      /2592000/,
    ],
    ['an unknown retry setting', { retry: { attempts: 3 } }, 'retry', /Unrecognized key: "attempts"/],
    ['too early a disabling', { disable_after_seconds: 3599 }, 'disable_after_seconds', />=3600/],
    ['too late a disabling', { disable_after_seconds: 2_592_001 }, 'disable_after_seconds', /<=2592000/],
    ['no v1 signature', { signatures: ['v1a'] }, 'signatures', /\["v1", "v1a"\]/],
    ['a signature twice', { signatures: ['v1', 'v1'] }, 'signatures', /\["v1", "v1a"\]/],
    ['an unknown signature', { signatures: ['v2'] }, 'signatures.0', /"v1"\|"v1a"/],
    ['an unknown authentication', { auth: { type: 'digest' } }, 'auth.type', /Invalid discriminator/],
    [
      'a header of the engine',
      { headers: { 'Webhook-Id': 'hidden' } },
      'headers.Webhook-Id',
      /reserved for the engine/,
    ],
    ['a header with a line break', { headers: { 'x-a': 'hidden\r\nb' } }, 'headers.x-a', /printable/],
    [
      'authorization twice',
      { auth: { type: 'bearer', token: 'hidden' }, headers: { Authorization: 'hidden' } },
      'headers.Authorization',
      /one of the two/,
    ],
    [
      'a malformed certificate',
      { client_certificate: { certificate: 'x', private_key: 'hidden' } },
      'client_certificate.certificate',
      /PEM certificates/,
    ],
    ['too long a timeout', { timeout_seconds: 31 }, 'timeout_seconds', /<=30/],
  ])('fails when it has %s, and says where and why (422)', async (_, change, path, message) => {
    const answer = await create(change);
    expect(answer).toMatchObject(problem(422));
    expect(faults(answer).map((fault) => fault.path)).toContain(path);
    expect(faults(answer).find((fault) => fault.path === path)?.message).toMatch(message);
    expect(answer.text).not.toContain('hidden');
    expect((await api.call('GET', '/v1/subscriptions')).body.data).toEqual([]);
  });

  test.each(['', '{', '{"url":', 'nonsense'])('fails when the body is not JSON: %j (400)', async (text) => {
    expect(await api.call('POST', '/v1/subscriptions', text)).toMatchObject(problem(400));
  });

  test('reports all faults at once', async () => {
    const answer = await create({ types: ['x'], concurrency: 0, timeout_seconds: 0 });
    expect(faults(answer).map(({ path }) => path)).toEqual(['types.0', 'concurrency', 'timeout_seconds']);
  });

  test('fails when the callback URL or the token URL may not be called (422, invariant 11)', async () => {
    api.engine.egress.refuseWith((one) => (one.includes('internal') ? 'it is not a public address' : undefined));
    const auth = { type: 'oauth2', token_url: 'https://internal/token', client_id: 'a', client_secret: 'b' };
    for (const change of [{ url: 'https://internal/hooks' }, { auth }]) {
      const answer = await create(change);
      expect(answer).toMatchObject(problem(422));
      expect(answer.body.detail).toMatch(/^The URL may not be called: .*not a public address/);
    }
  });

  test("fails when the id is taken, even by another tenant, and leaves that subscription's endpoint unchanged (409, invariant 3)", async () => {
    await create({ ordering: 'tenant' });
    const endpoints = () => api.engine.endpoints.getMany([{ scope: 'acme', endpoint: 'sub_1' }]);
    const before = await endpoints();
    const body = { id: 'sub_1', url, ordering: 'tenant' };
    for (const as of ['acme', 'globex'] as const)
      expect(await api.call('POST', '/v1/subscriptions', body, as)).toMatchObject(problem(409));
    expect(await endpoints()).toEqual(before);
  });
});

describe('a request that changes a subscription', () => {
  const patch = (body: unknown, as?: 'acme' | 'globex') => api.call('PATCH', '/v1/subscriptions/sub_1', body, as);

  test('replaces the named members and keeps the rest', async () => {
    await create({
      filter: 'true',
      headers: { a: '1' },
      rate_per_second: 5,
      timeout_seconds: 20,
      envelope: 'cloudevents',
    });
    const { status, body } = await patch({
      url: 'https://new.example.com/hooks',
      types: ['record:created'],
      transform: 'data',
      headers: { b: '2', c: '3' },
      retry: { schedule_seconds: [10] },
      signatures: ['v1', 'v1a'],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      url: 'https://new.example.com/hooks',
      types: ['record:created'],
      filter: 'true',
      transform: 'data',
      envelope: 'cloudevents',
      headers: { b: '***', c: '***' },
      rate_per_second: 5,
      timeout_seconds: 20,
      retry: { schedule_seconds: [10], max_age_seconds: 345_600 },
      signatures: ['v1', 'v1a'],
    });
    expect((await api.call('GET', '/v1/subscriptions/sub_1')).body).toEqual(body);
  });

  test('resets members with null', async () => {
    const before = (await create()).body;
    await api.call('DELETE', '/v1/subscriptions/sub_1');
    const said = {
      description: 'people',
      metadata: { team: 'payroll' },
      filter: 'true',
      fields: { drop: ['data.a'] },
      batch: { max_events: 2, max_wait_seconds: 1 },
      transform: 'data',
      envelope: 'cloudevents',
      rate_per_second: 5,
      concurrency: 3,
      retry: { schedule_seconds: [] },
      disable_after_seconds: 7200,
      auth: { type: 'bearer', token: 'x' },
      headers: { a: '1' },
      timeout_seconds: 3,
    };
    await create(said);
    const nothing = Object.fromEntries(Object.keys(said).map((name) => [name, null]));
    const { secret: _, ...visible } = before;
    expect((await patch(nothing)).body).toEqual(visible);
  });

  test.each<[string, object, object, string, RegExp]>([
    ['the id', {}, { id: 'sub_2' }, '', /Unrecognized key: "id"/],
    ['the tenant', {}, { tenant: 'globex' }, '', /Unrecognized key: "tenant"/],
    ['the filter to one that does not parse', {}, { filter: '(' }, 'filter', /JSONata/],
    [
      'authorization twice',
      { headers: { Authorization: 'hidden' } },
      { auth: { type: 'bearer', token: 'hidden' } },
      'headers.Authorization',
      /one of the two/,
    ],
    [
      'an ordered subscription to batches',
      { ordering: 'record' },
      { batch: { max_events: 2, max_wait_seconds: 0 } },
      'batch',
      /one by one/,
    ],
    [
      'an ordered subscription to an unordered one',
      { ordering: 'record' },
      { ordering: 'none' },
      'ordering',
      /stays ordered/,
    ],
    ['the ordering over all tenants', { tenant: null }, { ordering: 'record' }, 'ordering', /one tenant have an order/],
  ])('fails when it changes %s (422)', async (_, first, change, path, message) => {
    await create(first);
    const before = (await api.call('GET', '/v1/subscriptions/sub_1')).body;
    const answer = await patch(change);
    expect(answer).toMatchObject(problem(422));
    expect(faults(answer)).toEqual([{ path, message: expect.stringMatching(message) }]);
    expect(answer.text).not.toContain('hidden');
    expect((await api.call('GET', '/v1/subscriptions/sub_1')).body).toEqual(before);
  });

  test('fails when the URL may not be called (422, invariant 11)', async () => {
    await create();
    api.engine.egress.refuseWith(() => 'it is not a public address');
    expect(await patch({ url: 'https://internal/' })).toMatchObject(problem(422));
  });

  test('may make a subscription ordered, starting at the end of the feed', async () => {
    await create();
    const row = { ...anEventRow(7), writtenAtMs: api.engine.clock.nowMs() };
    await api.engine.events.writeRows([row]);
    expect((await patch({ ordering: 'record' })).body.ordering).toBe('record');
    const [state] = await api.engine.endpoints.getMany([{ scope: 'acme', endpoint: 'sub_1' }]);
    expect(state?.position).toBe(7);
  });
});

describe('the life of a subscription', () => {
  const post = (action: string, body?: unknown) => api.call('POST', `/v1/subscriptions/sub_1/${action}`, body);

  test('lets its owner disable and enable it repeatedly', async () => {
    await create();
    api.engine.clock.advance(1000);
    for (const _ of [1, 2]) {
      const disabled = await post('disable');
      expect(disabled).toMatchObject({
        status: 200,
        body: { status: 'disabled', disabled: { by: 'owner', at: '2026-11-21T12:00:01.000Z' } },
      });
    }
    api.engine.clock.advance(1000);
    const enabled = await post('enable');
    expect(enabled.body).toMatchObject({
      status: 'enabled',
      disabled: null,
      disabled_since: '2026-11-21T12:00:01.000Z',
      catch_up: null,
    });
    expect((await post('enable', {})).body).toMatchObject({ status: 'enabled', disabled_since: null, catch_up: null });
  });

  test('catches up on missed events when its owner asks for it', async () => {
    await create();
    api.engine.clock.advance(dayMs);
    await post('disable');
    api.engine.clock.advance(dayMs);
    const { body } = await post('enable', { catch_up: true });
    expect(body.catch_up).toMatchObject({
      subscription_id: 'sub_1',
      tenant: 'acme',
      mode: 'missing',
      state: 'running',
    });
    expect((await api.call('GET', `/v1/subscriptions/sub_1/replays/${body.catch_up.id}`)).body).toEqual(body.catch_up);
  });

  test('over all tenants catches up only on a named tenant (422)', async () => {
    await create({ tenant: null });
    await post('disable');
    expect(faults(await post('enable', { catch_up: true }))[0]).toMatchObject({ path: 'tenant' });
    expect((await api.call('GET', '/v1/subscriptions/sub_1')).body.status).toBe('disabled');
    expect((await post('enable', { catch_up: true, tenant: 'globex' })).body.catch_up).toMatchObject({
      tenant: 'globex',
    });
  });

  test('shows a rotated secret once, and signs with the former one until the overlap ends', async () => {
    const { secret: first } = (await create({ signatures: ['v1', 'v1a'] })).body;
    const { status, body, text } = await post('rotate-secret', { overlap_seconds: 3600 });
    expect(status).toBe(200);
    expect(body.secret).toMatch(/^whsec_/);
    expect(body.secret).not.toBe(first);
    expect(text).not.toContain(first);
    expect(body.secrets).toEqual([
      { created_at: '2026-11-21T12:00:00.000Z', expires_at: null },
      { created_at: '2026-11-21T12:00:00.000Z', expires_at: '2026-11-21T13:00:00.000Z' },
    ]);
    const keys = (await api.call('GET', '/v1/subscriptions/sub_1/keys')).body.keys;
    expect(keys.map((key: { expires_at: string | null }) => key.expires_at)).toEqual([
      null,
      '2026-11-21T13:00:00.000Z',
    ]);
    await post('test');
    const [request] = api.engine.callbacks.requests;
    if (request === undefined) throw new Error('nothing was sent');
    const { headers, body: sent } = request;
    for (const secret of [first, body.secret]) {
      const own = new Webhook(secret).sign(headers['webhook-id'] ?? '', new Date('2026-11-21T12:00:00.000Z'), sent);
      expect(headers['webhook-signature']?.split(' ')).toContain(own);
    }
    expect((await post('rotate-secret')).body.secrets[1].expires_at).toBe('2026-11-22T12:00:00.000Z');
  });

  test('ends: waiting deliveries are cancelled and counted, and every read answers 404', async () => {
    const { engine, outcomes } = api;
    await create({ ordering: 'none' });
    const rows = [1, 2, 3].map((sequence) => ({ ...anEventRow(sequence), writtenAtMs: engine.clock.nowMs() }));
    await engine.events.writeRows(rows);
    for (const { id } of rows) await claim(id, 'acme');
    for (const { id } of rows) await api.call('POST', `/v1/events/${id}/redeliver`, { subscription: 'sub_1' });
    expect((await api.call('DELETE', '/v1/subscriptions/sub_1')).status).toBe(204);
    expect(outcomes.sum('cancelled')).toBe(3);
    for (const path of ['', '/deliveries', '/replays', '/keys'])
      expect(await api.call('GET', `/v1/subscriptions/sub_1${path}`)).toMatchObject(problem(404));
    expect(await api.call('DELETE', '/v1/subscriptions/sub_1')).toMatchObject(problem(404));

    // The tenant may reuse the id, and does not receive the old deliveries.
    expect((await create()).status).toBe(201);
    const drained = await drainEndpoint(engine.drainPorts, { kind: 'drain', subscription: 'sub_1', scope: 'acme' });
    expect(drained).toMatchObject({ kind: 'drained', deliveries: [] });
    expect(engine.callbacks.requests).toEqual([]);
  });

  test.each([
    ['enable', { catch_up: 'yes' }],
    ['enable', { colour: 'blue' }],
    ['disable', { reason: 'x' }],
    ['rotate-secret', { overlap_seconds: -1 }],
    ['rotate-secret', { overlap_seconds: 2_592_001 }],
    ['rotate-secret', []],
    ['test', { simulate: 'earthquake' }],
    ['test', { type: 'subscription.disabled' }],
    ['test', { resource: 'hris/*' }],
  ])('fails to %s with %j (422)', async (action, body) => {
    await create();
    expect(await post(action, body)).toMatchObject(problem(422));
  });
});

async function claim(id: string, tenant: string) {
  await api.engine.events.claim({
    id,
    owner: 'test',
    tenant,
    sequence: Number(id.split('_')[1]),
    claimedAtMs: api.engine.clock.nowMs(),
  });
}

describe('public keys', () => {
  test('are published without an API key, to verify v1a signatures', async () => {
    await create({ signatures: ['v1', 'v1a'] });
    const { status, body, text } = await api.call('GET', '/v1/subscriptions/sub_1/keys', undefined, null);
    expect(status).toBe(200);
    expect(body.keys).toEqual([
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: expect.stringMatching(/^[\w-]{43}$/),
        kid: expect.stringMatching(/^key_/),
        use: 'sig',
        alg: 'EdDSA',
        standard_webhooks: expect.stringMatching(/^whpk_/),
        expires_at: null,
      },
    ]);
    expect(text).not.toMatch(/whsk_|"d"/);
  });

  test('fail when the subscription has none or does not exist (404)', async () => {
    await create();
    for (const id of ['sub_1', 'sub_2'])
      expect(await api.call('GET', `/v1/subscriptions/${id}/keys`)).toMatchObject(problem(404));
  });
});

describe('replays', () => {
  const replay = (body: unknown) => api.call('POST', '/v1/subscriptions/sub_1/replay', body);
  beforeEach(async () => {
    await create();
    const { engine } = api;
    for (const sequence of [1, 2, 3]) {
      await engine.events.writeRows([{ ...anEventRow(sequence), writtenAtMs: engine.clock.nowMs() }]);
      await claim(`evt_${sequence}`, 'acme');
      engine.clock.advance(60_000);
    }
  });

  test('are counted first, without sending anything', async () => {
    expect(await replay({ mode: 'missing', dry_run: true })).toMatchObject({
      status: 200,
      body: { dry_run: true, scanned: 3, matched: 3, is_complete: true },
    });
    const window = { since: '2026-11-21T12:00:30Z', until: '2026-11-21T13:01:30+01:00' };
    expect((await replay({ mode: 'all', dry_run: true, ...window })).body).toMatchObject({ matched: 1 });
    expect((await replay({ mode: 'failed', dry_run: true })).body).toMatchObject({ matched: 0 });
    expect((await api.call('GET', '/v1/subscriptions/sub_1/replays')).body.data).toEqual([]);
    expect(api.engine.drainQueue.messages()).toEqual([]);
  });

  test('are started, listed, read and cancelled', async () => {
    const started = await replay({ mode: 'all', rate_per_second: 10 });
    expect(started).toMatchObject({
      status: 202,
      body: { state: 'running', mode: 'all', tenant: 'acme', rate_per_second: 10, up_to_sequence: 3, position: 0 },
    });
    const path = `/v1/subscriptions/sub_1/replays/${started.body.id}`;
    expect((await api.call('GET', path)).body).toEqual(started.body);
    expect((await api.call('GET', '/v1/subscriptions/sub_1/replays')).body).toEqual({
      data: [started.body],
      next_cursor: null,
    });
    for (const _ of [1, 2])
      expect((await api.call('POST', `${path}/cancel`)).body).toMatchObject({
        state: 'cancelled',
        cancelled_by: 'caller',
      });
    expect(await api.call('GET', `${path}x`)).toMatchObject(problem(404));
    expect(await api.call('POST', `${path}x/cancel`)).toMatchObject(problem(404));
  });

  test('may replay a single event', async () => {
    expect((await replay({ event: 'evt_2', dry_run: true })).body).toMatchObject({ matched: 1 });
    expect(await replay({ event: 'evt_2' })).toMatchObject({
      status: 202,
      body: { event_id: 'evt_2', state: 'waiting', waits_for: 'endpoint' },
    });
    expect(await replay({ event: 'evt_9' })).toMatchObject(problem(404));
  });

  test.each<[object, string]>([
    [{}, 'mode'],
    [{ mode: 'some' }, 'mode'],
    [{ mode: 'all', since: 'yesterday' }, 'since'],
    [{ mode: 'all', since: '2026-11-21T12:00:00' }, 'since'],
    [{ mode: 'all', since: '2026-11-21T12:00:00Z', until: '2026-11-21T12:00:00Z' }, 'until'],
    [{ mode: 'all', rate_per_second: 0.5 }, 'rate_per_second'],
    [{ mode: 'all', tenant: 'globex' }, 'tenant'],
    [{ mode: 'all', event: 'evt_1' }, 'mode'],
    [{ event: 'evt_1', since: '2026-11-21T12:00:00Z' }, 'since'],
  ])('fail when requested with %j (422)', async (body, path) => {
    const answer = await replay(body);
    expect(answer).toMatchObject(problem(422));
    expect(faults(answer).map((fault) => fault.path)).toContain(path);
  });

  test('fail while the subscription is disabled (409), except dry runs', async () => {
    await api.call('POST', '/v1/subscriptions/sub_1/disable');
    expect(await replay({ mode: 'all' })).toMatchObject(problem(409));
    expect((await replay({ mode: 'all', dry_run: true })).status).toBe(200);
  });
});

describe('deliveries', () => {
  const redeliver = (id: string, as?: 'acme' | 'globex') =>
    api.call('POST', `/v1/events/${id}/redeliver`, { subscription: 'sub_1' }, as);
  beforeEach(async () => {
    await create();
    const { engine } = api;
    for (const sequence of [1, 2, 3]) {
      await engine.events.writeRows([{ ...anEventRow(sequence), writtenAtMs: engine.clock.nowMs() }]);
      await claim(`evt_${sequence}`, 'acme');
    }
  });
  const drain = () => drainEndpoint(api.engine.drainPorts, { kind: 'drain', subscription: 'sub_1', scope: 'acme' });

  test('are requested, read by id, and listed by state', async () => {
    api.engine.callbacks.answerWith((_, earlier) => ({
      kind: 'answered',
      status: earlier === 0 ? 204 : 500,
      retryAfter: undefined,
      response: 'x'.repeat(1000),
      durationMs: 5,
    }));
    const first = await redeliver('evt_1');
    expect(first).toMatchObject({ status: 202, body: { state: 'waiting', waits_for: 'endpoint', attempts: [] } });
    expect(first.body.id).toMatch(/^dlv_[\w-]{10,250}$/);
    await drain();
    const path = `/v1/deliveries/${first.body.id}`;
    expect((await api.call('GET', path)).body).toMatchObject({
      id: first.body.id,
      event_id: 'evt_1',
      subscription_id: 'sub_1',
      state: 'delivered',
      attempt_count: 1,
      attempts: [{ number: 1, trigger: 'manual', status: 204, response: null }],
      waits_for: null,
      next_attempt_at: null,
    });
    const second = await redeliver('evt_2');
    await drain();
    const failed = (await api.call('GET', `/v1/deliveries/${second.body.id}`)).body;
    expect(failed).toMatchObject({ state: 'retrying', waits_for: 'time' });
    expect(Date.parse(failed.next_attempt_at)).toBeGreaterThan(api.engine.clock.nowMs());
    expect(failed.attempts[0].response).toHaveLength(1000);

    const list = async (query = '') => (await api.call('GET', `/v1/subscriptions/sub_1/deliveries${query}`)).body;
    expect((await list()).data).toHaveLength(2);
    const retrying = await list('?state=retrying&limit=1');
    expect(retrying.data).toMatchObject([{ event_id: 'evt_2', attempts: [{ status: 500 }] }]);
    expect(retrying.data[0].attempts[0].response).toHaveLength(200);
    expect((await list('?state=cancelled')).data).toEqual([]);
    expect(await api.call('GET', '/v1/subscriptions/sub_1/deliveries?state=lost')).toMatchObject(problem(400));
  });

  test('are found by state among many others, page by page, each once', async () => {
    const { engine } = api;
    const { deliveries } = engine;
    const template = (await redeliver('evt_1')).body;
    const [first] = await deliveries.getMany([
      { subscription: 'sub_1', event: template.event_id, timestamp: '2026-11-21T12:00:00.000Z' },
    ]);
    if (first === undefined) throw new Error('no delivery');
    await deliveries.putMany(
      Array.from({ length: 300 }, (_, index) => ({
        ...first,
        event: `evt_${1000 + index}`,
        state: index % 30 === 0 ? ('exhausted' as const) : ('delivered' as const),
        waitsIn: undefined,
      })),
    );
    const found: string[] = [];
    let pages = 0;
    for (let cursor: string | null = ''; cursor !== null; pages += 1) {
      const page: FakeAnswer = await api.call(
        'GET',
        `/v1/subscriptions/sub_1/deliveries?state=exhausted&limit=4${cursor && `&cursor=${cursor}`}`,
      );
      expect(page.body.data.length).toBeLessThanOrEqual(4);
      found.push(...page.body.data.map((delivery: { event_id: string }) => delivery.event_id));
      cursor = page.body.next_cursor;
    }
    expect(found).toHaveLength(10);
    expect(new Set(found).size).toBe(10);
    expect(pages).toBeLessThan(30);
  });

  test('are cancelled and counted once', async () => {
    const { id } = (await redeliver('evt_1')).body;
    for (const _ of [1, 2])
      expect(await api.call('POST', `/v1/deliveries/${id}/cancel`)).toMatchObject({
        status: 200,
        body: { state: 'cancelled', waits_for: null },
      });
    expect(api.outcomes.sum('cancelled')).toBe(1);
    await drain();
    expect(api.engine.callbacks.requests).toEqual([]);
  });

  test('fail to be cancelled after delivery (409), but can be sent again', async () => {
    const { id } = (await redeliver('evt_1')).body;
    await drain();
    expect(await api.call('POST', `/v1/deliveries/${id}/cancel`)).toMatchObject(problem(409));
    expect(await api.call('POST', `/v1/deliveries/${id}/retry`)).toMatchObject({
      status: 202,
      body: { state: 'waiting', replay: 'manual' },
    });
    await drain();
    expect(api.engine.callbacks.requests.map(({ headers }) => headers['webhook-id'])).toEqual(['evt_1', 'evt_1']);
    expect(api.engine.callbacks.requests[1]?.headers['tributary-replay']).toBe('true');
  });

  test('fail to be sent again while the subscription is disabled, or after the event expired (409)', async () => {
    const { id } = (await redeliver('evt_1')).body;
    await api.call('POST', '/v1/subscriptions/sub_1/disable');
    expect(await api.call('POST', `/v1/deliveries/${id}/retry`)).toMatchObject(problem(409));
    expect(await redeliver('evt_1')).toMatchObject(problem(409));
    await api.call('POST', '/v1/subscriptions/sub_1/enable');
    api.engine.clock.advance(29.9 * dayMs);
    await redeliver('evt_1');
    api.engine.clock.advance(0.2 * dayMs);
    expect(await api.call('POST', `/v1/deliveries/${id}/retry`)).toMatchObject(problem(409));
  });

  test.each([
    'dlv_',
    'dlv_x',
    'evt_1',
    'dlv_c3ViXzE',
    `dlv_${Buffer.from('sub_1 zzzzzzzzzzzz evt_1').toString('base64url')}`,
    `dlv_${Buffer.from('due#1 mhdp4su8 evt_1').toString('base64url')}`,
  ])('fail when the id is malformed: %s (404)', async (id) => {
    expect(await api.call('GET', `/v1/deliveries/${id}`)).toMatchObject(problem(404));
    expect(await api.call('POST', `/v1/deliveries/${id}/retry`)).toMatchObject(problem(404));
  });

  test('fail when the event and the subscription belong to different tenants (422, invariant 3)', async () => {
    await api.call('POST', '/v1/subscriptions', { id: 'sub_g', tenant: 'globex', url });
    const answer = await api.call('POST', '/v1/events/evt_1/redeliver', { subscription: 'sub_g' });
    expect(answer).toMatchObject(problem(422));
  });
});

test("another tenant's subscription, deliveries and replays are unknown (404, invariant 3)", async () => {
  await create();
  const { engine } = api;
  await engine.events.writeRows([{ ...anEventRow(1), writtenAtMs: engine.clock.nowMs() }]);
  await claim('evt_1', 'acme');
  const { id: delivery } = (await api.call('POST', '/v1/events/evt_1/redeliver', { subscription: 'sub_1' }, 'acme'))
    .body;
  const { id: replay } = (await api.call('POST', '/v1/subscriptions/sub_1/replay', { mode: 'all' }, 'acme')).body;
  const before = JSON.stringify([await engine.subscriptions.find('sub_1'), await engine.replays.find('sub_1', replay)]);
  const calls: readonly [string, string, unknown?][] = [
    ['GET', '/v1/subscriptions/sub_1'],
    ['PATCH', '/v1/subscriptions/sub_1', { url }],
    ['DELETE', '/v1/subscriptions/sub_1'],
    ['POST', '/v1/subscriptions/sub_1/enable'],
    ['POST', '/v1/subscriptions/sub_1/disable'],
    ['POST', '/v1/subscriptions/sub_1/rotate-secret'],
    ['POST', '/v1/subscriptions/sub_1/test'],
    ['POST', '/v1/subscriptions/sub_1/replay', { mode: 'all' }],
    ['GET', '/v1/subscriptions/sub_1/replays'],
    ['GET', `/v1/subscriptions/sub_1/replays/${replay}`],
    ['POST', `/v1/subscriptions/sub_1/replays/${replay}/cancel`],
    ['GET', '/v1/subscriptions/sub_1/deliveries'],
    ['GET', `/v1/deliveries/${delivery}`],
    ['POST', `/v1/deliveries/${delivery}/retry`],
    ['POST', `/v1/deliveries/${delivery}/cancel`],
    ['POST', '/v1/events/evt_1/redeliver', { subscription: 'sub_1' }],
  ];
  for (const [method, path, body] of calls) {
    expect(await api.call(method, path, body, 'globex'), `${method} ${path}`).toMatchObject(problem(404));
    expect(await api.call(method, path, body, null), `${method} ${path}`).toMatchObject(problem(401));
    const unknown = await api.call(method, path.replace('sub_1', 'sub_x').replace(delivery, 'dlv_x'), body, 'globex');
    expect(unknown.status).toBe(404);
  }
  const after = JSON.stringify([await engine.subscriptions.find('sub_1'), await engine.replays.find('sub_1', replay)]);
  expect(after).toBe(before);
  expect(engine.callbacks.requests).toEqual([]);
  // A caller's own subscription does not give access to another tenant's event.
  await api.call('POST', '/v1/subscriptions', { id: 'sub_g', url }, 'globex');
  const crossed = await api.call('POST', '/v1/subscriptions/sub_g/replay', { event: 'evt_1' }, 'globex');
  expect(crossed).toMatchObject(problem(404));
});
