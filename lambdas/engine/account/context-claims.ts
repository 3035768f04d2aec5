import { contextValues } from '../mapping/context-values.ts';

/*
 * Ownership of routing values. A request to the URL that serves all accounts names its account by such a value: a
 * portal, a company, a team. One tenant owns a value, unless the integration's settings let several share it.
 *
 *   free --claim--> claimed by a tenant --its last account gives it up--> released --claim--> claimed ...
 */

/** One account's claim to a value. */
export interface ContextClaim {
  readonly tenant: string;
  readonly account: string;
  readonly claimedAtMs: number;
  /** Requests that arrived earlier belong to a former owner. */
  readonly sinceMs?: number;
}

/** The stored state of a value. */
export interface ContextRecord {
  readonly claims: readonly ContextClaim[];
  /** Ids of accounts that registered the value before claims existed. */
  readonly registered: readonly string[];
  /** When the last owner released it, and which tenant that was; `by` is absent once that tenant is erased. */
  readonly released?: { readonly atMs: number; readonly by?: string };
  /** Counts writes of claims, from 1; 0 before the first. */
  readonly revision: number;
}

/** The fields of an account that decide ownership. */
export interface ContextAccount {
  readonly id: string;
  readonly tenant: string;
  readonly integration: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly closed?: true;
  readonly createdAt: string;
}

/** A routing value, and the member of an account's context that holds it. */
export interface RoutedValue {
  readonly integration: string;
  readonly accountContext: string;
  readonly value: string;
}

export interface ClaimRequest {
  readonly tenant: string;
  readonly account: string;
  readonly nowMs: number;
  /** Whether the caller may claim a value that is free. */
  readonly mayClaim: boolean;
  /** Whether the integration lets several tenants share a value. */
  readonly isShared: boolean;
}

export type ClaimDecision =
  | { readonly kind: 'granted'; readonly record: ContextRecord }
  /** Another tenant owns the value. */
  | { readonly kind: 'context-claimed' }
  /** The value is free, but the caller may only use values that its tenant already owns. */
  | { readonly kind: 'claim-needs-operator' }
  /** The value has the maximum number of accounts. */
  | { readonly kind: 'context-accounts' };

/** Accounts of one tenant for one value. Each of them gets its own event from every request. */
export const maxAccountsOfTenant = 10;
/** Accounts of all tenants that share a value. */
const maxAccounts = 100;
/** How long a claim counts without its account. The call that creates both ends sooner. */
const claimGraceMs = 60_000;

export function holdsValue(account: ContextAccount, { integration, accountContext, value }: RoutedValue): boolean {
  return account.integration === integration && contextValues(account.context[accountContext]).includes(value);
}

/**
 * The claims that count. If its account does not hold the value, an interrupted call left the claim, and it does not
 * count. An account from before claims existed counts as if it had made one.
 *
 * @param accounts - The accounts that the record names, by id, as they are stored now.
 */
export function standingClaims(
  record: ContextRecord,
  accounts: ReadonlyMap<string, ContextAccount>,
  routed: RoutedValue,
  nowMs: number,
): readonly ContextClaim[] {
  const claimed = record.claims.filter(({ tenant, account, claimedAtMs }) => {
    if (nowMs - claimedAtMs < claimGraceMs) return true;
    const known = accounts.get(account);
    // A closed account keeps the value until its erasure has removed the requests that wait for it.
    return known?.tenant === tenant && (known.closed === true || holdsValue(known, routed));
  });
  const isOwner = ownerTest(claimed);
  const registered = record.registered.flatMap((id): readonly ContextClaim[] => {
    const known = accounts.get(id);
    if (known === undefined || claimed.some(({ account }) => account === id) || !isOwner(known.tenant)) return [];
    return known.closed === true || holdsValue(known, routed)
      ? [{ tenant: known.tenant, account: id, claimedAtMs: Date.parse(known.createdAt) }]
      : [];
  });
  return [...claimed, ...registered];
}

/** Tenants whose accounts count: the owners of claims, or all tenants if there are no claims. */
function ownerTest(claims: readonly ContextClaim[]): (tenant: string) => boolean {
  const owners = new Set(claims.map(({ tenant }) => tenant));
  return (tenant) => owners.size === 0 || owners.has(tenant);
}

/** Whether other tenants own the value. */
export function isClaimedByOthers(standing: readonly ContextClaim[], tenant: string): boolean {
  return standing.some((claim) => claim.tenant !== tenant);
}

/**
 * Decide whether an account may have a value.
 *
 * @param standing - The result of {@link standingClaims}.
 */
