import type { UnsequencedEvent } from '../../engine/event/canonical-event.ts';
import type { SubscriptionStore } from '../../ports/delivery/subscription-store.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { EventReader, EventRow, EventWriter } from '../../ports/events/event-store.ts';
import type { DeliveryQueue } from '../../ports/events/queues.ts';
import type { TenantPolicies } from '../../ports/tenants/tenant-store.ts';
import type { AskForDrainPorts } from '../deliver/ask-for-drain.ts';

export interface PublishPorts extends AskForDrainPorts {
  readonly events: EventWriter & Pick<EventReader, 'getMany'>;
  readonly payloads: ClaimStore;
  readonly subscriptions: Pick<SubscriptionStore, 'listFor'>;
  readonly deliveryQueue: DeliveryQueue;
  readonly tenantPolicies: TenantPolicies;
  readonly claimThresholdBytes: number;
}

/** An event to publish, and the input that brings it. */
export interface Candidate {
  readonly event: UnsequencedEvent;
  /** Names the input: its retries, and only they, go on with what it began. */
  readonly owner: string;
  /** How often what caused the event has passed through this deployment. @default 1 */
  readonly hops?: number | undefined;
  /**
   * Whether the input does not come again by itself if this fails: its claims are given up then.
   * @default false
   */
  readonly isLastTry?: boolean | undefined;
}

/** How one candidate ended; in the order of the candidates. */
export type Publication =
  | { readonly kind: 'published'; readonly deliveries: number }
  | { readonly kind: 'duplicate' }
  /** Its tenant's data is being erased. */
  | { readonly kind: 'refused' }
  /** Not published, and nothing lost: the input must be given again. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** A candidate that is going to be stored, at the place that its claim gives it. */
export interface Placed {
  readonly candidate: Candidate;
  readonly row: EventRow;
  /** Whether an earlier run of the same owner has stored the row already. */
  readonly stored: boolean;
}
