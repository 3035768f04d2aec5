import { beforeEach, describe, expect, test } from 'vitest';
import { createRefusalNotes } from '../../../lambdas/flows/access/note-refusal.ts';
import { createFakeApi, type FakeApi } from '../../fakes/fake-api.ts';
import { apiKey } from '../../fakes/in-memory-api-keys.ts';

const hourMs = 3_600_000;
let api: FakeApi;
beforeEach(() => {
  api = createFakeApi({
    keys: [apiKey('ended', 'secret', 'acme', { expiresAtMs: Date.parse('2026-11-20T00:00:00Z') })],
  });
});
const get = (as: string | null) => api.call('GET', '/v1/accounts', undefined, as);
const notes = () => api.audit.entries().filter(({ operation }) => operation === 'refuseCredentials');
const refused = () => api.outcomes.sum('credentials-refused');
const token = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  api.call('POST', '/v1/token', body, null, headers);

describe('rejected credentials', () => {
  test('count each time, and are audited once for each key and hour under its tenant', async () => {
    for (let n = 0; n < 5; n += 1) expect((await get('tk_acme_wrong-secret')).status).toBe(401);
    expect((await get('tk_ended_secret')).status).toBe(401);
    expect(refused()).toBe(6);
    expect(notes()).toMatchObject([
      {
        at: '2026-11-21T12:00:00.000Z',
        object: 'keys/acme',
        tenant: 'acme',
        actor: { key: 'acme', token: null },
        source: { ip: '203.0.113.7', user_agent: 'test' },
        status: 401,
        after: { reason: 'unknown', operation: 'listAccounts' },
      },
      { object: 'keys/ended', after: { reason: 'expired' } },
    ]);
    expect(JSON.stringify(notes())).not.toContain('wrong-secret');
    api.engine.clock.advance(hourMs);
    await get('tk_acme_wrong-secret');
    expect(notes()).toHaveLength(3);
    const { body } = await api.call('GET', '/v1/audit?operation=refuseCredentials&key=acme', undefined, 'acme');
    expect(body.data).toHaveLength(2);
    expect((await api.call('GET', '/v1/audit?key=acme', undefined, 'globex')).body.data).toEqual([]);
  });

  test('seen by two instances are audited in one entry', async () => {
    const source = { ip: null, user_agent: null, request_id: 'request_1' };
    const refusal = { key: { id: 'acme', tenant: 'acme' }, reason: 'unknown', operation: 'getKey', source } as const;
    for (const instance of [createRefusalNotes(api.ports), createRefusalNotes(api.ports)]) await instance(refusal);
    expect(notes()).toHaveLength(1);
  });

  test('of an unknown key are counted, and not audited: a stranger can invent many', async () => {
    for (const id of ['nobody', 'another']) await get(`tk_${id}_secret`);
    await get('nonsense');
    expect([refused(), notes()]).toEqual([3, []]);
  });

  test('are not counted when the request has no credentials', async () => {
    expect((await get(null)).status).toBe(401);
    expect(refused()).toBe(0);
  });

  test('of tokens, and of requests for a token, are audited too', async () => {
    const { access_token: good } = (await api.call('POST', '/v1/token', { grant_type: 'client_credentials' }, 'acme'))
      .body;
    expect((await get(`${good.slice(0, -2)}xx`)).status).toBe(401);
    expect(
      (await token({ grant_type: 'client_credentials', client_id: 'globex', client_secret: 'wrong' })).status,
    ).toBe(401);
    const basic = Buffer.from('all:wrong').toString('base64');
    expect((await token('grant_type=client_credentials', { authorization: `Basic ${basic}` })).status).toBe(401);
    expect(notes().map(({ object, tenant }) => [object, tenant])).toEqual([
      ['keys/acme', 'acme'],
      ['keys/globex', 'globex'],
      ['keys/all', null],
    ]);
  });

  test('are rejected although the audit entry cannot be written', async () => {
    api.audit.note = async () => Promise.reject(new Error('no table'));
    expect((await get('tk_acme_wrong')).status).toBe(401);
  });
});

describe('bodies of strangers', () => {
  const form = 'grant_type=client_credentials&client_id=acme&client_secret=secret';

  test('of a token request are rejected beyond 8 KiB before any other check, as OAuth clients expect', async () => {
    expect((await token(`${form}&scope=${'%20'.repeat(1000)}`)).status).toBe(200);
    for (const body of [`${form}&x=${'x'.repeat(8192)}`, `{"x":"${'x'.repeat(4_500_000)}"}`]) {
      const answer = await token(body);
      expect(answer).toMatchObject({ status: 413, body: { error: 'invalid_request', status: 413 } });
    }
    expect(await api.apiKeys.find('acme')).toMatchObject({ revision: 1 });
  });

  test('are not parsed when a header identifies the caller', async () => {
    const basic = Buffer.from('acme:wrong').toString('base64');
    const parse = JSON.parse;
    let parsed = 0;
    JSON.parse = ((...args: Parameters<typeof parse>) => {
      if (args[0].includes('marker')) parsed += 1;
      return parse(...args);
    }) as typeof parse;
    try {
      expect((await token('{"marker":1}', { authorization: `Basic ${basic}` })).status).toBe(401);
      expect(parsed).toBe(0);
    } finally {
      JSON.parse = parse;
    }
  });

  test.each([null, 'acme'])(
    'of any operation are rejected beyond 1 MiB before the caller is looked up (%s)',
    async (as) => {
      let looked = 0;
      const find = api.apiKeys.find.bind(api.apiKeys);
      api.apiKeys.find = async (id) => {
        looked += 1;
        return find(id);
      };
      for (const [method, path] of [
        ['POST', '/v1/accounts'],
        ['PATCH', '/v1/subscriptions/sub_1'],
        ['POST', '/v1/subscriptions/sub_1/replays/rpl_1/cancel'],
      ] as const)
        expect((await api.call(method, path, `"${'x'.repeat(1_048_576)}"`, as)).status).toBe(413);
      expect(looked).toBe(0);
    },
  );
});
