import type jsonata from 'jsonata';
import { type Document, isMap, isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { compileMapping } from '../mapping/compile-mapping.ts';
import { urlTokenSecret } from '../request/secret-values.ts';
import { parseTemplate } from '../template/template.ts';
import { authoringOf } from '../verification/check-authoring.ts';
import { checkIn, type VerifySpec } from '../verification/check-tree.ts';
import { findUncovered } from './check-coverage.ts';
import { type Definition, definitionSchema } from './schema.ts';

/** One thing that is wrong in a definition, where its author can find it. */
export interface DefinitionFault {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Path in the document, for example `webhook.verify.hmac.key`. */
  readonly path: string;
  readonly message: string;
}

export type ParsedDefinition =
  | { readonly kind: 'definition'; readonly definition: Definition }
  | { readonly kind: 'faults'; readonly faults: readonly DefinitionFault[] };

/** What the parser needs of the definition's surroundings. */
export interface DefinitionFiles {
  /** Name of the YAML file, as it is shown in faults. */
  readonly file: string;
  /** Name of the folder, which the definition's `name` must equal. */
  readonly folder: string;
  /** Text of a file beside the YAML, undefined where there is none. */
  readonly read: (name: string) => string | undefined;
}

/** Parse and check one `integration.yaml`; all faults are returned together. */
export function parseDefinition(yaml: string, files: DefinitionFiles): ParsedDefinition {
  const lines = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false });
  const faults: DefinitionFault[] = [];
  const reportAt = (offset: number, path: readonly PropertyKey[], message: string) => {
    const { line, col } = lines.linePos(offset);
    faults.push({ file: files.file, line, column: col, path: path.map(String).join('.'), message: inOneLine(message) });
  };
  const report = (path: readonly PropertyKey[], message: string) => reportAt(offsetOf(document, path), path, message);

  // What follows the first fault of the YAML is mostly of its making.
  const [broken] = document.errors;
  if (broken !== undefined) {
    reportAt(broken.pos[0], [], yamlMessage(broken));
    return { kind: 'faults', faults };
  }

  let raw: unknown;
  try {
    raw = document.toJS();
  } catch (error) {
    // An alias without its anchor, or so many aliases that they would fill the memory.
    report([], (error as Error).message);
    return { kind: 'faults', faults };
  }

  const parsed = definitionSchema.safeParse(raw);
  if (!parsed.success)
    for (const { path, message, atKey } of parsed.error.issues.flatMap(mostSpecific))
      reportAt(offsetOf(document, path, atKey), path, message);
  // What can be said of names is said although the shape is wrong elsewhere: all faults come at once.
  const { name, secrets, webhook, routing }: Readonly<Record<string, unknown>> = isRecord(raw) ? raw : {};
  if (typeof name === 'string' && name !== files.folder)
    report(['name'], `got "${name}", expected the folder's name "${files.folder}"`);
  const lookup = isRecord(routing) ? routing['context_lookup_field'] : undefined;
  const lookupFault = typeof lookup === 'string' ? compileFault(lookup) : undefined;
  if (lookupFault !== undefined) report(['routing', 'context_lookup_field'], lookupFault.message);
  const declared = { secret: namesOf(secrets), var: isRecord(webhook) ? namesOf(webhook['vars']) : [] };
  const contexts = isRecord(routing) ? routing['context'] : undefined;
  const named = [
    ...secretsNamed(webhook, ['webhook']),
    ...namesInTemplates(webhook, ['webhook']),
    ...namesInTemplates(contexts, ['routing', 'context']),
  ];
  for (const { path, key, of } of named)
    if (!declared[of].includes(key) && !(of === 'secret' && key === urlTokenSecret))
      report(path, `got "${key}", expected one of the declared ${of}s: ${declared[of].join(', ') || 'none'}`);
  if (parsed.success) {
    const { verify, handshakes } = parsed.data.webhook;
    for (const { path, message } of findUncovered(parsed.data)) report(path, message);
    if (!authenticates(verify))
      report(['webhook', 'verify'], 'got checks that anybody can pass, expected one that needs a secret or a key');
    for (const [index, handshake] of handshakes.entries()) {
      if (typeof handshake.verify === 'object' && !authenticates(handshake.verify))
        report(
          ['webhook', 'handshakes', index, 'verify'],
          'got checks that anybody can pass, expected one that needs a secret or a key; or `none`, to say so',
        );
      const isOpen = handshake.verify === 'none' && handshake.token === undefined && handshake.capture === undefined;
      if (isOpen && handshake.confirm !== undefined)
        report(
          ['webhook', 'handshakes', index, 'confirm'],
          'got a call that anybody can cause, expected a handshake that is verified, carries a token or brings a secret',
        );
    }
  }

  const written = document.get('mapping');
  const mapping = typeof written === 'string' ? readMapping(written, files) : undefined;
  if (mapping?.kind === 'fault') {
    if (mapping.at === undefined) report(['mapping'], mapping.message);
    else faults.push({ ...mapping.at, path: 'mapping', message: inOneLine(mapping.message) });
  }

  if (!parsed.success || mapping?.kind !== 'mapping' || faults.length > 0) return { kind: 'faults', faults };
  return { kind: 'definition', definition: { ...parsed.data, mapping: mapping.text } };
}

