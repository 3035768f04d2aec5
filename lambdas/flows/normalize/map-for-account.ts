import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import type { UnsequencedEvent } from '../../engine/event/canonical-event.ts';
import { schemaVersionOf } from '../../engine/mapping/check-resource.ts';
import { deliveryNameOf, type MappedChange } from '../../engine/mapping/mapping-context.ts';
import { deliveryIdOf } from '../../engine/reception/decide-reception.ts';
import { traceOfRequest } from '../../engine/trace/trace-ids.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { Fetch } from '../../ports/provider/fetch-store.ts';
import type { Expressions } from '../../ports/runtime/expressions.ts';
import type { RecordInput } from '../publish/publication.ts';
import type {
  CandidateIntegration,
  MappedForAccount,
  NormalizePorts,
  NormalizingIntegration,
  RawDelivery,
  ReadRequest,
  TriedMapping,
} from './normalization.ts';

/** Receives after which a request is dead-lettered when its mapping is stopped each time. */
const maxDeaths = 3;
/** The engine never guesses whose event it is. */
const unnamed = 'a request of several contexts has an event that names none of them';
/** A trial holds its request until the events of the batch are published: larger requests are not compared. */
const maxTriedBytes = 256 * 1024;

/**
 * Map a request for an account: by the candidate of its integration where the account uses it and it succeeds, else by
 * the current definition. Both are compared later, when nothing waits for it.
 *
 * @param namesContexts - Whether every event must name its context, because the request has several. A candidate whose
 *   events do not has failed: it must not cost the other accounts of the request their events.
 * @throws {mapping-timeout} retryable, when the mapping was stopped: it may succeed at another time.
 */
export async function mapForAccount(
  ports: NormalizePorts,
  delivery: RawDelivery,
  integration: NormalizingIntegration,
  read: ReadRequest,
  account: Account,
  namesContexts = false,
): Promise<MappedForAccount> {
  const { candidate } = integration;
  const { message } = delivery;
  const task: MappingTask = { message, read, account, namesContexts };
  if (candidate === undefined || account.canary === undefined) return mapByCurrent(ports, delivery, integration, task);
  const { version } = candidate;
  const isTried = read.request.body.byteLength <= maxTriedBytes;
  const owner = ownerOf(task);
  const mapByCandidate = () => tryMapping(ports.candidateExpressions, candidate.integration, task, owner);
  if (account.canary === 'use') {
    const tried = await mapByCandidate();
    if (tried.kind === 'mapped') {
      // An owner of its own: a comparison that is stopped must not suspend the candidate, whose events are published.
      const mapOther = () => tryMapping(ports.candidateExpressions, integration, task, `${owner} compared`);
      read.trials.push({
        account,
        version,
        input: message.rawId,
        published: 'candidate',
        mapped: tried,
        mapOther,
        isTried,
      });
      return tried;
    }
    const mapped = await mapByCurrent(ports, delivery, integration, task);
    const mapOther = async () => tried;
    read.trials.push({ account, version, input: message.rawId, published: 'current', mapped, mapOther, isTried: true });
    return mapped;
  }
  const mapped = await mapByCurrent(ports, delivery, integration, task);
  const mapOther = mapByCandidate;
  read.trials.push({ account, version, input: message.rawId, published: 'current', mapped, mapOther, isTried });
  return mapped;
}

/** What a definition maps, and for which account. */
interface MappingTask {
  readonly message: RawMessage;
  readonly read: ReadRequest;
  readonly account: Account;
  readonly namesContexts: boolean;
}

const ownerOf = ({ message, account }: MappingTask) => `${message.integration} ${account.id}`;

/** @throws {mapping-timeout} as {@link mapForAccount}. */
async function mapByCurrent(
  ports: NormalizePorts,
  delivery: RawDelivery,
  integration: NormalizingIntegration,
  task: MappingTask,
): Promise<MappedForAccount> {
  const mapped = await runMapping(ports.expressions, integration, task, ownerOf(task));
  if (mapped.kind === 'died')
    return { kind: 'failed', reason: stopped(delivery, 'mapping', mapped.reason), retryable: false };
  if (mapped.kind === 'failed' && mapped.retryable)
    throw new EngineError('mapping-timeout', mapped.reason, { retryable: true });
  return mapped;
}

/** A trial never throws: it may cost a comparison, and no event. */
async function tryMapping(...mapping: Parameters<typeof runMapping>): Promise<TriedMapping> {
  return runMapping(...mapping).catch((error: unknown) => ({
    kind: 'died',
    reason: error instanceof EngineError ? error.message : 'it could not be evaluated',
  }));
}

/** @param owner - Whose turn the expression takes; a run that is stopped suspends those of this owner for a while. */
async function runMapping(
  expressions: Expressions,
  integration: CandidateIntegration['integration'],
  { message, read: { request, decoded, input }, account, namesContexts }: MappingTask,
  owner: string,
): Promise<TriedMapping> {
  const deliveryId = deliveryIdOf(integration.webhook, request, decoded, message.rawId);
  const context = {
    tenant: account.tenant,
    account: account.id,
    integration: message.integration,
    receivedAt: message.receivedAt,
    accountContext: integration.contextOf(account.context),
    ...deliveryNameOf({ deliveryId, acceptanceId: message.rawId, rawBody: request.body }),
  };
  const run = await expressions.run(
    'map',
    { mapping: integration.mapping, input, context, records: integration.records },
    owner,
  );
  if (run.kind === 'died') return { kind: 'died', reason: run.reason };
  const mapped = run.result;
  if (mapped.kind === 'failed') return mapped;
  // JSON turns undefined into null.
  const contexts = mapped.contexts.map((value) => value ?? undefined);
  if (namesContexts && [...contexts, ...mapped.polls.map((poll) => poll.context ?? undefined)].includes(undefined))
    return { kind: 'failed', reason: unnamed, retryable: false };
  return {
    kind: 'mapped',
    events: mapped.events.map((event, index) => ({
      event: {
        ...event,
        schema_version: schemaVersionOf(integration.resources, event.resource),
        correlation_id: traceOfRequest(message.rawId),
      },
      record: recordInputOf(integration, message, account, event.resource, mapped.changes[index]),
      fetch: fetchOf(integration, message, account, event, mapped.changes[index]),
    })),
    contexts,
    polls: mapped.polls,
  };
}

/** What must be read before a thin event is published; undefined where nothing can be. */
function fetchOf(
  { isRead, traitsOf }: CandidateIntegration['integration'],
  { rawId, receivedAt, hops }: RawMessage,
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
    trace: traceOfRequest(rawId),
    ...(hops === undefined ? {} : { hops }),
    partialData,
  };
}

/** What a webhook says of its record; undefined for facts. */
function recordInputOf(
  { traitsOf }: CandidateIntegration['integration'],
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
export function stopped({ receiveCount = 1 }: RawDelivery, what: string, reason: string): string {
  const text = `${what} was stopped: ${reason}`;
  if (receiveCount < maxDeaths) throw new EngineError('mapping-timeout', text, { retryable: true });
  return text;
}
