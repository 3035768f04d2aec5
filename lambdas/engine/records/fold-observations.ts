import { type Absence, type Decision, decideObservation } from './decide-observation.ts';
import { changeKey } from './fingerprint.ts';
import type { Observation, RecordTraits } from './observation.ts';
import { type Rank, type VersionKind, versionOrdinal } from './rank.ts';
import {
  type RecordChange,
  type RecordDrop,
  type RecordState,
  rememberedChanges,
  rememberedDrops,
} from './record-state.ts';

/** Several observations of one record, and what the store knows of it. */
export interface FoldInput {
  readonly traits: RecordTraits;
  /** Undefined where the engine does not know the record. */
  readonly state: RecordState | undefined;
  /** Number of the last write of the record's row, be it of a state that no longer counts; 0 where it has no row. */
  readonly lastN: number;
  readonly observations: readonly Observation[];
  readonly absences: ReadonlyMap<number, Absence>;
  /** Sequence numbers, for the events that are published or resumed, in their order. */
  readonly numbers: readonly number[];
  /** Epoch milliseconds: when the numbers were taken. */
  readonly takenAtMs: number;
  /** The id of the event of an observation, by its place and what names its change. */
  readonly eventIdOf: (place: number, identity: string) => string;
}

/** An event that the fold makes. */
export interface FoldedEvent {
  /** Place of its observation. */
  readonly place: number;
  readonly change: RecordChange;
  /** Sequence number of the record's event before it; undefined for the first. */
  readonly prior: number | undefined;
}

export interface Fold {
  /** One for each observation, in their order. */
  readonly decisions: readonly Decision[];
  /** Events to write, in the order of their numbers. */
  readonly events: readonly FoldedEvent[];
  /** The state to write; undefined where nothing is to be written. */
  readonly next: RecordState | undefined;
}

/**
 * Decide several observations of one record one after the other, oldest first, so that one write of its state serves
 * them all and none of them is stale only because another came in the same batch.
 */
export function foldObservations(input: FoldInput): Fold {
  const { observations, state, absences } = input;
  const decisions = Array.from<Decision>({ length: observations.length });
  const events: FoldedEvent[] = [];
  let current = state;
  for (const place of inOrder(input.traits.versionKind, observations)) {
    const observation = observations[place] as Observation;
    const decided = decideObservation(input.traits, current, observation, absences);
    // The same input is in the batch twice.
    const isOwn = decided.kind === 'again' && events.some(({ change }) => change === decided.change);
    const decision: Decision = isOwn ? { kind: 'duplicate' } : absorbedIfSilent(decided, observation);
    decisions[place] = decision;
    const step = apply(input, current, place, decision, events.length);
    if (step.event !== undefined) events.push(step.event);
    current = step.state;
  }
  return { decisions, events, next: current === state ? undefined : current };
}

/** A silent observation changes the state, and makes no event. */
function absorbedIfSilent(decision: Decision, { isSilent }: Observation): Decision {
  if (isSilent !== true || decision.kind !== 'publish') return decision;
  return { kind: 'absorb', type: decision.type, kept: decision.kept };
}

/** Places of observations, oldest first: by version where all have one, else by time. A deletion comes last. */
function inOrder(kind: VersionKind, observations: readonly Observation[]): readonly number[] {
  const places = [...observations.keys()];
  const versions = observations.map(({ rank: { version } }) =>
    version === undefined ? undefined : versionOrdinal(kind, version),
  );
  const byVersion = versions.every((version) => version !== undefined);
  const before = (one: number, other: number): number => {
    const [first, second] = [observations[one] as Observation, observations[other] as Observation];
    const order = byVersion
      ? Number((versions[one] ?? 0n) - (versions[other] ?? 0n))
      : first.rank.atMs - second.rank.atMs;
    const isEnd = Number(first.change === 'deleted') - Number(second.change === 'deleted');
    return order || isEnd || first.seenAtMs - second.seenAtMs || one - other;
  };
  return places.sort(before);
}

interface Step {
  readonly state: RecordState | undefined;
  readonly event?: FoldedEvent;
}

function apply(
  input: FoldInput,
  state: RecordState | undefined,
  place: number,
  decision: Decision,
  eventIndex: number,
): Step {
  const observation = input.observations[place] as Observation;
  const sequence = input.numbers[eventIndex] ?? 0;
  switch (decision.kind) {
    case 'again':
      return { state: state && takenOver(state, decision, observation) };
    case 'duplicate':
    case 'wait':
      return { state };
    case 'stale':
      return { state: state && dropped(state, observation, 'stale') };
    case 'unchanged':
      return { state: state && unchanged(state, observation, decision) };
    case 'resume':
      return state === undefined ? { state } : resumed(input, state, observation, place, decision, sequence);
    case 'absorb':
      return absorbed(input, state, observation, decision);
    case 'publish':
      return published(input, state, observation, place, decision, sequence);
  }
}

