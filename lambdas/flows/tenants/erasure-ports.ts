import type { AccountContextRegistry } from '../../ports/accounts/account-contexts.ts';
import type { ParkedRequests } from '../../ports/accounts/parked-requests.ts';
import type { DeadLetterInbox } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type {
  AccountContextEraser,
  AccountEraser,
  CredentialEraser,
  DeliveryEraser,
  EndpointEraser,
  Eraser,
  ObjectEraser,
  SubscriptionEraser,
} from '../../ports/tenants/tenant-erasers.ts';

/** Ports that find and remove a tenant's data. */
export interface ErasurePorts {
  readonly accounts: AccountEraser;
  readonly contexts: AccountContextEraser & AccountContextRegistry;
  readonly credentials: CredentialEraser;
  readonly parked: ParkedRequests;
  readonly rawLetters: DeadLetterInbox;
  readonly subscriptions: SubscriptionEraser;
  readonly deliveries: DeliveryEraser;
  readonly endpoints: EndpointEraser;
  /** Each finds data by tenant. */
  readonly events: Eraser;
  readonly fetches: Eraser;
  readonly syncs: Eraser;
  /** Finds data by account. */
  readonly records: Eraser;
  readonly apiKeys: Eraser;
  readonly consumers: Eraser;
  readonly statistics: Eraser;
  /** Each finds objects by the prefix of their keys. */
  readonly payloads: Eraser;
  readonly rawBodies: ObjectEraser;
  readonly clock: Clock;
}

/** Items that an erasure reads and removes in one step. */
export const erasurePageSize = 100;
