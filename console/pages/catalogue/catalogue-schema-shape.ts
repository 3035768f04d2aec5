/** What the console reads of a JSON Schema. */
export interface JsonSchema {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
}

interface SchemaMember {
  /** Dotted path; `[]` for the entries of an array. */
  readonly path: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly description: string;
}

const typesOf = ({ type }: JsonSchema) => (type === undefined ? [] : typeof type === 'string' ? [type] : type);

/** The members of a schema and of what is in them, in the order of the schema. */
export function membersOf(schema: JsonSchema, prefix = ''): readonly SchemaMember[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const path = `${prefix}${name}`;
    const inner = member.items === undefined ? membersOf(member, `${path}.`) : membersOf(member.items, `${path}[].`);
    const isRequired = schema.required?.includes(name) === true;
    return [{ path, type: typeText(member), isRequired, description: member.description ?? '' }, ...inner];
  });
}

function typeText(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const types = typesOf(schema).map((type) => {
    if (type === 'array' && schema.items !== undefined) return `array of ${typeText(schema.items)}`;
    return type === 'string' && schema.format !== undefined ? schema.format : type;
  });
  return types.length === 0 ? 'any' : types.join(' or ');
}

const texts: Readonly<Record<string, string>> = {
  'date-time': '2026-11-29T12:00:00Z',
  date: '2026-11-29',
  time: '12:00:00Z',
  email: 'ada@example.com',
  uri: 'https://example.com/',
  uuid: '0b9d4f3e-6c1a-4b7e-9c55-1f2a3b4c5d6e',
};

/** Texts by the last words of a member's name; the first that fits counts. */
const inventions: readonly (readonly [ending: RegExp, text: string])[] = [
  [/(^|_|\.)id$/, '42'],
  [/first_name$/, 'Ada'],
  [/last_name$/, 'Lovelace'],
  [/(company|organization|account|vendor|team)\.name$/, 'Example Ltd'],
  [/name$/, 'Ada Lovelace'],
  [/email$/, 'ada@example.com'],
  [/(phone|mobile|fax)$/, '+1 555 0100'],
  [/(^|_|\.)url$/, 'https://example.com/'],
  [/currency$/, 'EUR'],
  [/country$/, 'DE'],
  [/(time_zone|timezone)$/, 'Europe/Berlin'],
  [/(amount|price|total|balance|quantity)$/, '12.50'],
];

/** @param path - Names of a member, and of the one that it is in: `company.name`. */
function inventedText(path: string): string {
  const name = path.split('.').at(-1) ?? '';
  return inventions.find(([ending]) => ending.test(path))?.[1] ?? name.replaceAll('_', ' ');
}

/**
 * A value that the schema allows: its own example where it has one, else an invented value.
 *
 * @param path - Names of the member, and of the one that it is in.
 */
export function exampleOf(schema: JsonSchema, path = ''): unknown {
  const [given] = schema.examples ?? [];
  if (given !== undefined) return given;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  switch (typesOf(schema).find((type) => type !== 'null')) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([member, inner]) => [
          member,
          exampleOf(inner, `${path.split('.').at(-1) ?? ''}.${member}`),
        ]),
      );
    case 'array':
      return schema.items === undefined ? [] : [exampleOf(schema.items, path)];
    case 'string':
      return texts[schema.format ?? ''] ?? inventedText(path);
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return true;
    case undefined:
      return typesOf(schema).length > 0 ? null : {};
    default:
      return null;
  }
}
