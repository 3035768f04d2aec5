import { z } from 'zod';
import { definitionSchema } from '../../lambdas/engine/definition/schema.ts';
import type { Source } from '../../lambdas/engine/template/template.ts';
import type { TransformName } from '../../lambdas/engine/template/transforms.ts';
import { callSourceTable, callTransformTable } from './call-tables.ts';

export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/** The definition language as JSON Schema, with which editors check `integration.yaml`. */
export function definitionJsonSchema(): JsonSchema {
  return { title: 'Tributary integration', ...z.toJSONSchema(definitionSchema, { io: 'input' }) } as JsonSchema;
}

interface Written {
  readonly written: string;
  readonly gives: string;
}

/** Template expressions by their source; a new source must be described here. */
const sources: Readonly<Record<Source['from'], Written>> = {
  body: { written: '{body}', gives: 'the received bytes of the body' },
  form: { written: '{form}', gives: 'the same bytes, for transforms that read a form' },
  'form-field': { written: '{form.<name>}', gives: 'a field of a form, decoded' },
  json: {
    written: '{json.<path>}',
    gives:
      'a member of the decoded body (also of XML and forms): `{json.data.id}`, `{json.items.0.id}`; `{json}` is a body that is itself a string or a number',
  },
  item: { written: '{item.<path>}', gives: 'within `each` and `covers`: a member of the current item' },
  header: { written: '{header.<Name>}', gives: 'a header; the case of its name does not matter' },
  headers: {
    written: '{headers.<Prefix>*}',
    gives: 'all headers with this prefix, for several signatures in separate headers',
  },
  'listed-headers': {
    written: '{listed_headers.<Name>}',
    gives: 'the headers that this header lists, separated by commas, as `name:value` joined by `;`',
  },
  query: { written: '{query.<name>}', gives: 'a parameter of the query, decoded' },
  method: { written: '{method}', gives: 'the method, in upper case' },
  url: { written: '{url}', gives: 'the public URL as the provider called it, query included' },
  path: { written: '{path}', gives: 'the path of that URL' },
  secret: { written: '{secret.<name>}', gives: 'a declared secret' },
  var: { written: '{var.<name>}', gives: 'a value that `vars` extracts from another part' },
  jwt: {
    written: '{jwt.header.<name>}, {jwt.claims.<name>}',
    gives: 'within `jwt`: a part of the current token',
  },
};

const transforms: Readonly<Record<TransformName, Written>> = {
  lower: { written: 'lower', gives: 'lower case' },
  upper: { written: 'upper', gives: 'upper case' },
  trim: { written: 'trim', gives: 'the text without white space at both ends' },
  hex_decode: { written: 'hex_decode', gives: 'the bytes of hexadecimal digits' },
  base64_decode: { written: 'base64_decode', gives: 'the bytes of base64 or base64url' },
  base64_encode: { written: 'base64_encode', gives: 'base64 with padding' },
  url_decode: { written: 'url_decode', gives: 'percent-escapes and `+` decoded' },
  sha1: { written: 'sha1', gives: 'SHA-1 in hex' },
  sha256: { written: 'sha256', gives: 'SHA-256 in hex' },
  sha512: { written: 'sha512', gives: 'SHA-512 in hex' },
  sha256_base64: { written: 'sha256_base64', gives: 'SHA-256 in base64' },
  crc32: { written: 'crc32', gives: 'CRC-32 of the bytes as a decimal number' },
  escape_unicode: { written: 'escape_unicode', gives: 'non-ASCII characters as `\\uXXXX`' },
  percent_decode: { written: 'percent_decode(3A 2F)', gives: 'only these percent-escapes decoded' },
  sorted_pairs: {
    written: 'sorted_pairs',
    gives:
      "a form's fields sorted by name, names and values joined without separators; a repeated name has its distinct values, sorted",
  },
  without_query: { written: 'without_query', gives: 'a URL up to its `?`' },
  with_port: { written: 'with_port', gives: 'a URL with its port, even if it is the default port' },
  without_port: { written: 'without_port', gives: 'a URL without its port' },
  hmac_sha256: {
    written: 'hmac_sha256(<secret>)',
    gives: 'HMAC-SHA256 with this secret as the key, in hex; of several values the first',
  },
  hmac_sha256_base64: { written: 'hmac_sha256_base64(<secret>)', gives: 'the same in base64' },
};

