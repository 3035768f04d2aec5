import { recordPlanOf } from '../../../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import type { RecordPlan } from '../../../../../lambdas/engine/provider/answer/answer-plan.ts';
import type { Bindings } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import { readRecord } from '../../../../../lambdas/engine/provider/answer/read-answer.ts';
import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import { pathOf, pathsIn, valueAt, withValueAt } from '../expressions/expression-place.ts';
import type { WriteTime } from '../faults/write-times.ts';
import { type CommitLog, type CommitPosition, createCommitLog } from './commit-log.ts';
import { markDeleted } from './mark-deleted.ts';
import { newRecord } from './new-record.ts';
import { createRecordForm, type RecordForm, timeOfRecord } from './record-form.ts';
import { type RecordTemplate, sharersOf } from './record-templates.ts';

/** A record of the simulated provider. */
export interface SimulatedRecord {
  readonly id: string;
  /** As the provider's calls answer it. */
  readonly raw: unknown;
  /** Epoch milliseconds of its last change. */
  readonly updatedAtMs: number;
  /** What a call needs besides the id to read it. */
  readonly address: Readonly<Record<string, unknown>>;
}

export interface StoredRecord extends SimulatedRecord {
  /** Order of creation. */
  readonly place: number;
  /** Counts its changes. */
  readonly changes: number;
  readonly isRemoved: boolean;
  /** The resources that take it. */
  readonly takenBy: ReadonlySet<string>;
}

/** Members that a change writes, or a function that makes the next state. */
export type RecordChange = Readonly<Record<string, unknown>> | ((raw: unknown) => unknown);

