import { type Document, isMap, isNode, LineCounter, parseDocument } from 'yaml';
import { urlTokenSecret } from '../request/secret-values.ts';
import { findUncovered } from './check-coverage.ts';
import { checkCursors } from './check-cursors.ts';
import { checkProvider } from './check-provider.ts';
import { checkSyncs } from './check-syncs.ts';
import { findOpenChecks } from './find-open-checks.ts';
import type { MeaningFault } from './meaning-fault.ts';
import { mostSpecificFaults } from './most-specific-faults.ts';
import { type Definition, definitionSchema } from './schema.ts';
import { compileFault, readTexts } from './texts-beside.ts';
import { isRecord, usedNames } from './used-names.ts';

/** One fault of a definition, with its place in the file. */
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

/** Names and files around a definition that the parser needs. */
export interface DefinitionFiles {
  /** Name of the YAML file, as faults show it. */
  readonly file: string;
  /** Name of the folder, which the definition's `name` must equal. */
  readonly folder: string;
  /** Text of a file in the definition's folder; undefined if it does not exist. */
  readonly read: (name: string) => string | undefined;
}

type Report = (path: readonly PropertyKey[], message: string, atKey?: boolean) => void;

/** Parse and check one `integration.yaml`; all faults are returned together. */
export function parseDefinition(yaml: string, files: DefinitionFiles): ParsedDefinition {
  const lines = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false });
  const faults: DefinitionFault[] = [];
  const reportAt = (offset: number, path: readonly PropertyKey[], message: string) => {
    const { line, col } = lines.linePos(offset);
    faults.push({ file: files.file, line, column: col, path: path.map(String).join('.'), message: inOneLine(message) });
  };
  const report: Report = (path, message, atKey) => reportAt(offsetOf(document, path, atKey), path, message);

  // Report the first YAML fault only: it causes most of those that follow.
  const [broken] = document.errors;
  if (broken !== undefined) {
    reportAt(broken.pos[0], [], yamlMessage(broken));
    return { kind: 'faults', faults };
  }

  let raw: unknown;
  try {
    raw = document.toJS();
  } catch (error) {
    // An alias without an anchor, or so many aliases that they would exhaust memory.
    report([], (error as Error).message);
    return { kind: 'faults', faults };
  }

  const parsed = definitionSchema.safeParse(raw);
  if (!parsed.success)
    for (const { path, message, atKey } of parsed.error.issues.flatMap(mostSpecificFaults))
      report(path, message, atKey);
  // Check names even when the shape is wrong elsewhere, so that the author sees all faults together.
  checkNames(isRecord(raw) ? raw : {}, files.folder, report);
  const texts = readTexts(isRecord(raw) ? raw : {}, files);
  for (const { path, message, at } of texts.faults)
    if (at === undefined) report(path, message);
    else faults.push({ ...at, path: path.join('.'), message: inOneLine(message) });

  if (parsed.success) for (const { path, message, atKey } of faultsOfMeaning(parsed.data)) report(path, message, atKey);
  if (!parsed.success || faults.length > 0) return { kind: 'faults', faults };
  return { kind: 'definition', definition: readTexts(parsed.data, files).definition };
}

/** Faults of a definition whose shape is right. */
function faultsOfMeaning(definition: Definition): readonly MeaningFault[] {
  const { webhook, mapping, routing } = definition;
  const provider = [...checkProvider(definition), ...checkCursors(definition), ...checkSyncs(definition)];
  if (webhook === undefined)
    return [
      ...provider,
      ...(mapping === undefined ? [] : [{ path: ['mapping'], message: 'got a mapping of webhooks without `webhook`' }]),
      ...(routing === undefined ? [] : [{ path: ['routing'], message: 'got routing of webhooks without `webhook`' }]),
      ...(definition.api === undefined
        ? [{ path: [], message: 'got neither `webhook` nor `api`, expected one of them' }]
        : []),
    ];
  return [
    ...(mapping === undefined
      ? [{ path: ['webhook'], message: 'got no `mapping` beside it, expected JSONata that maps a webhook to events' }]
      : []),
    ...findUncovered({ webhook }),
    ...findOpenChecks({ webhook }),
    ...provider,
  ];
}

/** Report a name that differs from the folder's, a context lookup that does not compile, and undeclared names. */
function checkNames(raw: Readonly<Record<string, unknown>>, folder: string, report: Report): void {
  const { name, secrets, webhook, routing } = raw;
  if (typeof name === 'string' && name !== folder)
    report(['name'], `got "${name}", expected the folder's name "${folder}"`);
  const lookup = isRecord(routing) ? routing['context_lookup_field'] : undefined;
  const lookupFault = typeof lookup === 'string' ? compileFault(lookup) : undefined;
  if (lookupFault !== undefined) report(['routing', 'context_lookup_field'], lookupFault.message);
  const declared = { secret: namesOf(secrets), var: isRecord(webhook) ? namesOf(webhook['vars']) : [] };
  for (const { path, key, of } of usedNames(raw))
    if (!declared[of].includes(key) && !(of === 'secret' && key === urlTokenSecret))
      report(path, `got "${key}", expected one of the declared ${of}s: ${declared[of].join(', ') || 'none'}`);
}

/** Codes of YAML faults that wrong indentation usually causes. */
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
  return ofIndentation.has(code) ? `${message}; check the indentation of this line and the line before` : message;
}

/** Escape line breaks and tabs, which the quoted text may hold: a fault is one line. */
function inOneLine(message: string): string {
  return message.replace(/[\n\r\t]/g, (character) => JSON.stringify(character).slice(1, -1));
}

/** One line: `file:line:column path: message`. */
export function formatFault(fault: DefinitionFault): string {
  return `${fault.file}:${fault.line}:${fault.column} ${fault.path === '' ? '' : `${fault.path}: `}${fault.message}`;
}

/** Offset of the node at a path, or of its key; if the node is missing, of its nearest ancestor. */
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

function namesOf(value: unknown): readonly string[] {
  return isRecord(value) ? Object.keys(value) : [];
}
