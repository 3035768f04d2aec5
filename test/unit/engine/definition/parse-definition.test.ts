import { expect, test } from 'vitest';
import { formatFault, parseDefinition } from '../../../../lambdas/engine/definition/parse-definition.ts';

const file = 'integrations/acme/integration.yaml';
const yaml = `name: acme
title: Acme
docs: https://acme.example/webhooks
secrets:
  signing_secret: Under Settings > Webhooks.
webhook:
  decode: json
  verify:
    hmac:
      algorithm: sha256
      encoding: hex
      key: signing_secret
      message: "{body}"
      signature: "{header.X-Signature}"
mapping: mapping.jsonata
`;

interface Written {
  readonly text: string;
  readonly mapping?: string;
  readonly folder?: string;
}

function parse({ text, mapping = 'body.events', folder = 'acme' }: Written) {
  return parseDefinition(text, { file, folder, read: (name) => (name === 'mapping.jsonata' ? mapping : undefined) });
}

function faultsOf(written: Written): readonly string[] {
  const parsed = parse(written);
  return parsed.kind === 'faults' ? parsed.faults.map(formatFault) : [];
}

/** The definition with one place written otherwise. */
function change(from: string | RegExp, to: string): string {
  const text = yaml.replace(from, to);
  expect(text).not.toBe(yaml);
  return text;
}
const verify = /verify:[^]*X-Signature}"/;

test('gives the definition with its mapping in place and its defaults filled in', () => {
  expect(parse({ text: yaml })).toMatchObject({
    kind: 'definition',
    definition: { name: 'acme', webhook: { decode: 'json', handshakes: [] }, mapping: 'body.events' },
  });
  expect(parse({ text: change('mapping.jsonata', `"{ 'a': 1 }"`) })).toMatchObject({
    kind: 'definition',
    definition: { mapping: "{ 'a': 1 }" },
  });
});

test.each<[string, Written, string]>([
  [
    'its name is not that of its folder',
    { text: yaml, folder: 'acne' },
    `${file}:1:7 name: got "acme", expected the folder's name "acne"`,
  ],
  [
    'a secret is not declared',
    { text: change('key: signing_secret', 'key: other') },
    `${file}:12:12 webhook.verify.hmac.key: got "other", expected one of the declared secrets: signing_secret`,
  ],
  [
    'a key is unknown',
    { text: change('  decode: json', '  decode: json\n  deliver_id: "{header.X-Id}"') },
    `${file}:8:3 webhook.deliver_id: "deliver_id" is not a key that may stand here`,
  ],
  [
    'a value is not one of those allowed',
    { text: change('sha256', 'md5') },
    `${file}:10:18 webhook.verify.hmac.algorithm: Invalid option: expected one of "sha1"|"sha256"|"sha512"`,
  ],
  [
    'a value of alternatives is none of them',
    { text: change('decode: json', 'decode:\n    application/json: xml') },
    `${file}:8:23 webhook.decode.application/json: Invalid option: expected one of "json"|"form"|"text"`,
  ],
  [
    'a member is missing',
    { text: change('title: Acme\n', '') },
    `${file}:1:1 title: Invalid input: expected string, received undefined`,
  ],
  [
    'a template is malformed',
    { text: change('"{body}"', '"{bdy}"') },
    `${file}:13:16 webhook.verify.hmac.message: got {bdy}, expected {method}, {path}, {body}, {header.<Name>}, {query.<name>}, {json.<path>} or {json}`,
  ],
  [
    'a condition speaks of no source',
    { text: change('mapping:', '  handshakes:\n    - { name: ping, when: { event: ping }, respond: {} }\nmapping:') },
    `${file}:16:29 webhook.handshakes.0.when.event: got "event", expected a source such as header.X-Event, query.challenge or json.type`,
  ],
  [
    'a check is two at once',
    {
      text: change(
        'verify:\n',
        'verify:\n    freshness: { timestamp: "{json.t}", unit: s, max_age_seconds: 9, max_ahead_seconds: 9 }\n',
      ),
    },
    `${file}:9:5 webhook.verify: got hmac and freshness, expected exactly one of hmac, freshness, all, any`,
  ],
  [
    'a check is none',
    { text: change(verify, 'verify: {}') },
    `${file}:8:11 webhook.verify: got no key, expected exactly one of hmac, freshness, all, any`,
  ],
  [
    'the mapping is not there',
    { text: change('mapping.jsonata', 'other.jsonata') },
    `${file}:15:10 mapping: got "other.jsonata", but there is no such file beside the definition`,
  ],
  [
    'the mapping is empty',
    { text: yaml, mapping: ' \n' },
    `${file}:15:10 mapping: got an empty mapping, expected JSONata`,
  ],
  [
    'the mapping does not parse',
    { text: yaml, mapping: '(\n  body.\n  )' },
    `integrations/acme/mapping.jsonata:3:4 mapping: JSONata: The symbol ")" cannot be used as a unary operator`,
  ],
  [
    'an inline mapping does not parse',
    { text: change('mapping.jsonata', '"body.["') },
    `${file}:15:10 mapping: JSONata: Expected "]" before end of expression`,
  ],
  ['a key stands twice', { text: `${yaml}title: Again\n` }, `${file}:16:1 Map keys must be unique`],
  [
    'an alias has no anchor',
    { text: change('title: Acme', 'title: *nowhere') },
    `${file}:1:1 Unresolved alias (the anchor must be set before the alias): nowhere`,
  ],
  ['it is a list', { text: '- name: acme' }, `${file}:1:1 Invalid input: expected object, received array`],
  ['it is empty', { text: '' }, `${file}:1:1 Invalid input: expected object, received null`],
])('fails when %s', (_name, written, fault) => {
  expect(faultsOf(written)).toEqual([fault]);
});

