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

/** The definition with one place changed. */
function change(from: string | RegExp, to: string): string {
  const text = yaml.replace(from, to);
  expect(text).not.toBe(yaml);
  return text;
}
const verify = /verify:[^]*X-Signature}"/;

test('returns the definition with its mapping in place and its defaults filled in', () => {
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
    'the name differs from the folder name',
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
    `${file}:8:3 webhook.deliver_id: "deliver_id" is not a key allowed here`,
  ],
  [
    'a value is not allowed',
    { text: change('sha256', 'md5') },
    `${file}:10:18 webhook.verify.hmac.algorithm: Invalid option: expected one of "sha1"|"sha256"|"sha512"`,
  ],
  [
    'a value matches no alternative of a union',
    { text: change('decode: json', 'decode:\n    application/json: yaml') },
    `${file}:8:23 webhook.decode.application/json: Invalid option: expected one of "json"|"form"|"multipart"|"xml"|"text"`,
  ],
  [
    'a member is missing',
    { text: change('title: Acme\n', '') },
    `${file}:1:1 title: got no \`title\`, expected a text`,
  ],
  [
    'a template is malformed',
    { text: change('"{body}"', '"{bdy}"') },
    `${file}:13:16 webhook.verify.hmac.message: got {bdy}, expected {method}, {url}, {path}, {body}, {header.<Name>}, {headers.<Prefix>*}, {listed_headers.<Name>}, {query.<name>}, {form.<name>}, {json.<path>}, {item.<path>}, {secret.<name>}, {var.<name>} or {jwt.header.<name>} and {jwt.claims.<name>} within jwt`,
  ],
  [
    'a condition names no source',
    { text: change('mapping:', '  handshakes:\n    - { name: ping, when: { event: ping }, respond: {} }\nmapping:') },
    `${file}:16:29 webhook.handshakes.0.when.event: got "event", expected a source such as header.X-Event, query.challenge or json.type`,
  ],
  [
    'a check has two kinds',
    {
      text: change(
        'verify:\n',
        'verify:\n    freshness: { timestamp: "{json.t}", unit: s, max_age_seconds: 9, max_ahead_seconds: 9 }\n',
      ),
    },
    `${file}:9:5 webhook.verify: got hmac and freshness, expected exactly one of hmac, digest, public_key, jwt, token, basic, url_token, freshness, all, any, cases, each`,
  ],
  [
    'a check has no kind',
    { text: change(verify, 'verify: {}') },
    `${file}:8:11 webhook.verify: got no key, expected exactly one of hmac, digest, public_key, jwt, token, basic, url_token, freshness, all, any, cases, each`,
  ],
  [
    'the mapping file does not exist',
    { text: change('mapping.jsonata', 'other.jsonata') },
    `${file}:15:10 mapping: got "other.jsonata", but there is no such file in the folder of the definition`,
  ],
  [
    'the mapping file name is misspelt',
    { text: change('mapping.jsonata', 'mapping.jsonta') },
    `${file}:15:10 mapping: got "mapping.jsonta", but there is no such file in the folder of the definition`,
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
  ['a key occurs twice', { text: `${yaml}title: Again\n` }, `${file}:16:1 Map keys must be unique`],
  [
    'an alias has no anchor',
    { text: change('title: Acme', 'title: *nowhere') },
    `${file}:1:1 Unresolved alias (the anchor must be set before the alias): nowhere`,
  ],
  ['the document is a list', { text: '- name: acme' }, `${file}:1:1 expected keys with values`],
  ['the document is empty', { text: '' }, `${file}:1:1 got nothing, expected keys with values`],
])('fails when %s', (_name, written, fault) => {
  expect(faultsOf(written)).toEqual([fault]);
});

test('fails when the mapping names a file in another folder, and does not read it', () => {
  const asked: string[] = [];
  const read = (name: string) => {
    asked.push(name);
    return undefined;
  };
  for (const name of ['../acme/mapping.jsonata', '/etc/mapping.jsonata', 'a/b.jsonata'])
    parseDefinition(change('mapping.jsonata', `'${name}'`), { file, folder: 'acme', read });
  expect(asked).toEqual([]);
});

