import type { Page } from '../accounts/account-store.ts';
import type { Erasable } from './tenant-store.ts';

/*
 * What erasing a tenant takes of each store: to find what is the tenant's, a page at a time, and to remove
 * what was found. To remove what is gone already changes nothing, so that a removal can be repeated. Rows
 * that have expired and still stand are found, too.
 */

/** Things of one owner. */
export interface Eraser {
  /** A page of what an owner has; it may be empty and yet not be the last. */
  find(owner: string, after: string | undefined): Promise<Page<Erasable>>;
  remove(owner: string, items: readonly Erasable[]): Promise<void>;
}

/** Objects by the prefix of their keys: the owner is the prefix. */
export interface ObjectEraser extends Eraser {
  /** The one object of a key, in all its versions; none where there is no such object. */
  findOne(key: string): Promise<readonly Erasable[]>;
}

export interface AccountEraser {
  /** A tenant's accounts in the order of their ids, closed ones, too. May be late by a moment. */
  list(tenant: string, limit: number, after: string | undefined): Promise<Page<ErasableAccount>>;
  /** Take away secrets and context, and have nothing accepted any more. */
  close(tenant: string, id: string): Promise<void>;
  /**
   * Take the account out of its tenant's: what is left is an id that is closed and held for the tenant. What a queue
   * still holds of it is dropped; another tenant never gets the id.
   */
  bury(tenant: string, id: string): Promise<void>;
}

export interface ErasableAccount {
  readonly id: string;
  readonly isClosed: boolean;
}

/** A tenant, or an account, that a value names: by a claim, a registration of before, or as its last owner. */
export interface AccountContext {
  readonly integration: string;
  readonly value: string;
  /** Absent where the account registered the value in a version that knew no claims. */
  readonly tenant?: string;
  /** Absent where the tenant has given up the value. */
  readonly account?: string;
}

export interface AccountContextEraser {
  /** A page of all that values name, in no order. */
  listAll(after: string | undefined): Promise<Page<AccountContext>>;
}

export interface SubscriptionEraser {
  /** Every id that is or was a subscription's, with its scope, in the order of the ids. */
  listIds(limit: number, after: string | undefined): Promise<Page<{ readonly id: string; readonly scope: string }>>;
  /** Of these ids, those that have a subscription in a scope. */
  findExisting(scope: string, ids: readonly string[]): Promise<readonly string[]>;
  /** Their ids stay with the scope. */
  removeMany(scope: string, ids: readonly string[]): Promise<void>;
}

export interface DeliveryEraser {
  /**
   * Deliveries of a subscription, what points to them, and its replays.
   *
   * @param tenant - Whose events; undefined for all that the subscription has.
   */
  findOf(subscription: string, tenant: string | undefined, after: string | undefined): Promise<Page<Erasable>>;
  removeMany(items: readonly Erasable[]): Promise<void>;
}

export interface EndpointEraser {
  /** Of these subscriptions' endpoints, those of which something is known. */
  findExisting(endpoints: readonly string[]): Promise<readonly string[]>;
  removeMany(endpoints: readonly string[]): Promise<void>;
}
