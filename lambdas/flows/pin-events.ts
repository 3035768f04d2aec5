import type { CanonicalEvent } from '../engine/mapping/canonical-event.ts';
import { deprecationHeaders } from '../engine/schema-versions/deprecation-headers.ts';
import { deprecationsOf, pinEvent } from '../engine/schema-versions/pin-event.ts';
import type { SchemaPins } from '../engine/schema-versions/schema-pins-schema.ts';
import type { Deprecation } from '../engine/schema-versions/versioned-resource.ts';
import type { ResourceCatalog } from '../ports/resource-catalog.ts';
import type { FeedPage } from './read-feed.ts';

export interface PinPorts {
  /** Not read where nothing is pinned. */
  readonly resources: Pick<ResourceCatalog, 'versioned'>;
}

export type PinnedEvents =
  | {
      readonly kind: 'pinned';
      /** In their order. */
      readonly events: readonly CanonicalEvent[];
      readonly deprecations: readonly Deprecation[];
    }
  /** `event` is the id of the first that cannot be had in the version that its reader knows. */
  | {
      readonly kind: 'failed';
      readonly event: string;
      readonly reason: string;
      /** Those before it. */
      readonly events: readonly CanonicalEvent[];
    };

/** Events in the major versions that their reader is written against, one after the other. */
export async function pinEvents(
  { resources }: PinPorts,
  pins: SchemaPins | undefined,
  events: readonly CanonicalEvent[],
): Promise<PinnedEvents> {
  if (pins === undefined || Object.keys(pins).length === 0) return { kind: 'pinned', events, deprecations: [] };
  const versioned = await resources.versioned();
  const pinned: CanonicalEvent[] = [];
  const deprecations: Deprecation[] = [];
  // One after the other: each may use all the time that an expression is given.
  for (const event of events) {
    const one = await pinEvent(versioned, pins, event);
    if (one.kind === 'failed') return { ...one, event: event.id, events: pinned };
    pinned.push(one.event);
    deprecations.push(...one.deprecations);
  }
  return { kind: 'pinned', events: pinned, deprecations };
}

/** A page of the feed in the versions that its reader is written against. */
export type PinnedPage =
  | { readonly kind: 'page'; readonly page: FeedPage }
  /** Its first event cannot be had so. */
  | { readonly kind: 'failed'; readonly event: string; readonly reason: string };

/**
 * Pin a page of the feed. It ends before an event that cannot be had in the reader's version: what is before
 * it is read, and the reader comes to know of it when it is the next.
 */
export async function pinFeedPage(ports: PinPorts, pins: SchemaPins | undefined, page: FeedPage): Promise<PinnedPage> {
  const pinned = await pinEvents(ports, pins, page.events);
  if (pinned.kind === 'pinned') return { kind: 'page', page: { ...page, events: pinned.events } };
  const last = pinned.events.at(-1);
  return last === undefined
    ? { kind: 'failed', event: pinned.event, reason: pinned.reason }
    : { kind: 'page', page: { events: pinned.events, position: last.sequence, caughtUp: false } };
}

/** The headers for whoever reads these versions, be there an event or not; none where nothing is deprecated. */
export async function pinHeaders(
  { resources }: PinPorts,
  pins: SchemaPins | undefined,
): Promise<Readonly<Record<string, string>>> {
  if (pins === undefined || Object.keys(pins).length === 0) return {};
  return deprecationHeaders(deprecationsOf(await resources.versioned(), pins));
}