/** The records behind the calls of one resource. */
export interface RecordStore {
  readonly addressPaths: RecordTemplate['addressPaths'];
  readonly form: RecordForm;
  readonly hasTemplates: boolean;
  /**
   * Records in the order of their creation. `removed` includes those that have been removed, and `atMs` is the time at
   * which a reader sees them: without it, they are as they were written last.
   */
  all(options?: { readonly removed?: boolean; readonly atMs?: number | undefined }): readonly StoredRecord[];
  find(id: string, atMs?: number): StoredRecord | undefined;
  findByAddress(address: Readonly<Record<string, unknown>>, atMs?: number): StoredRecord | undefined;
  /** The records that have changed since a position, removed ones included. */
  changedSince(position: CommitPosition, nowMs: number): readonly StoredRecord[];
  /** Epoch milliseconds of the last change that readers see. */
  lastChangeMs(nowMs: number): number | undefined;
  /** What a resource makes of a record; undefined where it does not take it. */
  dataOf(record: StoredRecord, resource: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /**
   * @param isFirst - Whether the record comes before all others in listings that are not ordered by time.
   * @throws {TypeError} where no exchange has a record of the resource.
   */
  add(change: RecordChange | undefined, time: WriteTime, isFirst?: boolean): Promise<StoredRecord>;
  /** @throws {RangeError} where there is no such record. */
  change(id: string, change: RecordChange | undefined, time: WriteTime): Promise<StoredRecord>;
  /** @throws {RangeError} where there is no such record. */
  remove(id: string, time: WriteTime): Promise<StoredRecord>;
}

export interface RecordStoreOptions {
  readonly definition: Definition;
  /** The resource that declares the calls. */
  readonly resource: string;
  readonly templates: readonly RecordTemplate[];
  readonly bindings: Bindings;
  /** Counts the writes of all resources. */
  readonly nextSerial: () => number;
}

export function createRecordStore(options: RecordStoreOptions): RecordStore {
  const { definition, resource, templates, bindings } = options;
  const plan: RecordPlan = recordPlanOf(definition, resource) ?? { map: '{}', id: 'id' };
  const said = definition.resources?.[resource];
  const form = createRecordForm({ plan, versionKind: said?.version?.as, bindings, timePaths: cursorPaths(said) });
  const [{ addressPaths, address: usualAddress } = { addressPaths: {}, address: {} }] = templates;
  const log = createCommitLog<StoredRecord>(options.nextSerial);
  const readers = sharersOf(definition, resource).flatMap((name) => {
    const reader = recordPlanOf(definition, name);
    return reader === undefined ? [] : [[name, reader] as const];
  });
  let created = 0;

  const write = async (record: WrittenRecord, time: WriteTime, before?: StoredRecord): Promise<StoredRecord> => {
    // The version is too coarse to tell two changes at the same time apart.
    const leastMs = time.repeatsOwnTime ? 0 : precisionMs(record.raw, plan, form);
    const ms = Math.max(time.atMs, (before?.updatedAtMs ?? 0) + leastMs);
    const raw = form.withChange(record.raw, ms, record.changes);
    const takenBy = new Set<string>();
    for (const [name, reader] of readers) if (await isTaken(reader, raw, bindings)) takenBy.add(name);
    const address = { ...usualAddress, ...addressIn(raw, addressPaths) };
    const next = { ...record, raw, updatedAtMs: timeOfRecord(raw, plan) ?? ms, address, takenBy };
    log.append(next, time);
    return next;
  };
  const present = (id: string): StoredRecord => {
    const record = log.find(id);
    if (record === undefined || record.isRemoved) throw new RangeError(`${resource} has no record ${id}`);
    return record;
  };
  return {
    addressPaths,
    form,
    hasTemplates: templates.length > 0,
    ...readingOf(log, addressPaths),
    dataOf: ({ raw }, name) => dataOf(recordPlanOf(definition, name), raw, bindings),
    async add(change, time, isFirst = false) {
      created += 1;
      const place = isFirst ? -created : created;
      const fresh = await newRecord(templates, form, created - 1, (id) => log.find(id) !== undefined);
      const raw = applied(fresh.raw, change);
      const id = (await form.idOf(raw)) ?? fresh.id;
      return write({ id, raw, place, changes: 0, isRemoved: false }, time);
    },
    async change(id, change, time) {
      const before = present(id);
      const { place, changes, raw } = before;
      return write({ id, raw: applied(raw, change), place, changes: changes + 1, isRemoved: false }, time, before);
    },
    async remove(id, time) {
      const before = present(id);
      const { place, changes } = before;
      const raw = await markDeleted(before.raw, plan, bindings);
      return write({ id, raw, place, changes: changes + 1, isRemoved: true }, time, before);
    },
  };
}

async function dataOf(plan: RecordPlan | undefined, raw: unknown, bindings: Bindings) {
  const read = plan === undefined ? undefined : await readRecord(plan, raw, bindings);
  return read !== undefined && 'data' in read && !read.isAbsent ? read.data : undefined;
}

/** Whether a resource takes a record. Does not map it, because that is slow. */
async function isTaken(plan: RecordPlan, raw: unknown, bindings: Bindings): Promise<boolean> {
  if (plan.keep === undefined && plan.deleted === undefined) return true;
  const read = await readRecord({ ...plan, map: '{}' }, raw, bindings);
  return 'data' in read && !read.isAbsent;
}

type WrittenRecord = Pick<StoredRecord, 'id' | 'raw' | 'place' | 'changes' | 'isRemoved'>;

function readingOf(
  log: CommitLog<StoredRecord>,
  addressPaths: RecordTemplate['addressPaths'],
): Pick<RecordStore, 'all' | 'find' | 'findByAddress' | 'changedSince' | 'lastChangeMs'> {
  return {
    changedSince: (position, nowMs) => log.changedSince(position, nowMs),
    lastChangeMs: (nowMs) => log.lastChangeMs(nowMs),
    all: ({ removed = false, atMs } = {}) => log.all(atMs).filter(({ isRemoved }) => removed || !isRemoved),
    find(id, atMs) {
      const record = log.find(id, atMs);
      return record === undefined || record.isRemoved ? undefined : record;
    },
    findByAddress(address, atMs) {
      const wanted = Object.entries(addressPaths).filter(([name]) => address[name] !== undefined);
      if (wanted.length === 0) return undefined;
      const has = ({ raw }: StoredRecord) =>
        wanted.every(([name, path]) => textOf(valueAt(raw, path)) === textOf(address[name]));
      return log.all(atMs).find((record) => !record.isRemoved && has(record));
    },
  };
}

/** Whether the rows of a listing are whole records, and not made of them. */
export function holdsRecords(spec: { readonly records: string; readonly thin?: boolean }): boolean {
  return spec.thin !== true && pathOf(spec.records) !== undefined;
}

/** Members besides the version that hold the time of a change, because the cursor of `changes` reads them. */
function cursorPaths(said: NonNullable<Definition['resources']>[string] | undefined) {
  const changes = said?.changes;
  const cursor = changes !== undefined && holdsRecords(changes) ? changes.cursor : undefined;
  return cursor?.kind === 'time' && cursor.from !== undefined ? pathsIn(cursor.from) : [];
}

function addressIn(raw: unknown, paths: RecordTemplate['addressPaths']): Readonly<Record<string, unknown>> {
  const told = Object.entries(paths).map(([name, path]) => [name, valueAt(raw, path)] as const);
  return Object.fromEntries(told.filter(([, value]) => value !== undefined));
}

function applied(raw: unknown, change: RecordChange | undefined): unknown {
  if (typeof change === 'function') return change(structuredClone(raw));
  return merged(raw, change ?? {});
}

/** Objects are merged, and everything else is replaced. */
function merged(raw: unknown, change: unknown): unknown {
  if (!isObject(raw) || !isObject(change)) return change;
  return Object.entries(change).reduce<unknown>(
    (record, [name, value]) => withValueAt(record, [name], merged(valueAt(raw, [name]), value)),
    raw,
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The smallest difference of two times that gives two versions. */
function precisionMs(raw: unknown, plan: RecordPlan, form: RecordForm): number {
  const probeMs = 1_700_000_000_001;
  const told = timeOfRecord(form.withChange(raw, probeMs, 1), plan);
  if (told === undefined || told === probeMs) return 1;
  return probeMs - told < 1000 ? 1000 : 86_400_000;
}
