import type { Absence, Decision, decideObservation } from '../../../../lambdas/engine/records/decide-observation.ts';
import { changeKey } from '../../../../lambdas/engine/records/fingerprint.ts';
import type { Observation, RecordTraits } from '../../../../lambdas/engine/records/observation.ts';
import type { RecordChange, RecordState } from '../../../../lambdas/engine/records/record-state.ts';

/** What an observation is for a record, given what the engine knows. Mutants of the decision must fail one of these. */
export interface DecisionCase {
  readonly name: string;
  readonly decide: (decide: typeof decideObservation) => Decision;
  /** Members that the decision must have. */
  readonly expected: Readonly<Record<string, unknown>>;
}

const integers: RecordTraits = { versionKind: 'integer', volatile: [] };

const change = (overrides: Partial<RecordChange> = {}): RecordChange => ({
  sequence: 7,
  event: 'evt_7',
  type: 'record:updated',
  origin: 'webhook',
  owner: 'raw_1',
  key: changeKey('delivery 1'),
  takenAtMs: 100,
  ...overrides,
});

const state = (overrides: Partial<RecordState> = {}): RecordState => ({
  n: 3,
  version: '5',
  atMs: 1_000,
  seenAtMs: 1_100,
  isRead: false,
  fingerprint: 'f5',
  isDeleted: false,
  changes: [change()],
  drops: [],
  ...overrides,
});

/** A webhook of a later version. */
const webhook = (overrides: Partial<Observation> = {}): Observation => ({
  by: 'webhook',
  extent: 'full',
  change: 'updated',
  rank: { version: '6', atMs: 2_000 },
  seenAtMs: 2_100,
  owner: 'raw_2',
  origin: 'webhook',
  changeName: 'delivery 2',
  fingerprint: 'f6',
  ...overrides,
});

/** A read of a later version. */
const read = (overrides: Partial<Observation> = {}): Observation =>
  webhook({ by: 'read', change: 'unknown', origin: 'poll', changeName: undefined, ...overrides });

const deleted = (overrides: Partial<RecordState> = {}): RecordState =>
  state({ isDeleted: true, fingerprint: undefined, changes: [change({ type: 'record:deleted' })], ...overrides });

type Given = readonly [
  name: string,
  known: RecordState | undefined,
  seen: Observation,
  expected: DecisionCase['expected'] | Decision['kind'],
  absences?: Readonly<Record<number, Absence>>,
  traits?: RecordTraits,
];

const equal = { version: '5', atMs: 1_000 };
const unversioned = state({ version: undefined });
const afterFive = () => state({ version: undefined, lastVersion: '5' });
const later = change({ sequence: 9, owner: 'raw_3', key: changeKey('delivery 3') });
const again = webhook({ owner: 'raw_1', changeName: 'delivery 1', rank: equal });
const resent = webhook({ owner: 'raw_9', changeName: 'delivery 1', rank: equal });
const abandoned = change({ isAbandoned: true });
const byRead = state({ changes: [change({ owner: 'run_1', key: '' })] });
const unwritten = (type: RecordChange['type'], isDeleted = false) =>
  state({ isDeleted, changes: [change({ type })], ...(isDeleted ? { fingerprint: undefined } : {}) });

