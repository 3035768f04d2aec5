import type { CanonicalEvent } from '../event/canonical-event.ts';
import { type MappedDown, mapDown } from './map-down.ts';
import type { SchemaPins } from './schema-pins-schema.ts';
import { type Deprecation, majorOf, servedMajors, type VersionedResources } from './versioned-resource.ts';

export type PinnedEvent =
  | {
      readonly kind: 'pinned';
      readonly event: CanonicalEvent;
      /** Of the version that it is read in; there is none of a version that goes on. */
      readonly deprecations: readonly Deprecation[];
    }
  /** Of the event's data the reason has only what `$error` was given. */
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * The event in the major version that its reader is written against.
 *
 * It is mapped down from the version that it was stored in, one major version after the other. One that was
 * stored in this version or in an older one, before there was this one, stays as it is: nothing maps up, and
 * its `schema_version` tells.
 *
 * @param mapOneDown - Maps data to the major version before. @default in this process
 * @returns `failed` where a version on the way is not served, or its mapping fails; the event must not be sent
 *   in a shape that its reader does not know.
 */
export async function pinEvent(
  resources: VersionedResources,
  pins: SchemaPins,
  event: CanonicalEvent,
  mapOneDown: (down: string, data: CanonicalEvent['data']) => Promise<MappedDown> = mapDown,
): Promise<PinnedEvent> {
  const { resource, schema_version: stored } = event;
  const pin = pins[resource];
  if (pin === undefined) return { kind: 'pinned', event, deprecations: [] };
  const deprecations = deprecationsOf(resources, { [resource]: pin });
  const older = resources.get(resource)?.older ?? [];
  let pinned = event;
  for (let major = majorOf(stored) - 1; major >= pin; major -= 1) {
    const failed = (reason: string): PinnedEvent => ({
      kind: 'failed',
      reason: `${resource} ${stored} cannot be read as major version ${pin}: ${reason}`,
    });
    const next = older.find(({ schema }) => majorOf(schema.version) === major);
    if (next === undefined) return failed(`major version ${major} is not served any more`);
    const mapped = await mapOneDown(next.down, pinned.data);
    if (mapped.kind === 'failed') return failed(`the mapping down to ${next.schema.version} failed: ${mapped.reason}`);
    pinned = { ...pinned, schema_version: next.schema.version, data: mapped.data };
  }
  return { kind: 'pinned', event: pinned, deprecations };
}

/** What of the pinned versions is going to end, whatever events there are. */
export function deprecationsOf(resources: VersionedResources, pins: SchemaPins): readonly Deprecation[] {
  return Object.entries(pins).flatMap(([resource, major]) => {
    const known = resources.get(resource);
    const served = known === undefined ? [] : servedMajors(resource, known);
    return served.find((one) => one.major === major)?.deprecation ?? [];
  });
}
