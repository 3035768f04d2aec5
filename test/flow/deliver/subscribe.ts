import { beginAtEnd } from '../../../lambdas/flows/subscriptions/create-subscription.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import type { FakeEngine } from '../../fakes/fake-engine.ts';
import { aSubscription } from '../../fakes/samples.ts';

/** Create a subscription. One with an order begins at the end of the feed. */
export async function subscribe(engine: FakeEngine, change: Partial<Subscription> = {}): Promise<Subscription> {
  const subscription = aSubscription(change);
  if (subscription.ordering !== 'none') await beginAtEnd(engine.drainPorts, subscription);
  await engine.subscriptions.create(subscription);
  return subscription;
}