const given: readonly Given[] = [
  // A record that the engine does not know.
  [
    'an unknown record is created as the webhook says',
    undefined,
    webhook({ change: 'created' }),
    { type: 'record:created' },
  ],
  ['an unknown record is updated as the webhook says', undefined, webhook(), { type: 'record:updated' }],
  [
    'an unknown record is deleted as the webhook says',
    undefined,
    webhook({ change: 'deleted' }),
    { type: 'record:deleted' },
  ],
  ['a record that a read finds is created', undefined, read(), { type: 'record:created', identity: 'version 6' }],

  // The order of versions.
  ['an older version is stale, whatever its time', state(), webhook({ rank: { version: '4', atMs: 9_000 } }), 'stale'],
  [
    'a later version is published, whatever its time',
    state(),
    webhook({ rank: { version: '6', atMs: 1 } }),
    { type: 'record:updated', identity: 'version 6', isTie: false },
  ],
  [
    'a later version of the same data is unchanged',
    state(),
    webhook({ fingerprint: 'f5' }),
    { kind: 'unchanged', advances: true },
  ],
  ['"created" of a known record is an update', state(), webhook({ change: 'created' }), { type: 'record:updated' }],
  [
    'a part of unknown data is a change',
    state({ fingerprint: undefined }),
    webhook({ fingerprint: undefined }),
    { type: 'record:updated' },
  ],
  [
    'a read that does not find an unknown record says nothing',
    undefined,
    read({ change: 'deleted', isAbsence: true, fingerprint: undefined }),
    { kind: 'unchanged', advances: false },
  ],
  [
    'a read that does not find a known record deletes it',
    state(),
    read({ change: 'deleted', isAbsence: true, fingerprint: undefined }),
    { type: 'record:deleted' },
  ],
  ['a later version after a deletion is created', deleted(), webhook(), { type: 'record:created' }],
  [
    'a later version after a deletion is created, though its data is that of before',
    deleted({ fingerprint: 'f6' }),
    webhook(),
    { type: 'record:created' },
  ],
  ['a second deletion is unchanged', deleted(), webhook({ change: 'deleted' }), { kind: 'unchanged', advances: true }],
  ['an update from before the deletion is stale', deleted(), webhook({ rank: { version: '4', atMs: 9_000 } }), 'stale'],
  [
    'a deletion is published',
    state(),
    webhook({ change: 'deleted', fingerprint: undefined }),
    { type: 'record:deleted' },
  ],

  // Equal versions.
  [
    'the same data is unchanged',
    state(),
    webhook({ rank: equal, fingerprint: 'f5' }),
    { kind: 'unchanged', advances: false },
  ],
  [
    'other data received later is a change',
    state(),
    webhook({ rank: equal }),
    { type: 'record:updated', identity: 'delivery 2' },
  ],
  ['other data received at the same time is a change', state(), webhook({ rank: equal, seenAtMs: 1_100 }), 'publish'],
  ['other data received before is stale', state(), webhook({ rank: equal, seenAtMs: 1_099 }), 'stale'],
  [
    'a read that began later is a change',
    state(),
    read({ rank: equal }),
    { kind: 'publish', identity: undefined, isTie: true },
  ],
  ['a read that began at the same time is stale', state(), read({ rank: equal, seenAtMs: 1_100 }), 'stale'],
  [
    'whole data completes a part, whenever it was read',
    state({ fingerprint: undefined }),
    read({ rank: equal, seenAtMs: 9 }),
    'publish',
  ],
  [
    'a part does not complete a part from later',
    state({ fingerprint: undefined }),
    webhook({ rank: equal, fingerprint: undefined, seenAtMs: 9 }),
    'stale',
  ],
  [
    'a part of known data from before is stale',
    state(),
    webhook({ rank: equal, fingerprint: undefined, seenAtMs: 9 }),
    'stale',
  ],
  ['a part of known data is a change', state(), webhook({ rank: equal, fingerprint: undefined }), 'publish'],
  [
    'a deletion is the last change',
    state(),
    webhook({ rank: equal, change: 'deleted', seenAtMs: 9 }),
    { type: 'record:deleted' },
  ],
  [
    'a deletion of what is deleted is unchanged',
    deleted(),
    webhook({ rank: equal, change: 'deleted' }),
    { kind: 'unchanged', advances: false },
  ],
  ['a webhook does not bring back what is deleted', deleted(), webhook({ rank: equal }), 'stale'],
  ['a later read brings back what is deleted', deleted(), read({ rank: equal }), { type: 'record:created' }],
  ['an earlier read does not bring back what is deleted', deleted(), read({ rank: equal, seenAtMs: 9 }), 'stale'],

  // No versions, or one alone.
  ['an older time is stale', unversioned, webhook({ rank: { atMs: 999 } }), 'stale'],
  [
    'a later time is a change, named by its webhook',
    unversioned,
    webhook({ rank: { atMs: 1_001 } }),
    { kind: 'publish', identity: 'delivery 2' },
  ],
  [
    'a read without a version is named by the state that it makes',
    unversioned,
    read({ rank: { atMs: 1_001 } }),
    { kind: 'publish', identity: undefined },
  ],
  [
    'a webhook without a version that a later read includes is stale',
    state({ isRead: true, seenAtMs: 3_000 }),
    webhook({ rank: { atMs: 2_999 } }),
    'stale',
  ],
  [
    'a webhook without a version from after the read is a change',
    state({ isRead: true, seenAtMs: 3_000 }),
    webhook({ rank: { atMs: 3_001 } }),
    'publish',
  ],
  [
    'a webhook includes nothing: only the time of its change counts',
    state({ seenAtMs: 3_000 }),
    webhook({ rank: { atMs: 2_999 } }),
    'publish',
  ],
  [
    'a read without a version is ordered by its time',
    state({ isRead: true, seenAtMs: 3_000 }),
    read({ rank: { atMs: 2_999 } }),
    'publish',
  ],
  [
    'a version is ordered by version, though a read was later',
    state({ isRead: true, seenAtMs: 3_000 }),
    webhook(),
    'publish',
  ],
  [
    'times order what has no version, though a read was later',
    state({ version: undefined, isRead: true, seenAtMs: 3_000 }),
    webhook({ rank: { atMs: 2_999 } }),
    'publish',
  ],

  [
    'a time from before a receipt is not known to be older: the later receipt wins',
    state({ version: undefined, isReceipt: true }),
    webhook({ rank: { atMs: 999 } }),
    { kind: 'publish', isTie: true },
  ],
  [
    'a time from before a receipt is stale where it was received before',
    state({ version: undefined, isReceipt: true }),
    webhook({ rank: { atMs: 999 }, seenAtMs: 1_099 }),
    'stale',
  ],
  [
    'a time from before the receipt of a deletion is stale',
    deleted({ version: undefined, isReceipt: true }),
    webhook({ rank: { atMs: 999 } }),
    'stale',
  ],
  [
    'a receipt from before a receipt is stale',
    state({ version: undefined, isReceipt: true }),
    webhook({ rank: { atMs: 999, isReceipt: true } }),
    'stale',
  ],
  [
    'a read that began after a receipt is later, whatever time the provider gives the change',
    state({ version: undefined, isReceipt: true }),
    read({ rank: { version: '6', atMs: 999 } }),
    { kind: 'publish', identity: 'version 6' },
  ],
  [
    'a read that began before a receipt may have missed it',
    state({ version: undefined, isReceipt: true, fingerprint: undefined }),
    read({ rank: { atMs: 999 }, seenAtMs: 1_000 }),
    'stale',
  ],
  [
    'a read without a time that began before a receipt is stale',
    state({ version: undefined, isReceipt: true, atMs: 2_000, fingerprint: undefined }),
    read({ rank: { atMs: 1_999, isReceipt: true } }),
    'stale',
  ],

  // An input without a version came after one that had a version.
  [
    'an older version is stale, whatever came after it',
    afterFive(),
    webhook({ rank: { version: '4', atMs: 9_000 } }),
    'stale',
  ],
  ['the same number is said again', afterFive(), webhook({ rank: { version: '5', atMs: 9_000 } }), 'stale'],
  [
    'a later version is named by its version',
    afterFive(),
    webhook(),
    { kind: 'publish', identity: 'version 6', isTie: false },
  ],
  [
    'a read of the same number has another id than the first event of it',
    afterFive(),
    read({ rank: equal }),
    { kind: 'publish', identity: undefined },
  ],
  [
    'a deletion without a version is not taken back',
    deleted({ version: undefined, lastVersion: '5' }),
    webhook({ rank: { version: '5', atMs: 9_000 } }),
    'stale',
  ],
  [
    'another change may have the same time, which is no name for it',
    state({ version: undefined, lastVersion: '2026-01-01T00:00:01Z' }),
    webhook({ rank: { version: '2026-01-01T00:00:01Z', atMs: 9_000 } }),
    { kind: 'publish', identity: 'delivery 2', isTie: true },
    {},
    { versionKind: 'time', volatile: [] },
  ],
  [
    'times order what has a version without an order',
    state({ version: undefined, lastVersion: 'etag' }),
    webhook({ rank: { version: 'etag', atMs: 999 } }),
    'stale',
    {},
    { versionKind: 'opaque', volatile: [] },
  ],
  [
    'a time from shortly before a read may be of a change that the read missed',
    state({ version: undefined, isReceipt: true, isRead: true, atMs: 10_000, seenAtMs: 10_000 }),
    webhook({ rank: { atMs: 5_000 }, seenAtMs: 11_000 }),
    { kind: 'publish', isTie: true },
  ],
  [
    'a time from long before a read is stale',
    state({ version: undefined, isReceipt: true, isRead: true, atMs: 10_000, seenAtMs: 10_000 }),
    webhook({ rank: { atMs: 4_999 }, seenAtMs: 11_000 }),
    'stale',
  ],
  [
    'versions decide, whatever was received',
    state({ isReceipt: true }),
    webhook({ rank: { version: '4', atMs: 999 } }),
    'stale',
  ],

  // The same input again.
  ['a retry continues its change', state(), again, { kind: 'again', change: change() }],
  [
    'a retry continues its change, whatever came later',
    state({ version: '8', changes: [change(), later] }),
    again,
    { kind: 'again', change: change() },
  ],
  [
    'a retry waits while the earlier run may still write',
    state(),
    again,
    { kind: 'wait', change: change() },
    { 7: 'pending' },
  ],
  [
    'a retry resumes a change that was not written',
    state(),
    again,
    { kind: 'resume', change: change(), type: 'record:updated', kept: [], rest: [] },
    { 7: 'never' },
  ],
  [
    'a retry is stale where a later change was written',
    state({ changes: [change(), later] }),
    again,
    'stale',
    { 7: 'never' },
  ],
  [
    'a retry resumes before later changes that were not written',
    state({ changes: [change(), later] }),
    again,
    { kind: 'resume', change: change(), type: 'record:updated', kept: [], rest: [later] },
    { 7: 'never', 9: 'never' },
  ],
  [
    'a retry of a deletion before later changes that were not written is a deletion',
    state({ changes: [change({ sequence: 6, key: 'x' }), change({ type: 'record:deleted' }), later] }),
    again,
    { kind: 'resume', type: 'record:deleted', rest: [later] },
    { 7: 'never', 9: 'never' },
  ],
  [
    'a retry waits for a later change that may still be written',
    state({ changes: [change(), later] }),
    again,
    { kind: 'wait', change: later },
    { 7: 'never', 9: 'pending' },
  ],
  [
    'a retry resumes after the changes that were written',
    state({ changes: [later, change()] }),
    again,
    { kind: 'resume', type: 'record:updated', kept: [later] },
    { 7: 'never' },
  ],
  [
    'a retry waits for the change before',
    state({ changes: [later, change()] }),
    again,
    { kind: 'wait', change: later },
    { 7: 'never', 9: 'pending' },
  ],
  ['a retry of another change of the same input is a change', state(), webhook({ owner: 'raw_1' }), 'publish'],
  ['the same webhook by another request is a duplicate', state(), resent, 'duplicate'],
  [
    'the same webhook by another request is a duplicate, whatever came later',
    state({ changes: [change(), later] }),
    resent,
    'duplicate',
  ],
  [
    'the same webhook continues what was given up',
    state({ changes: [abandoned] }),
    resent,
    { kind: 'resume', change: abandoned },
    { 7: 'never' },
  ],
  ['another webhook does not continue what was given up', state({ changes: [abandoned] }), webhook(), 'publish'],
  [
    'the same data continues what was given up',
    state({ changes: [abandoned] }),
    webhook({ rank: equal, fingerprint: 'f5' }),
    { kind: 'resume' },
    { 7: 'never' },
  ],
  [
    'the same webhook by another request brings a change that was never written',
    state(),
    resent,
    { kind: 'resume', change: change() },
    { 7: 'never' },
  ],
  [
    'the same webhook by another request leaves a change that may still be written',
    state(),
    resent,
    'duplicate',
    { 7: 'pending' },
  ],
  [
    'the same data brings a change that was never written',
    state(),
    webhook({ rank: equal, fingerprint: 'f5' }),
    { kind: 'resume', change: change() },
    { 7: 'never' },
  ],
  [
    'the same data leaves a change that may still be written',
    state(),
    webhook({ rank: equal, fingerprint: 'f5' }),
    { kind: 'unchanged' },
    { 7: 'pending' },
  ],
  [
    'later data that is the same brings what was never written, and the rank rises',
    state(),
    webhook({ fingerprint: 'f5' }),
    { kind: 'resume', advances: true },
    { 7: 'never' },
  ],
  [
    'the rank does not rise by data of the same version',
    state(),
    webhook({ rank: equal, fingerprint: 'f5' }),
    { kind: 'resume', advances: false },
    { 7: 'never' },
  ],
  [
    'the same data has deliveries of what was given up and written',
    state({ changes: [abandoned] }),
    webhook({ rank: equal, fingerprint: 'f5' }),
    'again',
  ],
  [
    'a read of the same state continues its change',
    byRead,
    read({ owner: 'run_1', fingerprint: 'f5', rank: equal }),
    'again',
  ],
  ['a read of another state is a change', byRead, read({ owner: 'run_1' }), 'publish'],
  [
    'a read of no known state is a change',
    state({ changes: [change({ owner: 'run_1', key: '' })], fingerprint: undefined }),
    read({ owner: 'run_1', fingerprint: undefined }),
    'publish',
  ],
  [
    'the same read by another run is unchanged',
    byRead,
    read({ owner: 'run_2', fingerprint: 'f5', rank: equal }),
    { kind: 'unchanged' },
  ],
  [
    'a read that finds nothing continues its deletion',
    deleted({ changes: [change({ owner: 'run_1', key: '', type: 'record:deleted' })] }),
    read({ owner: 'run_1', change: 'deleted', fingerprint: undefined }),
    'again',
  ],
  [
    'a read that finds a record does not continue a deletion',
    deleted({ fingerprint: 'f6', changes: [change({ owner: 'run_1', key: '', type: 'record:deleted' })] }),
    read({ owner: 'run_1' }),
    { type: 'record:created' },
  ],
  [
    'a read that finds nothing does not continue an update',
    byRead,
    read({ owner: 'run_1', change: 'deleted', fingerprint: undefined }),
    { type: 'record:deleted' },
  ],

  // A change before this one whose event is not written.
  [
    'the event of the change before is waited for',
    state(),
    webhook(),
    { kind: 'wait', change: change() },
    { 7: 'pending' },
  ],
  [
    'an unwritten creation makes the next change a creation',
    unwritten('record:created'),
    webhook(),
    { type: 'record:created', kept: [] },
    { 7: 'never' },
  ],
  [
    'an unwritten update leaves the next change an update',
    unwritten('record:updated'),
    webhook(),
    { type: 'record:updated', kept: [] },
    { 7: 'never' },
  ],
  [
    'an unwritten deletion makes the next change an update',
    unwritten('record:deleted', true),
    webhook(),
    { type: 'record:updated', kept: [] },
    { 7: 'never' },
  ],
  [
    'a deletion after an unwritten creation is no event',
    unwritten('record:created'),
    webhook({ change: 'deleted' }),
    { kind: 'unchanged', advances: true, deletes: true },
    { 7: 'never' },
  ],
  [
    'a deletion after an unwritten update is an event',
    unwritten('record:updated'),
    webhook({ change: 'deleted' }),
    { type: 'record:deleted', kept: [] },
    { 7: 'never' },
  ],
  [
    'a retry of a deletion after an unwritten creation is no event',
    state({
      isDeleted: true,
      changes: [change({ sequence: 6, type: 'record:created', key: 'x' }), change({ type: 'record:deleted' })],
    }),
    again,
    { kind: 'unchanged', advances: false, remembers: [] },
    { 6: 'never', 7: 'never' },
  ],
  [
    'what was written before unwritten changes counts',
    state({ changes: [later, change({ type: 'record:created' })] }),
    webhook(),
    { type: 'record:updated', kept: [later] },
    { 7: 'never' },
  ],
  [
    'a state that remembers no change knows whether it is deleted',
    state({ changes: [] }),
    webhook(),
    { type: 'record:updated' },
  ],
  [
    'a deleted state that remembers no change knows it',
    deleted({ changes: [] }),
    webhook(),
    { type: 'record:created' },
  ],

  // Versions that name no change.
  [
    'an opaque version names no change, since it may come back',
    state({ version: '"a"' }),
    webhook({ rank: { version: '"b"', atMs: 2_000 } }),
    { identity: 'delivery 2' },
    {},
    { versionKind: 'opaque', volatile: [] },
  ],
  ['no version names no change', undefined, webhook({ rank: { atMs: 2_000 } }), { identity: 'delivery 2' }],
];

export const decisionCases: readonly DecisionCase[] = given.map(
  ([name, known, seen, expected, absences = {}, traits = integers]) => ({
    name,
    expected: typeof expected === 'string' ? { kind: expected } : expected,
    decide: (decide) =>
      decide(traits, known, seen, new Map(Object.entries(absences).map(([at, absence]) => [Number(at), absence]))),
  }),
);

/** Names of the cases that a decision function fails. */
export function failedCases(decide: typeof decideObservation): readonly string[] {
  return decisionCases
    .filter(({ decide: run, expected }) => {
      try {
        const decision = run(decide) as unknown as Readonly<Record<string, unknown>>;
        return !Object.entries(expected).every(
          ([member, value]) => member in decision && JSON.stringify(decision[member]) === JSON.stringify(value),
        );
      } catch {
        return true;
      }
    })
    .map(({ name }) => name);
}
