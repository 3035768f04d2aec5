import type { CanonicalEvent } from '../event/canonical-event.ts';
import { type MappedDown, mapDown } from './map-down.ts';
import type { SchemaPins } from './schema-pins-schema.ts';
import { type Deprecation, majorOf, servedMajors, type VersionedResources } from './versioned-resource.ts';

export type PinnedEvent =
  | {
      readonly kind: 'pinned';
      readonly event: CanonicalEvent;
      /** Deprecation of the pinned version; empty if the version is not deprecated. */
      readonly deprecations: readonly Deprecation[];
    }
  /** The reason never quotes the event's data, except for text that a mapping passes to `$error`. */
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Convert an event to the major version that its reader pinned.
 *
 * The event is mapped down from its stored version, one major version at a time. An event stored in the pinned
 * version or in an older one stays unchanged, because nothing maps up; its `schema_version` shows the version.
 *
 * @param mapOneDown - Maps data to the previous major version. @default in this process
 * @returns `failed` if a version in between is not served, or if its mapping fails. The caller must not send the
 *   event then, because the reader does not know its shape.
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
    if (next === undefined) return failed(`major version ${major} is no longer served`);
    const mapped = await mapOneDown(next.down, pinned.data);
    if (mapped.kind === 'failed') return failed(`the mapping down to ${next.schema.version} failed: ${mapped.reason}`);
    pinned = { ...pinned, schema_version: next.schema.version, data: mapped.data };
  }
  return { kind: 'pinned', event: pinned, deprecations };
}

/** Deprecations of the pinned versions, independent of any event. */
export function deprecationsOf(resources: VersionedResources, pins: SchemaPins): readonly Deprecation[] {
  return Object.entries(pins).flatMap(([resource, major]) => {
    const known = resources.get(resource);
    const served = known === undefined ? [] : servedMajors(resource, known);
    return served.find((one) => one.major === major)?.deprecation ?? [];
  });
}
