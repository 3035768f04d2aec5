import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import type { DeliveryJob } from '../../contracts/messages.ts';
import { wantsEvent } from '../../engine/feed/wants-event.ts';
import { type SubscriptionRoute, scopeOf } from '../../ports/delivery/subscription-store.ts';
import type { EventClaim, EventRow, SealedSequence } from '../../ports/events/event-store.ts';
import type { TenantPolicy } from '../../ports/tenants/tenant-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { type AskForDrainPorts, askForDrain } from '../deliver/ask-for-drain.ts';
import { type Place, placeCandidate } from './place-candidate.ts';
import type { Candidate, Placed, Publication, PublishPorts } from './publication.ts';

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
 * No run writes at a number when a reader may have passed it: `limits.sequenceHoleLifetimeMs` has the
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

/** What a tenant's candidates have come to. */
interface TenantRun {
  readonly ports: PublishPorts;
  readonly tenant: string;
  readonly policy: TenantPolicy | undefined;
  readonly claims: Map<Candidate, EventClaim>;
  readonly publications: Map<Candidate, Publication>;
}

async function publishForTenant(
  ports: PublishPorts,
  tenant: string,
  policy: TenantPolicy | undefined,
  candidates: readonly Candidate[],
  claims: Map<Candidate, EventClaim>,
): Promise<readonly Publication[]> {
  if (policy?.isErasing === true) return candidates.map(() => ({ kind: 'refused' }));
  const run: TenantRun = { ports, tenant, policy, claims, publications: new Map() };
  const distinct = distinctOf(run, candidates);
  const taken = await orFail(run, distinct, () => takeNumbers(run, distinct.length));
  if (taken !== undefined) {
    const { placed, unused } = await placeAll(run, distinct, taken.firstSequence);
    const placedCandidates = placed.map(({ candidate }) => candidate);
    const deliveries = await orFail(run, placedCandidates, async () => {
      await writePlaced(run, placed, unused, taken);
      return queueDeliveries(run, placed, taken.subscriptions);
    });
    if (deliveries !== undefined)
      for (const { candidate, row } of placed)
        run.publications.set(candidate, { kind: 'published', deliveries: deliveries.get(row.id) ?? 0 });
  }
  return candidates.map((candidate) => run.publications.get(candidate) as Publication);
}

/** Run a step for candidates. @returns Undefined where it failed, and they with it. */
async function orFail<T>(
  { publications }: TenantRun,
  candidates: readonly Candidate[],
  step: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    for (const candidate of candidates) publications.set(candidate, { kind: 'failed', error });
    return undefined;
  }
}

/** The first candidate of each id; the others are duplicates. */
function distinctOf({ publications }: TenantRun, candidates: readonly Candidate[]): readonly Candidate[] {
  const firstById = new Map<string, Candidate>();
  for (const candidate of candidates) {
    if (firstById.has(candidate.event.id)) publications.set(candidate, { kind: 'duplicate' });
    else firstById.set(candidate.event.id, candidate);
  }
  return [...firstById.values()];
}

interface TakenNumbers {
  readonly subscriptions: readonly SubscriptionRoute[];
  /** Epoch milliseconds, from before the call: by its answer the numbers may have been taken for a while. */
  readonly takenAtMs: number;
  readonly firstSequence: number;
  /** Epoch milliseconds, from after the call: no smaller number is taken later. Readers take it for the time of writing. */
  readonly writtenAtMs: number;
}

/** Numbers are taken last: a step that fails before leaves no hole. */
async function takeNumbers({ ports, tenant }: TenantRun, count: number): Promise<TakenNumbers> {
  const subscriptions = await ports.subscriptions.listFor(tenant);
  const takenAtMs = ports.clock.nowMs();
  const firstSequence = await ports.events.takeSequences(tenant, count);
  return { subscriptions, takenAtMs, firstSequence, writtenAtMs: ports.clock.nowMs() };
}

/** Find the place of each candidate; the others have their publication. @returns Numbers that are left over, too. */
async function placeAll(
  { ports, tenant, policy, claims, publications }: TenantRun,
  distinct: readonly Candidate[],
  firstSequence: number,
): Promise<{ readonly placed: readonly Placed[]; readonly unused: readonly SealedSequence[] }> {
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
    const isTaken = place.kind === 'placed' && place.placed.row.sequence === sequence;
    // A claim whose fate is unknown may stand at this number: only a known outcome lets it be sealed.
    if (!isTaken && place.kind !== 'unknown') unused.push({ tenant, sequence, sealed: true });
  });
  return { placed, unused };
}

async function writePlaced(
  { ports, tenant }: TenantRun,
  placed: readonly Placed[],
  unused: readonly SealedSequence[],
  { takenAtMs, writtenAtMs }: TakenNumbers,
): Promise<void> {
  if (ports.clock.nowMs() - takenAtMs >= limits.sequenceWriteBeginMs)
    throw new EngineError('contended', `numbers of tenant ${tenant} were taken too long ago to be written`, {
      retryable: true,
    });
  const rows = [...placed.filter(({ stored }) => !stored).map(({ row }) => row), ...unused];
  await ports.events.writeRows(
    rows.map((row) => ({ ...row, writtenAtMs })),
    takenAtMs + limits.sequenceWriteEndMs,
  );
}

/** @returns How many deliveries each event has, by its id. */
async function queueDeliveries(
  { ports }: TenantRun,
  placed: readonly Placed[],
  subscriptions: readonly SubscriptionRoute[],
): Promise<ReadonlyMap<string, number>> {
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
  await Promise.all([
    ports.deliveryQueue.sendAll(deliveries),
    ...followers.values().map((one) => callFollower(ports, one)),
  ]);
  return new Map([...Map.groupBy(wanted, ({ row }) => row.id)].map(([id, list]) => [id, list.length]));
}

/** Have an ordered subscription's new events sent. They need not wait for a record whose event is tried again later. */
async function callFollower(ports: AskForDrainPorts, follower: SubscriptionRoute): Promise<void> {
  await askForDrain(ports, follower, true).catch(() =>
    // What is wrong with the state of one endpoint fails its own drain, and no publication.
    ports.drainQueue.send({ kind: 'drain', subscription: follower.id, scope: scopeOf(follower) }, 0),
  );
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
