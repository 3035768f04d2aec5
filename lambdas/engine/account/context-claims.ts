import { contextValues } from '../mapping/context-values.ts';

/*
 * Whose a value is by which requests to the URL for all accounts name their account: a portal, a company, a team.
 * One tenant owns a value, unless the integration's settings let several share it.
 *
 *   free --claim--> claimed by a tenant --its last account gives it up--> released --claim--> claimed ...
 */

/** The claim of one account. */
export interface ContextClaim {
  readonly tenant: string;
  readonly account: string;
  readonly claimedAtMs: number;
  /** A request that was received before is a former owner's. */
  readonly sinceMs?: number;
}

/** What is stored of a value. */
export interface ContextRecord {
  readonly claims: readonly ContextClaim[];
  /** Ids of accounts that registered the value in versions that knew no claims. */
  readonly registered: readonly string[];
  /** When its last owner gave it up, and who that was; `by` is absent once that tenant is erased. */
  readonly released?: { readonly atMs: number; readonly by?: string };
  /** Counts the writes of claims, from 1; 0 where there was none. */
  readonly revision: number;
}

/** What an account says of itself. */
export interface ContextAccount {
  readonly id: string;
  readonly tenant: string;
  readonly integration: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly closed?: true;
  readonly createdAt: string;
}

/** A value, and the member of an account's context that holds it. */
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
  /** Whether the integration lets several tenants have a value. */
  readonly isShared: boolean;
}

export type ClaimDecision =
  | { readonly kind: 'granted'; readonly record: ContextRecord }
  /** It is another tenant's. */
  | { readonly kind: 'context-claimed' }
  /** It is free, and the caller may use only what its tenant owns already. */
  | { readonly kind: 'claim-needs-operator' }
  /** It has as many accounts as a value may have. */
  | { readonly kind: 'context-accounts' };

/** Accounts of one tenant for one value: each of them gets its own event of every request. */
export const maxAccountsOfTenant = 10;
/** Accounts of all tenants that share a value. */
const maxAccounts = 100;
/** How long a claim stands without its account. The call that makes both ends sooner. */
const claimGraceMs = 60_000;

export function holdsValue(account: ContextAccount, { integration, accountContext, value }: RoutedValue): boolean {
  return account.integration === integration && contextValues(account.context[accountContext]).includes(value);
}

/**
 * The claims that count. One whose account does not hold the value was left by a call that was cut off; an account
 * of before there were claims counts as if it had made one.
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
    // A closed one keeps the value until its erasure has removed what waits under it.
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

/** Where there are claims, whose account may count; without any, everyone's who registered. */
function ownerTest(claims: readonly ContextClaim[]): (tenant: string) => boolean {
  const owners = new Set(claims.map(({ tenant }) => tenant));
  return (tenant) => owners.size === 0 || owners.has(tenant);
}

/** Whether tenants other than this one have a value. */
export function isClaimedByOthers(standing: readonly ContextClaim[], tenant: string): boolean {
  return standing.some((claim) => claim.tenant !== tenant);
}

/** Decide whether an account may have a value. @param standing - Of {@link standingClaims}. */
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

/** Claims of other tenants that stand no longer may have been served until now. */
function lastRelease(
  { claims, released }: ContextRecord,
  standing: readonly ContextClaim[],
  tenant: string,
  nowMs: number,
): ContextRecord['released'] {
  const fallen = claims.find((claim) => claim.tenant !== tenant && !standing.includes(claim));
  return fallen === undefined ? released : { atMs: nowMs, by: fallen.tenant };
}

/** Take back a claim that a call has just made and does not need: the value is as free as it was before. */
export function withdrawClaim(
  record: ContextRecord,
  { tenant, account, madeAtMs }: Pick<ClaimRequest, 'tenant' | 'account'> & { readonly madeAtMs: number },
): ContextRecord {
  // Another call may have made it anew since.
  const claims = record.claims.filter(
    (claim) => claim.tenant !== tenant || claim.account !== account || claim.claimedAtMs > madeAtMs,
  );
  return claims.length === record.claims.length ? record : { ...record, claims };
}

/**
 * Give up what an account had. Without a claim left the value is free, and remembers when and whose it was: what was
 * received before is not for the next owner.
 *
 * @param sinceMs - When the account was found not to hold the value: a later claim is another call's.
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

/** A record without the name of a tenant that is being erased: its claims are free. The same one where it has none. */
export function withoutTenant(record: ContextRecord, tenant: string, nowMs: number): ContextRecord {
  const { claims, released } = record;
  const left = claims.filter((claim) => claim.tenant !== tenant);
  if (left.length < claims.length && left.length === 0) return { ...record, claims: left, released: { atMs: nowMs } };
  if (released?.by === tenant) return { ...record, claims: left, released: { atMs: released.atMs } };
  return left.length < claims.length ? { ...record, claims: left } : record;
}

/** Whom a request's value is for. */
export type Holding<Account extends ContextAccount> =
  | { readonly kind: 'held'; readonly accounts: readonly Account[] }
  /** Accounts of several tenants hold it. */
  | { readonly kind: 'contested'; readonly accounts: readonly Account[] }
  /** An erased or former owner's: it is for no account, and is not kept for a later one. */
  | { readonly kind: 'former' }
  | { readonly kind: 'free' };

/**
 * Find the accounts that a request is for by one of its values. An account counts only if it holds the value itself
 * and is of a tenant that owns it.
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
  // What was received for a tenant that is erased since waits for no other.
  const { released } = record;
  const isErased = released !== undefined && released.by === undefined && receivedAtMs < released.atMs;
  return { kind: isErased || holders.length + closed.length > 0 ? 'former' : 'free' };
}