/** Faults of the parser that most often come of a line which is moved in or out by a space. */
const ofIndentation: ReadonlySet<string> = new Set([
  'BAD_INDENT',
  'BLOCK_AS_IMPLICIT_KEY',
  'BLOCK_IN_FLOW',
  'MISSING_CHAR',
  'MULTILINE_IMPLICIT_KEY',
  'TAB_AS_INDENT',
  'UNEXPECTED_TOKEN',
]);

function yamlMessage({ code, message }: { readonly code: string; readonly message: string }): string {
  return ofIndentation.has(code) ? `${message}; check the indentation of this line and the one before` : message;
}

/** What a definition's author wrote may hold line breaks; a fault is one line. */
function inOneLine(message: string): string {
  return message.replace(/[\n\r\t]/g, (character) => JSON.stringify(character).slice(1, -1));
}

type ReadMapping =
  | { readonly kind: 'mapping'; readonly text: string }
  | {
      readonly kind: 'fault';
      readonly message: string;
      /** Where in the mapping's own file; undefined where the fault is in the definition's. */
      readonly at?: { readonly file: string; readonly line: number; readonly column: number };
    };

/** The text of a mapping, which stands in the definition or in a file beside it. */
function readMapping(written: string, files: DefinitionFiles): ReadMapping {
  const isFile = /^[\w.-]+\.jsonata$/.test(written);
  // As JSONata, a name that is misspelt would be a path, and map every request to nothing.
  const isMisspelt = !isFile && /^(?!body\.|headers\.|query\.)[\w-]+\.js\w*$/.test(written);
  const text = isFile ? files.read(written) : isMisspelt ? undefined : written;
  if (text === undefined)
    return { kind: 'fault', message: `got "${written}", but there is no such file beside the definition` };
  if (text.trim() === '') return { kind: 'fault', message: 'got an empty mapping, expected JSONata' };
  const fault = compileFault(text);
  if (fault === undefined) return { kind: 'mapping', text };
  if (!isFile) return { kind: 'fault', message: fault.message };
  const before = text.slice(0, fault.position).split('\n');
  const at = {
    file: files.file.replace(/[^/]*$/, written),
    line: before.length,
    column: (before.at(-1) ?? '').length + 1,
  };
  return { kind: 'fault', message: fault.message, at };
}

/** `file:line:column path: message`, one line a fault. */
export function formatFault(fault: DefinitionFault): string {
  return `${fault.file}:${fault.line}:${fault.column} ${fault.path === '' ? '' : `${fault.path}: `}${fault.message}`;
}

/** Offset of the node at a path, or of its key; where there is none, of the nearest node above it. */
export function offsetOf(document: Document, path: readonly PropertyKey[], atKey = false): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (!isNode(node) || !node.range) continue;
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = isMap(parent) ? parent.items.find((pair) => pair.value === node)?.key : undefined;
    return atKey && isNode(key) && key.range ? key.range[0] : node.range[0];
  }
  return 0;
}

interface SchemaFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Whether the key is wrong, not its value. */
  readonly atKey?: boolean;
  /** How many levels of the document fitted before this one did not. */
  readonly depth: number;
}

