import type { ResourceSchema } from './check-resource.ts';

/** What is looked at of a schema's part; canonical resources are written in a small part of JSON Schema. */
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
  // Names that nobody can own. https://www.rfc-editor.org/rfc/rfc2606#section-3
  email: 'test@example.com',
  uri: 'https://example.com/test',
};

/**
 * Invented data of a record: every property that has a type has a value, so that a receiver meets all of
 * them. The same schema gives the same data.
 *
 * @param recordId - Becomes the record's `id`.
 */
export function inventData({ properties }: Pick<ResourceSchema, 'properties'>, recordId: string) {
  return { ...inventMembers(properties), id: recordId };
}

function inventMembers(properties: SchemaNode['properties'] = {}): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, node]) => {
      const value = inventValue(name, node as SchemaNode);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** @returns Undefined where anything may stand. */
function inventValue(name: string, node: SchemaNode): unknown {
  if (node.enum !== undefined) return node.enum[0];
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
      return inventMembers(node.properties);
    case 'array': {
      const item = node.items === undefined ? undefined : inventValue(name, node.items as SchemaNode);
      return item === undefined ? [] : [item];
    }
    default:
      return undefined;
  }
}
