import type { PollNowMessage, RawMessage } from '../../contracts/messages.ts';
import type { CanaryNote } from '../../contracts/outcomes.ts';
import type { CarriedRecordPlans } from '../../engine/mapping/carried-record.ts';
import { type Drift, driftsOf, type PreparedResources } from '../../engine/mapping/check-resource.ts';
import type { MappedPoll, MappingInput, MappingResult } from '../../engine/mapping/map-request.ts';
import type { PreparedWebhook } from '../../engine/reception/prepare-webhook.ts';
import type { RecordTraits } from '../../engine/records/observation.ts';
import type { SecretValues, WebhookRequest } from '../../engine/request/webhook-request.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { CanaryWriter } from '../../ports/accounts/canary-log.ts';
import type { IntegrationSettingsStore } from '../../ports/accounts/integration-settings-store.ts';
import type { RequestParking } from '../../ports/accounts/parked-requests.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { DeadLetterQueue, PollQueue } from '../../ports/events/queues.ts';
import type { Fetch } from '../../ports/provider/fetch-store.ts';
import type { ProviderClient } from '../../ports/provider/provider-client.ts';
import type { Expressions } from '../../ports/runtime/expressions.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';
import type { AskForFetchPorts } from '../enrich/ask-for-fetch.ts';
import type { Candidate, Publication, PublishPorts } from '../publish/publication.ts';
import type { ArchivePorts } from './archive-requests.ts';
import type { OwnerPorts, Ownership } from './find-owners.ts';

/** An integration as normalization needs it. */
export interface NormalizingIntegration {
  readonly webhook: PreparedWebhook;
  /** JSONata. */
  readonly mapping: string;
  /** The context of an account as mappings of resources read it. */
  readonly contextOf: (context: Account['context']) => Account['context'];
  /** How the records that webhooks carry are read. */
  readonly records: CarriedRecordPlans;
  /** Whether records of a resource can be read: then thin events of it are enriched. */
  readonly isRead: (resource: string) => boolean;
  /** The resources that the mapping produces. */
  readonly resources: PreparedResources;
  /** What a resource says about its records; undefined where its events are facts. */
  readonly traitsOf: (resource: string) => RecordTraits | undefined;
  /** How requests of the URL for all accounts find their accounts; undefined when every account has its own URL. */
  readonly routing: { readonly lookup: string; readonly accountContext: string } | undefined;
  /** A new version that is tried on some accounts. @default none */
  readonly candidate?: CandidateIntegration | undefined;
}

/** A new version of an integration. */
export interface CandidateIntegration {
  /** Digest of its definition: a changed candidate begins a new trial. */
  readonly version: string;
  readonly integration: Omit<NormalizingIntegration, 'candidate'>;
}

export interface NormalizePorts extends PublishPorts, ArchivePorts, OwnerPorts, AskForFetchPorts {
  readonly settings: IntegrationSettingsStore;
  readonly provider: ProviderClient;
  readonly parking: RequestParking;
  readonly integration: (name: string) => Promise<NormalizingIntegration | undefined>;
  readonly rawBodies: ClaimStore;
  readonly pollQueue: Pick<PollQueue, 'send'>;
  readonly rawDeadLetters: DeadLetterQueue;
  readonly expressions: Expressions;
  /** Evaluates candidates, in a process of their own: what they do to it hurts no other request. */
  readonly candidateExpressions: Expressions;
  readonly canaries: CanaryWriter;
  readonly canaryNotes: OutcomeCounter<CanaryNote>;
}

/** One message of the raw queue: its text, and the parsed message. */
export interface RawDelivery {
  readonly messageId: string;
  readonly body: string;
  readonly message: RawMessage;
  /** Epoch milliseconds: when ingress sent it. @default - unknown */
  readonly sentAtMs?: number | undefined;
  /** How often the queue has delivered it. @default 1 */
  readonly receiveCount?: number;
}

/** The outcome of publishing an event, with its tenant. */
export type TenantPublication = (Publication | { readonly kind: 'enriching' }) & { readonly tenant: string };

/** An event of a request, and what it says of its record. */
export type NewEvent = Pick<Candidate, 'event' | 'record'> & {
  /** Set for a thin event whose record is read before it is published. */
  readonly fetch?: Fetch | undefined;
};

/** The tenant of a request to the URL for all accounts; absent when it has no account, or several tenants. */
interface Whose {
  readonly tenant?: string | undefined;
}

/** How one accepted request ended. */
export type Normalization =
  | ({
      readonly kind: 'mapped';
      readonly publications: readonly TenantPublication[];
      readonly drifts: readonly Drift[];
    } & Whose)
  /**
   * The mapping returns no event, or the account that accepted the request is gone: erased, or replaced by a later one.
   */
  | ({ readonly kind: 'ignored' } & Whose)
  /** A handshake, completed by the call that the provider waits for. */
  | { readonly kind: 'confirmed' }
  /** No account: parked until the account exists; or, if its account is gone, kept on the dead-letter queue. */
  | { readonly kind: 'unrouted' }
  /** No retry can map it; kept on the dead-letter queue with the reason. */
  | ({ readonly kind: 'dead-lettered'; readonly reason: string } & Whose)
  /** Nothing was done and nothing is lost: the message must be redelivered. */
  | { readonly kind: 'failed'; readonly error: unknown };

