import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WebhookDefinition } from '../../../../lambdas/engine/definition/schema.ts';
import { decodeBody, decodesXml } from '../../../../lambdas/engine/request/decode-body.ts';
import { readXml } from '../../../../lambdas/engine/request/read-xml.ts';
import { propertyRuns } from '../../../property-runs.ts';
import { cpuMsOf, maxCpuMs } from '../reception/acme.ts';

type Spec = WebhookDefinition['webhook']['decode'];

const decode = (spec: Spec, body: string | Buffer, contentType?: string) =>
  decodeBody(
    spec,
    {
      method: 'POST',
      url: 'https://hooks.example.com/',
      path: '/',
      query: '',
      headers: contentType === undefined ? {} : { 'content-type': contentType },
      body: Buffer.from(body),
    },
    readXml,
  );

const byMediaType: Spec = {
  'application/json': 'json',
  'application/x-www-form-urlencoded': { form_json: 'payload' },
};

test.each<[string, Spec, string, string | undefined, unknown]>([
  ['JSON', 'json', '{"a":[1,null]}', undefined, { a: [1, null] }],
  ['JSON whatever the media type is', 'json', '"Ping"', 'text/plain', 'Ping'],
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
  ['a field is not JSON', { form_json: 'payload' }, 'payload={', undefined, 'JSON in the form field "payload"'],
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
    'the media type has the name of a member of Object',
    byMediaType,
    '{}',
    'constructor',
    'a content type of application/json or application/x-www-form-urlencoded',
  ],
])('fails when %s', (_name, spec, body, contentType, expected) => {
  expect(decode(spec, body, contentType)).toEqual({ kind: 'malformed', expected });
});

test('reads a member named __proto__ as a plain member', () => {
  for (const decoded of [decode('json', '{"__proto__":{"a":1}}'), decode('form', '__proto__=1')]) {
    const value = decoded.kind === 'decoded' ? (decoded.value as object) : {};
    expect(Object.hasOwn(value, '__proto__')).toBe(true);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  }
});

test('an integer that no double can hold becomes a string, so two ids never become equal', () => {
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

test('a large integer keeps its digits anywhere in the body, and other values stay unchanged', () => {
  const integers = fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n });
  const numbers = fc.oneof(
    integers.map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
    fc.constantFrom(
      '1e400',
      '1234567890123456789.5',
      '1234567890123456789e2',
      '-0',
      '0.12345678901234567',
      '9007199254740992',
    ),
  );
  const texts = fc
    .oneof(
      fc.string({ unit: 'binary' }),
      integers.map((id) => `\\"${id},\\\\`),
    )
    .map((text) => JSON.stringify(text));
  const { json } = fc.letrec<{ json: string }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 4 },
      numbers,
      texts,
      fc.array(tie('json')).map((items) => `[${items.join(' , ')}]`),
      fc
        .array(fc.tuple(texts, tie('json')))
        .map((members) => `{${members.map(([name, item]) => `${name}:${item}`).join(',')}}`),
    ),
  }));
  fc.assert(
    fc.property(json, (text) => {
      const revived: unknown = JSON.parse(text, (_, value: unknown, context?: { readonly source?: string }) => {
        const isLarge =
          typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '');
        return isLarge ? context?.source : value;
      });
      expect(decode('json', text)).toEqual({ kind: 'decoded', value: revived });
    }),
    propertyRuns(200, 2_000),
  );
});

test.each([
  ['many numbers and one large integer', `[${'1,'.repeat(500_000)}12345678901234567890]`],
  ['many large integers', `[${'12345678901234567890,'.repeat(40_000)}1]`],
  ['a string of digits', `"${'1'.repeat(1_000_000)}"`],
  ['a number of a million digits', '1'.repeat(1_000_000)],
  ['characters of numbers', `"${'1-e.+'.repeat(200_000)}"`],
  ['escapes', `["${'\\\\'.repeat(250_000)}",12345678901234567890]`],
])('a megabyte of %s takes little time', (_name, text) => {
  expect(cpuMsOf(() => decode('json', text))).toBeLessThan(maxCpuMs);
});

test('a byte order mark before JSON is ignored', () => {
  expect(decode('json', '\uFEFF{"a":1}')).toEqual({ kind: 'decoded', value: { a: 1 } });
});

