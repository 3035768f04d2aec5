import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import type { DeliveryJob } from '../../contracts/messages.ts';
import type { UnsequencedEvent } from '../../engine/event/canonical-event.ts';
import { wantsEvent } from '../../engine/feed/wants-event.ts';
import { type SubscriptionRoute, type SubscriptionStore, scopeOf } from '../../ports/delivery/subscription-store.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { EventClaim, EventReader, EventRow, EventWriter, SealedSequence } from '../../ports/events/event-store.ts';
import type { DeliveryQueue } from '../../ports/events/queues.ts';
import type { TenantPolicies, TenantPolicy } from '../../ports/tenants/tenant-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { type AskForDrainPorts, askForDrain } from '../deliver/ask-for-drain.ts';

export interface PublishPorts extends AskForDrainPorts {
  readonly events: EventWriter & Pick<EventReader, 'getMany'>;
  readonly payloads: ClaimStore;
  readonly subscriptions: Pick<SubscriptionStore, 'listFor'>;
  readonly deliveryQueue: DeliveryQueue;
  readonly tenantPolicies: TenantPolicies;
  readonly claimThresholdBytes: number;
}

/** An event to publish, and the input that brings it. */
export interface Candidate {
  readonly event: UnsequencedEvent;
  /** Names the input: its retries, and only they, go on with what it began. */
  readonly owner: string;
  /** How often what caused the event has passed through this deployment. @default 1 */
  readonly hops?: number | undefined;
  /**
   * Whether the input does not come again by itself if this fails: its claims are given up then.
   * @default false
   */
  readonly isLastTry?: boolean | undefined;
}

/** How one candidate ended; in the order of the candidates. */
export type Publication =
  | { readonly kind: 'published'; readonly deliveries: number }
  | { readonly kind: 'duplicate' }
  /** Its tenant's data is being erased. */
  | { readonly kind: 'refused' }
  /** Not published, and nothing lost: the input must be given again. */
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Publish events: give each its place in its tenant's sequence, store it, and queue its deliveries.
 *
 * Any step may be the last before a crash, and the input then comes again. What makes that safe:
 *
 *   1. take a block of the sequence      crash: a hole; readers wait while it could be filled
 *   2. claim each id for its owner       crash: the owner's retry finds its own claim and goes on
 *   3. store payload, then row           crash: the retry finds no row and takes a new number
 *   4. queue the deliveries              crash: the retry finds the row and queues again, with the same ids
 *
 * An id claimed by another owner is a duplicate: that owner's input is durable until it is
 * published, so to drop this one loses nothing. An owner that fails for the last time abandons its claims: its input
 * goes to a dead-letter queue, and a provider that sends the event again must not be dropped in its favour. Numbers that a block leaves over are sealed at
 * once, in the same write, so that no reader has to wait for them.
 *
 * Nobody writes at a number when a reader may have passed it: `limits.sequenceHoleLifetimeMs` has the
 * timeline. A run that was slow from 1 to 3 writes nothing; its claims stand, so its input fails until they
 * are as old as a hole may be, and takes new numbers then. That is what lets readers pass a hole.
 */
export async function publishEvents(
  ports: PublishPorts,
  candidates: readonly Candidate[],
): Promise<readonly Publication[]> {
  const publications = Array.from<Publication>({ length: candidates.length });
  const byTenant = Map.groupBy(candidates.keys(), (index) => (candidates[index] as Candidate).event.tenant);
  // Asked for together, and remembered: no event costs a request for this.
  const asking = ports.tenantPolicies.getMany([...byTenant.keys()]);
  await Promise.all(
    byTenant.entries().map(async ([tenant, indices]) => {
      const own = indices.map((index) => candidates[index] as Candidate);
      const claims = new Map<Candidate, EventClaim>();
      const results = await asking.then(
        (policies) => publishForTenant(ports, tenant, policies.get(tenant), own, claims),
        (error: unknown) => own.map((): Publication => ({ kind: 'failed', error })),
      );
      await abandonClaims(
        ports,
        own.flatMap((candidate, place) => {
          const claim = claims.get(candidate);
          const isGivenUp = candidate.isLastTry === true && results[place]?.kind === 'failed';
          return isGivenUp && claim !== undefined ? claim : [];
        }),
      );
      for (const [place, index] of indices.entries()) publications[index] = results[place] as Publication;
    }),
  );
  return publications;
}

