import type { SchemaPins } from './schema-pins-schema.ts';
import { servedMajors, type VersionedResources } from './versioned-resource.ts';

/** Why a resource cannot be pinned to a major version. */
export interface PinFault {
  /**
   * `sunset`: the major version is served to those who read it already. What is pinned to one of the others
   * has nothing to be served from.
   */
  readonly kind: 'unknown-resource' | 'too-new' | 'not-served' | 'sunset';
  readonly resource: string;
  readonly reason: string;
}

/** Every pin that no reader may begin with now. */
export function checkPins(resources: VersionedResources, pins: SchemaPins, nowMs: number): readonly PinFault[] {
  return Object.entries(pins).flatMap(([resource, major]): PinFault | [] => {
    const fault = (kind: PinFault['kind'], reason: string): PinFault => ({ kind, resource, reason });
    const known = resources.get(resource);
    if (known === undefined) return fault('unknown-resource', 'no such resource, expected one that has a schema');
    const served = servedMajors(resource, known);
    const open = served.filter(({ deprecation }) => !isOver(deprecation?.sunsetAt ?? null, nowMs));
    const expected = `expected ${open.map((one) => one.major).join(' or ')}`;
    const pinned = served.find((one) => one.major === major);
    if (pinned !== undefined)
      return open.includes(pinned)
        ? []
        : fault('sunset', `major version ${major} had its sunset at ${pinned.deprecation?.sunsetAt}, ${expected}`);
    return major > (served[0]?.major ?? 0)
      ? fault('too-new', `there is no major version ${major} yet, ${expected}`)
      : fault('not-served', `major version ${major} is not served any more, ${expected}`);
  });
}

function isOver(sunsetAt: string | null, nowMs: number): boolean {
  return sunsetAt !== null && Date.parse(sunsetAt) <= nowMs;
}
