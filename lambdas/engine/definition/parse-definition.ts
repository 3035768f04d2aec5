import jsonata from 'jsonata';
import { LineCounter, parseDocument, type Document } from 'yaml';
import { definitionSchema, type Definition, type VerifySpec } from './schema.ts';

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
  const report = (path: readonly PropertyKey[], message: string, file = files.file) => {
    const { line, col } = lines.linePos(offsetOf(document, path));
    faults.push({ file, line, column: col, path: path.map(String).join('.'), message });
  };

  for (const error of document.errors) {
    const { line, col } = lines.linePos(error.pos[0]);
    faults.push({ file: files.file, line, column: col, path: '', message: error.message });
  }
  if (faults.length > 0) return { kind: 'faults', faults };

  const parsed = definitionSchema.safeParse(document.toJS());
  if (!parsed.success) {
    for (const issue of parsed.error.issues) report(issue.path, issue.message);
    return { kind: 'faults', faults };
  }

  const written = parsed.data;
  if (written.name !== files.folder) report(['name'], `got "${written.name}", expected the folder's name "${files.folder}"`);
  for (const { path, key } of secretsUsed(written.webhook.verify, ['webhook', 'verify']))
    if (!Object.hasOwn(written.secrets, key))
      report(path, `got "${key}", expected one of the declared secrets: ${Object.keys(written.secrets).join(', ') || 'none'}`);

  let mapping = written.mapping;
  let mappingFile = files.file;
  if (/^[\w.-]+\.jsonata$/.test(mapping)) {
    mappingFile = files.file.replace(/[^/]*$/, mapping);
    const text = files.read(mapping);
    if (text === undefined) report(['mapping'], `got "${mapping}", but there is no such file beside the definition`);
    mapping = text ?? '';
  }
  const fault = mapping === '' ? undefined : compileFault(mapping);
  if (fault !== undefined && mappingFile === files.file) report(['mapping'], fault.message);
  else if (fault !== undefined) {
    const before = mapping.slice(0, fault.position).split('\n');
    faults.push({
      file: mappingFile,
      line: before.length,
      column: (before.at(-1) ?? '').length + 1,
      path: 'mapping',
      message: fault.message,
    });
  }

  if (faults.length > 0) return { kind: 'faults', faults };
  return { kind: 'definition', definition: { ...written, mapping } };
}

/** `file:line:column path: message`, one line a fault. */
export function formatFault(fault: DefinitionFault): string {
  return `${fault.file}:${fault.line}:${fault.column} ${fault.path === '' ? '' : `${fault.path}: `}${fault.message}`;
}

/** Offset of the node at a path, or of the nearest one above it that exists. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
      return Number(node.range[0]);
  }
  return 0;
}

function* secretsUsed(node: VerifySpec, path: PropertyKey[]): Generator<{ path: PropertyKey[]; key: string }> {
  if ('hmac' in node) yield { path: [...path, 'hmac', 'key'], key: node.hmac.key };
  const branches = 'all' in node ? node.all : 'any' in node ? node.any : [];
  for (const [index, branch] of branches.entries())
    yield* secretsUsed(branch, [...path, 'all' in node ? 'all' : 'any', index]);
}

function compileFault(mapping: string): { message: string; position: number } | undefined {
  try {
    jsonata(mapping);
    return undefined;
  } catch (error) {
    const { message, position } = error as jsonata.JsonataError;
    return { message: `JSONata: ${message}`, position: position ?? 0 };
  }
}
