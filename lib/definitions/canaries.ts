import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  type DefinitionFault,
  type ParsedDefinition,
  parseDefinition,
} from '../../lambdas/engine/definition/parse-definition.ts';
import type { Definition } from '../../lambdas/engine/definition/schema.ts';

/**
 * The folder in an integration's folder that holds the files of its candidate: those that differ. All others are those
 * of the current definition.
 */
export const canaryFolder = 'canary';

const definitionFile = 'integration.yaml';

/** Parts of a definition that a candidate may change: what maps a provider's data to events. */
const triedParts: ReadonlySet<string> = new Set(['mapping', 'resources']);

/** A candidate, read and checked. */
export interface ReadCandidate {
  readonly parsed: ParsedDefinition;
  /** Text of its YAML file, which may be that of the current definition. */
  readonly yaml: string;
}

/** @returns Undefined if the integration has no candidate. */
export function readCandidate(root: string, name: string, current: Definition): ReadCandidate | undefined {
  const home = join(root, name);
  if (!existsSync(join(home, canaryFolder))) return undefined;
  const read = (file: string) =>
    [join(home, canaryFolder, file), join(home, file)]
      .filter((path) => existsSync(path))
      .map((path) => readFileSync(path, 'utf8'))[0];
  const yaml = read(definitionFile) ?? '';
  const file = `integrations/${name}/${canaryFolder}/${definitionFile}`;
  const parsed = parseDefinition(yaml, { file, folder: name, read });
  if (parsed.kind === 'faults') return { parsed, yaml };
  const faults = unfitParts(current, parsed.definition).map(
    ({ path, message }): DefinitionFault => ({ file, line: 1, column: 1, path, message }),
  );
  return { parsed: faults.length === 0 ? parsed : { kind: 'faults', faults }, yaml };
}

/**
 * What keeps a definition from being a candidate. Ingress verifies a request before it is known whose it is, and
 * accounts are connected by the current definition: a candidate that changed that would be tried on everyone, or not at
 * all.
 */
function unfitParts(
  current: Definition,
  candidate: Definition,
): readonly { readonly path: string; readonly message: string }[] {
  const differing = [...new Set([...Object.keys(current), ...Object.keys(candidate)])].filter(
    (part) => !isDeepStrictEqual(current[part as keyof Definition], candidate[part as keyof Definition]),
  );
  if (differing.length === 0)
    return [
      {
        path: '',
        message: 'got the current definition, expected a file that differs: there is nothing to try',
      },
    ];
  return differing
    .filter((part) => !triedParts.has(part))
    .map((part) => ({
      path: part,
      message: 'got another value than the current definition: a candidate may change `mapping` and `resources` only',
    }));
}
