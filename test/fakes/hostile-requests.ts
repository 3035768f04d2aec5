import fc from 'fast-check';
import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import type { Reception } from '../../lambdas/engine/reception/decide-reception.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { parseSource, parseTemplate, type Source } from '../../lambdas/engine/template/template.ts';

/**
 * Requests of an attacker who knows the definition. They fill every source that it names with values that are odd, deep
 * or long, that are named like a prototype, or that make a regular expression backtrack.
 */
export function hostileRequests(definition: WebhookDefinition): fc.Arbitrary<WebhookRequest> {
  const sources = sourcesOf(definition.webhook);
  const headerNames = sources.flatMap((source) =>
    source.from === 'header'
      ? [source.name]
      : source.from === 'headers'
        ? [`${source.prefix}1`, `${source.prefix}x`]
        : [],
  );
  const headers = fc
    .array(
      fc.tuple(
        fc.constantFrom('content-type', 'authorization', 'X-Upper', 'cookie', ...prototypeNames, ...headerNames),
        texts,
      ),
      { maxLength: 12 },
    )
    .map((entries) => Object.fromEntries(entries) as Record<string, string>);
  const contentTypes = fc.constantFrom(
    'application/json',
    'Application/JSON; charset=utf-16',
    'application/x-www-form-urlencoded',
    'text/xml',
    'multipart/form-data',
    ...prototypeNames,
    ...(typeof definition.webhook.decode === 'string' ? [] : Object.keys(definition.webhook.decode)),
  );
  const query = fc.oneof(
    texts,
    fc
      .array(
        fc.tuple(
          fc.constantFrom('a', ...sources.flatMap((source) => (source.from === 'query' ? [source.name] : []))),
          texts,
        ),
      )
      .map((pairs) => new URLSearchParams(pairs).toString()),
  );
  const paths = sources.flatMap((source) => (source.from === 'json' || source.from === 'item' ? [source.path] : []));
  const fields = sources.flatMap((source) => (source.from === 'form-field' ? [source.name] : []));
  return fc
    .record({
      method: fc.constantFrom('POST', 'GET', 'HEAD', 'PUT', 'post', '', '__proto__'),
      query,
      headers,
      contentType: fc.option(contentTypes, { nil: undefined }),
      body: bodies(paths, fields),
    })
    .map(({ method, query, headers, contentType, body }) => ({
      method,
      url: `https://hooks.example.com/in/acme${query === '' ? '' : `?${query}`}`,
      path: '/in/acme',
      query,
      headers: contentType === undefined ? headers : { ...headers, 'content-type': contentType },
      body,
    }));
}

/** Whether an unsigned request was accepted. Open handshakes, and requests whose key is still missing, do not count. */
export function isLetIn(definition: WebhookDefinition, reception: Reception): boolean {
  if (reception.kind !== 'handshake') return reception.kind === 'verified';
  return definition.webhook.handshakes.find(({ name }) => name === reception.name)?.verify !== 'none';
}

/** Least CPU time of a few calls, in milliseconds; excludes other load on the machine. */
export function leastCpuMs(call: () => void, maxMs: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 4 && least > maxMs; attempt += 1) {
    const before = process.cpuUsage();
    call();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

const prototypeNames = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'length'];

/** Texts that make a careless regular expression or decoder slow or endless. */
const worstTexts = [
  '',
  ' ',
  '\0',
  '\r\nX: y',
  '%',
  '%E0%A4%A',
  '\ud800',
  '='.repeat(60_000),
  `${'='.repeat(60_000)}x`,
  'a'.repeat(60_000),
  `Bearer ${'.'.repeat(60_000)}`,
  `Bearer ${'e30.'.repeat(3)}`,
  'Bearer eyJhbGciOiJub25lIn0.e30.',
  'Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA',
  `Basic ${'A'.repeat(60_000)}!`,
  'Basic Og==',
  'Basic =',
  'v1=,'.repeat(15_000),
  `t=1,${'v1=00,'.repeat(10_000)}`,
  't='.repeat(30_000),
  `v1,${' '.repeat(60_000)}v1,AAAA`,
  `2026-11-22T${'1'.repeat(60_000)}x`,
  '2026-11-22T12:00:00Z',
  '1795348800',
  '9'.repeat(400),
  '-0',
  'NaN',
  `https://${':1'.repeat(30_000)}x`,
  '{{signature}}',
  'sha256=',
  `sha256=${'0'.repeat(64)}`,
  `v0=${'0'.repeat(64)}`,
  '0'.repeat(40),
  `${'A'.repeat(43)}=`,
  ...prototypeNames,
];

