import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import type { UnsequencedEvent } from '../../engine/event/canonical-event.ts';
import { schemaVersionOf } from '../../engine/mapping/check-resource.ts';
import { type MappedPoll, type MappingResult } from '../../engine/mapping/map-request.ts';
import { deliveryNameOf, type MappedChange } from '../../engine/mapping/mapping-context.ts';
import { deliveryIdOf } from '../../engine/reception/decide-reception.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { Fetch } from '../../ports/provider/fetch-store.ts';
import type { RecordInput } from '../publish/publication.ts';
import { findOwners, soleTenant } from './find-owners.ts';
import {
  deadLetter,
  type Mapping,
  type NewEvent,
  type NormalizePorts,
  type NormalizingIntegration,
  type PollNow,
  type RawDelivery,
  type ReadRequest,
  toMapping,
} from './normalization.ts';

/** Receives after which a request is dead-lettered when its mapping is stopped each time. */
const maxDeaths = 3;

/**
 * Map a request to the URL for all accounts: find its accounts by its contexts, and map it for each.
 *
 * For a context that no tenant owns, the request is parked and replayed once the account exists. When a context has
 * accounts of several tenants that may not share it, the request is kept on the dead-letter queue. The other contexts
 * are served now; when they are served again, their events keep their ids.
 */
export async function mapForItsAccounts(
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
    // Look again: an account may have been created, and its parked requests replayed, between the lookup and the
    // parking.
    const since = await findOwners(ports, message, routing, free);
    if (since.free.length < free.length)
      throw new EngineError('contended', 'an account was created for a parked request', { retryable: true });
  }
  const events: NewEvent[] = [];
  const polls: PollNow[] = [];
  const accounts = owners.map(({ account }) => account);
  const whose = { tenant: soleTenant(owners), owners: accounts, ownership };
  for (const { account, contexts: own } of owners) {
    const mapped = await mapForAccount(ports, delivery, integration, read, account);
    if (mapped.kind === 'failed') return { ...(await deadLetter(ports, delivery, mapped.reason)), ...whose };
    const named = [...mapped.contexts, ...mapped.polls.map(({ context }) => context)];
    if (contexts.length > 1 && named.includes(undefined)) {
      const reason = 'a request of several contexts has an event that names none of them';
      return { ...(await deadLetter(ports, delivery, reason)), ...whose };
    }
    events.push(...mapped.events.filter((_, index) => isFor(mapped.contexts[index], own)));
    const asked = mapped.polls.filter(({ context }) => isFor(context, own));
    polls.push(...asked.map(({ poll }) => pollNow(account, poll)));
  }
  const [collision] = contested;
  if (collision !== undefined) {
    // The owner cannot be determined. The request's other values are served all the same.
    const value = `the value ${JSON.stringify(collision)} of ${routing.accountContext}`;
    const refusal = await deadLetter(ports, delivery, `${value} has accounts of two tenants`);
    if (owners.length === 0) return refusal;
  }
  if (owners.length > 0) return { ...toMapping(events, integration.resources, polls), ...whose };
  if (free.length > 0) return { kind: 'unrouted' };
  return contexts.length > 0 ? { kind: 'ignored', owners: 'gone' } : withoutContext(ports, delivery, integration, read);
}

/** A request without a context is a ping or a heartbeat if it maps to no event, otherwise a fault. */
async function withoutContext(
  ports: NormalizePorts,
  delivery: RawDelivery,
  integration: NormalizingIntegration,
  read: ReadRequest,
): Promise<Mapping> {
  const noAccount = { id: '', tenant: '', integration: '', secrets: {}, context: {}, createdAt: '', revision: 0 };
  const mapped = await mapForAccount(ports, delivery, integration, read, noAccount);
  return mapped.kind === 'mapped' && mapped.events.length + mapped.polls.length === 0
    ? { kind: 'ignored' }
    : deadLetter(ports, delivery, 'context_lookup_field gave no value');
}

/** An event belongs to the accounts that hold its context; an event without one, to the request's only context. */
function isFor(context: string | undefined, own: readonly string[]): boolean {
  return context === undefined || own.includes(context);
}

