import type { Page } from '../accounts/account-store.ts';
import type { Erasable } from './tenant-store.ts';

/*
 * What each store contributes to an erasure: it finds a tenant's data page by page, and removes what was found.
 * Removing missing data changes nothing, so a removal can be repeated. Expired rows that are still stored are found,
 * too.
 */

/** Finds and removes the data of one owner. */
export interface Eraser {
  /** A page of an owner's data; an empty page is not necessarily the last. */
  find(owner: string, after: string | undefined): Promise<Page<Erasable>>;
  remove(owner: string, items: readonly Erasable[]): Promise<void>;
}

/** Erases objects by key prefix; the prefix is the owner. */
export interface ObjectEraser extends Eraser {
  /** All versions of the object with this key; empty if there is no such object. */
  findOne(key: string): Promise<readonly Erasable[]>;
}

export interface AccountEraser {
  /** A tenant's accounts sorted by id, closed ones included. May miss changes of the last moments. */
  list(tenant: string, limit: number, after: string | undefined): Promise<Page<ErasableAccount>>;
  /** Accounts that were deleted, and whose ids are reserved for the tenant, in no order. */
  listFormer(tenant: string, limit: number, after: string | undefined): Promise<Page<{ readonly id: string }>>;
  /** Remove secrets and context, and stop accepting requests. */
  close(tenant: string, id: string): Promise<void>;
  /**
   * Remove the account from its tenant. A closed id remains, reserved for the tenant: queued requests for it are
   * dropped, and no other tenant can use it.
   */
  bury(tenant: string, id: string): Promise<void>;
}

export interface ErasableAccount {
  readonly id: string;
  readonly isClosed: boolean;
}

/** A tenant or account that a context value names: by a claim, an older registration, or as its last owner. */
export interface AccountContext {
  readonly integration: string;
  readonly value: string;
  /** Absent if the account registered the value in a version without claims. */
  readonly tenant?: string;
  /** Absent if the tenant has released the value. */
  readonly account?: string;
}

export interface AccountContextEraser {
  /** A page of the tenants and accounts that all values name, in no order. */
  listAll(after: string | undefined): Promise<Page<AccountContext>>;
}

export interface SubscriptionEraser {
  /** Ids of all subscriptions, deleted ones included, with their scopes, sorted by id. */
  listIds(limit: number, after: string | undefined): Promise<Page<{ readonly id: string; readonly scope: string }>>;
  /** The ids that have a subscription in the scope. */
  findExisting(scope: string, ids: readonly string[]): Promise<readonly string[]>;
  /** Remove subscriptions. Their ids stay reserved for the scope. */
  removeMany(scope: string, ids: readonly string[]): Promise<void>;
}

export interface DeliveryEraser {
  /**
   * A subscription's deliveries, the index entries that point to them, and its replays.
   *
   * @param tenant - Only deliveries of this tenant's events; undefined for all.
   */
  findOf(subscription: string, tenant: string | undefined, after: string | undefined): Promise<Page<Erasable>>;
  removeMany(items: readonly Erasable[]): Promise<void>;
}

export interface CredentialEraser {
  /** The accounts that have credentials of the tenant. */
  findExisting(tenant: string, accounts: readonly string[]): Promise<readonly string[]>;
  removeMany(accounts: readonly string[]): Promise<void>;
}

export interface EndpointEraser {
  /** The endpoints that have stored state. */
  findExisting(endpoints: readonly string[]): Promise<readonly string[]>;
  removeMany(endpoints: readonly string[]): Promise<void>;
}
