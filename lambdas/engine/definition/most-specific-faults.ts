import type { z } from 'zod';

/** One fault of a document's shape, found by its schema. */
export interface SchemaFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Whether the key is wrong, not its value. */
  readonly atKey?: boolean;
  /** Levels of the document that matched before this one failed. */
  readonly depth: number;
}

/** The faults behind one zod issue: one for each unknown key; of a union, those of the alternative that matched deepest. */
export function mostSpecificFaults(issue: z.core.$ZodIssue): readonly SchemaFault[] {
  const { path, message } = issue;
  const depth = path.length;
  const within = (inner: readonly z.core.$ZodIssue[]): readonly SchemaFault[] =>
    inner
      .flatMap(mostSpecificFaults)
      .map((fault) => ({ ...fault, path: [...path, ...fault.path], depth: depth + fault.depth }));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `"${key}" is not a key allowed here`,
        atKey: true,
        depth,
      }));
    case 'invalid_key':
      return within(issue.issues).map((fault) => ({ ...fault, message: ofKey(path, fault.message), atKey: true }));
    case 'invalid_union': {
      const types = expectedTypes(issue);
      if (types !== undefined) return [{ path, message: types, depth }];
      const deepest = (faults: readonly SchemaFault[]) => Math.max(...faults.map((fault) => fault.depth));
      const [best] = issue.errors
        .map(within)
        .filter((faults) => faults.length > 0)
        .sort((a, b) => deepest(b) - deepest(a) || a.length - b.length);
      return best ?? [{ path, message, depth }];
    }
    default:
      return [{ path, message: messageOf(issue), depth }];
  }
}

/** A name that is wrong itself, not its value. */
function ofKey(path: readonly PropertyKey[], message: string): string {
  return /\bgot /.test(message) ? message : `got the name "${String(path.at(-1))}", ${message}`;
}

/** Words for the types of values, as authors of YAML know them. */
const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
  record: 'keys with values',
};

/** A message in plain words; those that the language itself writes stay as they are. */
function messageOf(issue: z.core.$ZodIssue): string {
  const { message } = issue;
  if (issue.code === 'invalid_type' && message.startsWith('Invalid input')) {
    const expected = typeNames[issue.expected] ?? issue.expected;
    if (message.endsWith('received undefined')) return `${missing(issue.path)}, expected ${expected}`;
    return `${message.endsWith('received null') ? 'got nothing, ' : ''}expected ${expected}`;
  }
  if (issue.code === 'too_big' && message.startsWith('Too big'))
    return `expected ${sizeOf('at most', issue.maximum, issue.origin)}`;
  if (issue.code === 'too_small' && message.startsWith('Too small'))
    return `expected ${sizeOf('at least', issue.minimum, issue.origin)}`;
  if (message === 'Invalid URL') return 'expected a URL such as https://api.example.com';
  return message.replace(/^Invalid input: /, '');
}

function missing(path: readonly PropertyKey[]): string {
  return `got no \`${String(path.at(-1))}\``;
}

function sizeOf(bound: 'at most' | 'at least', limit: number | bigint, origin: string): string {
  if (origin === 'string')
    return bound === 'at least' && limit === 1 ? 'a text that is not empty' : `${bound} ${limit} characters`;
  return origin === 'array' ? `${bound} ${limit} ${limit === 1 ? 'item' : 'items'}` : `a number, ${bound} ${limit}`;
}

/** Of a union of types, all of them: none of its alternatives is nearer than another. */
function expectedTypes({ errors, path }: z.core.$ZodIssueInvalidUnion): string | undefined {
  const types = errors.map(([issue, ...others]) =>
    others.length === 0 &&
    issue?.code === 'invalid_type' &&
    issue.path.length === 0 &&
    issue.message.startsWith('Invalid')
      ? issue
      : undefined,
  );
  const [first] = types;
  if (first === undefined || types.includes(undefined)) return undefined;
  const names = new Set(types.map((issue) => typeNames[issue?.expected ?? ''] ?? issue?.expected));
  const expected = `expected ${[...names].join(', or ')}`;
  if (first.message.endsWith('received undefined')) return `${missing(path)}, ${expected}`;
  return `${first.message.endsWith('received null') ? 'got nothing, ' : ''}${expected}`;
}