const xml = (body: string) => decode('xml', body);

test.each<[string, string, unknown]>([
  ['an element', '<a>x</a>', { a: 'x' }],
  ['an empty element', '<a/>', { a: '' }],
  ['numbers and booleans as text', '<r><a>007</a><b>true</b><c>1e3</c></r>', { r: { a: '007', b: 'true', c: '1e3' } }],
  ['attributes', '<a id="1" n=\'x y\'>t</a>', { a: { '@id': '1', '@n': 'x y', '#text': 't' } }],
  ['names without their namespaces', '<s:a xmlns:s="urn:s" s:b="1"><s:c>x</s:c></s:a>', { a: { '@b': '1', c: 'x' } }],
  ['repeated elements as a list', '<r><a>1</a><b>x</b><a>2</a></r>', { r: { a: ['1', '2'], b: 'x' } }],
  ['text in a CDATA section', '<a><![CDATA[<b>&amp;</b>]]></a>', { a: '<b>&amp;</b>' }],
  [
    'entities',
    '<a b="&quot;">&lt;&amp;&#65;&#xe9;&amp;lt;&other;</a>',
    { a: { '#text': '<&Aé&lt;&other;', '@b': '"' } },
  ],
  ['an element after a declaration', '<?xml version="1.0" encoding="UTF-8"?>\n<!-- c --><a>é</a>', { a: 'é' }],
])('reads %s in XML', (_name, body, value) => {
  const decoded = xml(body);
  const plain = decoded.kind === 'decoded' ? JSON.parse(JSON.stringify(decoded.value)) : undefined;
  if (plain !== undefined) delete plain['?xml'];
  expect(plain).toEqual(value);
});

const laughs = Array.from({ length: 9 }, (_, level) => `<!ENTITY l${level + 1} "${`&l${level};`.repeat(10)}">`);
test.each([
  ['it is empty', ''],
  ['it is text', 'hello'],
  ['it is cut off', '<a><b></b>'],
  ['elements cross', '<a><b></a></b>'],
  ['there are two roots', '<a>1</a><b>2</b>'],
  ['it has a document type', '<!DOCTYPE a><a/>'],
  ['it has a document type in lower case', '<!doctype a><a/>'],
  ['it names a file as an entity', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'],
  ['it grows by its entities', `<!DOCTYPE a [<!ENTITY l0 "lol">${laughs.join('')}]><a>&l9;</a>`],
  ['an element has the name of a prototype member', '<r><__proto__><x>1</x></__proto__></r>'],
  ['it is nested too deeply', `${'<a>'.repeat(10_000)}${'</a>'.repeat(10_000)}`],
  ['it is nested and never closed', '<a>'.repeat(20_000)],
  [
    'all elements have different names and none is closed',
    Array.from({ length: 5000 }, (_, at) => `<a${at}>`).join(''),
  ],
  ['a comment never ends', `<a>${'<!--'.repeat(20_000)}`],
  ['a CDATA section never ends', `<a>${'<![CDATA['.repeat(10_000)}`],
  ['an attribute never ends', `<a ${'x="'.repeat(20_000)}`],
  ['a tag holds only white space', `<a${' '.repeat(100_000)}`],
  ['it consists of opening brackets', '<'.repeat(50_000)],
])('fails quickly when %s', (_name, body) => {
  const cpuMs = cpuMsOf(() => {
    expect(xml(body)).toMatchObject({ kind: 'malformed', expected: expect.stringMatching(/^well-formed XML/) });
  });
  expect(cpuMs).toBeLessThan(maxCpuMs);
});

test('no XML reaches a prototype', () => {
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
    xml(`<r><${name}><polluted>1</polluted></${name}></r>`);
    xml(`<r ${name}="1"/>`);
    xml(`<${name} ${name}="1"><${name}/></${name}>`);
  }
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(Object.prototype.toString.call({})).toBe('[object Object]');
});

test.each<[Spec, boolean]>([
  ['json', false],
  ['xml', true],
  [{ form_json: 'payload' }, false],
  [{ form_json: 'xml' }, false],
  [byMediaType, false],
  [{ 'text/xml': 'xml', 'application/json': 'json' }, true],
])('%j tells whether bodies may be XML', (spec, expected) => {
  expect(decodesXml(spec)).toBe(expected);
});
