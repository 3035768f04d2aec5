import type { RecordEventType } from '../event/canonical-event.ts';
import { changeKey } from './fingerprint.ts';
import type { Observation, RecordTraits } from './observation.ts';
import { compareRanks, type Rank, type VersionKind, versionOrdinal } from './rank.ts';
import type { RecordChange, RecordState } from './record-state.ts';

/** Whether the event of a change is in the events table, by its sequence number. */
export type Absence =
  /** It is not there, and its writer may still write it. */
  | 'pending'
  /** It is not there, and its writer can no longer write it. */
  | 'never';

/** What an observation is for the record that it is about. */
export type Decision =
  /** An earlier run of this input made this change, or an input that was given up. */
  | { readonly kind: 'again'; readonly change: RecordChange; readonly advances: boolean }
  /** The same, and its event was never written: it is written now, under a later number. */
  | {
      readonly kind: 'resume';
      readonly change: RecordChange;
      readonly type: RecordEventType;
      /** The changes that have an event; the resumed one follows them. */
      readonly kept: readonly RecordChange[];
      /** Later changes that have none either: their inputs resume them. */
      readonly rest: readonly RecordChange[];
      /** Whether a later input brings it: the state's rank rises. */
      readonly advances: boolean;
    }
  /** Another input brought the same change: the provider sent its webhook twice. */
  | { readonly kind: 'duplicate' }
  /** The record has moved on. */
  | { readonly kind: 'stale' }
  /**
   * Subscribers know the record as it is. `advances` where the state's rank rises all the same; `deletes` where the
   * record is deleted before the event of its creation was written; `remembers` where changes that were not written are
   * forgotten, because their inputs have ended.
   */
  | {
      readonly kind: 'unchanged';
      readonly advances: boolean;
      readonly deletes?: true;
      readonly remembers?: readonly RecordChange[];
    }
  /** A change that subscribers are not told of: the state takes it over. */
  | { readonly kind: 'absorb'; readonly type: RecordEventType; readonly kept: readonly RecordChange[] }
  /** The event of the change before is not written yet, and this one's type depends on it. */
  | { readonly kind: 'wait'; readonly change: RecordChange }
  | {
      readonly kind: 'publish';
      readonly type: RecordEventType;
      /** Names the change in the event's id; undefined where only the number of the state that it makes can. */
      readonly identity: string | undefined;
      /** The changes that have an event; the new one follows them. */
      readonly kept: readonly RecordChange[];
      /** Whether nothing but its name tells it from a change that was published before: their ranks are equal. */
      readonly isTie: boolean;
    };

/**
 * Decide what an observation is.
 *
 * @param state - Undefined for a record that the engine does not know.
 * @param absences - Changes of the state whose events are not in the events table, by sequence number.
 */
export function decideObservation(
  traits: RecordTraits,
  state: RecordState | undefined,
  observation: Observation,
  absences: ReadonlyMap<number, Absence>,
): Decision {
  if (state === undefined && observation.isAbsence === true)
    return observation.isTombstone === true
      ? { kind: 'absorb', type: 'record:deleted', kept: [] }
      : { kind: 'unchanged', advances: false };
  if (state === undefined)
    return {
      kind: 'publish',
      // Of a record that was known before states were kept, the provider knows whether it is new.
      type: `record:${observation.change === 'unknown' ? 'created' : observation.change}`,
      identity: identityOf(traits, undefined, observation),
      kept: [],
      isTie: false,
    };
  const own = ownChange(state, observation);
  if (own !== undefined) return continueChange(state, own, absences);
  const repeated = repeatedChange(state, observation);
  if (repeated !== undefined)
    return isNeverWritten(repeated, absences) ? continueChange(state, repeated, absences) : { kind: 'duplicate' };
  const order = orderOf(traits, state, observation);
  const verdict =
    order < 0 ? 'stale' : order === 0 ? atEqualRank(state, observation) : atHigherRank(state, observation);
  if (verdict === 'stale') return { kind: 'stale' };
  if (verdict === 'unchanged') {
    const last = state.changes.at(-1);
    if (last !== undefined && (last.isAbandoned === true || isNeverWritten(last, absences)))
      // A later input that brings the change of an earlier one says that the record is still so.
      return continueChange(state, last, absences, order > 0);
    return { kind: 'unchanged', advances: order > 0 };
  }
  return publish(traits, state, observation, absences, order === 0);
}