/** Every source and every transform of templates, as two tables in Markdown. */
export function templateTables(): readonly string[] {
  const rows = (table: Readonly<Record<string, Written>>) =>
    Object.values(table).map(({ written, gives }) => `| \`${written.replaceAll(', ', '`, `')}\` | ${gives} |`);
  return [
    '| source | value |',
    '| --- | --- |',
    ...rows(sources),
    '',
    '| transform | result |',
    '| --- | --- |',
    ...rows(transforms),
  ];
}

/**
 * The definition language as a table of every key: its place, its values, its meaning.
 *
 * @returns Markdown.
 */
export function definitionReference(): string {
  const schema = definitionJsonSchema();
  const rows = [...describeMembers(schema, schema, [], new Set())];
  return [
    '# Reference of the definition language',
    '',
    'Generated from the schema that validates every `integration.yaml`. `[]` stands for each element of a list, `<name>` for a name of your own; a key in bold is required.',
    '',
    '| key | takes | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    '## What templates of webhooks read',
    '',
    ...templateTables(),
    '',
    '## What calls read',
    '',
    ...callSourceTable(),
    '',
    ...callTransformTable(),
    '',
  ].join('\n');
}

function* describeMembers(
  root: JsonSchema,
  schema: JsonSchema,
  path: readonly string[],
  seen: ReadonlySet<JsonSchema>,
): Generator<string> {
  const resolved = resolve(root, schema);
  // The verify tree is recursive: describe it once.
  if (seen.has(resolved)) return;
  const inside = new Set(seen).add(resolved);
  for (const [name, member] of Object.entries(resolved.properties ?? {})) {
    const here = [...path, name];
    const isRequired = resolved.required?.includes(name) === true;
    const key = isRequired ? `**\`${here.join('.')}\`**` : `\`${here.join('.')}\``;
    const fallback = member.default === undefined ? '' : `\`${JSON.stringify(member.default)}\``;
    yield `| ${key} | ${takes(root, member)} | ${fallback} | ${(member.description ?? resolve(root, member).description ?? '').replaceAll('|', '\\|')} |`;
    yield* describeMembers(root, member, here, inside);
  }
  if (resolved.items !== undefined) yield* describeMembers(root, resolved.items, [...path, '[]'], inside);
  if (typeof resolved.additionalProperties === 'object')
    yield* describeMembers(root, resolved.additionalProperties, [...path, '<name>'], inside);
  for (const option of resolved.anyOf ?? []) yield* describeMembers(root, option, path, inside);
}

function takes(root: JsonSchema, schema: JsonSchema, within: ReadonlySet<JsonSchema> = new Set()): string {
  const resolved = resolve(root, schema);
  // A value that holds values of its own kind is JSON.
  if (within.has(resolved)) return 'JSON';
  const inside = new Set(within).add(resolved);
  if (resolved.enum !== undefined) return resolved.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (resolved.anyOf !== undefined)
    return [...new Set(resolved.anyOf.map((option) => takes(root, option, inside)))].join(' or ');
  if (resolved.type === 'array') return `list of ${takes(root, resolved.items ?? {}, inside)}`;
  return resolved.type ?? 'anything';
}

function resolve(root: JsonSchema, schema: JsonSchema): JsonSchema {
  const name = schema.$ref?.split('/').at(-1);
  if (schema.$ref === '#') return root;
  return name === undefined ? schema : (root.$defs?.[name] ?? schema);
}
