import type { EndpointSettings } from '../../engine/endpoint-auth/endpoint-auth-schema.ts';
import type { SubscriptionFilter } from '../../engine/feed/wants-event.ts';
import type { ShapingOptions } from '../../engine/shaping/shaping-schema.ts';
import type { SigningSecret } from '../../engine/signing/rotating-secrets.ts';
import type { SigningKey } from '../../engine/signing/signing-keys.ts';
import type { Page } from '../accounts/account-store.ts';

/** A callback endpoint. */
export interface Subscription extends SubscriptionFilter {
  readonly id: string;
  readonly url: string;
  /** What people call it. */
  readonly description?: string | undefined;
  /** Its owner's own text by name. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly status: 'enabled' | 'disabled';
  /** Why and since when; only while disabled. */
  readonly disabled?: { readonly by: 'owner' | 'failures' | 'gone'; readonly at: string } | undefined;
  /** Newest first. They leave the engine but once, in the answer to their making. */
  readonly secrets: readonly SigningSecret[];
  /** Pairs for `v1a` signatures, where the subscription asks for them; newest first. */
  readonly signingKeys?: readonly (SigningKey & { readonly expiresAtMs?: number | undefined })[] | undefined;
  /** How the endpoint is called: headers, authentication, time. */
  readonly endpoint: EndpointSettings;
  /** What it is sent, and in what shape. */
  readonly shaping: ShapingOptions;
  /** What waits for the one before: nothing, the next event of a record, or of the tenant. */
  readonly ordering: 'none' | 'record' | 'tenant';
  /** Posts at a time. */
  readonly concurrency: number;
  /** Posts a second; undefined for as many as there are. */
  readonly ratePerSecond?: number | undefined;
  /** What differs from the usual schedule. */
  readonly retry?:
    | { readonly scheduleMs?: readonly number[] | undefined; readonly maxAgeMs?: number | undefined }
    | undefined;
  /** Time of nothing but failures after which it is disabled; undefined for the usual. */
  readonly disableAfterMs?: number | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Counts the writes, from 1. */
  readonly revision: number;
}

/** The key under which a subscription stands: its tenant, or `*`. */
export function scopeOf(subscription: Pick<Subscription, 'tenant'>): string {
  return subscription.tenant ?? '*';
}

export interface SubscriptionKey {
  readonly scope: string;
  readonly id: string;
}

/** What publishing must know of a subscription: whom to queue an event for, and how. It holds no secret. */
export type SubscriptionRoute = Pick<
  Subscription,
  'id' | 'tenant' | 'status' | 'types' | 'resources' | 'integrations' | 'accounts' | 'ordering'
>;

export interface SubscriptionStore {
  /**
   * All subscriptions that may want events of a tenant: its own and those of all tenants. Every change whose answer
   * was given before the call is in it.
   */
  listFor(tenant: string): Promise<readonly SubscriptionRoute[]>;
  getMany(keys: readonly SubscriptionKey[]): Promise<readonly Subscription[]>;
}

export interface SubscriptionWriter {
  /**
   * @param subscription - With the revision that was read.
   * @returns False when another caller wrote in between, or it is gone; nothing is changed then.
   */
  replace(subscription: Subscription): Promise<boolean>;
}

export interface SubscriptionDirectory extends SubscriptionWriter {
  find(id: string): Promise<Subscription | undefined>;
  /**
   * Keep an id for a scope. Whatever else is stored under the id may be written only once this has succeeded.
   *
   * @returns `taken` when another scope has, or ever had, the id. The same scope may reserve it again.
   */
  reserve(key: SubscriptionKey): Promise<'reserved' | 'taken'>;
  /**
   * Reserves the id too, where nothing has reserved it.
   *
   * @returns `exists` when the id is taken, or was ever taken by another tenant; nothing is changed then.
   */
  create(subscription: Subscription): Promise<'created' | 'exists'>;
  /** Its id stays with its tenant, which alone may use it again: what is kept under the id is that tenant's (invariant 3). */
  remove(subscription: Subscription): Promise<void>;
  /**
   * Have publishers see a subscription as it is stored. Creating, replacing and removing do so by themselves; a call
   * that finds done what it wanted to do does it for the one before, which may have been cut off in between.
   */
  announce(subscription: Pick<Subscription, 'tenant'>): Promise<void>;
  /**
   * Count those of a tenant, or those that serve all tenants; removed ones do not count.
   *
   * @param most - Counting ends here: a larger number is not told from this one.
   */
  count(tenant: string | null, most: number): Promise<number>;
  /** @param tenant - Undefined lists those of all tenants together with every tenant's own. */
  list(tenant: string | undefined, limit: number, after: string | undefined): Promise<Page<Subscription>>;
}
