import { limits } from '../../contracts/limits.ts';
import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';
import { deprecationHeaders } from '../../engine/schema-versions/deprecation-headers.ts';
import { deprecationsOf, pinEvent } from '../../engine/schema-versions/pin-event.ts';
import type { SchemaPins } from '../../engine/schema-versions/schema-pins-schema.ts';
import type { Deprecation } from '../../engine/schema-versions/versioned-resource.ts';
import type { ResourceCatalog } from '../../ports/accounts/resource-catalog.ts';
import type { Expressions } from '../../ports/runtime/expressions.ts';
import type { FeedPage } from './read-feed.ts';

export interface PinPorts {
  /** Read only if there are pins. */
  readonly resources: Pick<ResourceCatalog, 'versioned'>;
  readonly expressions: Expressions;
}

export type PinnedEvents =
  | {
      readonly kind: 'pinned';
      /** In the given order. */
      readonly events: readonly CanonicalEvent[];
      readonly deprecations: readonly Deprecation[];
    }
  /** `event` is the id of the first event that cannot be mapped to the reader's version. */
  | {
      readonly kind: 'failed';
      readonly event: string;
      readonly reason: string;
      /** The events before it, mapped. */
      readonly events: readonly CanonicalEvent[];
    };

/** Map events to the major versions that their reader is written against, in order. */
export async function pinEvents(
  { resources, expressions }: PinPorts,
  pins: SchemaPins | undefined,
  events: readonly CanonicalEvent[],
): Promise<PinnedEvents> {
  if (pins === undefined || Object.keys(pins).length === 0) return { kind: 'pinned', events, deprecations: [] };
  const versioned = await resources.versioned();
  const pinned: CanonicalEvent[] = [];
  const deprecations: Deprecation[] = [];
  // Sequentially: each expression may use its full time limit.
  for (const event of events) {
    const one = await pinEvent(versioned, pins, event, async (down, data) => {
      const run = await expressions.run('mapDown', { down, data }, `pins of ${event.tenant}`);
      return run.kind === 'ended' ? run.result : { kind: 'failed', reason: run.reason };
    });
    if (one.kind === 'failed') return { ...one, event: event.id, events: pinned };
    pinned.push(one.event);
    deprecations.push(...one.deprecations);
  }
  return { kind: 'pinned', events: pinned, deprecations };
}

/** A feed page in the versions that its reader is written against. */
export type PinnedPage =
  | { readonly kind: 'page'; readonly page: FeedPage }
  /** The page's first event cannot be mapped. */
  | { readonly kind: 'failed'; readonly event: string; readonly reason: string };

/**
 * Pin a page of the feed. The page ends before an event that cannot be mapped to the reader's version: the reader gets
 * the events before it, and learns of the fault when that event comes first. The page also ends before it becomes too
 * large for one answer, since older versions may be larger.
 */
export async function pinFeedPage(ports: PinPorts, pins: SchemaPins | undefined, page: FeedPage): Promise<PinnedPage> {
  const pinned = await pinEvents(ports, pins, page.events);
  if (pinned.kind === 'failed' && pinned.events.length === 0)
    return { kind: 'failed', event: pinned.event, reason: pinned.reason };
  const events = pinned.events === page.events ? page.events : fitting(pinned.events);
  if (events.length === page.events.length) return { kind: 'page', page: { ...page, events } };
  return { kind: 'page', page: { events, position: events.at(-1)?.sequence ?? page.position, caughtUp: false } };
}

/** The events that fit one answer. The function's answer escapes text once more, which at most doubles its length. */
function fitting(events: readonly CanonicalEvent[]): readonly CanonicalEvent[] {
  let leftBytes = limits.maxEventBytes;
  const end = events.findIndex((event, index) => {
    leftBytes -= 2 * Buffer.byteLength(JSON.stringify(event));
    return leftBytes < 0 && index > 0;
  });
  return end < 0 ? events : events.slice(0, end);
}

/** Deprecation headers for a reader of these versions, with or without events; empty if no version is deprecated. */
export async function pinHeaders(
  { resources }: Pick<PinPorts, 'resources'>,
  pins: SchemaPins | undefined,
): Promise<Readonly<Record<string, string>>> {
  if (pins === undefined || Object.keys(pins).length === 0) return {};
  return deprecationHeaders(deprecationsOf(await resources.versioned(), pins));
}
