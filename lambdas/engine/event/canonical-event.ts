import { hash } from 'node:crypto';
import type { OperationalType } from './operational-types.ts';

export const eventTypes = ['record:created', 'record:updated', 'record:deleted'] as const;
export type RecordEventType = (typeof eventTypes)[number];
/** Everything that one run of a sync found, where its owner wants one event for it. */
export const combinedType = 'sync:combined';
export const combinedDescription = 'Everything that one run of a sync found of a resource, in one event.';
export type EventType = RecordEventType | typeof combinedType | OperationalType;

/** How the engine learned of a change; `operation` for events about the engine itself. */
export const origins = ['webhook', 'poll', 'reconcile', 'backfill', 'test', 'operation'] as const;
export type Origin = (typeof origins)[number];

/** A normalized record event, as subscribers and readers of the feed see it. */
export interface CanonicalEvent {
  /** `evt_` and 32 hexadecimal digits; the same change has the same id on every retry. */
  readonly id: string;
  readonly type: EventType;
  /** ISO 8601: when Tributary learned of the change. */
  readonly timestamp: string;
  readonly tenant: string;
  readonly account: string;
  readonly integration: string;
  /** `<model>/<plural>`, for example `hris/employees`. */
  readonly resource: string;
  readonly record_id: string;
  /** Rises within a tenant. */
  readonly sequence: number;
  readonly origin: Origin;
  readonly raw_event_type: string;
  readonly schema_version: string;
  /** ISO 8601: the provider's time, if known. */
  readonly occurred_at?: string;
  /** True if the provider sent only a notice, and the full record was not fetched. */
  readonly thin?: true;
  /** True if the first run of a sync found the record: it may be older than the connection. */
  readonly snapshot?: true;
  /**
   * The trace that brought the event, 32 hexadecimal digits: all events of one webhook, and of one run of a sync, have
   * the same. Undefined where nothing else began it: its trace is the digits of its id.
   */
  readonly correlation_id?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event without a number in its tenant's sequence yet. */
export type UnsequencedEvent = Omit<CanonicalEvent, 'sequence'>;

/** The parts that together identify one change. */
export interface ChangeIdentity {
  /** Part of the id, so one tenant's event never suppresses another tenant's. */
  readonly tenant: string;
  readonly account: string;
  /** When an account of this id was created: one that is created again knows nothing of the first. Absent for facts. */
  readonly incarnation?: string;
  readonly resource: string;
  readonly recordId: string;
  /** Absent for a record that has a state: there the state makes the type. */
  readonly type?: EventType;
  /** The provider's id of the change, the same when it is sent again. */
  readonly change: string;
}

/**
 * The deterministic id of an event. Length prefixes keep two different lists of parts from forming the same bytes.
 */
export function eventId(identity: ChangeIdentity): string {
  const { tenant, account, incarnation, resource, recordId, type, change } = identity;
  const parts = [tenant, account, incarnation, resource, recordId, type, change].filter((part) => part !== undefined);
  const text = parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('');
  return `evt_${hash('sha256', text).slice(0, 32)}`;
}
