import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { aRequest, prepare, verified } from '../../reception/acme.ts';
import { decide, ec, jwt, pem, token } from './decide-with-keys.ts';

describe('tokens that cover the items of a body', () => {
  const covers = { items: 'json.value', value: '{item.tenantId}', claim: 'tid' };
  const webhook = prepare({
    verify: jwt({ token: '{json.tokens}', claims: { iss: 'https://sts.example/{jwt.claims.tid}/' }, covers }),
  });
  const ofTenant = (tid: unknown, iss = `https://sts.example/${String(tid)}/`) => token(ec.privateKey, { tid, iss });
  const receiveBody = (tokens: unknown, value: unknown) =>
    decide(webhook, aRequest(JSON.stringify({ tokens, value })), () => [pem(ec.publicKey)]).reception;

  test('are verified when a token names each item', () => {
    expect(receiveBody([ofTenant('a')], [{ tenantId: 'a' }, { tenantId: 'a' }])).toEqual(verified);
    expect(receiveBody([ofTenant('a'), ofTenant('b')], [{ tenantId: 'b' }, { tenantId: 'a' }])).toEqual(verified);
  });

  test.each<[string, unknown, unknown, string]>([
    ['no token names an item', [ofTenant('a')], [{ tenantId: 'a' }, { tenantId: 'b' }], 'claim-mismatch'],
    ['an item has no tenant', [ofTenant('a')], [{}], 'claim-mismatch'],
    ['an item is null', [ofTenant('a')], [null], 'claim-mismatch'],
    ['the tenant of an item is a list', [ofTenant('a')], [{ tenantId: ['a'] }], 'claim-mismatch'],
    ['both an item and a token have no tenant', [ofTenant(undefined, 'https://sts.example//')], [{}], 'claim-mismatch'],
    ['there is no list', [ofTenant('a')], undefined, 'items-missing'],
    ['the list is an object', [ofTenant('a')], { 0: { tenantId: 'a' }, length: 1 }, 'items-missing'],
    [
      'a token has the issuer of another tenant',
      [ofTenant('a', 'https://sts.example/b/')],
      [{ tenantId: 'a' }],
      'claim-mismatch',
    ],
    [
      'the tenant of a token is a number',
      [ofTenant(7, 'https://sts.example/7/')],
      [{ tenantId: 'a' }],
      'claim-mismatch',
    ],
    ['there is no token', [], [], 'value-missing'],
  ])('fails when %s', (_name, tokens, value, reason) => {
    expect(receiveBody(tokens, value)).toMatchObject({ kind: 'rejected', reason });
  });
});

describe('a claim that hashes the query', () => {
  const webhook = prepare({ verify: jwt({ token: '{query.jwt}', query_hash_claim: 'qsh' }) });
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const receiveQuery = (signed: string, query: string, path = '/in/acme/acc_1') =>
    decide(
      webhook,
      aRequest('{}', {
        path,
        query: `${query}${query === '' ? '' : '&'}jwt=${token(ec.privateKey, { qsh: hash(signed) })}`,
      }),
      () => [pem(ec.publicKey)],
    ).reception;

  // https://developer.atlassian.com/cloud/bitbucket/query-string-hash/
  test.each([
    ['POST&/in/acme/acc_1&', ''],
    ['POST&/acme/acc_1&a=1&b=2', 'b=2&a=1'],
    ['POST&/acc_1&a=1,2', 'a=2&a=1'],
    ['POST&/&a=b%20c', 'a=b+c'],
    ['POST&/&a=%2A%7E'.replace('%7E', '~'), 'a=*~'],
    ['POST&/&a=', 'a'],
    ['POST&/&%C3%A9=%F0%9F%98%80', '%C3%A9=%F0%9F%98%80'],
  ])('is verified as the hash of %s', (signed, query) => {
    expect(receiveQuery(signed, query)).toEqual(verified);
  });

  test.each([
    ['the method differs', 'GET&/in/acme/acc_1&', ''],
    ['the path differs', 'POST&/in/acme/acc_2&', ''],
    ['the path starts within a segment', 'POST&/c_1&', ''],
    ['a parameter is changed', 'POST&/&a=1', 'a=2'],
    ['a parameter is added', 'POST&/&a=1', 'a=1&b=2'],
    ['a parameter is removed', 'POST&/&a=1&b=2', 'a=1'],
    ['two parameters become one', 'POST&/&a=1&b=2', 'a=1%26b%3D2'],
  ])('fails when %s', (_name, signed, query) => {
    expect(receiveQuery(signed, query)).toMatchObject({ reason: 'signature-mismatch', detail: 'qsh' });
  });

  test('fails when it is missing or not text', () => {
    for (const claims of [{}, { qsh: null }, { qsh: [] }, { qsh: ['x'] }, { qsh: 'undefined' }]) {
      const query = `jwt=${token(ec.privateKey, claims)}`;
      expect(decide(webhook, aRequest('{}', { query }), () => [pem(ec.publicKey)]).reception).toMatchObject({
        reason: 'signature-mismatch',
      });
    }
  });
});
