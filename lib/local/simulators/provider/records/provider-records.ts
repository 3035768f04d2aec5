import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import type { RecordWrite } from '../answers/answer-world.ts';
import { noFaults } from '../draw-fault.ts';
import { createWriteTimes, type WriteTime, type WriteTimes } from '../faults/write-times.ts';
import type { SampleChange } from '../webhooks/sample-webhook.ts';
import type { RecordChange, RecordStore, SimulatedRecord, StoredRecord } from './record-store.ts';
import { sharersOf } from './record-templates.ts';

/** The records of the simulated provider, as its users see and change them. */
export interface ProviderRecords {
  /** Those that the resource takes, in the order of their creation. */
  records(resource: string): readonly SimulatedRecord[];
  /** Create a record like those of the exchanges. @param change - Members that differ. */
  add(resource: string, change?: RecordChange): Promise<SimulatedRecord>;
  /** Write members of a record. Its version rises even if nothing else changes. */
  change(resource: string, id: string, change?: RecordChange): Promise<SimulatedRecord>;
  remove(resource: string, id: string): Promise<void>;
}

export interface ProviderRecordsOptions {
  readonly definition: Definition;
  readonly stores: ReadonlyMap<string, RecordStore>;
  readonly nowMs: () => number;
  readonly onChange: (change: SampleChange) => void;
  /** @default - by the clock, shown at once */
  readonly times?: WriteTimes;
}

/** Time between the last changes of two records at the start. */
const spacingMs = 60_000;

/** Records of all resources, which report each change. */
export function createProviderRecords(options: ProviderRecordsOptions) {
  const { definition, stores, nowMs, onChange, times = createWriteTimes(noFaults, '') } = options;
  const declaring = (resource: string) => definition.resources?.[resource]?.from ?? resource;
  const storeOf = (resource: string): RecordStore => {
    const store = stores.get(declaring(resource));
    if (store === undefined) throw new RangeError(`the definition has no records of ${resource}`);
    return store;
  };
  const write = async (resource: string, one: RecordWrite): Promise<StoredRecord> => {
    const store = storeOf(resource);
    const before = one.kind === 'created' ? undefined : store.find(one.id);
    const record = await writeTo(store, one, times.ofNext(declaring(resource), nowMs()));
    const sharers = sharersOf(definition, declaring(resource));
    const resources = sharers.filter((name) => record.takenBy.has(name) || before?.takenBy.has(name) === true);
    onChange({ resources, kind: one.kind, record, addressPaths: store.addressPaths });
    return record;
  };
  const api: ProviderRecords = {
    records: (resource) =>
      storeOf(resource)
        .all()
        .filter(({ takenBy }) => takenBy.has(resource)),
    add: (resource, change) => write(resource, { kind: 'created', change }),
    change: (resource, id, change) => write(resource, { kind: 'updated', id, change }),
    async remove(resource, id) {
      await write(resource, { kind: 'deleted', id });
    },
  };
  return {
    api,
    write,
    /** Create the first records, with changes in the past. */
    async fill(records: number | Readonly<Record<string, number>>): Promise<void> {
      const startMs = nowMs();
      for (const [resource, store] of stores) {
        const wanted = typeof records === 'number' ? records : (records[resource] ?? 0);
        for (let place = 0; place < wanted && store.hasTemplates; place += 1)
          await store.add(undefined, times.ofFirst(startMs - (wanted - place) * spacingMs, startMs));
      }
    },
  };
}

function writeTo(store: RecordStore, one: RecordWrite, time: WriteTime): Promise<StoredRecord> {
  if (one.kind === 'created') return store.add(one.change, time, one.isFirst);
  return one.kind === 'updated' ? store.change(one.id, one.change, time) : store.remove(one.id, time);
}
