import type { Logger } from '@aws-lambda-powertools/logger';
import type { ApiNote, ApiOutcome } from '../../contracts/outcomes.ts';
import type { EndpointPolicy } from '../../engine/delivery/endpoint-state.ts';
import type { OwnAccount } from '../../engine/destination/destination-conflict.ts';
import type { CloudEventContext } from '../../engine/shaping/cloud-event.ts';
import type { CallPolicy } from '../../flows/access/limit-call-rate.ts';
import type { Quotas } from '../../flows/access/quotas.ts';
import type { WaitingPolicy } from '../../flows/feed/enter-waiting.ts';
import type { ProviderPorts } from '../../flows/provider/provider-ports.ts';
import type { AccountContextRegistry, SharedContexts } from '../../ports/accounts/account-contexts.ts';
import type { AccountDirectory } from '../../ports/accounts/account-store.ts';
import type { CanaryReader } from '../../ports/accounts/canary-log.ts';
import type { IntegrationCatalog } from '../../ports/accounts/integration-catalog.ts';
import type {
  IntegrationSettingsDirectory,
  IntegrationSettingsStore,
} from '../../ports/accounts/integration-settings-store.ts';
import type { ParkedRequests } from '../../ports/accounts/parked-requests.ts';
import type { ResourceCatalog } from '../../ports/accounts/resource-catalog.ts';
import type { CallbackClient, EgressPolicy } from '../../ports/delivery/callback-client.ts';
import type { DeliveryLog, DeliveryStore } from '../../ports/delivery/delivery-store.ts';
import type { EndpointStore } from '../../ports/delivery/endpoint-store.ts';
import type { OauthTokens } from '../../ports/delivery/oauth-tokens.ts';
import type { ReplayStore } from '../../ports/delivery/replay-store.ts';
import type { SubscriptionDirectory, SubscriptionStore } from '../../ports/delivery/subscription-store.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { ConsumerStore } from '../../ports/events/consumer-store.ts';
import type { EventLocator, EventReader } from '../../ports/events/event-store.ts';
import type {
  DeadLetterInbox,
  DrainQueue,
  EnrichQueue,
  GovernanceQueue,
  PollQueue,
  RawQueue,
} from '../../ports/events/queues.ts';
import type { RawArchiveReader } from '../../ports/events/raw-archive.ts';
import type { RecordDirectory, RecordStates } from '../../ports/events/record-states.ts';
import type { WaitingCalls } from '../../ports/events/waiting-calls.ts';
import type { ConnectStates } from '../../ports/provider/connect-states.ts';
import type { FetchStore } from '../../ports/provider/fetch-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { EngineKey } from '../../ports/runtime/engine-key.ts';
import type { Expressions } from '../../ports/runtime/expressions.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';
import type { Pause } from '../../ports/runtime/pause.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { RunningWorkLog } from '../../ports/runtime/running-work.ts';
import type { StatisticsReader } from '../../ports/runtime/statistics-store.ts';
import type { SyncStore } from '../../ports/sync/sync-store.ts';
import type { ApiKeyDirectory } from '../../ports/tenants/api-key-store.ts';
import type { AuditLog } from '../../ports/tenants/audit-log.ts';
import type { CallLimits } from '../../ports/tenants/call-limits.ts';
import type { AnswerStore } from '../../ports/tenants/idempotency-store.ts';
import type { TenantPolicies, TenantStore } from '../../ports/tenants/tenant-store.ts';

/** Counts deliveries that API calls end, and the API's other metrics. */
export type ApiOutcomes = OutcomeCounter<ApiOutcome | ApiNote>;

/** What the API's handler is composed from. */
export interface ApiRuntime {
  readonly ports: ApiPorts;
  readonly log: Logger;
  readonly outcomes: ApiOutcomes;
}

/** The ports of the API. */
export interface ApiPorts {
  readonly keys: ApiKeyDirectory;
  readonly limits: CallLimits;
  readonly callPolicy: CallPolicy;
  readonly waitingCalls: WaitingCalls;
  readonly waitingPolicy: WaitingPolicy;
  readonly quotas: Quotas;
  /** Stored answers to requests with an Idempotency-Key. */
  readonly answers: AnswerStore;
  readonly audit: AuditLog;
  readonly accounts: AccountDirectory;
  readonly tenants: TenantStore;
  readonly tenantPolicies: TenantPolicies;
  readonly governanceQueue: GovernanceQueue;
  /** Days that the deployment keeps events; `rawRetentionDays` is the same for the raw archive. */
  readonly retentionDays: number;
  readonly rawRetentionDays: number;
  readonly records: Pick<RecordStates, 'getMany'> & RecordDirectory;
  readonly contexts: AccountContextRegistry & SharedContexts;
  readonly parked: ParkedRequests;
  readonly rawQueue: RawQueue;
  readonly rawLetters: DeadLetterInbox;
  readonly archive: RawArchiveReader;
  readonly settings: IntegrationSettingsStore & IntegrationSettingsDirectory;
  readonly subscriptions: SubscriptionDirectory;
  /** Subscriptions that may want the events of a tenant. */
  readonly subscriptionRoutes: Pick<SubscriptionStore, 'listFor'>;
  readonly events: EventReader;
  readonly locator: EventLocator;
  readonly consumers: ConsumerStore;
  readonly payloads: Pick<ClaimStore, 'get'>;
  readonly deliveries: DeliveryStore & DeliveryLog;
  readonly replays: ReplayStore;
  readonly runningWork: RunningWorkLog;
  readonly endpoints: EndpointStore;
  readonly endpointPolicy: EndpointPolicy;
  readonly statistics: StatisticsReader;
  readonly drainQueue: DrainQueue;
  /** For endpoint tests only. Deliveries are sent by deliver and drain. */
  readonly callbacks: CallbackClient;
  /** What callbacks say of the deployment. */
  readonly callbackContext?: CloudEventContext | undefined;
  readonly tokens: OauthTokens;
  readonly integrations: IntegrationCatalog;
  /** New versions that are tried on some accounts, by the name of their integrations. */
  readonly candidates: Pick<IntegrationCatalog, 'get'>;
  readonly canaries: CanaryReader;
  readonly resources: ResourceCatalog;
  readonly expressions: Expressions;
  readonly egress: EgressPolicy;
  readonly ownAccount: OwnAccount;
  /** For unified reads, the proxy, and the test of credentials. */
  readonly provider: ProviderPorts;
  readonly connectStates: ConnectStates;
  /** Origins to which a consent may lead back; `:*` at the end stands for any port. */
  readonly connectReturnOrigins: readonly string[];
  readonly fetches: Pick<FetchStore, 'add' | 'ask' | 'replaceRun'>;
  readonly syncs: SyncStore;
  readonly pollQueue: Pick<PollQueue, 'send'>;
  readonly enrichQueue: EnrichQueue;
  readonly clock: Clock;
  readonly pause: Pause;
  readonly randomness: Randomness;
  /** Signs cursors, and the hop counts of endpoint tests. */
  readonly engineKey: EngineKey;
  /** Origin of the HTTP API, without a trailing slash. */
  readonly publicUrl: string;
  /** The same for webhooks. */
  readonly ingressUrl: string;
}
