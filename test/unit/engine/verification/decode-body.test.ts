import { expect, test } from 'vitest';
import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import { decodeBody } from '../../../../lambdas/engine/verification/decode-body.ts';

type Spec = Definition['webhook']['decode'];

const decode = (spec: Spec, body: string | Buffer, contentType?: string) =>
  decodeBody(spec, {
    method: 'POST',
    path: '/',
    query: '',
    headers: contentType === undefined ? {} : { 'content-type': contentType },
    body: Buffer.from(body),
  });

const byMediaType: Spec = {
  'application/json': 'json',
  'application/x-www-form-urlencoded': { form_json: 'payload' },
};

test.each<[string, Spec, string, string | undefined, unknown]>([
  ['JSON', 'json', '{"a":[1,null]}', undefined, { a: [1, null] }],
  ['JSON whatever its media type says', 'json', '"Ping"', 'text/plain', 'Ping'],
  ['text', 'text', 'héllo', undefined, 'héllo'],
  ['an empty text', 'text', '', undefined, ''],
  ['a form', 'form', 'a=1+2&b=%C3%A9&c', undefined, { a: '1 2', b: 'é', c: '' }],
  ['the last of doubled fields', 'form', 'a=1&a=2', undefined, { a: '2' }],
  ['JSON in a field', { form_json: 'payload' }, 'x=1&payload=%7B%22a%22%3A%221%2B1%22%7D', undefined, { a: '1+1' }],
  ['by media type', byMediaType, '{"a":1}', 'application/json', { a: 1 }],
  ['by media type with parameters', byMediaType, '{"a":1}', 'Application/JSON ; charset=utf-8', { a: 1 }],
  ['by the other media type', byMediaType, 'payload=[]', 'application/x-www-form-urlencoded', []],
])('reads %s', (_name, spec, body, contentType, value) => {
  expect(decode(spec, body, contentType)).toEqual({ kind: 'decoded', value });
});

test.each<[string, Spec, string | Buffer, string | undefined, string]>([
  ['JSON is empty', 'json', '', undefined, 'a JSON body'],
  ['JSON is cut off', 'json', '{"a":', undefined, 'a JSON body'],
  ['JSON is binary', 'json', Buffer.from([0xff, 0x00]), undefined, 'a JSON body'],
  ['a field is absent', { form_json: 'payload' }, 'a=1', undefined, 'JSON in the form field "payload"'],
  ['a field is no JSON', { form_json: 'payload' }, 'payload={', undefined, 'JSON in the form field "payload"'],
  [
    'the media type is not known',
    byMediaType,
    '{}',
    'text/plain',
    'a content type of application/json or application/x-www-form-urlencoded',
  ],
  [
    'the media type is missing',
    byMediaType,
    '{}',
    undefined,
    'a content type of application/json or application/x-www-form-urlencoded',
  ],
  [
    'the media type is named like a member of Object',
    byMediaType,
    '{}',
    'constructor',
    'a content type of application/json or application/x-www-form-urlencoded',
  ],
])('fails when %s', (_name, spec, body, contentType, expected) => {
  expect(decode(spec, body, contentType)).toEqual({ kind: 'malformed', expected });
});

test('takes a member named __proto__ as a member', () => {
  for (const decoded of [decode('json', '{"__proto__":{"a":1}}'), decode('form', '__proto__=1')]) {
    const value = decoded.kind === 'decoded' ? (decoded.value as object) : {};
    expect(Object.hasOwn(value, '__proto__')).toBe(true);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  }
});

test('an integer that no double can hold stays text, so that two ids never become one', () => {
  const body =
    '{"id":12345678901234567891,"other":-12345678901234567890,"exact":9007199254740991,"half":0.12345678901234567}';
  expect(decode('json', body)).toEqual({
    kind: 'decoded',
    value: {
      id: '12345678901234567891',
      other: '-12345678901234567890',
      exact: 9_007_199_254_740_991,
      half: Number('0.12345678901234567'),
    },
  });
});

test('a byte order mark before JSON is passed over', () => {
  expect(decode('json', '\uFEFF{"a":1}')).toEqual({ kind: 'decoded', value: { a: 1 } });
});
