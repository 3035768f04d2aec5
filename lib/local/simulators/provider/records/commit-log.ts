import type { WriteTime } from '../faults/write-times.ts';

/** A point in the writes of a provider, from which a reader goes on. */
export interface CommitPosition {
  readonly atMs: number;
  /** Of the last write before it, over all resources. */
  readonly serial: number;
}

interface Commit<State> {
  readonly record: State;
  readonly visibleFromMs: number;
  readonly serial: number;
}

/** The states of records, and from when readers see them. */
export interface CommitLog<State> {
  append(record: State, time: Pick<WriteTime, 'writtenAtMs' | 'visibleFromMs'>): void;
  /** The latest state of a record; with a time, the state that readers see then. */
  find(id: string, atMs?: number): State | undefined;
  all(atMs?: number): readonly State[];
  /** The records whose state readers did not see at the position, as they see it now. */
  changedSince(position: CommitPosition, nowMs: number): readonly State[];
  /** Epoch milliseconds of the last change that readers see; undefined before the first. */
  lastChangeMs(nowMs: number): number | undefined;
}

/** @param nextSerial - Counts the writes of all resources. */
export function createCommitLog<State extends { readonly id: string }>(nextSerial: () => number): CommitLog<State> {
  const commits = new Map<string, readonly Commit<State>[]>();
  let waiting: number[] = [];
  let lastMs: number | undefined;
  /** A later write hides an earlier one, even if that one shows later. */
  const seenAt = (states: readonly Commit<State>[], atMs: number | undefined) =>
    atMs === undefined ? states.at(-1) : states.findLast(({ visibleFromMs }) => visibleFromMs <= atMs);
  const seen = (atMs: number | undefined) => [...commits.values()].flatMap((states) => seenAt(states, atMs) ?? []);
  return {
    append(record, { writtenAtMs, visibleFromMs }) {
      const states = commits.get(record.id) ?? [];
      // Those before the one that readers see now are never seen again.
      const shown = states.findLastIndex((state) => state.visibleFromMs <= writtenAtMs);
      commits.set(record.id, [...states.slice(Math.max(0, shown)), { record, visibleFromMs, serial: nextSerial() }]);
      waiting.push(visibleFromMs);
    },
    find: (id, atMs) => seenAt(commits.get(id) ?? [], atMs)?.record,
    all: (atMs) => seen(atMs).map(({ record }) => record),
    changedSince: (position, nowMs) =>
      seen(nowMs)
        .filter(({ serial, visibleFromMs }) => serial > position.serial || visibleFromMs > position.atMs)
        .map(({ record }) => record),
    lastChangeMs(nowMs) {
      const shown = waiting.filter((ms) => ms <= nowMs);
      waiting = waiting.filter((ms) => ms > nowMs);
      lastMs = shown.reduce<number | undefined>((last, ms) => Math.max(last ?? ms, ms), lastMs);
      return lastMs;
    },
  };
}
