import { z } from 'zod';
import { memberPath } from '../../lambdas/engine/definition/resources-schema.ts';
import { resourceFormats } from '../../lambdas/engine/mapping/check-resource.ts';

/*
 * The part of JSON Schema (draft 2020-12) that canonical resources use. It is closed, so that two versions of a schema
 * can be compared completely, and small, so that the tools of every reader support it.
 *
 * Every property except the record's `id` may be absent or null: providers do both, and a deleted record or a thin
 * event has only its id.
 */

/** A schema within a resource's. */
export interface SchemaNode {
  readonly type?: string | readonly string[] | undefined;
  readonly description?: string | undefined;
  readonly format?: string | undefined;
  readonly enum?: readonly (string | null)[] | undefined;
  readonly properties?: Readonly<Record<string, SchemaNode>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: boolean | undefined;
  readonly items?: SchemaNode | undefined;
  readonly deprecated?: boolean | undefined;
}

/** The schema of a resource, or a version of it. */
export interface ResourceNode extends SchemaNode {
  readonly $id: string;
  readonly title: string;
  readonly description: string;
  readonly version: string;
  readonly state?: 'record' | 'none' | undefined;
  readonly volatile?: readonly string[] | undefined;
  readonly properties: Readonly<Record<string, SchemaNode>>;
}

/** A fault of a schema, and its path. */
export interface SchemaFault {
  readonly path: readonly PropertyKey[];
  /** Whether the key is at fault, rather than its value. */
  readonly atKey?: boolean;
  readonly got: string;
  readonly expected: string;
}

const dialect = 'https://json-schema.org/draft/2020-12/schema';
const types = ['string', 'integer', 'number', 'boolean', 'object', 'array'] as const;
const semanticVersion = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/;

const sentence = z.string().min(1, 'expected a text that says what it is');
const typeName = z.enum(types);

const nodeSchema: z.ZodType<SchemaNode> = z.lazy(() =>
  z.strictObject({
    type: z.union([typeName, z.tuple([typeName, z.literal('null')])]).optional(),
    description: sentence.optional(),
    format: z.enum(Object.keys(resourceFormats)).optional(),
    enum: z.array(z.union([z.string(), z.null()])).optional(),
    properties: z.record(z.string(), nodeSchema).optional(),
    additionalProperties: z.boolean().optional(),
    items: nodeSchema.optional(),
    deprecated: z.literal(true).optional(),
  }),
);
const nodeKeywords = 'type, description, format, enum, properties, additionalProperties, items, deprecated';

const rootSchema = z.strictObject({
  $schema: z.literal(dialect),
  $id: z.string(),
  title: sentence,
  description: sentence,
  version: z.string().regex(semanticVersion, 'expected a semantic version such as 1.0.0'),
  state: z.enum(['record', 'none']).optional(),
  volatile: z.array(memberPath).optional(),
  type: z.literal('object'),
  properties: z.record(z.string(), nodeSchema),
  required: z.tuple([z.literal('id')]),
  additionalProperties: z.literal(false),
  deprecated: z.literal(true).optional(),
});
const rootKeywords = Object.keys(rootSchema.shape).join(', ');

export type ParsedSchema =
  | { readonly kind: 'schema'; readonly schema: ResourceNode }
  | { readonly kind: 'faults'; readonly faults: readonly SchemaFault[] };

/** The `$id` of a resource's schema. */
export function schemaIdOf(resource: string): string {
  return `urn:tributary:resource:${resource}`;
}

/** Check the schema of a resource. Returns all faults together. */
export function parseResourceSchema(value: unknown, resource: string): ParsedSchema {
  const parsed = rootSchema.safeParse(value);
  const faults = parsed.success
    ? [...identityFaults(parsed.data, resource), ...everyPropertyFault(parsed.data)]
    : parsed.error.issues.flatMap((issue) => toFaults(issue, value));
  return parsed.success && faults.length === 0 ? { kind: 'schema', schema: parsed.data } : { kind: 'faults', faults };
}

/** Major, minor and patch of a semantic version; undefined for other texts. */
export function parseVersion(text: string): readonly [number, number, number] | undefined {
  const [, major, minor, patch] = semanticVersion.exec(text) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor), Number(patch)];
}

function* identityFaults({ $id, properties }: ResourceNode, resource: string): Generator<SchemaFault> {
  if ($id !== schemaIdOf(resource))
    yield { path: ['$id'], got: JSON.stringify($id), expected: JSON.stringify(schemaIdOf(resource)) };
  const fixed: Readonly<Record<string, { readonly is: (node: SchemaNode) => boolean; readonly expected: string }>> = {
    id: { is: ({ type }) => type === 'string', expected: '{ "type": "string" }: the id of the record' },
    custom_fields: {
      is: ({ type, additionalProperties }) =>
        isNullable({ type }) && typeOf({ type }) === 'object' && additionalProperties === true,
      expected: '{ "type": ["object", "null"], "additionalProperties": true }: what has no place elsewhere',
    },
    remote: { is: ({ type }) => type === undefined, expected: 'a property of any type: the record of the provider' },
  };
  for (const [name, { is, expected }] of Object.entries(fixed)) {
    const node = properties[name];
    if (node === undefined) yield { path: ['properties'], got: `no property "${name}"`, expected };
    else if (!is(node)) yield { path: ['properties', name], got: written(node), expected };
  }
}