/** The change that an earlier run of the same input made, or one that its input gave up. */
function ownChange(state: RecordState, observation: Observation): RecordChange | undefined {
  const { by, owner, changeName } = observation;
  if (by === 'read') {
    // A repeated read may find another state: only the same state is the change of the earlier read.
    const last = state.changes.at(-1);
    return last?.owner === owner && isSameState(state, observation) ? last : undefined;
  }
  const key = changeKey(changeName);
  return state.changes.find((change) => change.key === key && (change.owner === owner || change.isAbandoned === true));
}

function isSameState(state: RecordState, { change, fingerprint }: Observation): boolean {
  if (change === 'deleted' || state.isDeleted) return change === 'deleted' && state.isDeleted;
  return fingerprint !== undefined && fingerprint === state.fingerprint;
}

function continueChange(
  state: RecordState,
  change: RecordChange,
  absences: ReadonlyMap<number, Absence>,
  advances = false,
): Decision {
  switch (absences.get(change.sequence)) {
    case undefined:
      return { kind: 'again', change, advances };
    case 'pending':
      return { kind: 'wait', change };
    case 'never':
      return resumeChange(state, change, absences, advances);
  }
}

/** Write the event of a change that was not written, unless a later event holds a later state. */
function resumeChange(
  state: RecordState,
  change: RecordChange,
  absences: ReadonlyMap<number, Absence>,
  advances: boolean,
): Decision {
  const place = state.changes.indexOf(change);
  const rest = state.changes.slice(place + 1);
  const pending = rest.find(({ sequence }) => absences.get(sequence) === 'pending');
  if (pending !== undefined) return { kind: 'wait', change: pending };
  // It would take the record back in time.
  if (rest.some(({ sequence }) => absences.get(sequence) !== 'never')) return { kind: 'stale' };
  const told = toldOf({ ...state, changes: state.changes.slice(0, place + 1) }, absences);
  if (told.waitsFor !== undefined) return { kind: 'wait', change: told.waitsFor };
  const isDeleted = rest.length === 0 ? state.isDeleted : change.type === 'record:deleted';
  const type = typeOf(isDeleted, told.isAlive);
  // Subscribers do not know a record whose creation was not written either.
  if (type === undefined) return { kind: 'unchanged', advances, remembers: [...told.kept, ...rest] };
  return { kind: 'resume', change, type, kept: told.kept, rest, advances };
}

/** What subscribers know of a record. */
interface Told {
  /** The changes whose events are written, or are assumed to be. */
  readonly kept: readonly RecordChange[];
  readonly isAlive: boolean;
  /** A change whose event may still be written, after the kept ones. */
  readonly waitsFor: RecordChange | undefined;
}

/** Leave out the last changes that never became events: what follows takes their place. */
function toldOf({ changes, isDeleted }: RecordState, absences: ReadonlyMap<number, Absence>): Told {
  const lastWritten = changes.findLastIndex(({ sequence }) => absences.get(sequence) !== 'never');
  const last = changes[lastWritten];
  const [first] = changes;
  const kept = changes.slice(0, lastWritten + 1);
  const waitsFor = last !== undefined && absences.get(last.sequence) === 'pending' ? last : undefined;
  if (last !== undefined) return { kept, waitsFor, isAlive: last.type !== 'record:deleted' };
  // Before its first change the record was there, unless that change made it.
  return { kept, waitsFor, isAlive: first === undefined ? !isDeleted : first.type !== 'record:created' };
}

/** The type that leads subscribers from what they know to what is; undefined where they know it. */
function typeOf(isDeleted: boolean, wasAlive: boolean): RecordEventType | undefined {
  if (isDeleted) return wasAlive ? 'record:deleted' : undefined;
  return wasAlive ? 'record:updated' : 'record:created';
}

function repeatedChange({ changes }: RecordState, { changeName }: Observation): RecordChange | undefined {
  return changeName === undefined ? undefined : changes.find(({ key }) => key === changeKey(changeName));
}

/** Its input may have ended before it could give the change up, for example where the function was killed. */
function isNeverWritten({ sequence }: RecordChange, absences: ReadonlyMap<number, Absence>): boolean {
  return absences.get(sequence) === 'never';
}

