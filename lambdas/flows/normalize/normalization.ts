import type { RawMessage } from '../../contracts/messages.ts';
import type { UnsequencedEvent } from '../../engine/event/canonical-event.ts';
import { type Drift, driftsOf, type PreparedResources } from '../../engine/mapping/check-resource.ts';
import type { MappingInput } from '../../engine/mapping/map-request.ts';
import type { PreparedWebhook } from '../../engine/reception/prepare-webhook.ts';
import type { SecretValues, WebhookRequest } from '../../engine/request/webhook-request.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { IntegrationSettingsStore } from '../../ports/accounts/integration-settings-store.ts';
import type { RequestParking } from '../../ports/accounts/parked-requests.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { DeadLetterQueue } from '../../ports/events/queues.ts';
import type { ProviderClient } from '../../ports/provider/provider-client.ts';
import type { Expressions } from '../../ports/runtime/expressions.ts';
import type { Publication, PublishPorts } from '../publish/publication.ts';
import type { ArchivePorts } from './archive-requests.ts';
import type { OwnerPorts, Ownership } from './find-owners.ts';

/** An integration, ready to normalize with. */
export interface NormalizingIntegration {
  readonly webhook: PreparedWebhook;
  /** JSONata. */
  readonly mapping: string;
  /** What it maps to. */
  readonly resources: PreparedResources;
  /** How requests of the URL for all accounts find theirs; undefined where they come by an account's own URL alone. */
  readonly routing: { readonly lookup: string; readonly accountContext: string } | undefined;
}

export interface NormalizePorts extends PublishPorts, ArchivePorts, OwnerPorts {
  readonly settings: IntegrationSettingsStore;
  readonly provider: ProviderClient;
  readonly parking: RequestParking;
  readonly integration: (name: string) => Promise<NormalizingIntegration | undefined>;
  readonly rawBodies: ClaimStore;
  readonly rawDeadLetters: DeadLetterQueue;
  readonly expressions: Expressions;
}

/** One message of the raw queue: as it was received, and read. */
export interface RawDelivery {
  readonly messageId: string;
  readonly body: string;
  readonly message: RawMessage;
  /** How often the queue has handed it over. @default 1 */
  readonly receiveCount?: number;
}

/** What became of an event, and whose it is. */
export type TenantPublication = Publication & { readonly tenant: string };

/** Whose a request of the URL for all accounts was; absent where it was no account's, or several tenants'. */
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
  /** The mapping makes no event of it, or the account that accepted it is gone: erased, or replaced by a later one. */
  | ({ readonly kind: 'ignored' } & Whose)
  /** A handshake, completed by the call that its provider waits for. */
  | { readonly kind: 'confirmed' }
  /** It has no account: parked until its account exists, or, where its account is gone, kept on the dead-letter queue. */
  | { readonly kind: 'unrouted' }
  /** It cannot be mapped, however often it is tried; kept on the dead-letter queue with the reason. */
  | ({ readonly kind: 'dead-lettered'; readonly reason: string } & Whose)
  /** Not done, and nothing lost: the message must come again. */
  | { readonly kind: 'failed'; readonly error: unknown };

export const accountMaxAgeMs = 10_000;

/** How far clocks may differ. A tenant's erasure goes on for longer than this after its accounts were closed. */
const clockSkewMs = 60_000;

export type SettledMapping = (
  | ({
      readonly kind: 'events';
      readonly events: readonly UnsequencedEvent[];
      readonly drifts: readonly Drift[];
    } & Whose)
  | Exclude<Normalization, { kind: 'mapped' }>
) & {
  /**
   * The accounts that a request of the URL for all accounts is for; `gone` where it was for former ones only, so that
   * nothing of it may be kept.
   * @default none
   */
  readonly owners?: readonly Account[] | 'gone';
  /** What the owners were told by; it may be remembered, and is confirmed before anything is published or archived. */
  readonly ownership?: Ownership;
};

export type Mapping =
  | SettledMapping
  /** A handshake, and the call that completes it. */
  | { readonly kind: 'confirmation'; readonly call: () => Promise<SettledMapping> };

/** What a request is for its mapping: read once, mapped for each account that it is for. */
export interface ReadRequest {
  readonly request: WebhookRequest;
  readonly decoded: unknown;
  readonly input: MappingInput;
}

/** The account that a request came to; undefined at the URL for all accounts, and where it does not exist. */
export async function accepting({ accounts }: NormalizePorts, message: RawMessage): Promise<Account | undefined> {
  if (message.account === undefined) return undefined;
  const remembered = await accounts.get(message.account, accountMaxAgeMs);
  // What is remembered may be the former account, and the request the later one's.
  return remembered === undefined || !isGone(remembered, message) ? remembered : accounts.get(message.account, 0);
}

/** Whether the account that accepted a request is gone: it is closed, or a later one has its id. */
export function isGone({ closed, createdAt }: Account, { incarnation, receivedAt }: RawMessage): boolean {
  if (closed === true) return true;
  return incarnation === undefined
    ? Date.parse(receivedAt) + clockSkewMs < Date.parse(createdAt)
    : incarnation !== createdAt;
}

/** The secrets of the URL that a request came by. */
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

/** What does not fit its schema is told, and published all the same: nothing is lost to a change of the provider's. */
export function toMapping(
  events: readonly UnsequencedEvent[],
  resources: PreparedResources,
): Extract<SettledMapping, { kind: 'events' | 'ignored' }> {
  return events.length === 0 ? { kind: 'ignored' } : { kind: 'events', events, drifts: driftsOf(resources, events) };
}

export async function deadLetter(
  ports: NormalizePorts,
  delivery: RawDelivery,
  reason: string,
): Promise<Extract<Normalization, { kind: 'dead-lettered' }>> {
  await ports.rawDeadLetters.send(delivery.body, reason);
  return { kind: 'dead-lettered', reason };
}
