import type { Origin, UnsequencedEvent } from '../event/canonical-event.ts';
import { type SubscriptionFilter, wantsEvent } from './wants-event.ts';

/** Which events of a tenant a reader of the feed asks for; an empty list asks for all. */
export interface FeedFilter extends Omit<SubscriptionFilter, 'tenant'> {
  readonly origins: readonly Origin[];
}

/** Whether a reader of the feed asks for an event of its tenant. */
export function wantsOfFeed(
  filter: FeedFilter,
  event: Pick<UnsequencedEvent, 'tenant' | 'type' | 'resource' | 'integration' | 'account' | 'origin'>,
): boolean {
  return (
    wantsEvent({ ...filter, tenant: event.tenant }, event) &&
    (filter.origins.length === 0 || filter.origins.includes(event.origin))
  );
}
