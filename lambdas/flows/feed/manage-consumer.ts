import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import type { FeedFilter } from '../../engine/feed/feed-filter.ts';
import type { FeedStart } from '../../engine/feed/feed-start.ts';
import type { Page } from '../../ports/accounts/account-store.ts';
import type { ConsumerLease, ConsumerStore, FeedConsumer } from '../../ports/events/consumer-store.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import {
  type QuotaExceeded,
  type Quotas,
  type QuotaUse,
  refuseBeyondQuota,
  undoBeyondQuota,
} from '../access/quotas.ts';
import type { WaitingPermit } from './enter-waiting.ts';
import { type FeedPage, type FeedWaitPorts, waitForFeed } from './read-feed.ts';
import { type StartPorts, startingPosition } from './starting-position.ts';

export interface ConsumerPorts extends FeedWaitPorts, StartPorts {
  readonly events: FeedWaitPorts['events'] & StartPorts['events'];
  readonly consumers: ConsumerStore;
  readonly randomness: Randomness;
}

/** A tenant's consumer by its name. */
export interface ConsumerName {
  readonly tenant: string;
  readonly name: string;
}

export interface NewConsumer extends ConsumerName {
  /** An empty or missing list asks for all. */
  readonly filter?: Partial<FeedFilter>;
  readonly since: FeedStart;
}

export type ConsumerCreation = { readonly kind: 'created' | 'exists'; readonly consumer: FeedConsumer } | QuotaExceeded;

/** Create a consumer, which stores a reader's position. An existing consumer of the same name stays unchanged. */
export async function createConsumer(
  ports: ConsumerPorts & { readonly quotas: Quotas },
  { tenant, name, filter, since }: NewConsumer,
): Promise<ConsumerCreation> {
  const use: QuotaUse = {
    quotas: ports.quotas,
    quota: 'consumersPerTenant',
    count: (most) => ports.consumers.count(tenant, most),
  };
  return retried<ConsumerCreation>(name, async () => {
    const known = await ports.consumers.find(tenant, name);
    if (known !== undefined) return { kind: 'exists', consumer: known };
    const exceeded = await refuseBeyondQuota(use);
    if (exceeded !== undefined) return exceeded;
    const position = await startingPosition(ports, tenant, since);
    const createdAt = now(ports);
    const consumer: FeedConsumer = {
      tenant,
      name,
      filter: { types: [], resources: [], accounts: [], integrations: [], origins: [], ...filter },
      position,
      lease: undefined,
      createdAt,
      updatedAt: createdAt,
      revision: 1,
    };
    if ((await ports.consumers.create(consumer)) === 'exists') return undefined;
    const undone = await undoBeyondQuota(use, async () => void (await ports.consumers.remove(tenant, name)));
    return undone ?? { kind: 'created', consumer };
  });
}

export async function findConsumer(
  ports: Pick<ConsumerPorts, 'consumers'>,
  { tenant, name }: ConsumerName,
): Promise<FeedConsumer | undefined> {
  return ports.consumers.find(tenant, name);
}

/** A tenant's consumers, sorted by name. */
export async function listConsumers(
  ports: Pick<ConsumerPorts, 'consumers'>,
  tenant: string,
  limit: number,
  after: string | undefined,
): Promise<Page<FeedConsumer>> {
  return ports.consumers.list(tenant, limit, after);
}

/** Delete a consumer and its position; the holder of its lease can no longer commit. */
export async function deleteConsumer(
  ports: Pick<ConsumerPorts, 'consumers'>,
  { tenant, name }: ConsumerName,
): Promise<{ readonly kind: 'deleted' | 'unknown' }> {
  return { kind: (await ports.consumers.remove(tenant, name)) ? 'deleted' : 'unknown' };
}

export interface LeaseRequest extends ConsumerName {
  /** Id of the lease that the caller holds; undefined to take a new one. */
  readonly lease?: string | undefined;
  /** @default limits.consumerLeaseSeconds */
  readonly ttlSeconds?: number;
  /** Most events per page: see {@link waitForFeed}. */
  readonly limit: number;
  /** How long to wait while there is no event. @default 0 */
  readonly waitMs?: number;
  /** Called before the wait begins: see {@link waitForFeed}. */
  readonly enter: () => Promise<WaitingPermit>;
}