test('fails when aliases would exhaust memory', () => {
  const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (const [next, last] of ['ba', 'cb', 'dc', 'ed'])
    lines.push(`${next}: &${next} [${Array(10).fill(`*${last}`).join(', ')}]`);
  expect(faultsOf({ text: lines.join('\n') })).toEqual([expect.stringContaining('Excessive alias count')]);
});

test('reports all faults of the shape together', () => {
  const text = change('title: Acme\n', '').replace('sha256', 'md5').replace('encoding', 'encodign');
  expect(faultsOf({ text, mapping: 'body.[' })).toEqual([
    expect.stringContaining('yaml:1:1 title: got no `title`'),
    expect.stringContaining('yaml:9:18 webhook.verify.hmac.algorithm: Invalid option'),
    expect.stringContaining('yaml:9:7 webhook.verify.hmac.encoding: Invalid option'),
    expect.stringContaining('yaml:10:7 webhook.verify.hmac.encodign: "encodign" is not a key'),
    expect.stringContaining('mapping.jsonata:1:7 mapping: JSONata: '),
  ]);
});

test('reports all faults between parts together', () => {
  const text = change('key: signing_secret', 'key: other');
  expect(faultsOf({ text, mapping: '(', folder: 'acne' })).toEqual([
    expect.stringContaining('name: got "acme"'),
    expect.stringContaining('webhook.verify.hmac.key: got "other"'),
    expect.stringContaining('mapping: JSONata: '),
  ]);
});

test('reports only the first YAML fault, and says where to look', () => {
  const check = 'check the indentation of this line and the line before';
  expect(faultsOf({ text: 'name: [a\nb: {' })).toHaveLength(1);
  expect(faultsOf({ text: change('      encoding', '     encoding') })).toEqual([
    expect.stringMatching(new RegExp(`yaml:11:1 .*; ${check}$`)),
  ]);
  expect(faultsOf({ text: change('      encoding', '       encoding') })).toEqual([
    expect.stringMatching(new RegExp(`yaml:10:18 .*; ${check}$`)),
  ]);
});

