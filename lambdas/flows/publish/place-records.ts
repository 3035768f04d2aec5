import { EngineError } from '../../contracts/engine-error.ts';
import { canonicalJson } from '../../engine/records/canonical-json.ts';
import type { Decision } from '../../engine/records/decide-observation.ts';
import type { Fold, FoldedEvent } from '../../engine/records/fold-observations.ts';
import type { RecordState } from '../../engine/records/record-state.ts';
import type { EventClaim } from '../../ports/events/event-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { planRecords, type RecordPlan } from './plan-records.ts';
import type { Placed } from './publication.ts';
import type { NumberUse } from './sequence-numbers.ts';
import { maxPlacedAtATime, type RecordGroup, type TenantRun } from './tenant-run.ts';
import { toEventRow } from './to-event-row.ts';

/** Times that the state of a record is decided when other writers come first. */
const maxRounds = 5;
/** Pause before another round, times the round: about as long as a write takes. */
const roundPauseMs = 20;

/** Numbers that the events of plans need: a use for each plan, in their order. */
export function numbersFor(plans: readonly RecordPlan[]): readonly NumberUse[] {
  return plans.map(({ fold, stored }) => ({
    count: fold.events.length,
    // Not only above the last: a resumed change has a later number than those after it that were never written.
    above: Math.max(0, ...(stored.state?.changes ?? []).map(({ sequence }) => sequence)),
  }));
}

/**
 * Write the states of records on condition, and give each event its row.
 *
 * Where another writer was first, the record is read and decided again. A record that others write all the time fails
 * its own candidates alone, and their inputs come again in seconds. So do candidates whose earlier run may still write
 * its event.
 *
 * @param numbers - Of the first round, as {@link numbersFor} asks for them.
 */
export async function placeRecords(
  run: TenantRun,
  plans: readonly RecordPlan[],
  numbers: readonly (readonly number[])[],
): Promise<readonly Placed[]> {
  const placed: Placed[] = [];
  let round = { plans, numbers };
  for (let count = 1; round.plans.length > 0; count += 1) {
    const left = await placeRound(run, round, placed);
    const isLast = count === maxRounds;
    if (isLast)
      failGroups(
        run,
        left,
        ({ key }) =>
          new EngineError('contended', `others write record ${key.recordId} at the same time`, { retryable: true }),
      );
    if (isLast || left.length === 0) return placed;
    await run.ports.pause(roundPauseMs * count * (0.5 + run.ports.randomness.fraction()));
    try {
      const again = await planRecords(run, left);
      round = { plans: again, numbers: await run.numbers.take(numbersFor(again)) };
    } catch (error) {
      failGroups(run, left, () => error);
      return placed;
    }
  }
  return placed;
}

interface Round {
  readonly plans: readonly RecordPlan[];
  readonly numbers: readonly (readonly number[])[];
}

/** @returns What is to be decided again. */
async function placeRound(run: TenantRun, { plans, numbers }: Round, placed: Placed[]): Promise<RecordGroup[]> {
  const left: RecordGroup[] = [];
  await forEachAtMost(maxPlacedAtATime, [...plans.entries()], async ([index, plan]) => {
    const { group } = plan;
    const own = numbers[index] ?? [];
    const fold = plan.foldWith(own, run.numbers.takenAtMs);
    // One request writes the state and the pointers. Where the state is not written, they point to nothing: a pointer
    // is a claim of its input, which is decided again.
    const [writing, pointed] = await Promise.all([
      fold.next === undefined ? true : writeState(run, plan, fold.next).catch((error: unknown) => ({ error })),
      fold.next === undefined ? new Set<string>() : point(run, plan, fold),
    ]);
    if (writing === false) {
      run.numbers.giveBack(own);
      left.push(group);
      return;
    }
    if (writing !== true) {
      // The state may name these numbers, so they are not sealed: a retry finds out.
      failGroups(run, [group], () => writing.error);
      return;
    }
    settle(run, plan, fold);
    placed.push(...(await placeEvents(run, plan, fold, pointed)), ...placedBefore(plan, fold));
    const undecided = undecidedOf(plan, fold);
    if (undecided.candidates.length > 0) left.push(undecided);
  });
  return left;
}

