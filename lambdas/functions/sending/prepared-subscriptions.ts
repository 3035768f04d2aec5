import { type PreparedSubscription, prepareSubscription } from '../../flows/deliver/attempt/prepare-subscription.ts';
import { type Subscription, scopeOf } from '../../ports/delivery/subscription-store.ts';

/** Bounds the memory of one function instance: a prepared subscription holds compiled expressions and keys. */
const maxPrepared = 500;

/** Prepare each version of a subscription once. Evicts the least recently used. */
export function createPreparedSubscriptions(): (subscription: Subscription) => PreparedSubscription {
  const known = new Map<string, { readonly version: string; readonly prepared: PreparedSubscription }>();
  return (subscription) => {
    const key = `${scopeOf(subscription)} ${subscription.id}`;
    // The id of a removed subscription may be reused, and its revisions then start again.
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
