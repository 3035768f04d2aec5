import type { EventClaim } from '../../ports/events/event-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { type RecordCandidate, recordKeyOf } from './observe-candidate.ts';
import type { Candidate, PublishPorts } from './publication.ts';
import { maxPlacedAtATime } from './tenant-run.ts';

/**
 * Mark what candidates began as given up, so that another input with the same change continues it. Best effort: what
 * failed before may fail here.
 */
export async function abandon(
  ports: PublishPorts,
  candidates: readonly Candidate[],
  claims: ReadonlyMap<Candidate, EventClaim>,
): Promise<void> {
  await forEachAtMost(maxPlacedAtATime, candidates, async (candidate) => {
    const claim = claims.get(candidate);
    if (claim !== undefined) await ports.events.moveClaim(claim, { ...claim, isAbandoned: true }).catch(() => false);
    if (candidate.record !== undefined)
      await abandonChange(ports, { ...candidate, record: candidate.record }).catch(() => false);
  });
}

async function abandonChange({ records }: PublishPorts, candidate: RecordCandidate): Promise<void> {
  const key = recordKeyOf(candidate);
  const [stored] = await records.getMany([key]);
  const state = stored?.state;
  if (stored === undefined || state?.changes.some(({ owner }) => owner === candidate.owner) !== true) return;
  const changes = state.changes.map((change) =>
    change.owner === candidate.owner ? { ...change, isAbandoned: true } : change,
  );
  await records.write(key, stored, { ...state, n: state.n + 1, changes });
}