function orderOf({ versionKind }: RecordTraits, state: RecordState, observation: Observation): number {
  const { by, rank, seenAtMs } = observation;
  const byLastVersion = orderByLastVersion(versionKind, state, observation);
  if (byLastVersion !== undefined) return byLastVersion;
  // A read includes every change before it began, and a webhook without a version may be one of them.
  const isMixed = rank.version === undefined && state.version !== undefined;
  const known: Rank =
    by === 'webhook' && isMixed && state.isRead ? { atMs: Math.max(state.atMs, state.seenAtMs) } : state;
  const order = compareRanks(versionKind, rank, known);
  const isByTime = rank.version === undefined || known.version === undefined;
  const isOurClock = isByTime && state.isReceipt === true && rank.isReceipt !== true;
  if (!isOurClock || order >= 0) return order;
  // The record was read after the receipt, whatever time the provider gives its last change.
  if (by === 'read') return seenAtMs > known.atMs ? 0 : order;
  if (state.isDeleted) return order;
  // A read began at that time by our clock; providers write seconds, and their clocks differ.
  if (state.isRead) return known.atMs - rank.atMs <= readSkewMs ? 0 : order;
  // What was received at that time happened before it, and so may a change that is received later.
  return 0;
}

/**
 * Compare a version with the last one that an input gave, where the state has none.
 *
 * @returns Undefined where that does not tell which is newer: the input without a version may be newer than both.
 */
function orderByLastVersion(
  kind: VersionKind,
  { lastVersion }: RecordState,
  { by, rank: { version } }: Observation,
): number | undefined {
  if (lastVersion === undefined || version === undefined) return undefined;
  const [known, seen] = [versionOrdinal(kind, lastVersion), versionOrdinal(kind, version)];
  if (known === undefined || seen === undefined || seen > known) return undefined;
  if (seen < known) return -1;
  // Times are written in seconds, so two changes may have one; a number has one, and a webhook only says it again.
  return by === 'webhook' && kind === 'integer' ? -1 : 0;
}

/** By how much the provider's time of a change may be before a read that did not include it. */
const readSkewMs = 5_000;

type Verdict = 'stale' | 'unchanged' | 'changed';

/** The versions or times are equal: providers write them in seconds, or change a record without them. */
function atEqualRank(state: RecordState, { by, change, fingerprint, seenAtMs }: Observation): Verdict {
  const isLater = by === 'read' ? seenAtMs > state.seenAtMs : seenAtMs >= state.seenAtMs;
  // The last change of a record is its end.
  if (change === 'deleted') return state.isDeleted ? 'unchanged' : 'changed';
  if (state.isDeleted) return by === 'read' && isLater ? 'changed' : 'stale';
  if (fingerprint !== undefined && fingerprint === state.fingerprint) return 'unchanged';
  // The data of a partial input was never the whole record: a full one completes it.
  if (fingerprint !== undefined && state.fingerprint === undefined) return 'changed';
  return isLater ? 'changed' : 'stale';
}

function atHigherRank(state: RecordState, { change, fingerprint }: Observation): Verdict {
  if (change === 'deleted') return state.isDeleted ? 'unchanged' : 'changed';
  return !state.isDeleted && fingerprint !== undefined && fingerprint === state.fingerprint ? 'unchanged' : 'changed';
}

function publish(
  traits: RecordTraits,
  state: RecordState,
  observation: Observation,
  absences: ReadonlyMap<number, Absence>,
  isTie: boolean,
): Decision {
  const { kept, isAlive, waitsFor } = toldOf(state, absences);
  if (waitsFor !== undefined) return { kind: 'wait', change: waitsFor };
  const type = typeOf(observation.change === 'deleted', isAlive);
  if (type === undefined) return { kind: 'unchanged', advances: true, deletes: true };
  return { kind: 'publish', type, identity: identityOf(traits, state, observation), kept, isTie };
}

/** What names a change: the version, so that a webhook and a poll of it have the same id; else the provider's name. */
function identityOf(
  { versionKind }: RecordTraits,
  state: RecordState | undefined,
  { rank: { version }, changeName }: Observation,
): string | undefined {
  // At an equal version, or one without an order, two different changes may have the same.
  const isOfThisVersion =
    version !== undefined &&
    versionOrdinal(versionKind, version) !== undefined &&
    version !== (state?.version ?? state?.lastVersion);
  return isOfThisVersion ? `version ${version}` : changeName;
}
