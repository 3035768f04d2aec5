import type { ApiNote, ApiOutcome } from '../../contracts/outcomes.ts';
import type { EndpointPolicy } from '../../engine/endpoint/endpoint-state.ts';
import type { WaitingPolicy } from '../../flows/enter-waiting.ts';
import type { CallPolicy } from '../../flows/limit-calls.ts';
import type { Quotas } from '../../flows/quotas.ts';
import type { AccountContextRegistry, SharedContexts } from '../../ports/account-contexts.ts';
import type { AccountDirectory } from '../../ports/account-store.ts';
import type { AnswerStore } from '../../ports/answer-store.ts';
import type { ApiKeyDirectory } from '../../ports/api-key-store.ts';
import type { AuditLog } from '../../ports/audit-log.ts';
import type { CallLimits } from '../../ports/call-limits.ts';
import type { CallbackClient, EgressPolicy } from '../../ports/callback-client.ts';
import type { ClaimStore } from '../../ports/claim-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ConsumerStore } from '../../ports/consumer-store.ts';
import type { DeliveryLog, DeliveryStore } from '../../ports/delivery-store.ts';
import type { EndpointStore } from '../../ports/endpoint-store.ts';
import type { EngineKey } from '../../ports/engine-key.ts';
import type { EventLocator, EventReader } from '../../ports/event-store.ts';
import type { Expressions } from '../../ports/expressions.ts';
import type { IntegrationCatalog } from '../../ports/integration-catalog.ts';
import type { IntegrationSettingsDirectory, IntegrationSettingsStore } from '../../ports/integration-settings-store.ts';
import type { OauthTokens } from '../../ports/oauth-tokens.ts';
import type { OutcomeCounter } from '../../ports/outcome-counter.ts';
import type { ParkedRequests } from '../../ports/parked-requests.ts';
import type { Pause } from '../../ports/pause.ts';
import type { DeadLetterInbox, DrainQueue, GovernanceQueue, RawQueue } from '../../ports/queues.ts';
import type { Randomness } from '../../ports/randomness.ts';
import type { RawArchiveReader } from '../../ports/raw-archive.ts';
import type { ReplayStore } from '../../ports/replay-store.ts';
import type { ResourceCatalog } from '../../ports/resource-catalog.ts';
import type { RunningWorkLog } from '../../ports/running-work.ts';
import type { StatisticsReader } from '../../ports/statistics-store.ts';
import type { SubscriptionDirectory } from '../../ports/subscription-store.ts';
import type { TenantStore } from '../../ports/tenant-store.ts';
import type { WaitingCalls } from '../../ports/waiting-calls.ts';

/** How deliveries end by a call of the API, and what it counts beside. */
export type ApiOutcomes = OutcomeCounter<ApiOutcome | ApiNote>;

/** What the API does its work with. */
export interface ApiPorts {
  readonly keys: ApiKeyDirectory;
  readonly limits: CallLimits;
  readonly callPolicy: CallPolicy;
  readonly waitingCalls: WaitingCalls;
  readonly waitingPolicy: WaitingPolicy;
  readonly quotas: Quotas;
  /** Answers to requests that are carried out once. */
  readonly answers: AnswerStore;
  readonly audit: AuditLog;
  readonly accounts: AccountDirectory;
  readonly tenants: TenantStore;
  readonly governanceQueue: GovernanceQueue;
  /** Days that the deployment keeps events, and the raw archive. */
  readonly retentionDays: number;
  readonly rawRetentionDays: number;
  readonly contexts: AccountContextRegistry & SharedContexts;
  readonly parked: ParkedRequests;
  readonly rawQueue: RawQueue;
  readonly rawLetters: DeadLetterInbox;
  readonly archive: RawArchiveReader;
  readonly settings: IntegrationSettingsStore & IntegrationSettingsDirectory;
  readonly subscriptions: SubscriptionDirectory;
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
  /** For tests of endpoints: what is delivered goes by the functions that deliver. */
  readonly callbacks: CallbackClient;
  readonly tokens: OauthTokens;
  readonly integrations: IntegrationCatalog;
  readonly resources: ResourceCatalog;
  readonly expressions: Expressions;
  readonly egress: EgressPolicy;
  readonly clock: Clock;
  readonly pause: Pause;
  readonly randomness: Randomness;
  /** Signs cursors, and hop counts of tests. */
  readonly engineKey: EngineKey;
  /** Origin of the HTTP API, without a trailing slash. */
  readonly publicUrl: string;
}
