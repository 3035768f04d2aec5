import type { DeliveryStore } from '../../ports/delivery/delivery-store.ts';
import type { Subscription, SubscriptionStore } from '../../ports/delivery/subscription-store.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { EventReader } from '../../ports/events/event-store.ts';
import type { DeliveryQueue, DrainQueue } from '../../ports/events/queues.ts';
import type { ReportPorts } from '../publish/publish-operational-events.ts';
import type { AttemptPorts } from './attempt/attempt-delivery.ts';
import type { PreparedSubscription } from './attempt/prepare-subscription.ts';
import type { EndpointPorts } from './change-endpoint.ts';
import type { KeptLeases } from './kept-leases.ts';

export interface DeliverPorts extends AttemptPorts, EndpointPorts, ReportPorts {
  readonly events: Pick<EventReader, 'getMany'> & ReportPorts['events'];
  readonly payloads: ClaimStore;
  readonly subscriptions: SubscriptionStore & ReportPorts['subscriptions'];
  readonly deliveries: DeliveryStore;
  readonly keptLeases: KeptLeases;
  readonly deliveryQueue: DeliveryQueue;
  readonly drainQueue: DrainQueue;
  readonly prepare: (subscription: Subscription) => PreparedSubscription;
}
