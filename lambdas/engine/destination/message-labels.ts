import { createHash } from 'node:crypto';
import type { CanonicalEvent } from '../event/canonical-event.ts';

/** What a destination needs to know of a message besides its body. */
export interface MessageLabels {
  /** Id of the subscription. */
  readonly subscription: string;
  /** The event's type. */
  readonly type: string;
  /** The event's time, ISO 8601. */
  readonly time: string;
  /** The same for messages whose order matters: those of a record, or of a tenant. 43 letters, digits, `-` and `_`. */
  readonly key: string;
  /** Whether a replay sends it: a queue that drops repetitions must not drop it. */
  readonly isReplay: boolean;
}

export function labelsOf(
  { type, timestamp, tenant, account, resource, record_id }: CanonicalEvent,
  { id: subscription, ordering }: { readonly id: string; readonly ordering: 'none' | 'record' | 'tenant' },
  isReplay: boolean,
): MessageLabels {
  const scope = ordering === 'tenant' ? [tenant] : [tenant, account, resource, record_id];
  // A record's id has any length and any character; a message group and a partition key do not.
  const key = createHash('sha256').update(JSON.stringify(scope)).digest('base64url');
  return { subscription, type, time: timestamp, key, isReplay };
}
