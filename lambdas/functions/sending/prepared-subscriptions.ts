import { type PreparedSubscription, prepareSubscription } from '../../flows/deliver/attempt/prepare-subscription.ts';
import { type Subscription, scopeOf } from '../../ports/delivery/subscription-store.ts';

/** Bound of the memory of one function instance: a subscription has compiled expressions, and keys. */
const maxPrepared = 500;

/** Prepare a subscription once for as long as it is the same; those that are used least recently are let go. */
export function createPreparedSubscriptions(): (subscription: Subscription) => PreparedSubscription {
  const known = new Map<string, { readonly version: string; readonly prepared: PreparedSubscription }>();
  return (subscription) => {
    const key = `${scopeOf(subscription)} ${subscription.id}`;
    // An id may be used again once its subscription is removed: its revisions begin anew then.
    const version = `${subscription.createdAt} ${subscription.revision}`;
    const found = known.get(key);
    const prepared = found?.version === version ? found.prepared : prepareSubscription(subscription);
    known.delete(key);
    known.set(key, { version, prepared });
    const [oldest] = known.keys();
    if (known.size > maxPrepared && oldest !== undefined) known.delete(oldest);
    return prepared;
  };
}
