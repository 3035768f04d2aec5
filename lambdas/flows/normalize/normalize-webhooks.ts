import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import type { UnsequencedEvent } from '../../engine/event/canonical-event.ts';
import { type Drift, driftsOf, type PreparedResources, schemaVersionOf } from '../../engine/mapping/check-resource.ts';
import { type Decryption, decryptItems } from '../../engine/mapping/decrypt-items.ts';
import { deliveryNameOf, type MappingInput, type MappingResult } from '../../engine/mapping/map-request.ts';
import { confirmationOf, deliveryIdOf } from '../../engine/reception/decide-reception.ts';
import type { PreparedWebhook } from '../../engine/reception/prepare-webhook.ts';
import { decodeBody } from '../../engine/request/decode-body.ts';
import type { SecretValues, WebhookRequest } from '../../engine/request/webhook-request.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { IntegrationSettingsStore } from '../../ports/accounts/integration-settings-store.ts';
import type { RequestParking } from '../../ports/accounts/parked-requests.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { DeadLetterQueue } from '../../ports/events/queues.ts';
import type { ProviderClient } from '../../ports/provider/provider-client.ts';
import type { Expressions } from '../../ports/runtime/expressions.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { type Publication, type PublishPorts, publishEvents } from '../publish/publish-events.ts';
import { type ArchivePorts, archiveRequests } from './archive-requests.ts';
import { confirmOwners, findOwners, type OwnerPorts, type Ownership, soleTenant } from './find-owners.ts';

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

/** Whose a request of the URL for all accounts was; absent where it was nobody's, or several tenants'. */
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
  /** Nobody's: parked until its account exists, or, where its account is gone, kept on the dead-letter queue. */
  | { readonly kind: 'unrouted' }
  /** It cannot be mapped, however often it is tried; kept on the dead-letter queue with the reason. */
  | ({ readonly kind: 'dead-lettered'; readonly reason: string } & Whose)
  /** Not done, and nothing lost: the message must come again. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** Bodies that are in memory together. */
const maxMappedAtATime = 4;
/** Receives of a request whose mapping is stopped each time, after which it is dead-lettered. */
const maxDeaths = 3;

const accountMaxAgeMs = 10_000;
/** How far clocks may differ. A tenant's erasure goes on for longer than this after its accounts were closed. */
const clockSkewMs = 60_000;

/**
 * Turn accepted requests into published events, and keep the requests in the raw archive. One that fails goes back
 * alone; so does one that is not archived, whose events are not published a second time.
 */
export async function normalizeWebhooks(
  ports: NormalizePorts,
  deliveries: readonly RawDelivery[],
): Promise<readonly Normalization[]> {
  const mappings = Array.from<Mapping>({ length: deliveries.length });
  await forEachAtMost(maxMappedAtATime, [...deliveries.entries()], async ([index, delivery]) => {
    mappings[index] = await mapDelivery(ports, delivery).catch((error: unknown) => ({ kind: 'failed', error }));
  });
  await failUnconfirmed(ports, mappings);
  const candidates = mappings.flatMap((mapping, index) =>
    mapping.kind === 'events'
      ? mapping.events.map((event) => {
          const { message, receiveCount = 1 } = deliveries[index] as RawDelivery;
          // SQS moves a message that fails once more to the dead-letter queue.
          const isLastTry = receiveCount >= limits.maxReceiveCount;
          return { event, owner: ownerOf(message), hops: message.hops, isLastTry, index };
        })
      : [],
  );
  // Archiving never fails as a whole; a run that ends with an error must not leave it half done.
  const [publishing, archiving] = await Promise.allSettled([
    candidates.length === 0 ? [] : publishEvents(ports, candidates),
    archiveEnded(ports, deliveries, mappings),
  ]);
  if (publishing.status === 'rejected') throw publishing.reason;
  if (archiving.status === 'rejected') throw archiving.reason;
  const [published, archived] = [publishing.value, archiving.value];
  // At last and all at once: a provider that does not answer must not hold up the events of others.
  const settled = await Promise.all(mappings.map(settleConfirmation));
  return settled.map((mapping, index): Normalization => {
    const unarchived = archived[index];
    if (unarchived !== undefined) return { kind: 'failed', error: unarchived.error };
    if (mapping.kind !== 'events') return withoutOwners(mapping);
    const publications = published.flatMap((publication, place): readonly TenantPublication[] => {
      const candidate = candidates[place];
      return candidate?.index === index ? [{ ...publication, tenant: candidate.event.tenant }] : [];
    });
    const failure = publications.find((publication) => publication.kind === 'failed');
    if (failure !== undefined) return { kind: 'failed', error: failure.error };
    const { tenant, drifts } = mapping;
    return { kind: 'mapped', publications, drifts, ...(tenant === undefined ? {} : { tenant }) };
  });
}