export const accountMaxAgeMs = 10_000;

/** How far clocks may differ. A tenant's erasure continues for longer than this after its accounts were closed. */
const clockSkewMs = 60_000;

/** What a webhook asks to be polled at once. */
export type PollNow = Omit<PollNowMessage, 'kind'>;

export type SettledMapping = (
  | ({
      readonly kind: 'events';
      readonly events: readonly NewEvent[];
      readonly drifts: readonly Drift[];
    } & Whose)
  | Exclude<Normalization, { kind: 'mapped' }>
) & {
  /** @default none */
  readonly polls?: readonly PollNow[];
  /**
   * The accounts that a request to the URL for all accounts is for; `gone` when it is only for former accounts, so that
   * nothing of it may be kept.
   * @default none
   */
  readonly owners?: readonly Account[] | 'gone';
  /** How the owners were found; it may be a remembered result, so confirm it before publishing or archiving. */
  readonly ownership?: Ownership;
  /** What is compared once the events are published. @default nothing */
  readonly trials?: readonly Trial[];
};

export type Mapping =
  | SettledMapping
  /** A handshake, and the call that completes it. */
  | { readonly kind: 'confirmation'; readonly call: () => Promise<SettledMapping> };

/** A request as one account's integration maps it. */
export type MappedForAccount =
  | {
      readonly kind: 'mapped';
      readonly events: readonly NewEvent[];
      /** The context that each event names; undefined for an event that names none. */
      readonly contexts: readonly (string | undefined)[];
      readonly polls: readonly MappedPoll[];
    }
  | Extract<MappingResult, { kind: 'failed' }>;

/** A mapping that may also have been stopped. */
export type TriedMapping = MappedForAccount | { readonly kind: 'died'; readonly reason: string };

/** A request that both definitions of an account map. */
export interface Trial {
  readonly account: Account;
  /** Of the candidate. */
  readonly version: string;
  /** Id of the request. */
  readonly input: string;
  /** Whose events are published. */
  readonly published: 'current' | 'candidate';
  readonly mapped: MappedForAccount;
  /** Maps the request by the other definition. Never throws. */
  readonly mapOther: () => Promise<TriedMapping>;
  /** False where the request is too large to be held for a comparison. */
  readonly isTried: boolean;
}

/** A request as its mapping reads it: read once, then mapped for each of its accounts. */
export interface ReadRequest {
  readonly request: WebhookRequest;
  readonly decoded: unknown;
  readonly input: MappingInput;
  /** Filled while the request is mapped. */
  readonly trials: Trial[];
}

/** The account whose URL a request was sent to; undefined at the URL for all accounts, and when it does not exist. */
export async function accepting({ accounts }: NormalizePorts, message: RawMessage): Promise<Account | undefined> {
  if (message.account === undefined) return undefined;
  const remembered = await accounts.get(message.account, accountMaxAgeMs);
  // The cache may hold a former account, while the request belongs to a later one of the same id.
  return remembered === undefined || !isGone(remembered, message) ? remembered : accounts.get(message.account, 0);
}

/** Whether the account that accepted a request is gone: closed, or replaced by a later account of the same id. */
export function isGone({ closed, createdAt }: Account, { incarnation, receivedAt }: RawMessage): boolean {
  if (closed === true) return true;
  return incarnation === undefined
    ? Date.parse(receivedAt) + clockSkewMs < Date.parse(createdAt)
    : incarnation !== createdAt;
}

/** The secrets of the URL that a request was sent to. */
export async function secretsOf(
  ports: NormalizePorts,
  { integration, account }: RawMessage,
  maxAgeMs: number,
): Promise<SecretValues> {
  const holder =
    account === undefined
      ? await ports.settings.get(integration, maxAgeMs)
      : await ports.accounts.get(account, maxAgeMs);
  return holder?.secrets ?? {};
}

/** An event that does not match its schema is reported and still published: a provider's change loses no event. */
export function toMapping(
  events: readonly NewEvent[],
  resources: PreparedResources,
  polls: readonly PollNow[],
): Extract<SettledMapping, { kind: 'events' | 'ignored' }> {
  const asked = polls.length === 0 ? {} : { polls };
  return events.length === 0
    ? { kind: 'ignored', ...asked }
    : {
        kind: 'events',
        events,
        ...asked,
        drifts: driftsOf(
          resources,
          events.map(({ event }) => event),
        ),
      };
}

export async function deadLetter(
  ports: NormalizePorts,
  delivery: RawDelivery,
  reason: string,
): Promise<Extract<Normalization, { kind: 'dead-lettered' }>> {
  await ports.rawDeadLetters.send(delivery.body, reason);
  return { kind: 'dead-lettered', reason };
}
