import type { DrainMessage } from '../../contracts/messages.ts';
import type { Subscription, SubscriptionStore } from '../../ports/delivery/subscription-store.ts';
import type { PreparedSubscription } from '../deliver/attempt/prepare-subscription.ts';
import { cancelReplay, type RunReplayPorts, runReplay } from './replay-events.ts';

export interface ContinueReplayPorts extends RunReplayPorts {
  readonly subscriptions: Pick<SubscriptionStore, 'getMany'>;
  readonly prepare: (subscription: Subscription) => PreparedSubscription;
}

/** Continue the replay that a message names; cancel it if its subscription is gone. */
export async function continueReplay(
  ports: ContinueReplayPorts,
  { subscription: id, scope, replay, restarts }: Extract<DrainMessage, { kind: 'replay' }>,
): Promise<Awaited<ReturnType<typeof runReplay>>> {
  const [subscription] = await ports.subscriptions.getMany([{ scope, id }]);
  if (subscription !== undefined) return runReplay(ports, ports.prepare(subscription), replay, restarts);
  await cancelReplay(ports, id, replay);
  return 'ended';
}