/** @returns Whether the state is written. */
async function writeState({ ports }: TenantRun, { group, stored }: RecordPlan, next: RecordState): Promise<boolean> {
  if (await ports.records.write(group.key, stored, next)) return true;
  // The client may have sent the write twice: then the second finds what the first wrote.
  const [found] = await ports.records.getMany([group.key]);
  return found?.state !== undefined && canonicalJson(found.state) === canonicalJson(next);
}

function settle({ publications }: TenantRun, { group }: RecordPlan, { decisions }: Fold): void {
  for (const [place, { kind }] of decisions.entries()) {
    const candidate = group.candidates[place];
    if (candidate === undefined) continue;
    if (kind === 'stale' || kind === 'unchanged' || kind === 'duplicate') publications.set(candidate, { kind });
    else if (kind === 'absorb') publications.set(candidate, { kind: 'unchanged' });
  }
}

function pointerTo({ tenant }: TenantRun, { change }: FoldedEvent): EventClaim {
  const { event: id, owner, sequence, takenAtMs } = change;
  return { id, owner, tenant, sequence, claimedAtMs: takenAtMs };
}

/** @returns Ids of the events that have their pointers; the others get them with their rows. */
async function point(run: TenantRun, { group }: RecordPlan, { events }: Fold): Promise<ReadonlySet<string>> {
  const free = events.flatMap((event) => {
    const candidate = group.candidates[event.place];
    // What this run has claimed is there already.
    return candidate === undefined || run.claims.has(candidate) ? [] : { candidate, pointer: pointerTo(run, event) };
  });
  const pointed = await run.ports.events.point(free.map(({ pointer }) => pointer));
  for (const { candidate, pointer } of free) if (pointed.has(pointer.id)) run.claims.set(candidate, pointer);
  return pointed;
}

/**
 * The rows of new events. One whose data cannot be stored fails alone: its input resumes the change.
 *
 * @param pointed - Ids that have their pointers.
 */
async function placeEvents(
  run: TenantRun,
  { group }: RecordPlan,
  { events }: Fold,
  pointed: ReadonlySet<string>,
): Promise<readonly Placed[]> {
  const placed = await Promise.all(
    events.map(async (folded: FoldedEvent): Promise<Placed | undefined> => {
      const { place, change, prior } = folded;
      const candidate = group.candidates[place];
      if (candidate === undefined) return undefined;
      const { sequence } = change;
      const event = { ...candidate.event, id: change.event, type: change.type };
      const pointer = pointed.has(event.id) ? undefined : pointerTo(run, folded);
      try {
        const row = await toEventRow(run.ports, run.policy, { event, hops: candidate.hops }, sequence, prior);
        return { candidate, event, row, stored: false, pointer };
      } catch (error) {
        run.publications.set(candidate, { kind: 'failed', error });
        return undefined;
      }
    }),
  );
  return placed.filter((one) => one !== undefined);
}

/** Events that earlier runs wrote: only their deliveries are left to do. */
function placedBefore({ group, rows }: RecordPlan, { decisions }: Fold): readonly Placed[] {
  return decisions.flatMap((decision, place): Placed | readonly Placed[] => {
    const candidate = group.candidates[place];
    if (candidate === undefined || decision.kind !== 'again') return [];
    const row = rows.get(decision.change.sequence);
    if (row === undefined) return [];
    return { candidate, event: { ...candidate.event, id: row.id, type: row.type }, row, stored: true };
  });
}

/** Candidates that wait for another run, or whose earlier event was not looked for. */
function undecidedOf({ group, rows }: RecordPlan, { decisions }: Fold): RecordGroup {
  const isUndecided = (decision: Decision | undefined) =>
    decision?.kind === 'wait' || (decision?.kind === 'again' && !rows.has(decision.change.sequence));
  return {
    key: group.key,
    candidates: group.candidates.filter((_, place) => isUndecided(decisions[place])),
    observations: group.observations.filter((_, place) => isUndecided(decisions[place])),
  };
}

function failGroups(
  { publications }: TenantRun,
  groups: readonly RecordGroup[],
  errorOf: (group: RecordGroup) => unknown,
): void {
  for (const group of groups)
    for (const candidate of group.candidates) publications.set(candidate, { kind: 'failed', error: errorOf(group) });
}
