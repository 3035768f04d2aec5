import { EngineError } from '../../contracts/engine-error.ts';
import type { EventClaim } from '../../ports/events/event-store.ts';
import { type RecordCandidate, recordEventIdOf } from './observe-candidate.ts';
import type { TenantRun } from './tenant-run.ts';

/** The state gives the number: a claim of a name has none until the event is written. */
const noNumber = 0;

/**
 * Claim the name of a change, where nothing else tells it from one that was published before. Another owner's claim
 * makes the candidate a duplicate, unless that owner gave up. If an earlier run stored the event, its deliveries are
 * left to do.
 *
 * @throws {contended} when another run claims the name at the same time.
 */
export async function claimName(run: TenantRun, candidate: RecordCandidate): Promise<void> {
  const { ports, tenant, claims, publications } = run;
  const { owner, record } = candidate;
  if (record.changeName === undefined) return;
  const id = recordEventIdOf(candidate, record.changeName);
  const wanted: EventClaim = { id, owner, tenant, sequence: noNumber, claimedAtMs: ports.clock.nowMs() };
  // A lost answer may be that of a claim that was made.
  claims.set(candidate, wanted);
  const standing = await ports.events.claim(wanted);
  if (standing.owner === owner) {
    claims.set(candidate, standing);
    return findStored(run, candidate, standing);
  }
  claims.delete(candidate);
  if (standing.isAbandoned !== true || standing.tenant !== tenant) {
    publications.set(candidate, { kind: 'duplicate' });
    return;
  }
  const taken = { ...wanted, sequence: standing.sequence };
  if (!(await ports.events.moveClaim(standing, taken)))
    throw new EngineError('contended', `another run is publishing ${id}`, { retryable: true });
  claims.set(candidate, taken);
  await findStored(run, candidate, taken);
}

/** Look for the event that an earlier run of the input stored, although the record's state no longer remembers it. */
export async function findEarlier(run: TenantRun, candidate: RecordCandidate): Promise<void> {
  const { changeName, version } = candidate.record;
  const identities = [version === undefined ? [] : `version ${version}`, changeName ?? []].flat();
  for (const identity of identities) {
    const claim = await run.ports.events.findClaim(recordEventIdOf(candidate, identity));
    if (claim?.owner === candidate.owner) await findStored(run, candidate, claim);
  }
}

async function findStored({ ports, stored }: TenantRun, candidate: RecordCandidate, claim: EventClaim): Promise<void> {
  if (claim.sequence === noNumber) return;
  const [row] = await ports.events.getMany([claim]);
  if (row?.id === claim.id) stored.set(candidate, row);
}
