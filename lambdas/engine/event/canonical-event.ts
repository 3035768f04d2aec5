import { hash } from 'node:crypto';
import type { OperationalType } from './operational-types.ts';

export const eventTypes = ['record:created', 'record:updated', 'record:deleted'] as const;
export type RecordEventType = (typeof eventTypes)[number];
export type EventType = RecordEventType | OperationalType;

/** How an event was learnt; `operation` is of the engine itself. */
export const origins = ['webhook', 'poll', 'reconcile', 'backfill', 'test', 'operation'] as const;
export type Origin = (typeof origins)[number];

/** A normalized record event, as subscribers and readers of the feed see it. */
export interface CanonicalEvent {
  /** `evt_` and 32 hexadecimal digits; the same change has the same id on every retry. */
  readonly id: string;
  readonly type: EventType;
  /** ISO 8601: when Tributary learnt of the change. */
  readonly timestamp: string;
  readonly tenant: string;
  readonly account: string;
  readonly integration: string;
  /** `<model>/<plural>`, for example `hris/employees`. */
  readonly resource: string;
  readonly record_id: string;
  /** Rises by tenant. */
  readonly sequence: number;
  readonly origin: Origin;
  readonly raw_event_type: string;
  readonly schema_version: string;
  /** ISO 8601, the provider's time, where it is known. */
  readonly occurred_at?: string;
  /** True where the provider sent no more than a notice and the full record was not fetched. */
  readonly thin?: true;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event that has no place in its tenant's sequence yet. */
export type UnsequencedEvent = Omit<CanonicalEvent, 'sequence'>;

/** What makes a change this change and no other. */
export interface ChangeIdentity {
  /** Part of the id, so that what one tenant published never suppresses another tenant's event. */
  readonly tenant: string;
  readonly account: string;
  readonly resource: string;
  readonly recordId: string;
  readonly type: EventType;
  /** The provider's id of the change, stable when it is sent again. */
  readonly change: string;
}

/**
 * The deterministic id of an event. The parts are length-prefixed, so that no two different lists
 * of parts run together to the same bytes.
 */
export function eventId(identity: ChangeIdentity): string {
  const { tenant, account, resource, recordId, type, change } = identity;
  const parts = [tenant, account, resource, recordId, type, change];
  const text = parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('');
  return `evt_${hash('sha256', text).slice(0, 32)}`;
}
