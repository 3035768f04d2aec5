import type { EventType, UnsequencedEvent } from '../../engine/event/canonical-event.ts';
import type { RecordTraits } from '../../engine/records/observation.ts';
import type { SubscriptionStore } from '../../ports/delivery/subscription-store.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { EventClaim, EventReader, EventRow, EventWriter } from '../../ports/events/event-store.ts';
import type { DeliveryQueue, ShadowQueue } from '../../ports/events/queues.ts';
import type { RecordStates } from '../../ports/events/record-states.ts';
import type { Pause } from '../../ports/runtime/pause.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { Spans } from '../../ports/runtime/spans.ts';
import type { TenantPolicies } from '../../ports/tenants/tenant-store.ts';
import type { AskForDrainPorts } from '../deliver/ask-for-drain.ts';

/** What publishing facts takes. */
export interface FactPorts extends AskForDrainPorts {
  readonly events: EventWriter & Pick<EventReader, 'getMany'>;
  readonly payloads: ClaimStore;
  readonly subscriptions: Pick<SubscriptionStore, 'listFor'>;
  readonly deliveryQueue: DeliveryQueue;
  /** What tenants' second endpoints get. @default they get nothing, as of operational events of sending functions */
  readonly shadowQueue?: ShadowQueue;
  readonly tenantPolicies: TenantPolicies;
  readonly claimThresholdBytes: number;
  readonly pause: Pause;
  readonly randomness: Randomness;
  /** @default - none: no span is made */
  readonly spans?: Spans | undefined;
}

/** What publishing events of records takes, too. */
export interface PublishPorts extends FactPorts {
  readonly records: RecordStates;
}

/** What an input says of a record that has a state. */
export interface RecordInput {
  /** `createdAt` of the account. */
  readonly incarnation: string;
  readonly traits: RecordTraits;
  readonly by: 'webhook' | 'read';
  /** `unknown` for a read that finds the record. */
  readonly change: 'created' | 'updated' | 'deleted' | 'unknown';
  /** The record's version, as the provider writes it; undefined where the input has none. */
  readonly version: string | undefined;
  /** The provider's name for the change; undefined for a read of the record. */
  readonly changeName: string | undefined;
  /** Epoch milliseconds: when the webhook was received, or the read began. */
  readonly seenAtMs: number;
  /** Whether `occurred_at` is the time of the webhook that asked for the read: it does not order what was read. */
  readonly isTimeOfWebhook?: true;
  /** Whether a deletion only says that there is no such record: of an unknown one, it says nothing. */
  readonly isAbsence?: true;
  /** Whether such a deletion is remembered all the same, because a late webhook may come. */
  readonly isTombstone?: true;
  /** Whether the state takes the record over without an event: subscribers are not told of a snapshot. */
  readonly isSilent?: true;
  /** Whether the caller knows that the record's last change has no event, and that it was not kept too short. */
  readonly isLastLost?: true;
}

/** An event to publish, and the input that brings it. */
export interface Candidate {
  /** Of a record with a state, its id and its type are what the state makes of them. */
  readonly event: UnsequencedEvent;
  /** Absent for facts: what has happened, and is no state of a record. */
  readonly record?: RecordInput | undefined;
  /** Names the input: its retries, and only they, continue what it began. */
  readonly owner: string;
  /** How often the cause of the event has passed through this deployment. @default 1 */
  readonly hops?: number | undefined;
  /**
   * Whether the input is not retried if this fails: it gives up its claims then.
   * @default false
   */
  readonly isLastTry?: boolean | undefined;
  /** The span that the publication is a part of. @default - none */
  readonly parentSpanId?: string | undefined;
  /** Whether an earlier run may have begun with the input. @default false */
  readonly isRetry?: boolean | undefined;
}

/** How one candidate ended; in the order of the candidates. */
export type Publication =
  /** `type` is what the state of the record made of it. */
  | {
      readonly kind: 'published';
      readonly deliveries: number;
      readonly type: EventType;
      /** Whether it has no delivery because its tenant only pulls. @default false */
      readonly isPullOnly?: true;
    }
  | { readonly kind: 'duplicate' }
  /** The record has moved on: the event would take it back in time. */
  | { readonly kind: 'stale' }
  /** The record is what its last event says. */
  | { readonly kind: 'unchanged' }
  /** Its tenant's data is being erased. */
  | { readonly kind: 'refused' }
  /** Not published, and nothing lost: the input must be given again. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** A candidate that has its place in the sequence. */
export interface Placed {
  readonly candidate: Candidate;
  /** The event as it is published: of a record with a state, its id and type may differ from the candidate's. */
  readonly event: UnsequencedEvent;
  readonly row: EventRow;
  /** Whether an earlier run of the same owner has stored the row. */
  readonly stored: boolean;
  /** Where the event can be found by its id, unless its claim says it. */
  readonly pointer?: EventClaim | undefined;
}
