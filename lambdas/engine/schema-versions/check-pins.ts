import type { SchemaPins } from './schema-pins-schema.ts';
import { servedMajors, type VersionedResources } from './versioned-resource.ts';

/** Why a resource cannot be pinned to a major version. */
export interface PinFault {
  /**
   * `sunset`: existing readers still get the major version, new readers do not. For the other kinds the engine
   * has no schema to serve.
   */
  readonly kind: 'unknown-resource' | 'too-new' | 'not-served' | 'sunset';
  readonly resource: string;
  readonly reason: string;
}

/** The pins that a new reader must not use. */
export function checkPins(resources: VersionedResources, pins: SchemaPins, nowMs: number): readonly PinFault[] {
  return Object.entries(pins).flatMap(([resource, major]): PinFault | [] => {
    const fault = (kind: PinFault['kind'], reason: string): PinFault => ({ kind, resource, reason });
    const known = resources.get(resource);
    if (known === undefined) return fault('unknown-resource', 'unknown resource, expected one that has a schema');
    const served = servedMajors(resource, known);
    const open = served.filter(({ deprecation }) => !isOver(deprecation?.sunsetAt ?? null, nowMs));
    const expected = `expected ${open.map((one) => one.major).join(' or ')}`;
    const pinned = served.find((one) => one.major === major);
    if (pinned !== undefined)
      return open.includes(pinned)
        ? []
        : fault('sunset', `major version ${major} reached its sunset at ${pinned.deprecation?.sunsetAt}, ${expected}`);
    return major > (served[0]?.major ?? 0)
      ? fault('too-new', `major version ${major} does not exist yet, ${expected}`)
      : fault('not-served', `major version ${major} is no longer served, ${expected}`);
  });
}

function isOver(sunsetAt: string | null, nowMs: number): boolean {
  return sunsetAt !== null && Date.parse(sunsetAt) <= nowMs;
}
