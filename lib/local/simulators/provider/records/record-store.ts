import { recordPlanOf } from '../../../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import type { RecordPlan } from '../../../../../lambdas/engine/provider/answer/answer-plan.ts';
import type { Bindings } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import { readRecord } from '../../../../../lambdas/engine/provider/answer/read-answer.ts';
import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import { valueAt, withValueAt } from '../expressions/expression-place.ts';
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
  /** Records in the order of their creation. `removed` includes those that have been removed. */
  all(options?: { readonly removed?: boolean }): readonly StoredRecord[];
  find(id: string): StoredRecord | undefined;
  findByAddress(address: Readonly<Record<string, unknown>>): StoredRecord | undefined;
  /** What a resource makes of a record; undefined where it does not take it. */
  dataOf(record: StoredRecord, resource: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** @throws {TypeError} where no exchange has a record of the resource. */
  add(change: RecordChange | undefined, atMs: number): Promise<StoredRecord>;
  /** @throws {RangeError} where there is no such record. */
  change(id: string, change: RecordChange | undefined, atMs: number): Promise<StoredRecord>;
  /** @throws {RangeError} where there is no such record. */
  remove(id: string, atMs: number): Promise<StoredRecord>;
}

export interface RecordStoreOptions {
  readonly definition: Definition;
  /** The resource that declares the calls. */
  readonly resource: string;
  readonly templates: readonly RecordTemplate[];
  readonly bindings: Bindings;
}

export function createRecordStore({ definition, resource, templates, bindings }: RecordStoreOptions): RecordStore {
  const plan: RecordPlan = recordPlanOf(definition, resource) ?? { map: '{}', id: 'id' };
  const form = createRecordForm({ plan, versionKind: definition.resources?.[resource]?.version?.as, bindings });
  const [{ addressPaths, address: usualAddress } = { addressPaths: {}, address: {} }] = templates;
  const records = new Map<string, StoredRecord>();
  const readers = sharersOf(definition, resource).flatMap((name) => {
    const reader = recordPlanOf(definition, name);
    return reader === undefined ? [] : [[name, reader] as const];
  });
  let created = 0;

  const write = async (record: WrittenRecord, atMs: number, before?: StoredRecord): Promise<StoredRecord> => {
    // The version is too coarse to tell two changes at the same time apart.
    const ms = Math.max(atMs, (before?.updatedAtMs ?? 0) + precisionMs(record.raw, plan, form));
    const raw = form.withChange(record.raw, ms, record.changes);
    const takenBy = new Set<string>();
    for (const [name, reader] of readers) if (await isTaken(reader, raw, bindings)) takenBy.add(name);
    const address = { ...usualAddress, ...addressIn(raw, addressPaths) };
    const next = { ...record, raw, updatedAtMs: timeOfRecord(raw, plan) ?? ms, address, takenBy };
    records.set(next.id, next);
    return next;
  };
  const present = (id: string): StoredRecord => {
    const record = records.get(id);
    if (record === undefined || record.isRemoved) throw new RangeError(`${resource} has no record ${id}`);
    return record;
  };
  return {
    addressPaths,
    form,
    hasTemplates: templates.length > 0,
    ...readingOf(records, addressPaths),
    async dataOf({ raw }, name) {
      const reader = recordPlanOf(definition, name);
      const read = reader === undefined ? undefined : await readRecord(reader, raw, bindings);
      return read !== undefined && 'data' in read && !read.isAbsent ? read.data : undefined;
    },
    async add(change, atMs) {
      created += 1;
      const place = created;
      const fresh = await newRecord(templates, form, place - 1, (id) => records.has(id));
      const raw = applied(fresh.raw, change);
      const id = (await form.idOf(raw)) ?? fresh.id;
      return write({ id, raw, place, changes: 0, isRemoved: false }, atMs);
    },
    async change(id, change, atMs) {
      const before = present(id);
      const { place, changes, raw } = before;
      return write({ id, raw: applied(raw, change), place, changes: changes + 1, isRemoved: false }, atMs, before);
    },
    async remove(id, atMs) {
      const before = present(id);
      const { place, changes } = before;
      const raw = await markDeleted(before.raw, plan, bindings);
      return write({ id, raw, place, changes: changes + 1, isRemoved: true }, atMs, before);
    },
  };
}

/** Whether a resource takes a record. Does not map it, because that is slow. */
async function isTaken(plan: RecordPlan, raw: unknown, bindings: Bindings): Promise<boolean> {
  if (plan.keep === undefined && plan.deleted === undefined) return true;
  const read = await readRecord({ ...plan, map: '{}' }, raw, bindings);
  return 'data' in read && !read.isAbsent;
}

type WrittenRecord = Pick<StoredRecord, 'id' | 'raw' | 'place' | 'changes' | 'isRemoved'>;

function readingOf(
  records: ReadonlyMap<string, StoredRecord>,
  addressPaths: RecordTemplate['addressPaths'],
): Pick<RecordStore, 'all' | 'find' | 'findByAddress'> {
  return {
    all: ({ removed = false } = {}) => [...records.values()].filter(({ isRemoved }) => removed || !isRemoved),
    find(id) {
      const record = records.get(id);
      return record === undefined || record.isRemoved ? undefined : record;
    },
    findByAddress(address) {
      const wanted = Object.entries(addressPaths).filter(([name]) => address[name] !== undefined);
      if (wanted.length === 0) return undefined;
      const has = ({ raw }: StoredRecord) =>
        wanted.every(([name, path]) => textOf(valueAt(raw, path)) === textOf(address[name]));
      return [...records.values()].find((record) => !record.isRemoved && has(record));
    },
  };
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
