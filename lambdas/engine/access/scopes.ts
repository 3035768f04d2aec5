/**
 * Permissions of a key. `write` includes `read` of the same objects; `admin` includes everything. Scopes do not widen
 * the reach of a key: a tenant's key reaches only that tenant's objects.
 */
export const scopes = {
  admin: 'Everything.',
  'accounts:read': 'Read accounts, without their secrets, and their syncs.',
  'accounts:write': 'Create, change and delete accounts and their syncs; run syncs.',
  'audit:read': 'Read the audit log.',
  'consumers:write': 'Delete named consumers and set their positions.',
  'events:read': 'Read the feed and single events; create named consumers and read with them.',
  'integrations:write':
    'Set the secrets and options that all accounts of an integration share; reprocess its requests.',
  'keys:read': 'Read API keys, without their secrets.',
  'keys:write': 'Create, change, rotate and revoke API keys that have no more permissions than this key.',
  'records:read': 'Read records live from providers, with the credentials of accounts.',
  'records:write': 'Call providers through the proxy, with the credentials of accounts.',
  'stats:read': 'Read statistics of subscriptions and integrations.',
  'subscriptions:read': 'Read subscriptions, deliveries and replays.',
  'subscriptions:write': 'Create, change, test and delete subscriptions; replay, retry and cancel deliveries.',
  'tenants:read': "Read tenants and export a tenant's data.",
  'tenants:write': "Set a tenant's retention; erase its data. With a key for all tenants: set how its events reach it.",
} as const;

export type Scope = keyof typeof scopes;

export const scopeNames = Object.keys(scopes) as [Scope, ...Scope[]];

/** Whether a caller with the held scopes may do what needs another scope. */
export function holdsScope(held: readonly Scope[], needed: Scope): boolean {
  if (held.includes('admin') || held.includes(needed)) return true;
  return needed.endsWith(':read') && held.includes(needed.replace(/:read$/, ':write') as Scope);
}

/** The wanted scopes that a caller cannot grant, because it does not hold them. */
export function scopesBeyond(held: readonly Scope[], wanted: readonly Scope[]): readonly Scope[] {
  return wanted.filter((scope) => !holdsScope(held, scope));
}
