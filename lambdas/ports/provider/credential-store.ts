import type { CredentialKind } from '../../engine/provider/language/credentials-schema.ts';

export interface CredentialFailure {
  readonly sinceMs: number;
  readonly reason: string;
  /** The tenant has been told. @default false */
  readonly isTold?: true | undefined;
}

/** The credentials of an account, sealed. */
export interface StoredCredentials {
  readonly account: string;
  readonly tenant: string;
  /** `createdAt` of the account: a later account with its id has none of these. */
  readonly incarnation: string;
  readonly kind: CredentialKind;
  /** Credential values, sealed for the tenant and the account. */
  readonly sealed: string;
  /** Counts the credentials and tokens of the account: what a refused call used has a number. */
  readonly generation: number;
  /** Epoch milliseconds; undefined where the token does not expire, or its provider does not say so. */
  readonly expiresAtMs?: number | undefined;
  readonly updatedAtMs: number;
  /** When the refresh token was used last, for those that die unused. */
  readonly refreshedAtMs?: number | undefined;
  /** Set while the provider refuses the credentials: the account's work waits for others. */
  readonly failed?: CredentialFailure | undefined;
  /** The failure that these credentials ended, until the tenant has been told. */
  readonly recovered?: CredentialFailure | undefined;
  /** The function that refreshes the token; it has ended by `untilMs`. */
  readonly refresher?: { readonly owner: string; readonly untilMs: number } | undefined;
  /** Rises with each write, also where credentials were removed in between; at least 1. */
  readonly revision: number;
}

export interface CredentialStore {
  /** @param maxAgeMs - How old a cached answer may be; 0 bypasses the cache. Missing ones are not cached. */
  get(account: string, maxAgeMs: number): Promise<StoredCredentials | undefined>;
  getMany(accounts: readonly string[]): Promise<readonly StoredCredentials[]>;
  /**
   * Write credentials, if they are still as they were read.
   *
   * @param credentials - With the revision that was read; 0 where there were none.
   * @returns The credentials with their new revision; undefined where another writer came first.
   */
  replace(credentials: StoredCredentials): Promise<StoredCredentials | undefined>;
  remove(account: string): Promise<void>;
}
