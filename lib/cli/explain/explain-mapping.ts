import type jsonata from 'jsonata';
import { compileJsonata } from '../../../lambdas/engine/expression/compile-jsonata.ts';
import type { DataFault, PreparedResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import type { MappingInput } from '../../../lambdas/engine/mapping/map-request.ts';
import { meantInstead } from './nearest-name.ts';

/**
 * Explanations of mapping faults, with the place and the value. The engine's messages contain neither: they go into
 * logs, and values belong to the tenant. Here both belong to the author.
 */

/** Functions of JSONata and of mappings. */
const functions =
  'sum count max min average string substring substringBefore substringAfter lowercase uppercase length trim pad match contains replace split join formatNumber formatBase formatInteger parseInteger number floor ceil round abs sqrt power random boolean not map zip filter single reduce sift keys lookup append exists spread merge reverse each error assert type sort shuffle distinct base64encode base64decode encodeUrlComponent encodeUrl decodeUrlComponent decodeUrl eval toMillis fromMillis clone now millis mapValues sha256 parseJson parseForm parseXml fromZone'.split(
    ' ',
  );
const eventMembers =
  'event_type resource record_id raw_event_type occurred_at id method method_config context version raw_payload data'.split(
    ' ',
  );
/** Expected values of members, for messages of the engine that do not say. */
const expectedOf: Readonly<Record<string, string>> = {
  event_type: 'expected "created", "updated" or "deleted"',
  resource: 'expected <model>/<plural>, for example "hris/employees"',
  occurred_at: 'expected ISO 8601, for example "2026-11-22T12:00:00Z", or epoch milliseconds as a number',
};
const notFunctions: ReadonlySet<string> = new Set(['T1005', 'T1006', 'T1007', 'T1008']);

/** Add the place and the value to the engine's reason for a failure. */
export async function explainMappingFailure(mapping: string, input: MappingInput, reason: string): Promise<string> {
  const [, index, faults = ''] = /^mapping gave a bad event \((\d+)\): (.*)$/s.exec(reason) ?? [];
  if (index === undefined && !reason.startsWith('mapping failed: JSONata')) return reason;
  let result: unknown;
  try {
    result = await compileJsonata(mapping).evaluate(input);
  } catch (error) {
    return `mapping failed: ${describeError(mapping, error as jsonata.JsonataError)}`;
  }
  const item: unknown = [result].flat()[Number(index)];
  return `mapping gave a bad event (${index}): ${faults
    .split('; ')
    .map((fault) => explainMember(fault, item))
    .join('; ')}`;
}

function describeError(mapping: string, { code, message, position, token }: jsonata.JsonataError): string {
  const lines = mapping.slice(0, position).split('\n');
  const place = `line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
  if (notFunctions.has(code)) {
    const name = token.replace(/^\$/, '');
    const known = functions.map((one) => `$${one}`);
    return `${place}: there is no function "$${name}"${meantInstead(`$${name}`, known)}`;
  }
  return `${place}: ${message.replace(/\s+/g, ' ')} (JSONata ${code})`;
}

function explainMember(fault: string, item: unknown): string {
  const [, path = '', message = ''] = /^([\w.]+): (.*)$/s.exec(fault) ?? [];
  const unknown = [...message.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name);
  if (path === 'event' && message.startsWith('Unrecognized key'))
    return `got ${unknown.map((name) => JSON.stringify(name)).join(', ')}, which ${unknown.length === 1 ? 'is not a member' : 'are not members'} of an event${meantInstead(unknown[0] ?? '', eventMembers)}`;
  if (path === '' || path === 'event') return fault;
  const got = path
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined,
      item,
    );
  const expected =
    expectedOf[path] ??
    (/\bexpected (.*?)(?:, received .*)?$/s.exec(message)?.[0] ?? message).replace(/, received .*$/s, '');
  return `${path}: got ${inShort(got)}, ${expected}`;
}

function inShort(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'function' ? 'a function' : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

const formats: Readonly<Record<string, string>> = {
  date: 'date, YYYY-MM-DD',
  'date-time': 'date-time, ISO 8601 with an offset such as 2026-11-22T12:00:00Z',
};

/** `data.<path>: expected <what>`, with the most likely name if the schema has no such property. */
export function describeDataFault(
  resources: PreparedResources,
  resource: string,
  event: number,
  { path, expected }: DataFault,
): string {
  const members = expected === 'no such property' ? membersAround(resources.schemas.get(resource), path) : [];
  const meant = meantInstead(path.split('.').at(-1) ?? '', members);
  return `events[${event}].data.${path}: expected ${formats[expected] ?? expected} (${resource})${meant}`;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
}

/** The properties of the schema around a path. */
function membersAround(schema: unknown, path: string): readonly string[] {
  const above = path.split('.').slice(0, -1);
  const node = above.reduce<SchemaNode | undefined>(
    (current, step) => {
      const [name = '', ...places] = step.split('[');
      return places.reduce<SchemaNode | undefined>((inner) => inner?.items, current?.properties?.[name]);
    },
    schema as SchemaNode | undefined,
  );
  return Object.keys(node?.properties ?? {});
}

/** Collapse lines that differ only in list indexes into one line. */
export function collapseRepeated(lines: readonly string[]): readonly string[] {
  const kinds = Map.groupBy(lines, (line) => line.replace(/\[\d+\]/g, '[]'));
  return [...kinds.values()].map(([first = '', ...others]) =>
    others.length === 0 ? first : `${first} (and ${others.length} more like it)`,
  );
}