test('fails when a file is named that lies elsewhere, without reading it', () => {
  const asked: string[] = [];
  const read = (name: string) => {
    asked.push(name);
    return undefined;
  };
  for (const name of ['../acme/mapping.jsonata', '/etc/mapping.jsonata', 'a/b.jsonata'])
    parseDefinition(change('mapping.jsonata', `'${name}'`), { file, folder: 'acme', read });
  expect(asked).toEqual([]);
});

test('fails when aliases would fill the memory', () => {
  const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (const [next, last] of ['ba', 'cb', 'dc', 'ed'])
    lines.push(`${next}: &${next} [${Array(10).fill(`*${last}`).join(', ')}]`);
  expect(faultsOf({ text: lines.join('\n') })).toEqual([expect.stringContaining('Excessive alias count')]);
});

test('tells all faults of its shape at once', () => {
  const text = change('title: Acme\n', '').replace('sha256', 'md5').replace('encoding', 'encodign');
  expect(faultsOf({ text, mapping: 'body.[' })).toEqual([
    expect.stringContaining('yaml:1:1 title: Invalid input'),
    expect.stringContaining('yaml:9:18 webhook.verify.hmac.algorithm: Invalid option'),
    expect.stringContaining('yaml:9:7 webhook.verify.hmac.encoding: Invalid option'),
    expect.stringContaining('yaml:10:7 webhook.verify.hmac.encodign: "encodign" is not a key'),
    expect.stringContaining('mapping.jsonata:1:7 mapping: JSONata: '),
  ]);
});

test('tells all faults between its parts at once', () => {
  const text = change('key: signing_secret', 'key: other');
  expect(faultsOf({ text, mapping: '(', folder: 'acne' })).toEqual([
    expect.stringContaining('name: got "acme"'),
    expect.stringContaining('webhook.verify.hmac.key: got "other"'),
    expect.stringContaining('mapping: JSONata: '),
  ]);
});

test('tells all faults of its YAML at once', () => {
  expect(faultsOf({ text: 'name: [a\nb: {' }).length).toBeGreaterThan(1);
});

test('finds undeclared secrets anywhere in the tree of checks', () => {
  const hmac = (key: string) =>
    `{ hmac: { algorithm: sha1, encoding: hex, key: ${key}, message: "{body}", signature: "{header.X}" } }`;
  const tree = `verify:\n    any:\n      - all: [${hmac('signing_secret')}, ${hmac('one')}]\n      - ${hmac('two')}`;
  expect(faultsOf({ text: change(verify, tree) })).toEqual([
    expect.stringContaining('webhook.verify.any.0.all.1.hmac.key: got "one"'),
    expect.stringContaining('webhook.verify.any.1.hmac.key: got "two"'),
  ]);
});
