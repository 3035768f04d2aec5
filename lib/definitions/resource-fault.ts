import type { DefinitionFault } from '../../lambdas/engine/definition/parse-definition.ts';
import { resourcesFolder } from './integration-folders.ts';
import type { JsonSource, TextPlace } from './json-source.ts';
import type { SchemaFault } from './resource-schema.ts';

/** A fault of a file of the canonical resources, with its value and the expected one. */
export interface ResourceFault extends DefinitionFault {
  readonly got?: string;
  readonly expected?: string;
}

/** A fault of a file as a whole. */
export function fileFault(name: string, got: string, expected: string): ResourceFault {
  return {
    ...placedFault(name, { line: 1, column: 1 }, ''),
    message: `got ${got}, expected ${expected}`,
    got,
    expected,
  };
}

/** The faults of a file with their places; of an unreadable file, its syntax fault. */
export function locateFaults(
  source: JsonSource,
  name: string,
  faults: readonly SchemaFault[],
): readonly ResourceFault[] {
  const file = shownPath(name);
  if (source.kind === 'fault')
    return [{ file, line: source.line, column: source.column, path: '', message: source.message }];
  return faults.map(({ path, atKey, got, expected }) => ({
    file,
    ...source.placeOf(path, atKey),
    path: path.map(String).join('.'),
    message: `got ${got}, expected ${expected}`,
    got,
    expected,
  }));
}

/** The place of a fault, without its message. */
export function placedFault(name: string, place: TextPlace, path: string): Omit<ResourceFault, 'message'> {
  return { file: shownPath(name), ...place, path };
}

function shownPath(name: string): string {
  return `integrations/${resourcesFolder}/${name}`;
}
