import type { ApiKeySecret } from './api-key-secret.ts';
import { holdsScope, type Scope } from './scopes.ts';

/** An origin as `frame-ancestors` takes it: nothing that could end a directive or stand for many hosts. */
export const frameOrigin = /^https?:\/\/([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(:\d{1,5})?$/;

/** What a partner's session in the console is, besides a key. */
export interface Portal {
  readonly returnUrl: string;
  readonly refreshUrl?: string | undefined;
  /** Origins whose pages may show the console in a frame. */
  readonly origins: readonly string[];
  /** SHA-256 of the link's code, hexadecimal. */
  readonly codeSha256: string;
  /** ISO 8601; undefined until the link is opened, which it is once. */
  readonly openedAt?: string | undefined;
  /** The key that made the session, which ends with it. */
  readonly maker: PortalMaker;
}

/** A key, and which of its secrets made a session. */
export interface PortalMaker {
  readonly keyId: string;
  /** SHA-256 of the secret, hexadecimal. */
  readonly secretSha256: string;
}

/** A key that made sessions, as it is now. */
export interface MakerKey {
  readonly id: string;
  readonly scopes: readonly Scope[];
  readonly secrets: readonly ApiKeySecret[];
  readonly expiresAtMs: number | undefined;
}

/** A key that is a portal session. Its secret never leaves the engine: it signs the only token of the session. */
export interface PortalKey {
  readonly id: string;
  readonly tenant: string | null;
  readonly scopes: readonly Scope[];
  readonly expiresAtMs: number | undefined;
  readonly createdAt: string;
  readonly portal?: Portal | undefined;
}

/** The session that a key is, as long as it lasts; undefined for an ordinary key, or one that has ended. */
export function portalOf<Key extends PortalKey>(
  key: Key | undefined,
  nowMs: number,
): (Key & { readonly portal: Portal; readonly tenant: string; readonly expiresAtMs: number }) | undefined {
  if (key?.portal === undefined || key.tenant === null || key.expiresAtMs === undefined) return undefined;
  return nowMs < key.expiresAtMs
    ? { ...key, portal: key.portal, tenant: key.tenant, expiresAtMs: key.expiresAtMs }
    : undefined;
}

/**
 * The scopes that a session has left. It ends with its maker's secret, as a token does: when the key is revoked or
 * expires, and when the secret is rotated out. It loses the scopes that the key loses.
 *
 * @param maker - The key that made the session, as it is stored now; undefined if it is gone.
 * @returns Undefined if the session has ended with its maker.
 */
export function scopesLeft(
  { scopes, portal: { maker } }: { readonly scopes: readonly Scope[]; readonly portal: Pick<Portal, 'maker'> },
  key: MakerKey | undefined,
  nowMs: number,
): readonly Scope[] | undefined {
  if (key === undefined || key.id !== maker.keyId) return undefined;
  const ends = [key, key.secrets.find(({ sha256 }) => sha256 === maker.secretSha256)];
  const isAlive = ends.every((one) => one !== undefined && (one.expiresAtMs === undefined || nowMs < one.expiresAtMs));
  return isAlive ? scopes.filter((scope) => holdsScope(key.scopes, scope)) : undefined;
}
