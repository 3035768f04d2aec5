import type { SubscriptionFilter } from '../engine/subscription/wants-event.ts';
import type { Page } from './account-store.ts';

/** A callback endpoint. */
export interface Subscription extends SubscriptionFilter {
  readonly id: string;
  readonly url: string;
  /** `whsec_…`, all that are current. Never leaves the engine but once, in the answer to its creation. */
  readonly secrets: readonly string[];
  /** ISO 8601. */
  readonly createdAt: string;
}

/** The key under which a subscription stands: its tenant, or `*`. */
export function scopeOf(subscription: Pick<Subscription, 'tenant'>): string {
  return subscription.tenant ?? '*';
}

export interface SubscriptionKey {
  readonly scope: string;
  readonly id: string;
}

export interface SubscriptionStore {
  /** All subscriptions that may want events of a tenant: its own and those of all tenants. Reads what is stored now. */
  listFor(tenant: string): Promise<readonly Subscription[]>;
  getMany(keys: readonly SubscriptionKey[]): Promise<readonly Subscription[]>;
}

export interface SubscriptionDirectory {
  find(id: string): Promise<Subscription | undefined>;
  /** @returns `exists` when the id is taken, by whichever tenant; nothing is changed then. */
  create(subscription: Subscription): Promise<'created' | 'exists'>;
  /** @param tenant - Undefined lists those of all tenants together with every tenant's own. */
  list(tenant: string | undefined, limit: number, after: string | undefined): Promise<Page<Subscription>>;
}
