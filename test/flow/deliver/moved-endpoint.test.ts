import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeApi, type FakeApi } from '../../fakes/fake-api.ts';
import { aParty, certificateOf } from '../../fakes/provider-certificates.ts';

const receiver = aParty('receiver.example.com');
const pair = {
  certificate: certificateOf({ subject: receiver }),
  private_key: receiver.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};
const auth = { type: 'bearer', token: 'hidden-token' } as const;
const headers = { 'x-team': 'hidden-header' };
const url = 'https://app.example.com/hooks';
const elsewhere = 'https://elsewhere.example.net/hooks';

let api: FakeApi;
beforeEach(async () => {
  api = createFakeApi();
  const body = { id: 'sub_1', tenant: 'acme', url, auth, headers, client_certificate: pair };
  await api.call('POST', '/v1/subscriptions', body);
});
const patch = (body: object) => api.call('PATCH', '/v1/subscriptions/sub_1', body, 'acme');
const settings = async () => (await api.engine.subscriptions.find('sub_1'))?.endpoint;

describe('a subscription whose URL moves to another origin', () => {
  test.each([
    ['another host', elsewhere],
    ['another port', 'https://app.example.com:8443/hooks'],
    ['another scheme', 'http://app.example.com/hooks'],
    ['a host with the same beginning', 'https://app.example.com.example.net/hooks'],
    ['its own name as a user name', 'https://app.example.com@elsewhere.example.net/hooks'],
  ])('loses its credentials and headers: %s (M5)', async (_, moved) => {
    const { status, body } = await patch({ url: moved });
    expect([status, body.auth, body.headers, body.client_certificate]).toEqual([200, null, {}, null]);
    expect(await settings()).toMatchObject({ auth: undefined, headers: {}, client_certificate: undefined });
    const entry = api.audit.entries().findLast(({ operation }) => operation === 'updateSubscription');
    expect(entry).toMatchObject({
      before: { auth: { type: 'bearer' }, headers: { 'x-team': '***' }, client_certificate: expect.anything() },
      after: { auth: null, headers: {}, client_certificate: null },
    });
  });

  test('keeps each setting that the same request gives again', async () => {
    await patch({ url: elsewhere, headers: { 'x-team': 'new' } });
    expect(await settings()).toMatchObject({ auth: undefined, headers: { 'x-team': 'new' } });
    await patch({ url, auth, client_certificate: pair });
    expect(await settings()).toMatchObject({ auth, headers: {}, client_certificate: pair });
  });

  test('sends the test of an endpoint without them', async () => {
    await patch({ url: elsewhere });
    await api.call('POST', '/v1/subscriptions/sub_1/test', {}, 'acme');
    const [request] = api.engine.callbacks.requests;
    expect(request?.url).toBe(elsewhere);
    expect(JSON.stringify(request)).not.toContain('hidden');
  });
});

test.each([
  ['another path', `${url}/v2?a=b`],
  ['another spelling', 'HTTPS://APP.example.com:443/hooks'],
])('a subscription whose URL keeps its origin keeps its credentials and headers: %s', async (_, moved) => {
  expect((await patch({ url: moved })).status).toBe(200);
  expect(await settings()).toMatchObject({ auth, headers, client_certificate: pair });
});

test('fails when a token URL comes without its client secret: auth is replaced as a whole (M5)', async () => {
  const oauth2 = {
    type: 'oauth2',
    token_url: 'https://login.example.com/token',
    client_id: 'a',
    client_secret: 'hidden',
  };
  expect((await patch({ auth: oauth2 })).status).toBe(200);
  const { client_secret: _, ...rest } = oauth2;
  for (const change of [{ ...rest, token_url: elsewhere }, { token_url: elsewhere }])
    expect((await patch({ auth: change })).status).toBe(422);
  expect((await settings())?.auth).toMatchObject(oauth2);
});

test('fails when the value is not a URL, and changes nothing', async () => {
  expect((await patch({ url: 'nowhere' })).status).toBe(422);
  expect(await settings()).toMatchObject({ auth, headers });
});
