import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import type { EventClaim } from '../../ports/events/event-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import type { Candidate, Placed } from './publication.ts';
import { maxPlacedAtATime, type TenantRun } from './tenant-run.ts';
import { toEventRow } from './to-event-row.ts';

type Place =
  | { readonly kind: 'placed'; readonly placed: Placed }
  | { readonly kind: 'duplicate' }
  /** An earlier run of the same owner may still be at work. */
  | { readonly kind: 'contended'; readonly error: EngineError }
  | { readonly kind: 'unknown'; readonly error: unknown };

/** The first candidate of each id; the others are duplicates. */
export function distinctFacts({ publications }: TenantRun, candidates: readonly Candidate[]): readonly Candidate[] {
  const firstById = new Map<string, Candidate>();
  for (const candidate of candidates) {
    if (firstById.has(candidate.event.id)) publications.set(candidate, { kind: 'duplicate' });
    else firstById.set(candidate.event.id, candidate);
  }
  return [...firstById.values()];
}

/**
 * Claim the id of each fact for its owner, and find the place of its event. Facts without a place have their
 * publication; their numbers are given back where it is certain that no claim names them.
 *
 * @param numbers - One for each fact.
 */
export async function placeFacts(
  run: TenantRun,
  facts: readonly Candidate[],
  numbers: readonly number[],
): Promise<readonly Placed[]> {
  const placed: Placed[] = [];
  await forEachAtMost(maxPlacedAtATime, [...facts.entries()], async ([index, candidate]) => {
    const sequence = numbers[index] as number;
    const place = await placeFact(run, candidate, sequence).catch(
      (error: unknown): Place => ({ kind: 'unknown', error }),
    );
    if (place.kind === 'placed') placed.push(place.placed);
    else run.publications.set(candidate, place.kind === 'duplicate' ? place : { kind: 'failed', error: place.error });
    const isTaken = place.kind === 'placed' && place.placed.row.sequence === sequence;
    if (!isTaken && place.kind !== 'unknown') run.numbers.giveBack([sequence]);
  });
  return placed;
}

/**
 * Claim an event's id and store its payload; find out where its row belongs.
 *
 * A claim of the same owner, or one that its owner has abandoned, is that of an earlier run. If its row exists, only
 * the deliveries are left to do. If not, the earlier run may still be alive for a while: this one fails then, and comes
 * again. After that the event goes to the new number.
 */
async function placeFact({ ports, policy, claims }: TenantRun, candidate: Candidate, sequence: number): Promise<Place> {
  const { event, owner } = candidate;
  const { id, tenant } = event;
  const wanted: EventClaim = { id, owner, tenant, sequence, claimedAtMs: ports.clock.nowMs() };
  // A lost answer may be that of a claim that was made.
  claims.set(candidate, wanted);
  const standing = await ports.events.claim(wanted);
  const isAbandoned = standing.isAbandoned === true && standing.tenant === tenant;
  if (standing.owner !== owner && !isAbandoned) return { kind: 'duplicate' };
  claims.set(candidate, standing);
  if (standing.sequence !== sequence) {
    const [stored] = await ports.events.getMany([standing]);
    if (stored?.id === id) return { kind: 'placed', placed: { candidate, event, row: stored, stored: true } };
    const mayStillBeWritten = wanted.claimedAtMs - standing.claimedAtMs <= limits.sequenceHoleLifetimeMs;
    if (!mayStillBeWritten) claims.set(candidate, wanted);
    if (mayStillBeWritten || !(await ports.events.moveClaim(standing, wanted)))
      return {
        kind: 'contended',
        error: new EngineError('contended', `another run is publishing ${id}`, { retryable: true }),
      };
  }
  const row = await toEventRow(ports, policy, candidate, sequence);
  return { kind: 'placed', placed: { candidate, event, row, stored: false } };
}