function* everyPropertyFault(root: ResourceNode): Generator<SchemaFault> {
  for (const [name, node] of Object.entries(root.properties))
    yield* propertyFaults(name, node, ['properties', name], name !== 'id');
}

function* propertyFaults(
  name: string,
  node: SchemaNode,
  path: readonly PropertyKey[],
  mayBeMissing = true,
): Generator<SchemaFault> {
  if (!/^[a-z][a-z0-9_]*$/.test(name))
    yield { path, atKey: true, got: JSON.stringify(name), expected: 'lower-case letters, digits and "_"' };
  if (node.description === undefined)
    yield { path, got: 'no description', expected: 'a "description" that says what it is' };
  if (mayBeMissing && node.type !== undefined && !isNullable(node))
    yield {
      path: [...path, 'type'],
      got: written(node.type),
      expected: `["${typeOf(node)}", "null"]: any property but the id of the record may be null`,
    };
  if (node.enum !== undefined && isNullable(node) && !node.enum.includes(null))
    yield { path: [...path, 'enum'], got: written(node.enum), expected: 'null among the values, since it may be null' };
  yield* nodeFaults(node, path);
}

/** Keywords that contradict each other: JSON Schema would ignore one of them. */
function* nodeFaults(node: SchemaNode, path: readonly PropertyKey[]): Generator<SchemaFault> {
  const type = typeOf(node);
  for (const [keyword, of] of [
    ['format', 'string'],
    ['enum', 'string'],
    ['properties', 'object'],
    ['additionalProperties', 'object'],
    ['items', 'array'],
  ] as const)
    if (node[keyword] !== undefined && type !== of)
      yield {
        path: [...path, keyword],
        atKey: true,
        got: `"${keyword}" beside the type ${written(node.type)}`,
        expected: `the type "${of}"`,
      };
  if (type === 'array' && node.items === undefined)
    yield { path, got: 'a list without "items"', expected: '"items": what is in it' };
  const isOpen = node.properties === undefined;
  if (type === 'object' && node.additionalProperties !== isOpen)
    yield {
      path,
      got: `${isOpen ? 'no "properties"' : '"properties"'} and "additionalProperties": ${written(node.additionalProperties)}`,
      expected: '"properties" and "additionalProperties": false, or "additionalProperties": true alone',
    };
  for (const [name, inner] of Object.entries(node.properties ?? {}))
    yield* propertyFaults(name, inner, [...path, 'properties', name]);
  if (node.items !== undefined) {
    if (isNullable(node.items))
      yield {
        path: [...path, 'items', 'type'],
        got: written(node.items.type),
        expected: `"${typeOf(node.items)}": what is in a list is not null`,
      };
    yield* nodeFaults(node.items, [...path, 'items']);
  }
}

function isNullable({ type }: SchemaNode): boolean {
  return Array.isArray(type) && type.includes('null');
}

/** The type other than null. */
function typeOf({ type }: SchemaNode): string | undefined {
  return [type ?? []].flat().find((name) => name !== 'null');
}

function toFaults(issue: z.core.$ZodIssue, document: unknown): readonly SchemaFault[] {
  const { path } = issue;
  const place = path.at(-1);
  if (issue.code !== 'unrecognized_keys' && place === 'type' && path.length > 1)
    return [
      {
        path,
        got: written(valueAt(document, path)),
        expected: `one of ${types.join(', ')}, alone or in a list with "null"`,
      },
    ];
  if (issue.code !== 'unrecognized_keys' && place === 'required')
    return [{ path, got: written(valueAt(document, path)), expected: '["id"]: all else may be missing' }];
  return toSchemaFaults(issue, document, 'keyword', path.length === 0 ? rootKeywords : nodeKeywords);
}

/**
 * Convert a zod issue to faults of the file.
 *
 * @param noun - The word for a key of the file: `keyword`.
 * @param keys - The known keys at the issue's path.
 */
export function toSchemaFaults(
  issue: z.core.$ZodIssue,
  document: unknown,
  noun: string,
  keys: string,
): readonly SchemaFault[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: [...path, key],
      atKey: true,
      got: `the ${noun} ${JSON.stringify(key)}`,
      expected: `one of ${keys}`,
    }));
  const expected = /\bexpected (.*?)(?:, received .*)?$/s.exec(issue.message)?.[1] ?? issue.message;
  return [{ path, got: written(valueAt(document, path)), expected }];
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    document,
  );
}

function written(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
