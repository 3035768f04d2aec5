import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyTransform, parseTransform } from '../../../../lambdas/engine/template/transforms.ts';

const secrets = { signing_secret: 'k' };

function apply(written: string, value: string | Buffer, known: Readonly<Record<string, string>> = secrets) {
  const transform = parseTransform(written);
  if (typeof transform === 'string') throw new Error(transform);
  return applyTransform(transform, value, known);
}

const digest = (algorithm: string, encoding: 'hex' | 'base64') => createHash(algorithm).update('é').digest(encoding);
const mac = (encoding: 'hex' | 'base64') => createHmac('sha256', 'k').update('é').digest(encoding);

test.each<[string, string, string]>([
  ['lower', 'AbÉ', 'abé'],
  ['upper', 'abé', 'ABÉ'],
  ['trim', '\t a b \r\n', 'a b'],
  ['base64_encode', 'é', 'w6k='],
  ['url_decode', 'a%20b+c%C3%A9%2B', 'a b cé+'],
  ['url_decode', '100% +', '100%  '],
  ['sha1', 'é', digest('sha1', 'hex')],
  ['sha256', 'é', digest('sha256', 'hex')],
  ['sha512', 'é', digest('sha512', 'hex')],
  ['sha256_base64', 'é', digest('sha256', 'base64')],
  ['crc32', '', '0'],
  // The check value of CRC-32. @see https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-32-iso-hdlc
  ['crc32', '123456789', String(0xcbf43926)],
  ['escape_unicode', 'a\u007f\u0080é€😀\n', 'a\u007f\\u0080\\u00e9\\u20ac\\ud83d\\ude00\n'],
  ['percent_decode(3A 2f)', '%3A%3a%2F%2f%3F%41%zz%', '::// %3F%41%zz%'.replace(' ', '')],
  ['sorted_pairs', 'b=2&a=1', 'a1b2'],
  ['sorted_pairs', 'a=2&a=1&a=2&B=x', 'Bxa1a2'],
  ['sorted_pairs', 'a=b%20c&d', 'ab cd'],
  ['sorted_pairs', '', ''],
  ['without_query', 'https://a.example/b?c=d?e#f', 'https://a.example/b'],
  ['without_query', 'https://a.example/b', 'https://a.example/b'],
  ['with_port', 'https://a.example/b?c=http://d', 'https://a.example:443/b?c=http://d'],
  ['with_port', 'http://a.example', 'http://a.example:80'],
  ['with_port', 'https://a.example:8443/b', 'https://a.example:8443/b'],
  ['with_port', 'no url', 'no url'],
  ['without_port', 'https://a.example:443/b:80/c', 'https://a.example/b:80/c'],
  ['without_port', 'https://a.example:443', 'https://a.example'],
  ['without_port', 'https://a.example/b:80', 'https://a.example/b:80'],
  ['hmac_sha256(signing_secret)', 'é', mac('hex')],
  ['hmac_sha256( signing_secret )', 'é', mac('hex')],
  ['hmac_sha256_base64(signing_secret)', 'é', mac('base64')],
])('%s of "%s"', (written, value, expected) => {
  expect(apply(written, value)?.toString()).toBe(expected);
  expect(apply(written, Buffer.from(value))?.toString()).toBe(expected);
});

describe('bytes', () => {
  const bytes = Buffer.from([0, 0xff, 0x80, 0xc3]);

  test('are decoded unchanged', () => {
    expect(apply('hex_decode', bytes.toString('hex'))).toEqual(bytes);
    expect(apply('base64_decode', bytes.toString('base64'))).toEqual(bytes);
  });

  test('are encoded and digested unchanged', () => {
    expect(apply('base64_encode', bytes)).toBe(bytes.toString('base64'));
    expect(apply('sha256', bytes)).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(apply('crc32', bytes)).toBe(String(0xa632e0b0));
  });
});

test.each([
  ['is unknown', 'sha3', /^got the transform "sha3", expected one of lower, upper, trim, /],
  ['is empty', '', /^got the transform "", expected one of/],
  ['has the name of a member of Object', 'constructor', /^got the transform "constructor"/],
  ['has an unexpected argument', 'sha256(a)', 'got "sha256(a)", but sha256 takes no argument'],
  ['lacks its argument', 'hmac_sha256', 'got "hmac_sha256", but hmac_sha256 takes the name of a secret in parentheses'],
  ['has an open parenthesis', 'hmac_sha256(a', /^got the transform "hmac_sha256\(a"/],
  ['is followed by other text', 'lower()x', /^got the transform "lower\(\)x"/],
])('fails when it %s', (_name, written, message) => {
  expect(parseTransform(written)).toMatch(message);
});

test('returns nothing when its secret has no value, and never reads a secret from a prototype', () => {
  for (const known of [{}, { signing_secret: '' }])
    expect(apply('hmac_sha256(signing_secret)', 'a', known)).toBeUndefined();
  for (const name of ['constructor', '__proto__', 'toString'])
    expect(apply(`hmac_sha256(${name})`, 'a', secrets)).toBeUndefined();
});

test('never throws for any text', () => {
  const pipelines = [
    'lower',
    'upper',
    'trim',
    'hex_decode',
    'base64_decode',
    'base64_encode',
    'url_decode',
    'sha1',
    'sha256',
    'sha512',
    'sha256_base64',
    'crc32',
    'escape_unicode',
    'percent_decode(3A 25)',
    'sorted_pairs',
    'without_query',
    'with_port',
    'without_port',
    'hmac_sha256(signing_secret)',
    'hmac_sha256_base64(signing_secret)',
  ];
  fc.assert(
    fc.property(fc.constantFrom(...pipelines), fc.string({ unit: 'binary' }), (written, text) => {
      expect(apply(written, text)).toBeDefined();
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['without_port', `https://${':1'.repeat(50_000)}x`],
  ['without_port', `https://a:${'1'.repeat(100_000)}x`],
  ['with_port', `https://a${':'.repeat(100_000)}1x`],
  ['without_query', '?\n'.repeat(50_000)],
  ['url_decode', '%'.repeat(100_000)],
  ['percent_decode(3A)', '%3'.repeat(50_000)],
  ['sorted_pairs', 'a=&'.repeat(30_000)],
])('%s takes little time on a text that provokes backtracking', (written, text) => {
  const before = process.cpuUsage();
  apply(written, text);
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(250);
});