/** A request as one account's integration maps it. */
type MappedForAccount =
  | {
      readonly kind: 'mapped';
      readonly events: readonly NewEvent[];
      /** The context that each event names; undefined for an event that names none. */
      readonly contexts: readonly (string | undefined)[];
      readonly polls: readonly MappedPoll[];
    }
  | Extract<MappingResult, { kind: 'failed' }>;

/** @throws {mapping-timeout} retryable, when the mapping was stopped: it may succeed at another time. */
export async function mapForAccount(
  ports: NormalizePorts,
  delivery: RawDelivery,
  integration: NormalizingIntegration,
  { request, decoded, input }: ReadRequest,
  account: Account,
): Promise<MappedForAccount> {
  const { message } = delivery;
  const deliveryId = deliveryIdOf(integration.webhook, request, decoded, message.rawId);
  const context = {
    tenant: account.tenant,
    account: account.id,
    integration: message.integration,
    receivedAt: message.receivedAt,
    accountContext: integration.contextOf(account.context),
    ...deliveryNameOf({ deliveryId, acceptanceId: message.rawId, rawBody: request.body }),
  };
  const run = await ports.expressions.run(
    'map',
    { mapping: integration.mapping, input, context, records: integration.records },
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
    events: mapped.events.map((event, index) => ({
      event: { ...event, schema_version: schemaVersionOf(integration.resources, event.resource) },
      record: recordInputOf(integration, message, account, event.resource, mapped.changes[index]),
      fetch: fetchOf(integration, message, account, event, mapped.changes[index]),
    })),
    // JSON turns undefined into null.
    contexts: mapped.contexts.map((value) => value ?? undefined),
    polls: mapped.polls,
  };
}

export function pollNow({ id: account, createdAt: incarnation }: Account, poll: string): PollNow {
  return { account, incarnation, ...(poll === '*' ? {} : { resource: poll }) };
}

/** What must be read before a thin event is published; undefined where nothing can be. */
function fetchOf(
  { isRead, traitsOf }: NormalizingIntegration,
  { receivedAt, hops }: RawMessage,
  { id: account, tenant, integration, createdAt, credentialKind }: Account,
  event: UnsequencedEvent,
  mapped: MappedChange | undefined,
): Fetch | undefined {
  const { resource } = event;
  if (mapped?.address === undefined || credentialKind === undefined || !isRead(resource)) return undefined;
  // A row holds at most 400 KB. What is so large is hardly thin.
  if (Buffer.byteLength(JSON.stringify(mapped.address)) > limits.fetchMaxBytes) return undefined;
  const partialData = JSON.stringify(event.data);
  if (Buffer.byteLength(partialData) > limits.fetchMaxBytes) return undefined;
  return {
    account,
    resource,
    tenant,
    incarnation: createdAt,
    integration,
    recordId: event.record_id,
    address: mapped.address,
    ...(traitsOf(resource) === undefined ? { fact: event.id } : {}),
    change: mapped.change,
    rawEventType: event.raw_event_type,
    ...(event.occurred_at === undefined ? {} : { occurredAt: event.occurred_at }),
    receivedAt,
    ...(hops === undefined ? {} : { hops }),
    partialData,
  };
}

/** What a webhook says of its record; undefined for facts. */
function recordInputOf(
  { traitsOf }: NormalizingIntegration,
  { receivedAt }: RawMessage,
  { createdAt }: Account,
  resource: string,
  mapped: MappedChange | undefined,
): RecordInput | undefined {
  const traits = traitsOf(resource);
  if (traits === undefined || mapped === undefined) return undefined;
  const { change, version, name, isAbsence } = mapped;
  const seenAtMs = Date.parse(receivedAt);
  // One webhook may say of one record that it was created, and updated, under one id.
  const changeName = `${change} ${name}`;
  return {
    incarnation: createdAt,
    traits,
    by: 'webhook',
    change,
    version,
    changeName,
    seenAtMs,
    ...(isAbsence === true ? { isAbsence } : {}),
  };
}

/**
 * The reason for a request whose expression was stopped at every receive.
 *
 * @throws {mapping-timeout} retryable, before the last receive: the machine may have been at fault.
 */
function stopped({ receiveCount = 1 }: RawDelivery, what: string, reason: string): string {
  const text = `${what} was stopped: ${reason}`;
  if (receiveCount < maxDeaths) throw new EngineError('mapping-timeout', text, { retryable: true });
  return text;
}
