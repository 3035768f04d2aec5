import { parse } from 'yaml';
import { type DefinitionFault, formatFault } from '../../../lambdas/engine/definition/parse-definition.ts';
import { definitionJsonSchema, type JsonSchema } from '../../definitions/definition-json-schema.ts';
import { hintForKey, hintForValue, hintForYaml } from './hint-for-fault.ts';
import { meantInList, meantInTemplate, meantKey, meantValue } from './meant-names.ts';
import { nearestName } from './nearest-name.ts';

/** A fault, with the name that the author may have meant. */
export interface ExplainedFault extends DefinitionFault {
  /** The value in the file, as JSON; undefined if there is none. */
  readonly got?: string;
  readonly expected?: string;
  /** What to write. */
  readonly hint?: string;
  /** The valid name nearest to the written one. */
  readonly nearest?: string;
}

/** What faults are explained with. */
interface Explaining {
  readonly document: unknown;
  readonly schema: JsonSchema;
  readonly lines: readonly string[];
  /** Names of the other files in the folder. */
  readonly files: readonly string[];
}

/**
 * Add to the faults of one definition the value, the expectation, what to write, and the name that was most likely
 * meant. Faults that only follow from a misspelt key are left out.
 *
 * @param files - Names of the other files in its folder.
 */
export function explainFaults(
  yaml: string,
  faults: readonly DefinitionFault[],
  files: readonly string[] = [],
): readonly ExplainedFault[] {
  const explaining = {
    document: parseLeniently(yaml),
    schema: schemaOfLanguage(),
    lines: yaml.split('\n'),
    files,
  };
  return withoutConsequences(faults.map((fault) => explainFault(fault, explaining)));
}

let languageSchema: JsonSchema | undefined;

/** The language as JSON Schema; its making takes a while. */
function schemaOfLanguage(): JsonSchema {
  languageSchema ??= definitionJsonSchema();
  return languageSchema;
}

function explainFault(fault: DefinitionFault, { document, schema, lines, files }: Explaining): ExplainedFault {
  const { path, message } = fault;
  if (!fault.file.endsWith('.yaml')) return fault;
  if (path === '')
    return message.includes('got neither')
      ? fault
      : withMeaning(fault, { hint: hintForYaml(lines[fault.line - 1] ?? '', message) });
  const keys = splitPath(document, path);
  const value = valueAt(document, keys);
  const key = keys.at(-1) ?? '';
  if (message.includes('is not a key'))
    return explainKey(fault, key, value, schemasAt(schema, schema, keys.slice(0, -1)), schema);
  const declared = /got "([^"]*)", expected one of the declared (secrets|vars)/.exec(message);
  if (declared !== null) {
    const [, name = '', kind] = declared;
    const home = kind === 'vars' ? recordOf(recordOf(document)['webhook']) : recordOf(document);
    const names = Object.keys(recordOf(home[kind ?? '']));
    return withMeaning(fault, {
      got: JSON.stringify(name),
      expected: `one of the declared ${kind}`,
      nearest: nearestName(name, names),
    });
  }
  const meant = meantInTemplate(message) ?? meantInList(message);
  if (meant !== undefined) return withMeaning(fault, { got: written(value), nearest: meant });
  if (message.includes('there is no such file'))
    return withMeaning(fault, {
      got: written(value),
      expected: `a ${key === 'graphql' ? '.graphql' : '.jsonata'} file next to the definition`,
      nearest: nearestName(String(value), files),
    });
  const schemas = schemasAt(schema, schema, keys);
  return withMeaning(fault, {
    got: written(value),
    expected: /\bexpected (.*?)(?:, received .*)?$/s.exec(message)?.[1],
    hint: hintForValue({ message, key, value, schemas }),
    nearest: typeof value === 'string' ? meantText(value, message, schemas) : undefined,
  });
}

/** The value of a list, or the place in a request, that a text may stand for. */
function meantText(value: string, message: string, schemas: readonly JsonSchema[]): string | undefined {
  if (message.includes('expected query.<name>')) return `query.${value.split('.').at(-1)}`;
  const values = schemas.flatMap((one) => (one.enum ?? []).map(String));
  // A value of the language that is wrong here is no slip of the pen.
  return values.includes(value) ? undefined : meantValue(value, values);
}

function explainKey(
  fault: DefinitionFault,
  key: string,
  value: unknown,
  parents: readonly JsonSchema[],
  schema: JsonSchema,
): ExplainedFault {
  const members = [...new Set(parents.flatMap((parent) => Object.keys(parent.properties ?? {})))];
  const below = Object.fromEntries(
    members.map((member) => [
      member,
      parents.flatMap((parent) =>
        schemasAt(schema, parent, [member]).flatMap((inner) => Object.keys(inner.properties ?? {})),
      ),
    ]),
  );
  const nearest = meantKey(key, members);
  return withMeaning(fault, {
    got: JSON.stringify(key),
    expected: `one of the keys ${members.join(', ')}`,
    hint: nearest === undefined ? hintForKey(key, value, below) : undefined,
    nearest,
  });
}

/** Leave out what only follows from a key with a wrong name or in a wrong place. */
function withoutConsequences(faults: readonly ExplainedFault[]): readonly ExplainedFault[] {
  const strange = faults.flatMap((fault) => {
    const [, home] = /^it belongs into `(\w+)`/.exec(fault.hint ?? '') ?? [];
    const name = fault.message.includes('is not a key') ? (fault.nearest ?? home) : undefined;
    return name === undefined ? [] : [{ parent: fault.path.slice(0, fault.path.lastIndexOf('.') + 1), name }];
  });
  return faults.filter(
    ({ path, message }) =>
      !strange.some(
        ({ parent, name }) =>
          (message.startsWith('got no') && path === `${parent}${name}`) ||
          (path.startsWith(parent) &&
            (message.includes(`without \`${name}\``) || message.includes(`got no \`${name}\``))) ||
          (`${path}.` === parent && message.startsWith('got none') && message.includes(name)),
      ),
  );
}

/** One line: the fault, with the parts that its message does not contain. */
export function formatExplained(fault: ExplainedFault): string {
  const { message, got, expected, hint, nearest } = fault;
  return [
    formatFault(fault),
    ...(got === undefined || /\bgot |is not a key/.test(message) ? [] : [`got ${got}`]),
    ...(expected === undefined || message.includes('expected') ? [] : [`expected ${expected}`]),
    ...(nearest === undefined ? [] : [`did you mean "${nearest}"?`]),
    ...(hint === undefined || nearest !== undefined ? [] : [hint]),
  ].join('; ');
}

type Meaning = { readonly [Name in 'got' | 'expected' | 'hint' | 'nearest']?: string | undefined };

function withMeaning(fault: DefinitionFault, meaning: Meaning): ExplainedFault {
  const known = Object.entries(meaning).filter(([, text]) => text !== undefined);
  return { ...fault, ...(Object.fromEntries(known) as ExplainedMeaning) };
}

type ExplainedMeaning = Pick<ExplainedFault, 'got' | 'expected' | 'hint' | 'nearest'>;

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
