/**
 * What a key may do, by name. `write` of a thing includes reading it; `admin` is everything. A scope says nothing
 * of whose things: a key of a tenant reaches those of its tenant and no other, whatever its scopes.
 */
export const scopes = {
  admin: 'Everything.',
  'accounts:read': 'Read accounts: never their secrets.',
  'accounts:write': 'Create, change and delete accounts.',
  'audit:read': 'Read who did what.',
  'consumers:write': 'Delete named consumers and set their positions.',
  'events:read': 'Read the feed and single events; create named consumers and read by them.',
  'integrations:write': 'Set what serves all accounts of an integration; take up its dead letters.',
  'keys:read': 'Read API keys: never their secrets.',
  'keys:write': 'Create, rotate and revoke API keys that may do no more than this one.',
  'stats:read': 'Read how subscriptions and integrations fare.',
  'subscriptions:read': 'Read subscriptions, deliveries and replays.',
  'subscriptions:write': 'Create, change, test and delete subscriptions; replay, retry and cancel deliveries.',
  'tenants:read': "Read tenants and export a tenant's data.",
  'tenants:write': "Set a tenant's retention; erase its data.",
} as const;

export type Scope = keyof typeof scopes;

export const scopeNames = Object.keys(scopes) as [Scope, ...Scope[]];

/** Whether who holds some scopes may do what needs one. */
export function holdsScope(held: readonly Scope[], needed: Scope): boolean {
  if (held.includes('admin') || held.includes(needed)) return true;
  return needed.endsWith(':read') && held.includes(needed.replace(/:read$/, ':write') as Scope);
}

/** Those of some scopes that a holder of others may not give away, for it has not got them. */
export function scopesBeyond(held: readonly Scope[], wanted: readonly Scope[]): readonly Scope[] {
  return wanted.filter((scope) => !holdsScope(held, scope));
}