/** What an issue comes down to: each unknown key on its own, and of alternatives the one that came furthest. */
function mostSpecific(issue: z.core.$ZodIssue): readonly SchemaFault[] {
  const { path, message } = issue;
  const depth = path.length;
  const within = (inner: readonly z.core.$ZodIssue[]): readonly SchemaFault[] =>
    inner
      .flatMap(mostSpecific)
      .map((fault) => ({ ...fault, path: [...path, ...fault.path], depth: depth + fault.depth }));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `"${key}" is not a key that may stand here`,
        atKey: true,
        depth,
      }));
    case 'invalid_key':
      return within(issue.issues).map((fault) => ({ ...fault, atKey: true }));
    case 'invalid_union': {
      const deepest = (faults: readonly SchemaFault[]) => Math.max(...faults.map((fault) => fault.depth));
      const [best] = issue.errors
        .map(within)
        .filter((faults) => faults.length > 0)
        .sort((a, b) => deepest(b) - deepest(a) || a.length - b.length);
      return best ?? [{ path, message, depth }];
    }
    default:
      return [{ path, message, depth }];
  }
}

/** A place that names a secret or a variable. */
interface NameUsed {
  readonly path: readonly PropertyKey[];
  readonly key: string;
  readonly of: 'secret' | 'var';
}

/** Members that hold no template, whatever their text looks like. */
const plainMembers = new Set(['reply', 'when', 'decode', 'content_type', 'split', 'prefix', 'name', 'decrypt']);

/** Every secret and variable that a template below names. */
function* namesInTemplates(value: unknown, path: readonly PropertyKey[]): Generator<NameUsed> {
  if (typeof value === 'object' && value !== null) {
    for (const [member, inner] of Object.entries(value))
      if (Array.isArray(value)) yield* namesInTemplates(inner, [...path, Number(member)]);
      else if (!plainMembers.has(member)) yield* namesInTemplates(inner, [...path, member]);
    return;
  }
  const parsed = typeof value === 'string' ? parseTemplate(value) : undefined;
  if (parsed?.kind !== 'template') return;
  for (const part of parsed.template.parts) {
    if ('literal' in part) continue;
    const { source, transforms } = part;
    if (source.from === 'secret' || source.from === 'var') yield { path, key: source.name, of: source.from };
    for (const { secret } of transforms) if (secret !== undefined) yield { path, key: secret, of: 'secret' };
  }
}

/** Whether only the holder of a secret or a key gets through, whichever way a request goes. */
function authenticates(node: VerifySpec): boolean {
  const check = checkIn(node);
  if (check !== undefined) return authoringOf(check.name).authenticates?.(check.spec) ?? true;
  if (node.all !== undefined) return node.all.some(authenticates);
  if (node.any !== undefined) return node.any.every(authenticates);
  if (node.cases !== undefined) return node.cases.every(({ verify }) => authenticates(verify));
  return node.each === undefined || authenticates(node.each.verify);
}

/** Members that name a secret where they are text. */
const secretMembers = new Set(['key', 'expected', 'username', 'password', 'secret']);
/** Members whose own members are the author's words. */
const freeMembers = new Set(['claims', 'headers', 'json', 'respond', 'when', 'vars', 'reply', 'decode']);

/** Every place below, outside of templates, that names a secret. */
function* secretsNamed(value: unknown, path: readonly PropertyKey[]): Generator<NameUsed> {
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* secretsNamed(item, [...path, index]);
  else if (isRecord(value))
    for (const [member, inner] of Object.entries(value))
      if (typeof inner === 'string' && secretMembers.has(member))
        yield { path: [...path, member], key: inner, of: 'secret' };
      else if (!freeMembers.has(member)) yield* secretsNamed(inner, [...path, member]);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function namesOf(value: unknown): readonly string[] {
  return isRecord(value) ? Object.keys(value) : [];
}

function compileFault(mapping: string): { message: string; position: number } | undefined {
  try {
    compileMapping(mapping);
    return undefined;
  } catch (error) {
    const { message, position } = error as jsonata.JsonataError;
    return { message: `JSONata: ${message}`, position: position ?? 0 };
  }
}
