import { limits } from '../../contracts/limits.ts';
import { retriedForMs } from '../../engine/delivery/message-backoff.ts';
import type { Absence, Decision } from '../../engine/records/decide-observation.ts';
import { type Fold, foldObservations } from '../../engine/records/fold-observations.ts';
import type { RecordChange } from '../../engine/records/record-state.ts';
import type { EventRow } from '../../ports/events/event-store.ts';
import type { StoredRecord } from '../../ports/events/record-states.ts';
import { findEarlier } from './claim-name.ts';
import { claimNames, regroup } from './group-records.ts';
import { isUnsure } from './lost-changes.ts';
import { type RecordCandidate, recordEventIdOf } from './observe-candidate.ts';
import type { RecordGroup, TenantRun } from './tenant-run.ts';

/** A group, what is stored for its record, and what follows from both. */
export interface RecordPlan {
  readonly group: RecordGroup;
  readonly stored: StoredRecord;
  readonly fold: Fold;
  /** Decide anew, with the numbers of the events. */
  readonly foldWith: (numbers: readonly number[], takenAtMs: number) => Fold;
  /** Rows of changes that earlier runs made, by sequence number. */
  readonly rows: ReadonlyMap<number, EventRow>;
}

/** How long the event of a creation or a deletion may still be missing. */
const unsettledMs = retriedForMs;

/** Read the states of records, and decide what the observations of each are. States are one read, and rows another. */
export async function planRecords(run: TenantRun, groups: readonly RecordGroup[]): Promise<readonly RecordPlan[]> {
  const stored = await run.ports.records.getMany(groups.map(({ key }) => key));
  const nowMs = run.ports.clock.nowMs();
  const drafts = await settleNames(
    run,
    groups.map((group, index) => draftOf(group, stored[index] as StoredRecord, nowMs)),
    nowMs,
  );
  const { tenant } = run;
  const sequences = [...new Set(drafts.flatMap(({ checked }) => [...checked.keys()]))];
  const keys = sequences.map((sequence) => ({ tenant, sequence }));
  const found = keys.length === 0 ? [] : await run.ports.events.getMany(keys);
  const rows = new Map(found.map((row) => [row.sequence, row]));
  return drafts.map(({ group, known, checked }) => {
    const absences = absencesOf(checked, rows, nowMs);
    const foldWith = (numbers: readonly number[], takenAtMs: number) =>
      foldGroup(group, known, absences, numbers, takenAtMs);
    return { group, stored: known, rows, fold: foldWith([], nowMs), foldWith };
  });
}

/** What follows for a group if every event of its state is written. */
interface Draft {
  readonly group: RecordGroup;
  readonly known: StoredRecord;
  readonly decisions: readonly Decision[];
  readonly checked: ReadonlyMap<number, RecordChange>;
}

function draftOf(group: RecordGroup, known: StoredRecord, nowMs: number): Draft {
  const { decisions } = foldGroup(group, known, new Map(), [], nowMs);
  const isLastLost = group.candidates.some(({ record }) => record.isLastLost === true);
  return { group, known, decisions, checked: sequencesToCheck(known, decisions, nowMs, isLastLost) };
}

/**
 * Look at the names of changes that a state no longer remembers: a webhook at an equal rank may be one that was
 * published before, and a retried one that is dropped may be one whose event an earlier run stored.
 */
async function settleNames(run: TenantRun, drafts: readonly Draft[], nowMs: number): Promise<readonly Draft[]> {
  const webhooks = drafts.flatMap(({ group, decisions }) =>
    group.candidates.flatMap((candidate, place) => {
      const decision = decisions[place];
      return candidate.record.by === 'webhook' && decision !== undefined ? { candidate, decision } : [];
    }),
  );
  const ties = webhooks.filter(({ decision }) => decision.kind === 'publish' && decision.isTie);
  const dropped = webhooks.filter(
    ({ candidate, decision }) =>
      candidate.isRetry === true && (decision.kind === 'stale' || decision.kind === 'unchanged'),
  );
  if (ties.length === 0 && dropped.length === 0) return drafts;
  await claimNames(
    run,
    ties.map(({ candidate }) => candidate),
  );
  for (const { candidate } of dropped) await findEarlier(run, candidate);
  return drafts.flatMap(({ group, known }) => {
    const left = regroup(run, group);
    return left === undefined ? [] : draftOf(left, known, nowMs);
  });
}

function foldGroup(
  { candidates, observations }: RecordGroup,
  { state, lastN }: StoredRecord,
  absences: ReadonlyMap<number, Absence>,
  numbers: readonly number[],
  takenAtMs: number,
): Fold {
  const [first] = candidates;
  return foldObservations({
    traits: first?.record.traits ?? { versionKind: 'opaque', volatile: [] },
    state,
    lastN,
    observations,
    absences,
    numbers,
    takenAtMs,
    eventIdOf: (place, identity) => recordEventIdOf(candidates[place] as RecordCandidate, identity),
  });
}

/**
 * Changes whose events must be looked for: all where an earlier run of the input made one; those of the last hours where
 * an input says nothing new; and, where an event follows, recent ones if one of them is a creation or a deletion,
 * because the type of the next event depends on it.
 */
function sequencesToCheck(
  { state }: StoredRecord,
  decisions: readonly Decision[],
  nowMs: number,
  isLastLost: boolean,
): ReadonlyMap<number, RecordChange> {
  const recent = (state?.changes ?? []).filter(({ takenAtMs }) => nowMs - takenAtMs < unsettledMs);
  const isAgain = decisions.some(({ kind }) => kind === 'again');
  const isNext =
    decisions.some(({ kind }) => kind === 'publish') && recent.some(({ type }) => type !== 'record:updated');
  const isNothingNew = decisions.some(({ kind }) => kind === 'unchanged' || kind === 'duplicate');
  const unsure = (state?.changes ?? []).filter(
    (change, place, all) => isUnsure(change, nowMs) || (isLastLost && place === all.length - 1),
  );
  const checked = isAgain ? (state?.changes ?? []) : isNothingNew ? unsure : isNext ? recent : [];
  return new Map(checked.map((change) => [change.sequence, change]));
}

function absencesOf(
  checked: ReturnType<typeof sequencesToCheck>,
  rows: ReadonlyMap<number, EventRow>,
  nowMs: number,
): ReadonlyMap<number, Absence> {
  const absences = new Map<number, Absence>();
  for (const [sequence, { event, takenAtMs }] of checked) {
    if (rows.get(sequence)?.id === event) continue;
    // After this time its writer begins no write, and a reader may have passed the number.
    absences.set(sequence, nowMs - takenAtMs <= limits.sequenceHoleLifetimeMs ? 'pending' : 'never');
  }
  return absences;
}