export type LeaseOutcome =
  | {
      readonly kind: 'leased';
      readonly lease: string;
      readonly expiresAtMs: number;
      readonly page: FeedPage;
    }
  /** Another reader holds the lease. */
  | { readonly kind: 'held'; readonly untilMs: number }
  | { readonly kind: 'unknown' };

/**
 * Read for a consumer from its last committed position, under an exclusive lease.
 *
 * The reader takes the lease first and holds it while it waits, so no other reader waits for the same events. A holder
 * that returns with its lease gets the same events again, plus later ones, until it commits. Once the lease expires,
 * any reader may take it, and gets the uncommitted events. Every write is conditional on the row that was read, so only
 * one of two concurrent readers takes the lease:
 *
 *   A  takes the lease, reads 1-10   position 0, handed out 10
 *   A  commits 10                    position 10
 *   A  reads 11-20, and hangs        position 10, handed out 20
 *   B  takes the expired lease, reads 11-20 again
 *   A  wakes up, commits 20          lease lost: B commits them
 */
export async function leaseConsumer(ports: ConsumerPorts, request: LeaseRequest): Promise<LeaseOutcome> {
  const { tenant, limit, waitMs = 0, ttlSeconds = limits.consumerLeaseSeconds } = request;
  const newId = `lease_${ports.randomness.bytes(16).toString('hex')}`;
  const waitingMs = Math.min(waitMs, limits.feedMaxWaitMs);
  const ttlMs = 1000 * Math.min(limits.maxConsumerLeaseSeconds, Math.max(limits.minConsumerLeaseSeconds, ttlSeconds));

  const taken = await changeConsumer<Taking>(ports, request, (consumer) => {
    const { lease: standing, position } = consumer;
    // `newId` is already stored if the answer to its write was lost.
    const isOwn = standing !== undefined && [request.lease, newId].includes(standing.id);
    const nowMs = ports.clock.nowMs();
    if (!isOwn && standing !== undefined && standing.expiresAtMs > nowMs)
      return { kind: 'left', result: { kind: 'held', untilMs: standing.expiresAtMs } };
    const lease: ConsumerLease = {
      id: isOwn ? standing.id : newId,
      expiresAtMs: nowMs + waitingMs + ttlMs,
      handedOut: isOwn ? standing.handedOut : position,
    };
    return { kind: 'changed', consumer: { ...consumer, lease }, result: { kind: 'taken', lease } };
  });
  if (taken.kind === 'unknown') return { kind: 'unknown' };
  if (taken.result.kind === 'held') return taken.result;

  const { filter, position } = taken.consumer;
  const { id } = taken.result.lease;
  let page: FeedPage;
  try {
    page = await waitForFeed(ports, { ...filter, tenant, position, limit }, waitingMs, request.enter);
  } catch (error) {
    // No reader knows of the new lease, so no reader could release it.
    if (id === newId) await endLease(ports, request, id);
    throw error;
  }

  // Store `handedOut` before the reader gets the page; the time to process it begins now.
  const given = await changeConsumer<Taking>(ports, request, (consumer) => {
    const { lease: standing } = consumer;
    const nowMs = ports.clock.nowMs();
    if (standing?.id !== id) return { kind: 'left', result: { kind: 'held', untilMs: standing?.expiresAtMs ?? nowMs } };
    const handedOut = Math.max(standing.handedOut, page.position);
    const lease: ConsumerLease = { id, expiresAtMs: nowMs + ttlMs, handedOut };
    return { kind: 'changed', consumer: { ...consumer, lease }, result: { kind: 'taken', lease } };
  });
  if (given.kind === 'unknown') return { kind: 'unknown' };
  if (given.result.kind === 'held') return given.result;
  return { kind: 'leased', lease: id, expiresAtMs: given.result.lease.expiresAtMs, page };
}

type Taking =
  | { readonly kind: 'taken'; readonly lease: ConsumerLease }
  | { readonly kind: 'held'; readonly untilMs: number };

/** End a lease, if it is still the consumer's lease. */
export async function endLease(
  ports: Pick<ConsumerPorts, 'consumers' | 'clock'>,
  name: ConsumerName,
  id: string,
): Promise<void> {
  await changeConsumer(ports, name, (consumer) =>
    consumer.lease?.id === id
      ? { kind: 'changed', consumer: { ...consumer, lease: undefined }, result: undefined }
      : { kind: 'left', result: undefined },
  );
}

