import type jsonata from 'jsonata';
import { compileJsonata } from '../expression/compile-jsonata.ts';
import { isRecord } from './used-names.ts';

/** A text of a definition that may be in a file of its own. */
interface WrittenText {
  readonly path: readonly string[];
  readonly language: 'jsonata' | 'graphql';
  readonly written: string;
}

/** A fault of a text: in the definition's file, or in the text's own. */
export interface TextFault {
  readonly path: readonly string[];
  readonly message: string;
  /** Place in the text's own file; undefined if the fault is in the definition's file. */
  readonly at?: { readonly file: string; readonly line: number; readonly column: number };
}

interface FilesBeside {
  readonly file: string;
  readonly read: (name: string) => string | undefined;
}

/** Put the texts of files in the place of their names. @returns The faults of texts; a copy of the definition. */
export function readTexts<T extends object>(
  definition: T,
  files: FilesBeside,
): { readonly definition: T; readonly faults: readonly TextFault[] } {
  const copy = structuredClone(definition);
  const faults: TextFault[] = [];
  for (const text of textsOf(copy as Readonly<Record<string, unknown>>)) {
    const read = readText(text, files);
    if (read.kind === 'fault') faults.push(read.fault);
    else put(copy, text.path, read.text);
  }
  return { definition: copy, faults };
}

/** Every text that may be a file, whether or not the rest of the definition is valid. */
function* textsOf({ mapping, resources }: Readonly<Record<string, unknown>>): Generator<WrittenText> {
  if (typeof mapping === 'string') yield { path: ['mapping'], language: 'jsonata', written: mapping };
  if (!isRecord(resources)) return;
  for (const [name, resource] of Object.entries(resources)) {
    if (!isRecord(resource)) continue;
    for (const member of ['map', 'adapt']) {
      const written = resource[member];
      if (typeof written === 'string') yield { path: ['resources', name, member], language: 'jsonata', written };
    }
    for (const [method, call] of Object.entries(resource)) {
      const written = isRecord(call) ? call['graphql'] : undefined;
      if (typeof written === 'string')
        yield { path: ['resources', name, method, 'graphql'], language: 'graphql', written };
    }
  }
}

type ReadText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'fault'; readonly fault: TextFault };

function readText({ path, language, written }: WrittenText, files: FilesBeside): ReadText {
  const failed = (message: string, at?: TextFault['at']): ReadText => ({
    kind: 'fault',
    fault: { path, message, ...(at === undefined ? {} : { at }) },
  });
  const isFile = new RegExp(`^[\\w.-]+\\.${language}$`).test(written);
  // JSONata would read a misspelt file name as a path, which maps everything to nothing.
  const isMisspelt = !isFile && language === 'jsonata' && /^(?!body\.|headers\.|query\.)[\w-]+\.js\w*$/.test(written);
  const text = isFile ? files.read(written) : isMisspelt ? undefined : written;
  if (text === undefined) return failed(`got "${written}", but there is no such file in the folder of the definition`);
  if (text.trim() === '')
    return failed(
      `got an empty ${path.length === 1 ? 'mapping' : 'text'}, expected ${language === 'jsonata' ? 'JSONata' : 'GraphQL'}`,
    );
  const fault = language === 'jsonata' ? compileFault(text) : undefined;
  if (fault === undefined) return { kind: 'text', text };
  if (!isFile) return failed(fault.message);
  const before = text.slice(0, fault.position).split('\n');
  return failed(fault.message, {
    file: files.file.replace(/[^/]*$/, written),
    line: before.length,
    column: (before.at(-1) ?? '').length + 1,
  });
}

function put(target: object, path: readonly string[], text: string): void {
  const holder = path
    .slice(0, -1)
    .reduce<Record<string, unknown>>(
      (within, name) => within[name] as Record<string, unknown>,
      target as Record<string, unknown>,
    );
  holder[path.at(-1) as string] = text;
}

/** The fault of JSONata that does not compile. */
export function compileFault(mapping: string): { message: string; position: number } | undefined {
  try {
    compileJsonata(mapping);
    return undefined;
  } catch (error) {
    const { message, position } = error as jsonata.JsonataError;
    return { message: `JSONata: ${message}`, position: position ?? 0 };
  }
}
