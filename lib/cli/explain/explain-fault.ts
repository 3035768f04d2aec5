import { parse } from 'yaml';
import { type DefinitionFault, formatFault } from '../../../lambdas/engine/definition/parse-definition.ts';
import { definitionJsonSchema, type JsonSchema } from '../../definitions/definition-json-schema.ts';
import { nearestName } from './nearest-name.ts';

/** A fault, with the name that the author may have meant. */
export interface ExplainedFault extends DefinitionFault {
  /** The value in the file, as JSON; undefined if there is none. */
  readonly got?: string;
  readonly expected?: string;
  /** The valid name nearest to the written one. */
  readonly nearest?: string;
}

/**
 * Add to the faults of one definition the value, the expectation and the name that was most likely meant.
 *
 * @param files - Names of the other files in its folder.
 */
export function explainFaults(
  yaml: string,
  faults: readonly DefinitionFault[],
  files: readonly string[] = [],
): readonly ExplainedFault[] {
  const document = parseLeniently(yaml);
  const schema = definitionJsonSchema();
  return faults.map((fault) => {
    if (fault.path === '' || !fault.file.endsWith('.yaml')) return fault;
    const keys = splitPath(document, fault.path);
    const value = valueAt(document, keys);
    const parents = schemasAt(schema, schema, keys.slice(0, -1));
    const members = [...new Set(parents.flatMap((parent) => Object.keys(parent.properties ?? {})))];
    const key = keys.at(-1) ?? '';
    if (fault.message.includes('is not a key'))
      return withMeaning(
        fault,
        JSON.stringify(key),
        `one of the keys ${members.join(', ')}`,
        nearestName(key, members),
      );
    const declared = /got "([^"]*)", expected one of the declared (secrets|vars)/.exec(fault.message);
    if (declared !== null) {
      const [, name = '', kind] = declared;
      const home = kind === 'vars' ? recordOf(recordOf(document)['webhook']) : recordOf(document);
      const names = Object.keys(recordOf(home[kind ?? '']));
      return withMeaning(fault, JSON.stringify(name), `one of the declared ${kind}`, nearestName(name, names));
    }
    const misspelt = nearestInTemplate(fault.message);
    if (misspelt !== undefined) return withMeaning(fault, written(value), undefined, misspelt);
    if (fault.message.includes('there is no such file'))
      return withMeaning(
        fault,
        written(value),
        'a .jsonata file next to the definition',
        nearestName(String(value), files),
      );
    const options = schemasAt(schema, schema, keys).flatMap((one) => (one.enum ?? []).map(String));
    const nearest = typeof value === 'string' ? nearestName(value, options) : undefined;
    return withMeaning(fault, written(value), /\bexpected (.*?)(?:, received .*)?$/s.exec(fault.message)?.[1], nearest);
  });
}

/** One line: the fault, with the parts that its message does not contain. */
export function formatExplained(fault: ExplainedFault): string {
  const { message, got, expected, nearest } = fault;
  return [
    formatFault(fault),
    ...(got === undefined || /\bgot |is not a key/.test(message) ? [] : [`got ${got}`]),
    ...(expected === undefined || message.includes('expected') ? [] : [`expected ${expected}`]),
    ...(nearest === undefined ? [] : [`did you mean "${nearest}"?`]),
  ].join('; ');
}

const bareSources = ['method', 'url', 'path', 'body', 'form', 'json', 'item'];
const namedSources = ['header', 'headers', 'listed_headers', 'query', 'form', 'json', 'item', 'secret', 'var', 'jwt'];

/** The source or transform that is nearest to an unknown one in a template. */
function nearestInTemplate(message: string): string | undefined {
  const [, transform, known = ''] = /^got the transform "([^"(]*).*?", expected one of (.*)$/s.exec(message) ?? [];
  if (transform !== undefined) return nearestName(transform, known.split(', '));
  const [, inner] = /^got \{(.*?)\}, expected \{method\}/s.exec(message) ?? [];
  const [, kind = '', rest = ''] = /^\s*([^.|?\s]*)\.?([^|?\s]*)/.exec(inner ?? '') ?? [];
  if (kind === '') return undefined;
  if (rest === '') {
    const nearest = nearestName(kind, bareSources);
    return nearest === undefined ? undefined : `{${nearest}}`;
  }
  const nearest = kind === 'headers' && !rest.endsWith('*') ? 'header' : nearestName(kind, namedSources);
  return nearest === undefined ? undefined : `{${nearest}.${rest}}`;
}

function withMeaning(
  fault: DefinitionFault,
  got: string | undefined,
  expected: string | undefined,
  nearest: string | undefined,
): ExplainedFault {
  return {
    ...fault,
    ...(got === undefined ? {} : { got }),
    ...(expected === undefined ? {} : { expected }),
    ...(nearest === undefined ? {} : { nearest }),
  };
}

function written(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function parseLeniently(yaml: string): unknown {
  try {
    return parse(yaml, { logLevel: 'silent' });
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** The keys of a path; a key may contain dots, such as `header.X-Event`. */
function splitPath(document: unknown, path: string): readonly string[] {
  const keys = Object.keys(recordOf(document));
  const key = keys
    .filter((name) => path === name || path.startsWith(`${name}.`))
    .sort((a, b) => b.length - a.length)[0];
  if (key === undefined) return path.split('.');
  return path === key ? [key] : [key, ...splitPath(recordOf(document)[key], path.slice(key.length + 1))];
}

function valueAt(document: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (value, key) => (Object.hasOwn(recordOf(value), key) ? recordOf(value)[key] : undefined),
    document,
  );
}

/** Every schema that may apply at a path, alternatives included. */
function schemasAt(root: JsonSchema, schema: JsonSchema, [key, ...rest]: readonly string[]): readonly JsonSchema[] {
  const name = schema.$ref?.split('/').at(-1);
  if (name !== undefined) return schemasAt(root, root.$defs?.[name] ?? {}, key === undefined ? [] : [key, ...rest]);
  if (schema.anyOf !== undefined)
    return schema.anyOf.flatMap((option) => schemasAt(root, option, key === undefined ? [] : [key, ...rest]));
  if (key === undefined) return [schema];
  const member =
    schema.properties?.[key] ??
    (/^\d+$/.test(key) ? schema.items : undefined) ??
    (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined);
  return member === undefined ? [] : schemasAt(root, member, rest);
}
