import type { AccountContextRegistry } from '../../ports/account-contexts.ts';
import type { AccountDirectory } from '../../ports/account-store.ts';
import type { ApiKeyStore } from '../../ports/api-key-store.ts';
import type { EgressPolicy } from '../../ports/callback-client.ts';
import type { ClaimStore } from '../../ports/claim-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DeliveryLog } from '../../ports/delivery-store.ts';
import type { EventLocator, EventReader } from '../../ports/event-store.ts';
import type { IntegrationCatalog } from '../../ports/integration-catalog.ts';
import type { IntegrationSettingsDirectory, IntegrationSettingsStore } from '../../ports/integration-settings-store.ts';
import type { ParkedRequests } from '../../ports/parked-requests.ts';
import type { DeadLetterInbox, RawQueue } from '../../ports/queues.ts';
import type { Randomness } from '../../ports/randomness.ts';
import type { ResourceCatalog } from '../../ports/resource-catalog.ts';
import type { SubscriptionDirectory } from '../../ports/subscription-store.ts';

/** What the API does its work with. */
export interface ApiPorts {
  readonly keys: ApiKeyStore;
  readonly accounts: AccountDirectory;
  readonly contexts: AccountContextRegistry;
  readonly parked: ParkedRequests;
  readonly rawQueue: RawQueue;
  readonly rawLetters: DeadLetterInbox;
  readonly settings: IntegrationSettingsStore & IntegrationSettingsDirectory;
  readonly subscriptions: SubscriptionDirectory;
  readonly events: EventReader;
  readonly locator: EventLocator;
  readonly payloads: Pick<ClaimStore, 'get'>;
  readonly deliveries: DeliveryLog;
  readonly integrations: IntegrationCatalog;
  readonly resources: ResourceCatalog;
  readonly egress: EgressPolicy;
  readonly clock: Clock;
  readonly randomness: Randomness;
  /** Origin of the HTTP API, without a trailing slash. */
  readonly publicUrl: string;
}