test('reports quoted text that holds a line break in one line', () => {
  expect(faultsOf({ text: change('"{body}"', String.raw`"{a\nb}"`) })).toEqual([
    expect.stringContaining(String.raw`got {a\nb}, expected`),
  ]);
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

test.each([
  [
    'a message',
    'message: "{secret.other}{body}"',
    'webhook.verify.hmac.message: got "other", expected one of the declared secrets: signing_secret',
  ],
  [
    'a list of messages',
    'message: ["{body}", "{var.time}.{body}"]',
    'webhook.verify.hmac.message.1: got "time", expected one of the declared vars: none',
  ],
  [
    'a transform',
    'message: "{body | hmac_sha256(other)}"',
    'webhook.verify.hmac.message: got "other", expected one of the declared secrets: signing_secret',
  ],
])('finds an undeclared name in %s', (_name, message, fault) => {
  expect(faultsOf({ text: change('message: "{body}"', message) })).toEqual([expect.stringContaining(fault)]);
});

test('finds undeclared names in a handshake', () => {
  const handshake = (rest: string) =>
    change('mapping:', `  handshakes: [{ name: ping, when: { method: GET }, ${rest} }]\nmapping:`);
  expect(faultsOf({ text: handshake('token: { value: "{query.t}", expected: other }, respond: {}') })).toEqual([
    expect.stringContaining('webhook.handshakes.0.token.expected: got "other"'),
  ]);
  expect(faultsOf({ text: handshake('respond: { json: { a: "{query.b | hmac_sha256(other)}" } }') })).toEqual([
    expect.stringContaining('webhook.handshakes.0.respond.json.a: got "other"'),
  ]);
});

const freshness = 'freshness: { timestamp: "{json.t}", unit: s, max_age_seconds: 9, max_ahead_seconds: 9 }';
const digest = (message: string) =>
  `digest: { algorithm: sha256, encoding: hex, message: ${message}, signature: "{header.X}" }`;
const token = 'token: { value: "{header.X}", expected: signing_secret }';

test.each([
  ['has only a freshness check', freshness, true],
  ['is a digest without a secret', digest('"{body}"'), true],
  ['is a digest with one message that holds no secret', digest('["{secret.signing_secret}{body}", "{body}"]'), true],
  ['is a digest with a secret in its message', digest('"{secret.signing_secret}{body}"'), false],
  ['is a digest of a MAC', digest('"{body | hmac_sha256(signing_secret)}"'), false],
  ['has an alternative that anyone can pass', `any: [{ ${token} }, { ${freshness} }]`, true],
  [
    'has a case that anyone can pass',
    `cases: [{ when: { json.a: 1 }, verify: { ${token} } }, { verify: { ${digest('"{body}"')} } }]`,
    true,
  ],
  [
    'checks each item in a way that anyone can pass',
    `each: { items: json.items, verify: { ${digest('"{item.id}"')} } }`,
    true,
  ],
  ['needs all of its checks, one with a secret', `all: [{ ${freshness} }, { any: [{ ${token} }] }]`, false],
])('a tree of checks that %s', (_name, tree, isOpen) => {
  const open = faultsOf({ text: change(verify, `verify: { ${tree} }`) })
    // No check signs the timestamp, which is a separate fault.
    .filter((fault) => !fault.includes('which no signature covers'))
    .map((fault) => fault.includes('webhook.verify: got checks that anyone can pass'));
  expect(open).toEqual(isOpen ? [true] : []);
});

test.each<[string, string, readonly string[]]>([
  ['the definition says where the context is', 'secrets: account\n  context: "{json.company}"', []],
  [
    'the definition lists several places',
    'secrets: account\n  context: ["{header.X-Company}", "{query.company}", "{form.company}"]',
    [],
  ],
  [
    'the context uses an undeclared variable',
    'secrets: account\n  context: "{var.company}"',
    ['context: got "company", expected one of'],
  ],
  [
    'the context is a value of each item',
    'secrets: account\n  context: { items: json.items, value: "{item.company}" }',
    [],
  ],
  ['the secrets belong to the app', 'secrets: app', []],
  ['the context is missing', 'secrets: account', ['secrets: got `account` without `context`']],
  ['`secrets: account` is missing', 'context: "{json.company}"', ['context: got `context` without `secrets: account`']],
  [
    'the context is a constant',
    'secrets: account\n  context: acme',
    ['context: got "acme", which is the same for every'],
  ],
  [
    'the context is a secret',
    'secrets: account\n  context: "{secret.signing_secret}"',
    ['context: got "{secret.signing_secret}"'],
  ],
  [
    'the context is the whole body',
    'secrets: account\n  context: "{body}"',
    ['context: got "{body}", expected parts of'],
  ],
  [
    'the context is an item without a list',
    'secrets: account\n  context: "{item.company}"',
    ['context: got "{item.company}", expected {item'],
  ],
  [
    'the context has a list but uses no item',
    'secrets: account\n  context: { items: json.items, value: "{json.company}" }',
    ['context: got "{json.company}"'],
  ],
  ['the owner of the secrets is unknown', 'secrets: nobody', ['secrets: ']],
])('routing with secrets of accounts: %s', (_name, more, faults) => {
  const text = `${yaml}routing:\n  context_lookup_field: body.company\n  account_context: company\n  ${more}\n`;
  expect(faultsOf({ text })).toEqual(faults.map((fault) => expect.stringContaining(`routing.${fault}`)));
});

test('fails when a JWT check allows both public-key and shared-secret algorithms', () => {
  const jwt = (names: string) =>
    `verify: { jwt: { token: "{header.X}", algorithms: [${names}], key: signing_secret, require: [exp] } }`;
  expect(faultsOf({ text: change(verify, jwt('RS256, HS256')) })).toEqual([
    expect.stringContaining('webhook.verify.jwt.algorithms: expected algorithms for one kind of key'),
  ]);
  expect(faultsOf({ text: change(verify, jwt('RS256, RS512')) })).toEqual([]);
});
