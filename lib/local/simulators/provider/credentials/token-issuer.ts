import { createHash } from 'node:crypto';

export interface IssuedTokens {
  readonly access: string;
  /** Undefined if the grant has none, or if the former one stays valid. */
  readonly refresh: string | undefined;
  /** Epoch milliseconds; undefined for a token that does not expire. */
  readonly expiresAtMs: number | undefined;
}

export interface TokenCounts {
  readonly issued: number;
  readonly refreshes: number;
  /** Refresh tokens that were used a second time. */
  readonly reuses: number;
  /** Grants whose tokens have all ended, because a refresh token was used a second time. */
  readonly revokedFamilies: number;
}

export interface GrantTerms {
  /** Who the grant is for. */
  readonly owner: string;
  readonly hasRefresh: boolean;
  readonly expires: boolean;
}

/** How refresh tokens work. */
export interface RefreshTerms {
  /** Whether each refresh brings another refresh token, and ends the former one. */
  readonly rotates: boolean;
  /** How long a used one may be tried again, after a lost answer. */
  readonly graceMs: number;
}

/** Issues and knows the tokens of the simulated provider. */
export interface TokenIssuer {
  grant(terms: GrantTerms, nowMs: number): IssuedTokens & { readonly family: string };
  /**
   * Use a refresh token.
   *
   * @returns Undefined where it is unknown or ended. A second use of a rotated one ends every token of its grant.
   */
  refresh(token: string, terms: RefreshTerms, nowMs: number): IssuedTokens | undefined;
  /** @returns Undefined for a token that is unknown, expired or revoked. */
  ownerOf(access: string, nowMs: number): string | undefined;
  /** End every token of a grant. */
  revoke(family: string): void;
  /** End every access token now, as when a provider loses its sessions. Refresh tokens stay valid. */
  expireAccess(): void;
  /** End the access tokens that expire anyway, so that their holders can get others. @returns How many. */
  expireRenewable(): number;
  counts(): TokenCounts;
}

interface Family {
  readonly terms: GrantTerms;
  isRevoked: boolean;
}

/** Make unique texts of tokens. The same seed gives the same texts. */
function createTokenTexts(seed: string): (kind: string) => string {
  let drawn = 0;
  return (kind) => {
    drawn += 1;
    return `${kind}-${createHash('sha256').update(`${seed} ${kind} ${drawn}`).digest('hex').slice(0, 32)}`;
  };
}

interface AccessToken {
  readonly family: string;
  readonly expiresAtMs: number;
}

function isRenewable([, { expiresAtMs }]: readonly [string, AccessToken]): boolean {
  return Number.isFinite(expiresAtMs);
}

export function createTokenIssuer(seed: string, lifeSeconds: number): TokenIssuer {
  const families = new Map<string, Family>();
  const access = new Map<string, AccessToken>();
  const refreshes = new Map<string, { readonly family: string; usedAtMs: number | undefined }>();
  const text = createTokenTexts(seed);
  const counts = { issued: 0, refreshes: 0, reuses: 0, revokedFamilies: 0 };

  const issue = (
    family: string,
    { expires, hasRefresh }: Pick<GrantTerms, 'expires' | 'hasRefresh'>,
    nowMs: number,
  ) => {
    const expiresAtMs = expires ? nowMs + lifeSeconds * 1000 : undefined;
    const issued = { access: text('access'), refresh: hasRefresh ? text('refresh') : undefined, expiresAtMs };
    access.set(issued.access, { family, expiresAtMs: expiresAtMs ?? Number.POSITIVE_INFINITY });
    if (issued.refresh !== undefined) refreshes.set(issued.refresh, { family, usedAtMs: undefined });
    counts.issued += 1;
    return issued;
  };
  const revoke = (name: string): void => {
    const family = families.get(name);
    if (family !== undefined) family.isRevoked = true;
  };
  return {
    grant(terms, nowMs) {
      const family = text('grant');
      families.set(family, { terms, isRevoked: false });
      return { ...issue(family, terms, nowMs), family };
    },
    refresh(token, { rotates, graceMs }, nowMs) {
      const known = refreshes.get(token);
      const family = known && families.get(known.family);
      if (known === undefined || family === undefined) return undefined;
      const isReuse = known.usedAtMs !== undefined;
      if (rotates && isReuse) counts.reuses += 1;
      if (family.isRevoked) return undefined;
      if (rotates && isReuse && nowMs >= (known.usedAtMs ?? 0) + graceMs) {
        revoke(known.family);
        counts.revokedFamilies += 1;
        return undefined;
      }
      known.usedAtMs ??= nowMs;
      counts.refreshes += 1;
      return issue(known.family, { expires: family.terms.expires, hasRefresh: rotates }, nowMs);
    },
    ownerOf(token, nowMs) {
      const known = access.get(token);
      const family = known && families.get(known.family);
      if (known === undefined || family === undefined || family.isRevoked || nowMs >= known.expiresAtMs)
        return undefined;
      return `${family.terms.owner} ${known.family}`;
    },
    revoke,
    expireAccess: () => access.clear(),
    expireRenewable: () => [...access].filter(isRenewable).filter(([token]) => access.delete(token)).length,
    counts: () => ({ ...counts }),
  };
}
