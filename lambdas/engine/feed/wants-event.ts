import { combinedType, type UnsequencedEvent } from '../event/canonical-event.ts';

/** Events that a subscription wants. An empty list matches all events. */
export interface SubscriptionFilter {
  /** A tenant, or null for all tenants. */
  readonly tenant: string | null;
  /** Patterns such as `record:*`. */
  readonly types: readonly string[];
  /** Patterns such as `hris/*`. These three lists filter record events only: operational events have no provider. */
  readonly resources: readonly string[];
  readonly integrations: readonly string[];
  readonly accounts: readonly string[];
}

/** Whether an event belongs to a subscription. The tenant is compared first and is never a pattern. */
export function wantsEvent(
  filter: SubscriptionFilter,
  event: Pick<UnsequencedEvent, 'tenant' | 'type' | 'resource' | 'integration' | 'account'>,
): boolean {
  return (
    (filter.tenant === null || filter.tenant === event.tenant) &&
    matchesType(filter.types, event.type) &&
    (!isRecordType(event.type) || matchesSource(filter, event))
  );
}

/** Events of providers, as opposed to those about the engine itself. */
function isRecordType(type: string): boolean {
  return type.startsWith('record:') || type === combinedType;
}

function matchesSource(
  filter: SubscriptionFilter,
  event: Pick<UnsequencedEvent, 'resource' | 'integration' | 'account'>,
): boolean {
  return (
    matchesAny(filter.resources, event.resource) &&
    (filter.integrations.length === 0 || filter.integrations.includes(event.integration)) &&
    (filter.accounts.length === 0 || filter.accounts.includes(event.account))
  );
}

/** Match the type. An empty list and `*` match record events only; a filter must name operational types. */
function matchesType(patterns: readonly string[], type: string): boolean {
  const isRecord = isRecordType(type);
  const asked = isRecord ? patterns : patterns.filter((pattern) => pattern !== '*');
  return patterns.length === 0 ? isRecord : asked.length > 0 && matchesAny(asked, type);
}

/** A pattern is a name, or a prefix followed by `*`. */
function matchesAny(patterns: readonly string[], name: string): boolean {
  if (patterns.length === 0) return true;
  return patterns.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name));
}
