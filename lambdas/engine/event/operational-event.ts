import { createHash } from 'node:crypto';
import type { UnsequencedEvent } from './canonical-event.ts';
import type { OperationalType } from './operational-types.ts';

/** Owner of events that concern no single tenant. No caller's tenant can have this name. */
const operatorTenant = '_operator';

const idPrefix = 'opn_';
/** Integration and account of the engine's own events. */
const engineName = 'tributary';

export function isOperational(eventId: string): boolean {
  return eventId.startsWith(idPrefix);
}

export interface Operation {
  readonly type: OperationalType;
  /** Tenant of the subscription; null for all tenants. */
  readonly tenant: string | null;
  /** The kind of object that it reports on; `id` names the object. */
  readonly about: 'subscriptions' | 'deliveries' | 'accounts' | 'syncs';
  readonly id: string;
  /** Identifies this occurrence; reporting it again makes the same event. */
  readonly occurrence: string;
  /** ISO 8601. */
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The event that reports an operation. */
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