const texts = fc.oneof(fc.constantFrom(...worstTexts), fc.string({ unit: 'binary', maxLength: 200 }));

const oddValues: fc.Arbitrary<unknown> = fc.oneof(
  texts,
  fc.constantFrom<unknown>(null, true, false, 0, -0, 1e308, 2 ** 64, [], {}, [[]], [null], { length: 1 }),
  fc.array(texts, { maxLength: 30 }),
  fc.object({ maxDepth: 3, withNullPrototype: true, key: fc.constantFrom('a', ...prototypeNames) }),
  fc.constantFrom(40, 1000).map(nested),
);

function bodies(paths: readonly (readonly string[])[], fields: readonly string[]): fc.Arbitrary<Buffer> {
  const spoken = fc
    .array(fc.tuple(fc.constantFrom<readonly string[]>(['a'], ...paths), oddValues), { maxLength: 10 })
    .map((entries) =>
      JSON.stringify(entries.reduce<unknown>((body, [path, value]) => withPath(body, path, value), {})),
    );
  const listed = fc
    .tuple(fc.constantFrom<readonly string[]>(['a'], ...paths), fc.array(spoken, { maxLength: 20 }))
    .map(([path, items]) =>
      JSON.stringify(
        withPath(
          {},
          path,
          items.map((item) => JSON.parse(item) as unknown),
        ),
      ),
    );
  const form = fc
    .array(fc.tuple(fc.constantFrom('a', 'payload', ...prototypeNames, ...fields), texts), { maxLength: 30 })
    .map((pairs) => new URLSearchParams(pairs).toString());
  return fc.oneof(
    spoken.map((text) => Buffer.from(text)),
    listed.map((text) => Buffer.from(text)),
    form.map((text) => Buffer.from(text)),
    fc.json().map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
    spoken.map((text) => Buffer.from(text, 'utf16le')),
    spoken.map((text) => Buffer.from(`\uFEFF${text}`)),
    fc.tuple(spoken, fc.nat()).map(([text, at]) => Buffer.from(text.slice(0, at % (text.length + 1)))),
    fc.constantFrom(...worstBodies).map((text) => Buffer.from(text)),
    texts.map((text) => Buffer.from(text)),
  );
}

const worstBodies = [
  '',
  ' '.repeat(100_000),
  nestedText(40),
  nestedText(10_000),
  '['.repeat(100_000),
  '{"a":'.repeat(50_000),
  `[${'1234567890123456789,'.repeat(5_000)}1]`,
  `{${Array.from({ length: 5_000 }, (_, at) => `"k${at}":${at}`).join(',')}}`,
  `"${'\\u0000'.repeat(20_000)}"`,
  `"${'\\'.repeat(99_999)}`,
  'a=b&'.repeat(20_000),
  '&'.repeat(100_000),
  '%'.repeat(100_000),
  `payload=${'%7B'.repeat(20_000)}`,
  '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
  '<a/>',
  '<a>'.repeat(10_000),
  `${'<a>'.repeat(2_000)}${'</a>'.repeat(2_000)}`,
  '<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;">]><a>&d;</a>',
  `<a ${'b="'.repeat(10_000)}`,
  `<a>${'<!--'.repeat(10_000)}`,
];

function nested(levels: number): unknown {
  let value: unknown = 'end';
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function nestedText(levels: number): string {
  return `${'{"a":['.repeat(levels)}${']}'.repeat(levels)}`;
}

/** Sets a nested member on objects without prototypes, so that `__proto__` is an ordinary member. */
function withPath(target: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const members: Record<string, unknown> = Object.assign(Object.create(null), typeof target === 'object' ? target : {});
  members[key] = withPath(members[key], rest, value);
  return members;
}

/** Every source that a definition names, in templates and conditions. */
function sourcesOf(value: unknown): readonly Source[] {
  if (Array.isArray(value)) return value.flatMap(sourcesOf);
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([name, inner]) => [
      ...(parseSource(name) === undefined ? [] : [parseSource(name) as Source]),
      ...sourcesOf(inner),
    ]);
  if (typeof value !== 'string') return [];
  const bare = parseSource(value);
  if (bare !== undefined) return [bare];
  const parsed = parseTemplate(value);
  return parsed.kind === 'fault'
    ? []
    : parsed.template.parts.flatMap((part) => ('source' in part ? [part.source] : []));
}
