import { describe, expect, test } from 'vitest';
import type { SecretValues } from '../../../../../lambdas/engine/request/webhook-request.ts';
import { aRequest, prepare, receive, verified } from '../../reception/acme.ts';

const header = (name: string, value: string) => aRequest('{}', { headers: { [name]: value } });

describe('a shared token', () => {
  const bare = prepare({ verify: { token: { value: '{header.X-Token}', expected: 'token' } } });
  const bearer = prepare({
    verify: { token: { value: '{header.Authorization}', prefix: 'Bearer ', expected: 'token' } },
  });

  test('is verified by any current value, in a header or in the query', () => {
    expect(receive(bare, header('x-token', 'abc'), { token: 'abc' })).toEqual(verified);
    expect(receive(bare, header('x-token', 'abc'), { token: ['xyz', 'abc'] })).toEqual(verified);
    const inQuery = prepare({ verify: { token: { value: '{query.token}', expected: 'token' } } });
    expect(receive(inQuery, aRequest('{}', { query: 'token=a%20b' }), { token: 'a b' })).toEqual(verified);
  });

  test('ignores the case of the scheme, but not of the token', () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER'])
      expect(receive(bearer, header('authorization', `${scheme} aBc`), { token: 'aBc' })).toEqual(verified);
    expect(receive(bearer, header('authorization', 'Bearer abc'), { token: 'aBc' })).toMatchObject({
      reason: 'token-mismatch',
    });
  });

  test.each<[string, ReturnType<typeof header>, SecretValues, string]>([
    ['it is wrong', header('x-token', 'abd'), { token: 'abc' }, 'token-mismatch'],
    ['it is longer', header('x-token', 'abcd'), { token: 'abc' }, 'token-mismatch'],
    ['it is shorter', header('x-token', 'ab'), { token: 'abc' }, 'token-mismatch'],
    ['it is empty', header('x-token', ''), { token: 'abc' }, 'token-mismatch'],
    ['it is missing', aRequest('{}'), { token: 'abc' }, 'header-missing'],
    ['no token is configured', header('x-token', ''), {}, 'secret-not-configured'],
    ['the configured token is empty', header('x-token', ''), { token: ['', ''] }, 'secret-not-configured'],
  ])('fails when %s', (_name, request, secrets, reason) => {
    expect(receive(bare, request, secrets)).toMatchObject({ kind: 'rejected', reason });
  });

  test.each(['abc', 'Basic abc', 'Bearer', 'Bearerabc', ' Bearer abc'])('fails when the header is "%s"', (value) => {
    expect(receive(bearer, header('authorization', value), { token: 'abc' })).toMatchObject({
      reason: 'token-malformed',
    });
  });
});

describe('Basic authentication', () => {
  const webhook = prepare({ verify: { basic: { username: 'username', password: 'password' } } });
  const basic = (pair: string, scheme = 'Basic') =>
    header('authorization', `${scheme} ${Buffer.from(pair).toString('base64')}`);
  const secrets = { username: 'ada', password: 'pass:wörd' };

  test('is verified, whatever the case of its scheme', () => {
    for (const scheme of ['Basic', 'basic', 'BASIC '])
      expect(receive(webhook, basic('ada:pass:wörd', scheme), secrets)).toEqual(verified);
  });

  test('is verified by any combination of current values', () => {
    const rotated = { username: ['ada', 'eve'], password: ['one', 'two'] };
    for (const pair of ['ada:one', 'ada:two', 'eve:one', 'eve:two'])
      expect(receive(webhook, basic(pair), rotated)).toEqual(verified);
    expect(receive(webhook, basic('ada:three'), rotated)).toMatchObject({ reason: 'token-mismatch' });
  });

  test.each<[string, ReturnType<typeof header>, SecretValues, string]>([
    ['the password is wrong', basic('ada:pass'), secrets, 'token-mismatch'],
    ['the user is wrong', basic('eve:pass:wörd'), secrets, 'token-mismatch'],
    ['there is no colon', basic('ada'), secrets, 'token-mismatch'],
    ['the header is missing', aRequest('{}'), secrets, 'header-missing'],
    ['the scheme is wrong', basic('ada:pass:wörd', 'Bearer'), secrets, 'token-malformed'],
    ['it is not encoded', header('authorization', 'Basic ada:pass:wörd'), secrets, 'token-malformed'],
    [
      'it is followed by other text',
      header('authorization', `${basic('ada:x').headers['authorization']} x`),
      secrets,
      'token-malformed',
    ],
    ['no user is configured', basic(':pass:wörd'), { password: 'pass:wörd' }, 'secret-not-configured'],
    ['no password is configured', basic('ada:'), { username: 'ada', password: '' }, 'secret-not-configured'],
  ])('fails when %s', (_name, request, values, reason) => {
    expect(receive(webhook, request, values)).toMatchObject({ kind: 'rejected', reason });
  });
});
