import type { FeedConsumer } from '../../../ports/events/consumer-store.ts';
import type { FeedCursors } from '../pipeline/cursors.ts';
import { isoOrNull } from './iso-or-null.ts';

export function consumerView(
  { tenant, name, filter, position, lease, createdAt, updatedAt }: FeedConsumer,
  feed: FeedCursors,
  nowMs: number,
) {
  return {
    name,
    tenant,
    ...filter,
    cursor: feed.write(position),
    sequence: position,
    leased_until: isoOrNull(lease !== undefined && lease.expiresAtMs > nowMs ? lease.expiresAtMs : undefined),
    created_at: createdAt,
    updated_at: updatedAt,
  };
}
