import { createHash } from 'node:crypto';
import type { UnsequencedEvent } from './canonical-event.ts';
import type { OperationalType } from './operational-types.ts';

/** Whom what concerns no single tenant belongs to. No tenant of a caller can be called so. */
const operatorTenant = '_operator';

const idPrefix = 'opn_';
/** Stands where events of providers name their integration and account. */
const engineName = 'tributary';

export function isOperational(eventId: string): boolean {
  return eventId.startsWith(idPrefix);
}

export interface Operation {
  readonly type: OperationalType;
  /** The subscription's; null for all tenants. */
  readonly tenant: string | null;
  /** What it is about: `subscriptions` or `deliveries`, and its id. */
  readonly about: 'subscriptions' | 'deliveries';
  readonly id: string;
  /** What makes it this occurrence and no other: told again, it is the same event. */
  readonly occurrence: string;
  /** ISO 8601. */
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The event that tells of an operation. */
export function operationalEvent({ type, tenant, about, id, occurrence, at, data }: Operation): UnsequencedEvent {
  const identity = JSON.stringify([type, tenant, about, id, occurrence]);
  return {
    id: `${idPrefix}${createHash('sha256').update(identity).digest('hex').slice(0, 32)}`,
    type,
    timestamp: at,
    tenant: tenant ?? operatorTenant,
    account: engineName,
    integration: engineName,
    resource: `${engineName}/${about}`,
    record_id: id,
    origin: 'operation',
    raw_event_type: type,
    schema_version: '1.0.0',
    data,
  };
}