export function decideClaim(
  record: ContextRecord,
  standing: readonly ContextClaim[],
  { tenant, account, nowMs, mayClaim, isShared }: ClaimRequest,
): ClaimDecision {
  const own = standing.filter((claim) => claim.tenant === tenant);
  if (!isShared && isClaimedByOthers(standing, tenant)) return { kind: 'context-claimed' };
  if (own.length === 0 && !mayClaim) return { kind: 'claim-needs-operator' };
  const rest = standing.filter((claim) => claim.tenant !== tenant || claim.account !== account);
  const isNew = rest.length === standing.length;
  if (isNew && (own.length >= maxAccountsOfTenant || rest.length >= maxAccounts)) return { kind: 'context-accounts' };

  const released = lastRelease(record, standing, tenant, nowMs);
  const sinceMs = own.length > 0 ? own[0]?.sinceMs : released?.by === tenant ? undefined : released?.atMs;
  return {
    kind: 'granted',
    record: {
      ...record,
      ...(released === undefined ? {} : { released }),
      claims: [...rest, { tenant, account, claimedAtMs: nowMs, ...(sinceMs === undefined ? {} : { sinceMs }) }],
    },
  };
}

/** The last release. A claim of another tenant that no longer counts may have received requests until now. */
function lastRelease(
  { claims, released }: ContextRecord,
  standing: readonly ContextClaim[],
  tenant: string,
  nowMs: number,
): ContextRecord['released'] {
  const fallen = claims.find((claim) => claim.tenant !== tenant && !standing.includes(claim));
  return fallen === undefined ? released : { atMs: nowMs, by: fallen.tenant };
}

/** Withdraw a claim that a call has just made and does not need, as if it had never been made. */
export function withdrawClaim(
  record: ContextRecord,
  { tenant, account, madeAtMs }: Pick<ClaimRequest, 'tenant' | 'account'> & { readonly madeAtMs: number },
): ContextRecord {
  // Keep a newer claim: another call may have made it since.
  const claims = record.claims.filter(
    (claim) => claim.tenant !== tenant || claim.account !== account || claim.claimedAtMs > madeAtMs,
  );
  return claims.length === record.claims.length ? record : { ...record, claims };
}

/**
 * Release an account's claim. Without other claims, the value becomes free and records its last owner and the time,
 * because earlier requests are not for the next owner.
 *
 * @param sinceMs - When the account was seen not to hold the value; a later claim belongs to another call.
 */
export function releaseClaim(
  record: ContextRecord,
  { tenant, account, sinceMs }: Pick<ClaimRequest, 'tenant' | 'account'> & { readonly sinceMs: number },
  released: NonNullable<ContextRecord['released']>,
): ContextRecord {
  const left = withdrawClaim(record, { tenant, account, madeAtMs: sinceMs });
  const had = left !== record || record.registered.includes(account);
  return had && left.claims.length === 0 ? { ...left, released } : left;
}

/** Remove the claims and the name of an erased tenant. Returns the same record if it has neither. */
export function withoutTenant(record: ContextRecord, tenant: string, nowMs: number): ContextRecord {
  const { claims, released } = record;
  const left = claims.filter((claim) => claim.tenant !== tenant);
  if (left.length < claims.length && left.length === 0) return { ...record, claims: left, released: { atMs: nowMs } };
  if (released?.by === tenant) return { ...record, claims: left, released: { atMs: released.atMs } };
  return left.length < claims.length ? { ...record, claims: left } : record;
}

/** Which accounts a routing value of a request belongs to. */
export type Holding<Account extends ContextAccount> =
  | { readonly kind: 'held'; readonly accounts: readonly Account[] }
  /** Accounts of several tenants hold it. */
  | { readonly kind: 'contested'; readonly accounts: readonly Account[] }
  /** It belongs to an erased or former owner: no account gets the request, and no later owner will. */
  | { readonly kind: 'former' }
  | { readonly kind: 'free' };

/**
 * Find the accounts of a request by one of its values. An account counts only if it holds the value and its tenant
 * owns it.
 *
 * @param accounts - The accounts that the record names, by id, as they are stored now.
 */
export function holdersOf<Account extends ContextAccount>(
  record: ContextRecord,
  accounts: ReadonlyMap<string, Account>,
  routed: RoutedValue,
  receivedAtMs: number,
): Holding<Account> {
  const isOwner = ownerTest(record.claims);
  const named = [...new Set([...record.claims.map(({ account }) => account), ...record.registered])]
    .flatMap((id) => accounts.get(id) ?? [])
    .filter(({ integration }) => integration === routed.integration);
  const closed = named.filter((account) => account.closed === true);
  const holders = named.filter(
    (account) => account.closed !== true && holdsValue(account, routed) && isOwner(account.tenant),
  );
  const sinceOf = (tenant: string) =>
    Math.max(...record.claims.map((claim) => (claim.tenant === tenant ? (claim.sinceMs ?? 0) : 0)), 0);
  const served = holders.filter(({ tenant }) => receivedAtMs >= sinceOf(tenant));
  if (served.length > 0)
    return { kind: new Set(served.map(({ tenant }) => tenant)).size > 1 ? 'contested' : 'held', accounts: served };
  // A request for a tenant that was erased later must not wait for another tenant.
  const { released } = record;
  const isErased = released !== undefined && released.by === undefined && receivedAtMs < released.atMs;
  return { kind: isErased || holders.length + closed.length > 0 ? 'former' : 'free' };
}
