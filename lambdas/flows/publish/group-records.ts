import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { claimName } from './claim-name.ts';
import { isOrderedByReceipt, observationOf, type RecordCandidate, recordKeyOf } from './observe-candidate.ts';
import { maxPlacedAtATime, type RecordGroup, type TenantRun } from './tenant-run.ts';

/** Bring the candidates of each record together. Duplicates that only their names show have ended here. */
export async function groupRecords(
  run: TenantRun,
  candidates: readonly RecordCandidate[],
): Promise<readonly RecordGroup[]> {
  await claimNames(run, candidates.filter(isOrderedByReceipt));
  const groups = Map.groupBy(withoutEnded(run, candidates), ({ event, record: { incarnation } }) =>
    JSON.stringify([event.account, incarnation, event.resource, event.record_id]),
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : toGroup(first, group);
  });
}

/** Claim the names of changes. A claim that fails fails its candidate alone. */
export async function claimNames(run: TenantRun, candidates: readonly RecordCandidate[]): Promise<void> {
  await forEachAtMost(maxPlacedAtATime, candidates, (candidate) =>
    claimName(run, candidate).catch((error: unknown) => {
      run.publications.set(candidate, { kind: 'failed', error });
    }),
  );
}

/** The group without the candidates that have ended; undefined if none is left. */
export function regroup(run: TenantRun, { candidates }: RecordGroup): RecordGroup | undefined {
  const left = withoutEnded(run, candidates);
  const [first] = left;
  return first === undefined ? undefined : toGroup(first, left);
}

function withoutEnded(
  { publications, stored }: TenantRun,
  candidates: readonly RecordCandidate[],
): readonly RecordCandidate[] {
  return candidates.filter((candidate) => !publications.has(candidate) && !stored.has(candidate));
}

function toGroup(first: RecordCandidate, candidates: readonly RecordCandidate[]): RecordGroup {
  return { key: recordKeyOf(first), candidates, observations: candidates.map(observationOf) };
}
