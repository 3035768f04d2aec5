import type { Origin, UnsequencedEvent } from '../event/canonical-event.ts';
import { traceOfEvent } from '../trace/trace-ids.ts';
import { type SubscriptionFilter, wantsEvent } from './wants-event.ts';

/** Events of a tenant that a reader of the feed wants. An empty list matches all events. */
export interface FeedFilter extends Omit<SubscriptionFilter, 'tenant'> {
  readonly origins: readonly Origin[];
  /** Undefined for all records. */
  readonly recordId?: string | undefined;
  /** Undefined for all traces. */
  readonly correlationId?: string | undefined;
}

/** Whether a reader of the feed wants an event of its tenant. */
export function wantsOfFeed(filter: FeedFilter, event: Omit<UnsequencedEvent, 'data'>): boolean {
  return (
    wantsEvent({ ...filter, tenant: event.tenant }, event) &&
    (filter.origins.length === 0 || filter.origins.includes(event.origin)) &&
    (filter.recordId === undefined || filter.recordId === event.record_id) &&
    (filter.correlationId === undefined || filter.correlationId === traceOfEvent(event))
  );
}
