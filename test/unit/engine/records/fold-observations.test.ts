import { describe, expect, test } from 'vitest';
import type { Absence } from '../../../../lambdas/engine/records/decide-observation.ts';
import { changeKey } from '../../../../lambdas/engine/records/fingerprint.ts';
import { foldObservations } from '../../../../lambdas/engine/records/fold-observations.ts';
import type { Observation } from '../../../../lambdas/engine/records/observation.ts';
import type { RecordState } from '../../../../lambdas/engine/records/record-state.ts';
import { aRecordState } from '../../../fakes/samples.ts';

const seen = (version: number, change: Partial<Observation> = {}): Observation => ({
  by: 'webhook',
  extent: 'full',
  change: 'updated',
  rank: { version: String(version), atMs: 1_000 + version },
  seenAtMs: 2_000 + version,
  owner: `raw_${version}`,
  origin: 'webhook',
  changeName: `delivery ${version}`,
  fingerprint: `f${version}`,
  ...change,
});

const fold = (
  observations: readonly Observation[],
  state?: RecordState,
  numbers: readonly number[] = [11, 12, 13, 14, 15],
  absences: ReadonlyMap<number, Absence> = new Map(),
) =>
  foldObservations({
    traits: { versionKind: 'integer', volatile: [] },
    state,
    lastN: state?.n ?? 0,
    observations,
    absences,
    numbers,
    takenAtMs: 5_000,
    eventIdOf: (place, identity) => `evt of ${place}: ${identity}`,
  });
const kinds = ({ decisions }: ReturnType<typeof fold>) => decisions.map(({ kind }) => kind);

test('observations of one record are decided oldest first, whatever their order', () => {
  const folded = fold([seen(3), seen(1, { change: 'created' }), seen(2)]);
  expect(kinds(folded)).toEqual(['publish', 'publish', 'publish']);
  expect(folded.events.map(({ place, change, prior }) => [place, change.sequence, change.type, prior])).toEqual([
    [1, 11, 'record:created', undefined],
    [2, 12, 'record:updated', 11],
    [0, 13, 'record:updated', 12],
  ]);
  expect(folded.next).toMatchObject({ n: 3, version: '3', fingerprint: 'f3', isDeleted: false });
});

test('a deletion comes after the update of the same version', () => {
  const folded = fold([seen(2, { change: 'deleted', changeName: 'gone' }), seen(2)], aRecordState({ version: '1' }));
  expect(folded.events.map(({ change }) => change.type)).toEqual(['record:updated', 'record:deleted']);
  expect(folded.next?.isDeleted).toBe(true);
});

test('without versions, times order observations', () => {
  const timed = (atMs: number) => seen(atMs, { rank: { atMs } });
  expect(fold([timed(30), timed(10), timed(20)]).events.map(({ place }) => place)).toEqual([1, 2, 0]);
});

test('the state remembers its last four events and its last three drops', () => {
  const folded = fold([1, 2, 3, 4, 5].map((version) => seen(version)));
  expect(folded.next?.changes.map(({ sequence }) => sequence)).toEqual([12, 13, 14, 15]);
  const late = [1, 2, 3, 4].map((version) => seen(version, { changeName: `late ${version}` }));
  const dropped = fold(late, folded.next);
  expect(kinds(dropped)).toEqual(['stale', 'stale', 'stale', 'stale']);
  expect(dropped.next?.drops.map(({ version, outcome }) => [version, outcome])).toEqual([
    ['2', 'stale'],
    ['3', 'stale'],
    ['4', 'stale'],
  ]);
  expect(dropped.events).toEqual([]);
});

describe('nothing is written', () => {
  const known = fold([seen(1)]).next;
  test('for a read that finds what is known', () => {
    const read = seen(1, { by: 'read', change: 'unknown', changeName: undefined, owner: 'run_1' });
    expect(fold([read], known)).toMatchObject({ decisions: [{ kind: 'unchanged' }], next: undefined });
  });
  test('for a retry, and for a repeated webhook', () => {
    expect(fold([seen(1)], known)).toMatchObject({ decisions: [{ kind: 'again' }], next: undefined });
    expect(fold([seen(1, { owner: 'raw_9' })], known)).toMatchObject({ decisions: [{ kind: 'duplicate' }] });
  });
});

test('a later version of the same data raises the rank, so that what is between them is stale', () => {
  const known = fold([seen(1)]).next;
  const same = fold([seen(5, { fingerprint: 'f1' })], known);
  expect(same).toMatchObject({
    decisions: [{ kind: 'unchanged', advances: true }],
    events: [],
    next: { version: '5' },
  });
  expect(kinds(fold([seen(3)], same.next))).toEqual(['stale']);
});

test('an input that is in the batch twice makes one event', () => {
  expect(kinds(fold([seen(1), seen(1)]))).toEqual(['publish', 'duplicate']);
});

test('a part makes the data unknown, and the whole completes it', () => {
  const thin = fold([seen(2, { extent: 'partial', fingerprint: undefined })], fold([seen(1)]).next);
  expect(thin.next?.fingerprint).toBeUndefined();
  const read = seen(2, { by: 'read', change: 'unknown', changeName: undefined, seenAtMs: 9_000, owner: 'run_1' });
  expect(fold([read], thin.next, [21])).toMatchObject({
    events: [{ change: { type: 'record:updated', event: 'evt of 0: state 3 f2' }, prior: 11 }],
    next: { fingerprint: 'f2', isRead: true },
  });
});

test('a change that was not written gets a later number, the type that is needed, and keeps its id', () => {
  const known = fold([seen(1, { change: 'created' }), seen(2)]).next;
  const folded = fold(
    [seen(1), seen(2)],
    known,
    [31, 32],
    new Map([
      [11, 'never'],
      [12, 'never'],
    ]),
  );
  expect(kinds(folded)).toEqual(['resume', 'resume']);
  expect(folded.events.map(({ change }) => [change.event, change.sequence, change.type])).toEqual([
    ['evt of 0: version 1', 31, 'record:created'],
    ['evt of 1: version 2', 32, 'record:updated'],
  ]);
  expect(folded.next?.changes.map(({ sequence }) => sequence)).toEqual([31, 32]);
});

test('a deletion before the creation was written ends the record without an event', () => {
  const known = fold([seen(1, { change: 'created' })]).next;
  const folded = fold([seen(2, { change: 'deleted' })], known, [31], new Map([[11, 'never']]));
  expect(folded).toMatchObject({ decisions: [{ kind: 'unchanged' }], events: [], next: { isDeleted: true } });
  // The creation does not come back.
  expect(kinds(fold([seen(1, { change: 'created' })], folded.next, [41], new Map([[11, 'never']])))).toEqual([
    'unchanged',
  ]);
});

test('a state of a former account counts for the number alone', () => {
  const folded = foldObservations({
    traits: { versionKind: 'integer', volatile: [] },
    state: undefined,
    lastN: 7,
    observations: [seen(1)],
    absences: new Map(),
    numbers: [11],
    takenAtMs: 5_000,
    eventIdOf: (_, identity) => identity,
  });
  expect(folded.next).toMatchObject({ n: 8, changes: [{ key: changeKey('delivery 1'), owner: 'raw_1' }] });
});
