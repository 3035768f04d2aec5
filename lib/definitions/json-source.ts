import { LineCounter, parseDocument } from 'yaml';
import { offsetOf } from '../../lambdas/engine/definition/parse-definition.ts';

/** A place in a text; both count from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

export type JsonSource =
  | {
      readonly kind: 'json';
      readonly value: unknown;
      /** The place of the value (or key) at a path, or of its nearest existing ancestor. */
      readonly placeOf: (path: readonly PropertyKey[], atKey?: boolean) => TextPlace;
    }
  | ({ readonly kind: 'fault'; readonly message: string } & TextPlace);

/** Read JSON with the places of its syntax faults and of its values. */
export function readJsonSource(text: string): JsonSource {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const message = (error as Error).message.replace(/, ".*" is not valid JSON$/s, '');
    return { kind: 'fault', message: `expected JSON: ${message}`, ...placeAt(text, faultOffset(text)) };
  }
  // JSON is YAML, whose parser keeps places and finds duplicate members.
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeOfOffset = (offset: number): TextPlace => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const twice = document.errors.find(({ code }) => code === 'DUPLICATE_KEY');
  if (twice !== undefined)
    return { kind: 'fault', message: 'got a member twice, expected it once', ...placeOfOffset(twice.pos[0]) };
  return { kind: 'json', value, placeOf: (path, atKey) => placeOfOffset(offsetOf(document, path, atKey)) };
}

function placeAt(text: string, offset: number): TextPlace {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

/**
 * The offset at which a text stops being JSON. The parser reports it only for some faults, so a binary search finds the
 * shortest prefix with a fault other than an early end.
 */
function faultOffset(text: string): number {
  let [sound, faulty] = [0, text.length];
  while (sound < faulty) {
    const middle = (sound + faulty) >> 1;
    if (isBeginning(text.slice(0, middle + 1))) sound = middle + 1;
    else faulty = middle;
  }
  return sound;
}

function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    return /Unexpected end|Unterminated/.test(message) || message.includes(`at position ${text.length}`);
  }
}