/** Say of claims that their owner does not come again, as far as that is possible: what failed before may fail here. */
async function abandonClaims({ events }: PublishPorts, claims: readonly EventClaim[]): Promise<void> {
  await forEachAtMost(maxPlacedAtATime, claims, async (claim) => {
    await events.moveClaim(claim, { ...claim, isAbandoned: true }).catch(() => false);
  });
}

/** An input may bring a thousand events: a call that waits for many others has no time left for itself. */
const maxPlacedAtATime = 50;

/** A candidate that is going to be stored, at the place that its claim gives it. */
interface Placed {
  readonly candidate: Candidate;
  readonly row: EventRow;
  /** Whether an earlier run of the same owner has stored the row already. */
  readonly stored: boolean;
}

async function publishForTenant(
  ports: PublishPorts,
  tenant: string,
  policy: TenantPolicy | undefined,
  candidates: readonly Candidate[],
  claims: Map<Candidate, EventClaim>,
): Promise<readonly Publication[]> {
  if (policy?.isErasing === true) return candidates.map(() => ({ kind: 'refused' }));
  const publications = new Map<Candidate, Publication>();
  const firstById = new Map<string, Candidate>();
  for (const candidate of candidates) {
    if (firstById.has(candidate.event.id)) publications.set(candidate, { kind: 'duplicate' });
    else firstById.set(candidate.event.id, candidate);
  }
  const distinct = [...firstById.values()];
  const all = () => candidates.map((candidate) => publications.get(candidate) as Publication);
  const failAll = (failed: readonly Candidate[], error: unknown) => {
    for (const candidate of failed) publications.set(candidate, { kind: 'failed', error });
  };

  let firstSequence: number;
  let takenAtMs: number;
  let subscriptions: readonly SubscriptionRoute[];
  try {
    subscriptions = await ports.subscriptions.listFor(tenant);
    // Before the call: by its answer the numbers may have been taken for a while.
    takenAtMs = ports.clock.nowMs();
    // Numbers are taken last: what fails before leaves no hole.
    firstSequence = await ports.events.takeSequences(tenant, distinct.length);
  } catch (error) {
    failAll(distinct, error);
    return all();
  }

  const writtenAtMs = ports.clock.nowMs();
  const placed: Placed[] = [];
  const unused: SealedSequence[] = [];
  await forEachAtMost(maxPlacedAtATime, [...distinct.entries()], async ([index, candidate]) => {
    const sequence = firstSequence + index;
    const hold = (claim: EventClaim) => claims.set(candidate, claim);
    const place = await placeCandidate(ports, policy, candidate, sequence, hold).catch(
      (error: unknown): Place => ({ kind: 'unknown', error }),
    );
    if (place.kind === 'placed') placed.push(place.placed);
    else publications.set(candidate, place.kind === 'duplicate' ? place : { kind: 'failed', error: place.error });
    const taken = place.kind === 'placed' && place.placed.row.sequence === sequence;
    // A claim whose fate is unknown may stand at this number: only a known outcome lets it be sealed.
    if (!taken && place.kind !== 'unknown') unused.push({ tenant, sequence, sealed: true });
  });

  try {
    if (ports.clock.nowMs() - takenAtMs >= limits.sequenceWriteBeginMs)
      throw new EngineError('contended', `numbers of tenant ${tenant} were taken too long ago to be written`, {
        retryable: true,
      });
    const rows = [...placed.filter(({ stored }) => !stored).map(({ row }) => row), ...unused];
    await ports.events.writeRows(
      rows.map((row) => ({ ...row, writtenAtMs })),
      takenAtMs + limits.sequenceWriteEndMs,
    );
  } catch (error) {
    failAll(
      placed.map(({ candidate }) => candidate),
      error,
    );
    return all();
  }

  const wanted = placed.flatMap(({ candidate, row }) =>
    subscriptions
      .filter(({ status }) => status === 'enabled')
      .filter((subscription) => wantsEvent(subscription, candidate.event))
      .map((subscription) => ({ subscription, row })),
  );
  const deliveries = wanted
    .filter(({ subscription }) => subscription.ordering === 'none')
    .map(({ subscription, row }) => ({ job: toJob(subscription, row), group: row.account, delayMs: 0 }));
  // Ordered subscriptions take their events from the feed: it is enough to say that there are some.
  const followers = new Map(
    wanted
      .filter(({ subscription }) => subscription.ordering !== 'none')
      .map(({ subscription }) => [subscription.id, subscription]),
  );
  try {
    await Promise.all([
      ports.deliveryQueue.sendAll(deliveries),
      ...followers.values().map((one) => callFollower(ports, one)),
    ]);
  } catch (error) {
    failAll(
      placed.map(({ candidate }) => candidate),
      error,
    );
    return all();
  }
  const deliveriesByEvent = Map.groupBy(wanted, ({ row }) => row.id);
  for (const { candidate, row } of placed)
    publications.set(candidate, { kind: 'published', deliveries: deliveriesByEvent.get(row.id)?.length ?? 0 });
  return all();
}

