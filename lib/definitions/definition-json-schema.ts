import { z } from 'zod';
import { definitionSchema } from '../../lambdas/engine/definition/schema.ts';

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

/** The definition language as JSON Schema, for editors: what `integration.yaml` may say. */
export function definitionJsonSchema(): JsonSchema {
  return { title: 'Tributary integration', ...z.toJSONSchema(definitionSchema, { io: 'input' }) } as JsonSchema;
}

/**
 * The definition language as a table of every key: where it stands, what it takes, what it means.
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
  ].join('\n');
}

function* describeMembers(
  root: JsonSchema,
  schema: JsonSchema,
  path: readonly string[],
  seen: ReadonlySet<JsonSchema>,
): Generator<string> {
  const resolved = resolve(root, schema);
  // The verify tree holds itself: it is described once.
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

function takes(root: JsonSchema, schema: JsonSchema): string {
  const resolved = resolve(root, schema);
  if (resolved.enum !== undefined) return resolved.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (resolved.anyOf !== undefined)
    return [...new Set(resolved.anyOf.map((option) => takes(root, option)))].join(' or ');
  if (resolved.type === 'array') return `list of ${takes(root, resolved.items ?? {})}`;
  return resolved.type ?? 'anything';
}

function resolve(root: JsonSchema, schema: JsonSchema): JsonSchema {
  const name = schema.$ref?.split('/').at(-1);
  if (schema.$ref === '#') return root;
  return name === undefined ? schema : (root.$defs?.[name] ?? schema);
}
