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
      /** Where the value at a path stands, or its key; where there is none, the nearest above it. */
      readonly placeOf: (path: readonly PropertyKey[], atKey?: boolean) => TextPlace;
    }
  | ({ readonly kind: 'fault'; readonly message: string } & TextPlace);

/** Read JSON so that its faults, and those of what it says, can be told by their places. */
export function readJsonSource(text: string): JsonSource {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const message = (error as Error).message.replace(/, ".*" is not valid JSON$/s, '');
    return { kind: 'fault', message: `expected JSON: ${message}`, ...placeAt(text, faultOffset(text)) };
  }
  // JSON is YAML, whose parser keeps the places, and finds a member that is there twice.
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
 * Where a text stops to be JSON. The parser tells it of some faults only, so the shortest beginning is
 * looked for that has another fault than to end too early.
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