export interface Commit extends ConsumerName {
  readonly lease: string;
  /** Sequence number up to which the events are processed: a page's position, or the number of one of its events. */
  readonly position: number;
  /** Whether to release the lease, too. @default false */
  readonly release?: boolean;
}

export type CommitOutcome =
  | { readonly kind: 'committed'; readonly consumer: FeedConsumer }
  /** Another reader took the lease, or a seek or a release ended it: another reader gets these events. */
  | { readonly kind: 'lease-lost' }
  /** The position is before the committed one, or beyond the events handed out under the lease. */
  | { readonly kind: 'behind'; readonly position: number; readonly handedOut: number }
  | { readonly kind: 'unknown' };

/**
 * Commit the position up to which a consumer's events are processed. Repeating a commit changes nothing.
 *
 * An expired lease still commits until another reader takes it: no other reader has its events yet.
 */
export async function commitConsumer(ports: ConsumerPorts, commit: Commit): Promise<CommitOutcome> {
  const changed = await changeConsumer<Exclude<CommitOutcome, { kind: 'committed' }> | undefined>(
    ports,
    commit,
    (consumer) => {
      const { lease, position } = consumer;
      if (lease?.id !== commit.lease) return { kind: 'left', result: { kind: 'lease-lost' } };
      const { handedOut } = lease;
      if (commit.position < position || commit.position > handedOut)
        return { kind: 'left', result: { kind: 'behind', position, handedOut } };
      const kept = commit.release === true ? undefined : lease;
      return {
        kind: 'changed',
        consumer: { ...consumer, position: commit.position, lease: kept },
        result: undefined,
      };
    },
  );
  if (changed.kind === 'unknown') return { kind: 'unknown' };
  return changed.result ?? { kind: 'committed', consumer: changed.consumer };
}

export type SeekOutcome = { readonly kind: 'moved'; readonly consumer: FeedConsumer } | { readonly kind: 'unknown' };

/** Move a consumer to another position. The holder of its lease can no longer commit. */
export async function seekConsumer(ports: ConsumerPorts, name: ConsumerName, since: FeedStart): Promise<SeekOutcome> {
  if ((await findConsumer(ports, name)) === undefined) return { kind: 'unknown' };
  const position = await startingPosition(ports, name.tenant, since);
  const changed = await changeConsumer(ports, name, (consumer) => ({
    kind: 'changed',
    consumer: { ...consumer, position, lease: undefined },
    result: undefined,
  }));
  return changed.kind === 'unknown' ? { kind: 'unknown' } : { kind: 'moved', consumer: changed.consumer };
}

/** The change of a consumer, and the result for the caller. */
type ConsumerChange<R> =
  | { readonly kind: 'left'; readonly result: R }
  | { readonly kind: 'changed'; readonly consumer: FeedConsumer; readonly result: R };

type ConsumerChanged<R> =
  | { readonly kind: 'found'; readonly consumer: FeedConsumer; readonly result: R }
  | { readonly kind: 'unknown' };

/** Change a consumer with optimistic locking. @param change - Called again if another caller wrote first. */
async function changeConsumer<R>(
  ports: Pick<ConsumerPorts, 'consumers' | 'clock'>,
  { tenant, name }: ConsumerName,
  change: (consumer: FeedConsumer) => ConsumerChange<R>,
): Promise<ConsumerChanged<R>> {
  return retried(name, async (): Promise<ConsumerChanged<R> | undefined> => {
    const read = await ports.consumers.find(tenant, name);
    if (read === undefined) return { kind: 'unknown' };
    const decided = change(read);
    if (decided.kind === 'left') return { kind: 'found', consumer: read, result: decided.result };
    const consumer = { ...decided.consumer, updatedAt: now(ports) };
    if (!(await ports.consumers.replace(consumer))) return undefined;
    return { kind: 'found', consumer: { ...consumer, revision: consumer.revision + 1 }, result: decided.result };
  });
}

/** Few callers change one consumer at a time; a caller that fails this often gets a retryable error. */
const maxTries = 10;

/** @throws {contended} when other callers wrote first in every try. */
async function retried<T>(name: string, attempt: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const result = await attempt();
    if (result !== undefined) return result;
  }
  throw new EngineError('contended', `the consumer ${name} is being changed`, { retryable: true });
}

const now = ({ clock }: Pick<ConsumerPorts, 'clock'>) => new Date(clock.nowMs()).toISOString();