/** Have an ordered subscription's new events sent. They need not wait for a record whose event is tried again later. */
async function callFollower(ports: AskForDrainPorts, follower: SubscriptionRoute): Promise<void> {
  await askForDrain(ports, follower, true).catch(() =>
    // What is wrong with the state of one endpoint fails its own drain, and no publication.
    ports.drainQueue.send({ kind: 'drain', subscription: follower.id, scope: scopeOf(follower) }, 0),
  );
}

type Place =
  | { readonly kind: 'placed'; readonly placed: Placed }
  | { readonly kind: 'duplicate' }
  /** An earlier run of the same owner may still be at it. */
  | { readonly kind: 'contended'; readonly error: EngineError }
  | { readonly kind: 'unknown'; readonly error: unknown };

/**
 * Claim an event's id and store its payload; find out where its row belongs.
 *
 * A claim of the same owner, or one that its owner has abandoned, is that of an earlier run. Where its row stands, only the deliveries are
 * left to do. Where it does not, the earlier run may still be alive for a while: this one fails then,
 * and comes again. After that the event goes to the new number.
 */
async function placeCandidate(
  ports: PublishPorts,
  policy: TenantPolicy | undefined,
  candidate: Candidate,
  sequence: number,
  hold: (claim: EventClaim) => void,
): Promise<Place> {
  const { event, owner } = candidate;
  const { id, tenant } = event;
  const wanted: EventClaim = { id, owner, tenant, sequence, claimedAtMs: ports.clock.nowMs() };
  // An answer that is lost may be that of a claim that was made.
  hold(wanted);
  const standing = await ports.events.claim(wanted);
  const isAbandoned = standing.isAbandoned === true && standing.tenant === tenant;
  if (standing.owner !== owner && !isAbandoned) return { kind: 'duplicate' };
  hold(standing);
  if (standing.sequence !== sequence) {
    const [stored] = await ports.events.getMany([standing]);
    if (stored?.id === id) return { kind: 'placed', placed: { candidate, row: stored, stored: true } };
    const mayStillBeWritten = wanted.claimedAtMs - standing.claimedAtMs <= limits.sequenceHoleLifetimeMs;
    if (!mayStillBeWritten) hold(wanted);
    if (mayStillBeWritten || !(await ports.events.moveClaim(standing, wanted)))
      return {
        kind: 'contended',
        error: new EngineError('contended', `another run is publishing ${id}`, { retryable: true }),
      };
  }
  return { kind: 'placed', placed: { candidate, row: await toRow(ports, policy, candidate, sequence), stored: false } };
}

async function toRow(
  ports: PublishPorts,
  policy: TenantPolicy | undefined,
  { event, hops = 1 }: Candidate,
  sequence: number,
): Promise<EventRow> {
  const { data, ...rest } = event;
  const metadata = { ...rest, ...(hops === 1 ? {} : { hops }) };
  const text = JSON.stringify(data);
  const dataBytes = Buffer.byteLength(text);
  if (dataBytes <= ports.claimThresholdBytes)
    return { ...metadata, sequence, inlineData: text, claimKey: undefined, dataBytes };
  const claimKey = `${event.tenant}/${event.id}`;
  await ports.payloads.put(claimKey, Buffer.from(text), 'application/json', policy?.eventsDays);
  return { ...metadata, sequence, inlineData: undefined, claimKey, dataBytes };
}

/** The job of an event's first attempt. */
export function toJob(subscription: Pick<SubscriptionRoute, 'id' | 'tenant'>, row: EventRow): DeliveryJob {
  return {
    subscription: subscription.id,
    scope: scopeOf(subscription),
    event: row.id,
    tenant: row.tenant,
    sequence: row.sequence,
    timestamp: row.timestamp,
    attempt: 1,
  };
}
