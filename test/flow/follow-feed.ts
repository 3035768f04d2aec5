import type { CanonicalEvent } from '../../lambdas/engine/event/canonical-event.ts';
import { type FeedPorts, readFeed } from '../../lambdas/flows/feed/read-feed.ts';

/** A reader of a tenant's feed that continues where it stopped. */
export interface FeedFollower {
  /** All events read so far. */
  readonly seen: readonly CanonicalEvent[];
  /** Read until the feed is caught up, or the reader has to wait at a gap. */
  read(): Promise<void>;
}

export function followFeed(ports: FeedPorts, tenant: string, limit = 3): FeedFollower {
  const seen: CanonicalEvent[] = [];
  let position = 0;
  return {
    seen,
    async read() {
      for (;;) {
        const page = await readFeed(ports, { tenant, position, limit, types: [], resources: [], accounts: [] });
        seen.push(...page.events);
        const moved = page.position > position;
        position = page.position;
        if (page.caughtUp || !moved) return;
      }
    },
  };
}
