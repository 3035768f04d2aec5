import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  parseSource,
  parseTemplate,
  renderAll,
  renderTemplate,
  renderText,
  type TemplateInput,
} from '../../../../lambdas/engine/template/template.ts';

const input: TemplateInput = {
  method: 'POST',
  url: 'https://hooks.example.com/in/acme?token=a%20b',
  path: '/in/acme',
  headers: { 'x-time': '17', 'x-empty': '' },
  query: new URLSearchParams('token=a%20b&token=c&empty='),
  body: Buffer.from('{"a":1}'),
  decoded: JSON.parse(
    '{"a":{"b":["zero","one"]},"n":12.5,"t":true,"f":false,"null":null,"text":"hi","":{"x":"y"}}',
  ) as unknown,
  secrets: {},
  vars: {},
};

const template = (text: string) => {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') throw new Error(parsed.message);
  return parsed.template;
};
const filled: TemplateInput = {
  ...input,
  secrets: { signing_secret: 's3cret' },
  vars: { version: 'v1' },
  item: { id: 7 },
};
const render = (text: string, from: TemplateInput = input) => renderText(template(text), from);

test.each([
  ['', ''],
  ['plain text: 100 %', 'plain text: 100 %'],
  ['{method} {path}', 'POST /in/acme'],
  ['v0:{header.X-Time}:{body}', 'v0:17:{"a":1}'],
  ['{header.x-TIME}', '17'],
  ['[{header.X-Empty}]', '[]'],
  ['{query.token}|{query.empty}', 'a b|'],
  ['{json.a.b.1}', 'one'],
  ['{json.n} {json.t} {json.f}', '12.5 true false'],
  ['{json..x}', 'y'],
  ['{{}}', '{}'],
  ['{{body}}', '{body}'],
  ['{{{method}}}', '{POST}'],
  ['{method}}}{{', 'POST}{'],
  ['{ method }|{ header.X-Time | sha1 | upper }', 'POST|0716D9708D321FFB6A00818614779E779925365C'],
  ['[{header.X-Absent?}{json.absent? | upper}{json.a?}]', '[]'],
  ['{url | without_query}', 'https://hooks.example.com/in/acme'],
  ['{secret.signing_secret}:{var.version}:{item.id}', 's3cret:v1:7'],
  ['{form.b}', 'two words'],
])('renders %s', (text, expected) => {
  const from = text.includes('{form') ? { ...filled, body: Buffer.from('a=1&b=two+words') } : filled;
  expect(render(text, from)).toBe(expected);
});

test.each([
  '{secret.signing_secret}',
  '{secret.constructor}',
  '{var.toString}',
  '{item}',
  '{item.id}',
  '{form.a}',
  '{headers.X-Absent*}',
  '{header.X-Absent}',
  '{query.absent}',
  '{json.absent}',
  '{json.a.b.2}',
  '{json.text.length}',
  '{json.n.toFixed}',
  '{json.__proto__}',
  '{json.constructor}',
  '{json.a.constructor.name}',
  '{json.a.b.map}',
  '{json.toString}',
  '{header.__proto__}',
  '{header.constructor}',
  '{header.toString}',
  '{query.constructor}',
  // Null, lists and objects have no text.
  '{json.null}',
  '{json.a}',
  '{json.a.b}',
  '{json}',
])('finds nothing at %s', (text) => {
  expect(renderTemplate(template(`before ${text} after`), input)).toEqual({
    kind: 'missing',
    source: text.slice(1, -1),
  });
  expect(render(text)).toBeUndefined();
});

test('finds nothing in a body that could not be decoded', () => {
  expect(render('{json.a}', { ...input, decoded: undefined })).toBeUndefined();
  expect(render('{json}', { ...input, decoded: undefined })).toBeUndefined();
});

test('reads an own member with the name of a prototype member', () => {
  const decoded: unknown = JSON.parse('{"constructor":"c","__proto__":"p"}');
  expect(render('{json.constructor}{json.__proto__}', { ...input, decoded })).toBe('cp');
});

test('reads a decoded body that is a scalar', () => {
  expect(render('{json}', { ...input, decoded: 'Ping' })).toBe('Ping');
});

test('renders each element of a list of headers or of JSON, and one text otherwise', () => {
  const headers = { 'x-sig-2': 'b', 'x-sig-1': 'a', 'x-other': 'c' };
  const decoded = { list: ['a', 1, null, { b: 1 }, ['c'], true] };
  const all = (text: string) => renderAll(template(text), { ...input, headers, decoded });
  expect([...all('{headers.X-Sig-*}')].sort()).toEqual(['a', 'b']);
  expect(all('{json.list}')).toEqual(['a', '1', 'true']);
  expect(all('{json.list | sha1}')).toHaveLength(3);
  expect(all('x{json.list}')).toEqual([]);
  expect(all('{header.X-Other}')).toEqual(['c']);
  expect(all('{header.X-Absent}')).toEqual([]);
});

test('renders the received bytes of the body, not their decoded text', () => {
  const body = Buffer.from([0xff, 0xfe, 0x00, 0xc3]);
  expect(renderTemplate(template('a{body}'), { ...input, body })).toEqual({ kind: 'value', chunks: ['a', body] });
});

test('renders any text unchanged when its braces are doubled', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(render(text.replace(/[{}]/g, '$&$&'))).toBe(text);
    }),
  );
});

test('reports where parsing stopped, for any text that it cannot parse', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z{}. ]*$/), (text) => {
      const parsed = parseTemplate(text);
      const message = parsed.kind === 'fault' ? parsed.message : 'got {}, expected {method}';
      expect(message).toMatch(/at character \d+|^got \{.*\}, expected \{method\}/);
    }),
  );
});

describe('parseTemplate', () => {
  test.each([
    ['a brace is not closed', 'x{body', /^a "\{" without "\}" at character 2; write "\{\{" for the brace itself$/],
    ['a brace is not closed before the next', '{header.X-A.{body}', /^a "\{" without "\}" at character 1;/],
    ['a brace is not opened', 'x{body}}', /^a "\}" without "\{" at character 8; write "\}\}" for the brace itself$/],
    ['a source is unknown', '{headers.X}', /^got \{headers\.X\}, expected \{method\}, \{url\}/],
    ['a source is empty', '{method} {}', /^got \{\}, expected/],
    ['a header has no name', '{header.}', /^got \{header\.\}, expected/],
    ['a header has neither dot nor name', '{header}', /^got \{header\}, expected/],
    ['a source has a space in its name', '{bo dy}', /^got \{bo dy\}, expected/],
    ['a prefix of headers has no star', '{headers.X-Signature}', /^got \{headers\.X-Signature\}, expected/],
    ['a transform is unknown', '{body | md5}', /^got the transform "md5", expected one of lower/],
    ['a transform is empty', '{body | }', /^got the transform "", expected one of/],
    ['a source has the name of a member of Object', '{constructor}', /^got \{constructor\}, expected/],
  ])('fails when %s', (_name, text, message) => {
    expect(parseTemplate(text)).toEqual({ kind: 'fault', message: expect.stringMatching(message) });
  });
});

test.each([
  ['method', { from: 'method' }],
  ['header.X-Hub-Signature', { from: 'header', name: 'x-hub-signature' }],
  ['query.Hub.mode', { from: 'query', name: 'Hub.mode' }],
  ['json', { from: 'json', path: [] }],
  ['json.a.0.b', { from: 'json', path: ['a', '0', 'b'] }],
  ['cookie.a', undefined],
  ['json.', undefined],
  ['', undefined],
])('reads the source "%s"', (name, source) => {
  expect(parseSource(name)).toEqual(source);
});