type SettledMapping = (
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

/** A request whose owners are others by now goes back: it is read anew. */
async function failUnconfirmed(ports: NormalizePorts, mappings: Mapping[]): Promise<void> {
  const told = mappings.flatMap((mapping, index) =>
    'ownership' in mapping && mapping.ownership !== undefined ? [{ index, ownership: mapping.ownership }] : [],
  );
  const confirmed = await confirmOwners(
    ports,
    told.map(({ ownership }) => ownership),
  ).catch((error: unknown) => told.map(() => error));
  for (const [place, { index }] of told.entries())
    if (confirmed[place] !== true) mappings[index] = { kind: 'failed', error: confirmed[place] };
}

/** An outcome is logged and counted: no account, with its secrets, may be in it. */
function withoutOwners(
  mapping: Exclude<SettledMapping, { kind: 'events' }>,
): Exclude<Normalization, { kind: 'mapped' }> {
  const { owners: _, ownership: __, ...outcome } = mapping;
  return outcome;
}

/** Who claims a message's events. One from the archive is another input, even of a request whose own message has them. */
function ownerOf({ rawId, archived }: RawMessage): string {
  return archived === true ? `reprocess:${rawId}` : rawId;
}

/**
 * Archive what has ended, whatever it became. What failed comes again; what is no event, what is archived already, and
 * what is of an account that is gone is left out.
 */
async function archiveEnded(
  ports: NormalizePorts,
  deliveries: readonly RawDelivery[],
  mappings: readonly Mapping[],
): Promise<readonly ({ readonly error: unknown } | undefined)[]> {
  const failures = Array.from<{ readonly error: unknown } | undefined>({ length: deliveries.length });
  const ended = await Promise.all(
    deliveries.map(async ({ message }, index) => {
      const mapping = mappings[index] as Mapping;
      if (mapping.kind === 'failed' || mapping.kind === 'confirmation' || mapping.owners === 'gone') return [];
      if (message.archived === true || message.handshake !== undefined) return [];
      // The engine writes no message without it.
      if (Number.isNaN(Date.parse(message.receivedAt))) return [];
      try {
        const owners = message.account === undefined ? (mapping.owners ?? []) : await ownAccount(ports, message);
        return owners === undefined ? [] : [{ message, owners, index }];
      } catch (error) {
        failures[index] = { error };
        return [];
      }
    }),
  );
  const archivable = ended.flat();
  const outcomes = archivable.length === 0 ? [] : await archiveRequests(ports, archivable);
  for (const [place, { index }] of archivable.entries()) failures[index] ??= outcomes[place];
  return failures;
}

/** @returns Undefined where the account that accepted the request is gone. */
async function ownAccount(ports: NormalizePorts, message: RawMessage): Promise<readonly Account[] | undefined> {
  // It was read a moment ago, and is remembered.
  const account = await accepting(ports, message);
  return account === undefined || isGone(account, message) ? undefined : [account];
}

type Mapping =
  | SettledMapping
  /** A handshake, and the call that completes it. */
  | { readonly kind: 'confirmation'; readonly call: () => Promise<SettledMapping> };

async function settleConfirmation(mapping: Mapping): Promise<SettledMapping> {
  return mapping.kind === 'confirmation'
    ? mapping.call().catch((error: unknown) => ({ kind: 'failed', error }))
    : mapping;
}

/** What a request is for its mapping: read once, mapped for each account that it is for. */
interface ReadRequest {
  readonly request: WebhookRequest;
  readonly decoded: unknown;
  readonly input: MappingInput;
}

async function mapDelivery(ports: NormalizePorts, delivery: RawDelivery): Promise<Mapping> {
  const { message } = delivery;
  const integration = await ports.integration(message.integration);
  if (integration === undefined)
    return deadLetter(ports, delivery, `no integration "${message.integration}" is deployed`);

  const account = await accepting(ports, message);
  // Before its body is asked for, which may be gone: nothing of it may come to lie on a dead-letter queue.
  if (account !== undefined && isGone(account, message)) return { kind: 'ignored' };
  const body = await bodyOf(ports, message);
  if (body === undefined) return deadLetter(ports, delivery, 'its body is no longer kept');
  const request: WebhookRequest = { ...message.request, body };
  const { decode, readXml } = integration.webhook;
  const decoded = decodeBody(decode, request, readXml);
  if (message.handshake !== undefined) {
    // Ingress answers an unsigned one whatever its body is.
    const value = decoded.kind === 'decoded' ? decoded.value : undefined;
    return confirm(ports, delivery, integration.webhook, request, value, message.handshake);
  }
  if (decoded.kind === 'malformed') return deadLetter(ports, delivery, `body: expected ${decoded.expected}`);
  const decrypted = await decrypt(ports, message, integration.webhook, decoded.value);
  if (decrypted.kind === 'failed') return deadLetter(ports, delivery, `body: ${decrypted.reason}`);
  const read: ReadRequest = {
    request,
    decoded: decoded.value,
    input: {
      body: decrypted.body,
      headers: request.headers,
      query: Object.fromEntries(new URLSearchParams(request.query)),
      method: request.method,
      path: request.path,
    },
  };
  if (message.account === undefined) return mapForItsAccounts(ports, delivery, integration, read);

  if (account === undefined || account.integration !== message.integration) {
    await ports.rawDeadLetters.send(delivery.body, `account "${message.account}" does not exist`);
    return { kind: 'unrouted' };
  }
  const mapped = await mapForAccount(ports, delivery, integration, read, account);
  if (mapped.kind === 'failed') return deadLetter(ports, delivery, mapped.reason);
  return toMapping(mapped.events, integration.resources);
}

/** The account that a request came to; undefined at the URL for all accounts, and where it does not exist. */
async function accepting({ accounts }: NormalizePorts, message: RawMessage): Promise<Account | undefined> {
  if (message.account === undefined) return undefined;
  const remembered = await accounts.get(message.account, accountMaxAgeMs);
  // What is remembered may be the former account, and the request the later one's.
  return remembered === undefined || !isGone(remembered, message) ? remembered : accounts.get(message.account, 0);
}

/** Whether the account that accepted a request is gone: it is closed, or a later one has its id. */
function isGone({ closed, createdAt }: Account, { incarnation, receivedAt }: RawMessage): boolean {
  if (closed === true) return true;
  return incarnation === undefined
    ? Date.parse(receivedAt) + clockSkewMs < Date.parse(createdAt)
    : incarnation !== createdAt;
}

/** The secrets of the URL that a request came by. */
async function secretsOf(
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

/** Decrypt what the definition says is encrypted. A key that does not fit may have been changed since it was read. */
async function decrypt(
  ports: NormalizePorts,
  message: RawMessage,
  { decrypt: spec }: PreparedWebhook,
  decoded: unknown,
): Promise<Decryption> {
  if (spec === undefined) return { kind: 'decrypted', body: decoded };
  const remembered = decryptItems(spec, decoded, await secretsOf(ports, message, accountMaxAgeMs));
  return remembered.kind === 'decrypted' ? remembered : decryptItems(spec, decoded, await secretsOf(ports, message, 0));
}

/** Prepare the call that completes a handshake. It is made again until the provider takes it. */
async function confirm(
  ports: NormalizePorts,
  delivery: RawDelivery,
  webhook: PreparedWebhook,
  request: WebhookRequest,
  decoded: unknown,
  handshake: string,
): Promise<Mapping> {
  const secrets = await secretsOf(ports, delivery.message, 0);
  const confirmation = confirmationOf(webhook, handshake, request, decoded, secrets);
  if (confirmation === undefined) return deadLetter(ports, delivery, `the definition has no handshake "${handshake}"`);
  if (confirmation.kind === 'rejected')
    return deadLetter(ports, delivery, `handshake "${handshake}": ${confirmation.reason} (${confirmation.detail})`);
  return {
    kind: 'confirmation',
    async call() {
      const { status } = await ports.provider.call(confirmation.call);
      if (status >= 200 && status < 300) return { kind: 'confirmed' };
      if (status === 429 || status >= 500)
        throw new EngineError('provider-unavailable', `the provider answered ${status}`, { retryable: true });
      return deadLetter(
        ports,
        delivery,
        `handshake "${handshake}": the provider answered ${status} to its confirmation`,
      );
    },
  };
}

/**
 * Map a request of the URL for all accounts: find whose it is by its contexts, and map it for each.
 *
 * A context that no tenant owns is parked, so that the request can be replayed once its account exists; where one has
 * accounts of several tenants that may not share it, the request is kept on the dead-letter queue. Its other contexts
 * are served now. Served again, their events have the ids that they have.
 */
async function mapForItsAccounts(
  ports: NormalizePorts,
  delivery: RawDelivery,
  integration: NormalizingIntegration,
  read: ReadRequest,
): Promise<Mapping> {
  const { message } = delivery;
  const { routing } = integration;
  const looked =
    routing === undefined
      ? undefined
      : await ports.expressions.run('lookUp', { expression: routing.lookup, input: read.input }, message.integration);
  if (looked?.kind === 'died')
    return deadLetter(ports, delivery, stopped(delivery, 'context_lookup_field', looked.reason));
  const contexts = looked?.result ?? undefined;
  if (routing === undefined || contexts === undefined)
    return deadLetter(ports, delivery, 'context_lookup_field failed');

  const ownership = await findOwners(ports, message, routing, contexts);
  const { owners, free, contested } = ownership;
  if (free.length > 0) {
    await ports.parking.park(message.integration, free, message);
    // An account may have been made, and its parked requests replayed, since it was looked for.
    const since = await findOwners(ports, message, routing, free);
    if (since.free.length < free.length)
      throw new EngineError('contended', 'an account was made for a parked request', { retryable: true });
  }
  const events: UnsequencedEvent[] = [];
  const accounts = owners.map(({ account }) => account);
  const whose = { tenant: soleTenant(owners), owners: accounts, ownership };
  for (const { account, contexts: own } of owners) {
    const mapped = await mapForAccount(ports, delivery, integration, read, account);
    if (mapped.kind === 'failed') return { ...(await deadLetter(ports, delivery, mapped.reason)), ...whose };
    if (contexts.length > 1 && mapped.contexts.includes(undefined)) {
      const reason = 'a request of several contexts has an event that names none of them';
      return { ...(await deadLetter(ports, delivery, reason)), ...whose };
    }
    events.push(...mapped.events.filter((_, index) => isFor(mapped.contexts[index], own)));
  }
  const [collision] = contested;
  if (collision !== undefined) {
    // Nothing tells which of them is the owner. The request's other values are served all the same.
    const value = `the value ${JSON.stringify(collision)} of ${routing.accountContext}`;
    const refusal = await deadLetter(ports, delivery, `${value} has accounts of two tenants`);
    if (owners.length === 0) return refusal;
  }
  if (owners.length > 0) return { ...toMapping(events, integration.resources), ...whose };
  if (free.length > 0) return { kind: 'unrouted' };
  return contexts.length > 0 ? { kind: 'ignored', owners: 'gone' } : withoutContext(ports, delivery, integration, read);
}

/** A request that names nobody is a ping or a heartbeat where it makes no event, and a fault where it does. */
async function withoutContext(
  ports: NormalizePorts,
  delivery: RawDelivery,
  integration: NormalizingIntegration,
  read: ReadRequest,
): Promise<Mapping> {
  const nobody = { id: '', tenant: '', integration: '', secrets: {}, context: {}, createdAt: '', revision: 0 };
  const mapped = await mapForAccount(ports, delivery, integration, read, nobody);
  return mapped.kind === 'mapped' && mapped.events.length === 0
    ? { kind: 'ignored' }
    : deadLetter(ports, delivery, 'context_lookup_field gave no value');
}

/** An event that names its context is for the accounts that hold it; one that names none, for the request's only one. */
function isFor(context: string | undefined, own: readonly string[]): boolean {
  return context === undefined || own.includes(context);
}

/** What does not fit its schema is told, and published all the same: nothing is lost to a change of the provider's. */
function toMapping(
  events: readonly UnsequencedEvent[],
  resources: PreparedResources,
): Extract<SettledMapping, { kind: 'events' | 'ignored' }> {
  return events.length === 0 ? { kind: 'ignored' } : { kind: 'events', events, drifts: driftsOf(resources, events) };
}

/** @throws {mapping-timeout} where the mapping was stopped, which at another time it may not be. */
async function mapForAccount(
  ports: NormalizePorts,
  delivery: RawDelivery,
  integration: NormalizingIntegration,
  { request, decoded, input }: ReadRequest,
  account: Account,
): Promise<MappingResult> {
  const { message } = delivery;
  const deliveryId = deliveryIdOf(integration.webhook, request, decoded, message.rawId);
  const context = {
    tenant: account.tenant,
    account: account.id,
    integration: message.integration,
    receivedAt: message.receivedAt,
    ...deliveryNameOf({ deliveryId, acceptanceId: message.rawId, rawBody: request.body }),
  };
  const run = await ports.expressions.run(
    'map',
    { mapping: integration.mapping, input, context },
    `${message.integration} ${account.id}`,
  );
  if (run.kind === 'died')
    return { kind: 'failed', reason: stopped(delivery, 'mapping', run.reason), retryable: false };
  const mapped = run.result;
  if (mapped.kind === 'failed') {
    if (mapped.retryable) throw new EngineError('mapping-timeout', mapped.reason, { retryable: true });
    return mapped;
  }
  return {
    kind: 'mapped',
    events: mapped.events.map((event) => ({
      ...event,
      schema_version: schemaVersionOf(integration.resources, event.resource),
    })),
    // As JSON has it, what is undefined is null.
    contexts: mapped.contexts.map((value) => value ?? undefined),
  };
}

/**
 * What is said of a request whose expression was stopped time and again.
 *
 * @throws {mapping-timeout} before that: the machine may have been at fault.
 */
function stopped({ receiveCount = 1 }: RawDelivery, what: string, reason: string): string {
  const text = `${what} was stopped: ${reason}`;
  if (receiveCount < maxDeaths) throw new EngineError('mapping-timeout', text, { retryable: true });
  return text;
}

async function deadLetter(
  ports: NormalizePorts,
  delivery: RawDelivery,
  reason: string,
): Promise<Extract<Normalization, { kind: 'dead-lettered' }>> {
  await ports.rawDeadLetters.send(delivery.body, reason);
  return { kind: 'dead-lettered', reason };
}

/** @returns Undefined where the raw archive has it no longer. */
async function bodyOf(ports: NormalizePorts, { body }: RawMessage): Promise<Buffer | undefined> {
  if (body.kind === 'inline') return Buffer.from(body.content, body.encoding);
  try {
    return await ports.rawBodies.get(body.key);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'corrupt-state') return undefined;
    throw error;
  }
}
