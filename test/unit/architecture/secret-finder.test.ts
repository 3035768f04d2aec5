import { describe, expect, test } from 'vitest';
import { findSecrets, judgeSecrets } from '../../architecture/secret-finder.ts';

/** Joined here, so that this file itself holds nothing that looks like a secret. */
const joined = (...parts: readonly string[]) => parts.join('');
const random = 'Zk3vQ9xT1bLw8RmYc5NsUe7Hd2PfGa4J';

describe('finds', () => {
  test.each([
    ['aws-access-key', joined('AKIA', 'IOSFODNN7EXAMPL1')],
    ['private-key', joined('-----BEGIN RSA PRIVATE ', 'KEY-----\n', random, random)],
    ['private-key', joined('"-----BEGIN PRIVATE ', 'KEY-----\\n', random, random)],
    ['stripe-key', joined('sk_', 'live_', random)],
    ['github-token', joined('ghp', '_', random, 'abcd')],
    ['github-token', joined('github', '_pat_', random, random)],
    ['gitlab-token', joined('glpat', '-', random.slice(0, 20))],
    ['slack-token', joined('xoxb', '-1234567890-', random)],
    ['slack-webhook', joined('https://hooks.slack', '.com/services/T01234567/B01234567/', random)],
    ['google-key', joined('AIza', random, 'abc')],
    ['npm-token', joined('npm', '_', random, 'abcd')],
    ['sendgrid-key', joined('SG', '.', random.slice(0, 22), '.', random, random.slice(0, 11))],
    ['shopify-token', joined('shpat', '_', '0123456789abcdef0123456789abcdef')],
    ['json-web-token', joined('eyJ', 'hbGciOiJIUzI1NiJ9', '.eyJ', 'zdWIiOiIxMjM0In0', '.', random)],
    ['tributary-key', joined('tk', '_3f9c2a7b5d1e4f60_', random, random.slice(0, 11))],
    ['webhook-secret', joined('whsec', '_', random)],
    ['assigned-secret', joined('const apiKey', ` = '${random}';`)],
    ['assigned-secret', joined('"client_secret"', `: "${random}"`)],
    ['assigned-secret', joined('DB_PASSWORD', `="${random}"`)],
  ])('a %s in %s', (kind, text) => {
    const found = findSecrets('a/file.ts', `first line\n${text}\n`);
    expect(found.map((one) => one.kind)).toContain(kind);
    expect(found.map(({ file, line }) => [file, line])).toContainEqual(['a/file.ts', 2]);
  });

  test('no more of it than its begin, so that a log of the check is harmless', () => {
    const [found] = findSecrets('a/file.ts', joined('sk_', 'live_', random));
    expect(found?.begin).toHaveLength(12);
  });
});

test.each([
  ["secret: 'keep it secret, keep it safe'", 'words'],
  ["const secretName = 'tributary-engine-secret-of-prod'", 'a name'],
  ["token: 'aaaaaaaaaaaaaaaaaaaaaaaa1'", 'a repeated character'],
  [`"access_token": "eyJ0eXAiOiJKV1QiExample123456"`, 'what says that it is an example'],
  ['password: process.env["PASSWORD_OF_THE_DATABASE"]', 'a reference'],
])('passes over %s: %s', (text) => {
  expect(findSecrets('a/file.ts', text)).toEqual([]);
});

describe('an entry of the list', () => {
  const [found] = findSecrets('a/sample.json', joined('sk_', 'live_', random));
  const entry = { files: /^a\/sample\.json$/, kinds: ['stripe-key'], reason: 'made up' };

  test('allows its kinds in its files', () => {
    expect(judgeSecrets(found === undefined ? [] : [found], [entry])).toEqual({ refused: [], unused: [] });
  });

  test.each([
    ['another file', { ...entry, files: /^b\/sample\.json$/ }],
    ['another kind', { ...entry, kinds: ['slack-token'] }],
  ])('fails when it is for %s', (_name, other) => {
    expect(judgeSecrets(found === undefined ? [] : [found], [other])).toEqual({ refused: [found], unused: [other] });
  });
});
