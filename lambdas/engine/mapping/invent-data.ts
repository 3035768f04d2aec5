import type { ResourceSchema } from './check-resource.ts';

/** The part of JSON Schema that canonical resources use. */
interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly items?: unknown;
}

const samples: Readonly<Record<string, string>> = {
  'date-time': '2026-01-15T09:30:00.000Z',
  date: '2026-01-15',
  // Reserved domain names, which cannot be registered. https://www.rfc-editor.org/rfc/rfc2606#section-3
  email: 'test@example.com',
  uri: 'https://example.com/test',
};

/** Choice among the data that a schema allows. */
export interface Variety {
  /** Index into each `enum`, from 0; past the end it wraps around. */
  readonly value: number;
  /** Items in each list. */
  readonly items: number;
}

const usual: Variety = { value: 0, items: 1 };

/**
 * Invent data of a record. Every property with a type gets a value, so a receiver sees all of them. The same schema
 * gives the same data.
 *
 * @param recordId - Becomes the record's `id`.
 */
export function inventData(
  { properties }: Pick<ResourceSchema, 'properties'>,
  recordId: string,
  variety: Variety = usual,
) {
  return { ...inventMembers(properties, variety), id: recordId };
}

function inventMembers(properties: SchemaNode['properties'] = {}, variety: Variety): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, node]) => {
      const value = inventValue(name, node as SchemaNode, variety);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** @returns Undefined if the schema allows any value. */
function inventValue(name: string, node: SchemaNode, variety: Variety): unknown {
  if (node.enum !== undefined) return node.enum[variety.value % node.enum.length];
  const [type] = [node.type].flat();
  switch (type) {
    case 'string':
      return samples[node.format ?? ''] ?? `Test ${name.replaceAll('_', ' ')}`;
    case 'integer':
      return 1;
    case 'number':
      return 1.5;
    case 'boolean':
      return true;
    case 'object':
      return inventMembers(node.properties, variety);
    case 'array': {
      const item = node.items === undefined ? undefined : inventValue(name, node.items as SchemaNode, variety);
      return item === undefined ? [] : Array.from({ length: variety.items }, () => structuredClone(item));
    }
    default:
      return undefined;
  }
}
