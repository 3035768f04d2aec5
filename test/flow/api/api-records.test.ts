import { expect, test } from 'vitest';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { anAccount, aRecordState } from '../../fakes/samples.ts';

const stored = async (recordId: string, change: Parameters<typeof aRecordState>[0] = {}) => {
  const api = createFakeApi();
  const account = anAccount();
  await api.engine.accounts.create(account);
  const key = {
    resource: 'hris/employees',
    recordId,
    tenant: 'acme',
    account: account.id,
    incarnation: account.createdAt,
  };
  await api.engine.records.write(key, { state: undefined, lastN: 0 }, aRecordState(change));
  return { api, path: `/v1/accounts/${account.id}/states/hris/employees` };
};

test.each([
  'a/b',
  'https://api.example.com/users/1',
  'id:4g0reWVRsAAAAAAAAAAAQ',
  'ada@example.com',
  'a b',
  'Größe',
  'two\nlines\u2028three',
  'x'.repeat(512),
])('the record %j has a state that can be read, whatever its provider writes in ids', async (recordId) => {
  const { api, path } = await stored(recordId);
  expect(await api.call('GET', `${path}/${encodeURIComponent(recordId)}`)).toMatchObject({
    status: 200,
    body: { record_id: recordId },
  });
  expect((await api.call('GET', `${path}/${encodeURIComponent(recordId)}x`)).status).toBe(404);
});

test('a path without a record id is no route, and another method of the route is refused', async () => {
  const { api, path } = await stored('1');
  for (const end of ['', '/']) expect((await api.call('GET', `${path}${end}`)).status).toBe(404);
  expect(await api.call('DELETE', `${path}/a%2Fb`)).toMatchObject({ status: 405, headers: { allow: 'GET' } });
});

test.each(['GET', 'HEAD', 'POST', 'PUT'])(
  'with mutual TLS a %s to a webhook URL outside of it is answered 404, and reads no key',
  async (method) => {
    const { call, apiKeys } = createFakeApi();
    for (const path of ['/in/staff', '/in/staff/acc_acme', '/in/a%0Ab/c'])
      for (const key of ['all', 'tk_none_secret', null])
        expect(await call(method, path, '{}', key)).toMatchObject({
          status: 404,
          headers: { 'content-type': 'application/problem+json' },
          body: { status: 404, detail: 'There is no such route.' },
        });
    expect((await apiKeys.find('all'))?.lastUsedAt).toBeUndefined();
  },
);

test('a path that a route names literally allows the methods of that route alone', async () => {
  const { call } = createFakeApi();
  expect(await call('PUT', '/v1/portal-sessions/open')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
});

test('the state of a record shows the version by which an older one is stale, though the latest input gave none', async () => {
  const { api, path } = await stored('1', { version: undefined, lastVersion: '5', atMs: Date.UTC(2026, 10, 21) });
  expect(await api.call('GET', `${path}/1`)).toMatchObject({
    status: 200,
    body: { record_id: '1', rank: '2026-11-21T00:00:00.000Z', last_version: '5' },
  });
});