function unchanged(
  state: RecordState,
  observation: Observation,
  { advances, deletes, remembers }: Extract<Decision, { kind: 'unchanged' }>,
): RecordState {
  const later = advances ? advanced(state, observation) : state;
  if (remembers !== undefined) return { ...later, n: state.n + 1, changes: remembers };
  if (!advances) return dropped(state, observation, 'unchanged');
  const end = deletes === true ? { isDeleted: true, fingerprint: undefined } : {};
  return dropped({ ...later, ...end, n: state.n + 1 }, observation, 'unchanged');
}

/** A change that was given up is its finder's: the deliveries of its event are queued once, and not by each poll. */
function takenOver(
  state: RecordState,
  { change, advances }: Extract<Decision, { kind: 'again' }>,
  observation: Observation,
): RecordState {
  if (change.isAbandoned !== true) return state;
  const { isAbandoned: _, ...same } = change;
  const later = advances ? advanced(state, observation) : state;
  const changes = state.changes.map((one) => (one === change ? { ...same, ...heldBy(observation) } : one));
  return { ...later, n: state.n + 1, changes };
}

/** The input that brings a change, so that its retries find it. */
function heldBy({ owner, changeName }: Observation): Pick<RecordChange, 'owner' | 'key'> {
  return { owner, key: changeKey(changeName) };
}

/** The same state, as a later input found it. */
function advanced(state: RecordState, observation: Observation): RecordState {
  const { seenAtMs, by } = observation;
  return { ...state, ...rankAfter(state, observation), seenAtMs, isRead: by === 'read' };
}

/** A poll that finds nothing new writes nothing: only what a webhook or a late read said is worth a write. */
function dropped(state: RecordState, observation: Observation, outcome: RecordDrop['outcome']): RecordState {
  if (observation.by === 'read' && outcome === 'unchanged') return state;
  const { origin, rank, seenAtMs } = observation;
  const drop: RecordDrop = {
    outcome,
    origin,
    ...(rank.version === undefined ? {} : { version: rank.version }),
    atMs: rank.atMs,
    seenAtMs,
  };
  return { ...state, n: state.n + 1, drops: [...state.drops, drop].slice(-rememberedDrops) };
}

/** The event of a change that was not written gets a later number, and the type that subscribers need now. */
function resumed(
  { takenAtMs }: FoldInput,
  state: RecordState,
  observation: Observation,
  place: number,
  { change, type, kept, rest, advances }: Extract<Decision, { kind: 'resume' }>,
  sequence: number,
): Step {
  const { isAbandoned: _, ...same } = change;
  const later: RecordChange = { ...same, ...heldBy(observation), type, sequence, takenAtMs };
  const ranked = advances ? advanced(state, observation) : state;
  return {
    state: { ...ranked, n: state.n + 1, changes: [...kept, later, ...rest] },
    event: { place, change: later, prior: kept.at(-1)?.sequence },
  };
}

function published(
  { lastN, takenAtMs, eventIdOf }: FoldInput,
  state: RecordState | undefined,
  observation: Observation,
  place: number,
  { type, identity, kept }: Extract<Decision, { kind: 'publish' }>,
  sequence: number,
): Step {
  const { origin, fingerprint, seenAtMs } = observation;
  const n = (state?.n ?? lastN) + 1;
  const change: RecordChange = {
    sequence,
    // No later state of the record has this number.
    event: eventIdOf(place, identity ?? `state ${n} ${fingerprint ?? ''}`),
    type,
    origin,
    ...heldBy(observation),
    takenAtMs,
  };
  return {
    state: {
      n,
      ...rankAfter(state, observation),
      seenAtMs,
      isRead: observation.by === 'read',
      fingerprint,
      isDeleted: type === 'record:deleted',
      changes: [...kept, change].slice(-rememberedChanges),
      drops: state?.drops ?? [],
    },
    event: { place, change, prior: kept.at(-1)?.sequence },
  };
}

function absorbed(
  { lastN }: FoldInput,
  state: RecordState | undefined,
  observation: Observation,
  { type, kept }: Extract<Decision, { kind: 'absorb' }>,
): Step {
  return {
    state: {
      n: (state?.n ?? lastN) + 1,
      ...rankAfter(state, observation),
      seenAtMs: observation.seenAtMs,
      isRead: observation.by === 'read',
      fingerprint: observation.fingerprint,
      isDeleted: type === 'record:deleted',
      changes: kept,
      drops: state?.drops ?? [],
    },
  };
}

/** A version that an input lacks is unknown from then on, but for the last one; time never runs back. */
function rankAfter(state: RecordState | undefined, { rank }: Observation): Rank & Pick<RecordState, 'lastVersion'> {
  const isLater = state === undefined || rank.atMs >= state.atMs;
  return {
    version: rank.version,
    lastVersion: rank.version === undefined ? (state?.version ?? state?.lastVersion) : undefined,
    atMs: isLater ? rank.atMs : state.atMs,
    isReceipt: isLater ? rank.isReceipt : state.isReceipt,
  };
}
