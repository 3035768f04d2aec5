import type { AwsDestination } from '../../contracts/aws-destination.ts';
import type { EndpointSettings } from '../../engine/endpoint-auth/endpoint-auth-schema.ts';
import type { SubscriptionFilter } from '../../engine/feed/wants-event.ts';
import type { ShapingOptions } from '../../engine/shaping/shaping-schema.ts';
import type { SigningSecret } from '../../engine/signing/rotating-secrets.ts';
import type { SigningKey } from '../../engine/signing/signing-keys.ts';
import type { Page } from '../accounts/account-store.ts';

/** A callback endpoint. */
export interface Subscription extends SubscriptionFilter {
  readonly id: string;
  /** Where to post. For a destination in AWS its address: a queue's URL or an ARN. */
  readonly url: string;
  /** Undefined for an endpoint that is called by HTTP. */
  readonly destination?: AwsDestination | undefined;
  /** For people. */
  readonly description?: string | undefined;
  /** The owner's own texts, by name. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly status: 'enabled' | 'disabled';
  /** Reason and time; only while disabled. */
  readonly disabled?: { readonly by: 'owner' | 'failures' | 'gone'; readonly at: string } | undefined;
  /** Newest first. The engine shows a secret only once, in the answer to its creation. */
  readonly secrets: readonly SigningSecret[];
  /** Key pairs for `v1a` signatures, when the subscription asks for them; newest first. */
  readonly signingKeys?: readonly (SigningKey & { readonly expiresAtMs?: number | undefined })[] | undefined;
  /** How the endpoint is called: headers, authentication, timeout. */
  readonly endpoint: EndpointSettings;
  /** Which data is sent, and in which shape. */
  readonly shaping: ShapingOptions;
  /** The scope of ordering: within it, an event waits for the one before. */
  readonly ordering: 'none' | 'record' | 'tenant';
  /** Most concurrent posts. */
  readonly concurrency: number;
  /** Posts per second; undefined for no limit. */
  readonly ratePerSecond?: number | undefined;
  /** Overrides of the default retry schedule. */
  readonly retry?:
    | { readonly scheduleMs?: readonly number[] | undefined; readonly maxAgeMs?: number | undefined }
    | undefined;
  /** How long the endpoint may only fail before it is disabled; undefined for the default. */
  readonly disableAfterMs?: number | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Counts the writes, from 1. */
  readonly revision: number;
}

/** The scope that a subscription is stored under: its tenant, or `*`. */
export function scopeOf(subscription: Pick<Subscription, 'tenant'>): string {
  return subscription.tenant ?? '*';
}

export interface SubscriptionKey {
  readonly scope: string;
  readonly id: string;
}

/** The part of a subscription that publishing needs to queue events. It holds no secret. */
export type SubscriptionRoute = Pick<
  Subscription,
  'id' | 'tenant' | 'status' | 'types' | 'resources' | 'integrations' | 'accounts' | 'ordering'
>;

export interface SubscriptionStore {
  /**
   * All subscriptions that may want events of a tenant: its own, and those to all tenants. Includes every change that
   * was answered before the call.
   */
  listFor(tenant: string): Promise<readonly SubscriptionRoute[]>;
  getMany(keys: readonly SubscriptionKey[]): Promise<readonly Subscription[]>;
}

export interface SubscriptionWriter {
  /**
   * @param subscription - With the revision that was read.
   * @returns False when another caller wrote in between, or the subscription is gone; then nothing is changed.
   */
  replace(subscription: Subscription): Promise<boolean>;
}

export interface SubscriptionDirectory extends SubscriptionWriter {
  find(id: string): Promise<Subscription | undefined>;
  /**
   * Reserve an id for a scope. Write other data under the id only after this has succeeded.
   *
   * @returns `taken` when another scope has, or ever had, the id. The same scope may reserve it again.
   */
  reserve(key: SubscriptionKey): Promise<'reserved' | 'taken'>;
  /**
   * Also reserves the id, when it is not reserved.
   *
   * @returns `exists` when the id is taken, or was ever taken by another tenant; then nothing is changed.
   */
  create(subscription: Subscription): Promise<'created' | 'exists'>;
  /** Only the same tenant may use the id again, because data kept under the id belongs to that tenant (invariant 3). */
  remove(subscription: Subscription): Promise<void>;
  /**
   * Make publishers see the stored subscription. `create`, `replace` and `remove` do so themselves. A call that finds
   * its change already stored must call this, because the earlier call may have died in between.
   */
  announce(subscription: Pick<Subscription, 'tenant'>): Promise<void>;
  /**
   * Count the subscriptions of a tenant, or those that serve all tenants; removed ones do not count.
   *
   * @param most - Counting stops here: any larger number is returned as this one.
   */
  count(tenant: string | null, most: number): Promise<number>;
  /** @param tenant - Undefined lists the subscriptions to all tenants and those of every tenant. */
  list(tenant: string | undefined, limit: number, after: string | undefined): Promise<Page<Subscription>>;
}
