import type { FaultRun } from './fault-run.ts';

/** A record as a provider has it. */
export interface ProviderRecord {
  readonly id: number;
  readonly name: string;
  /** ISO 8601, to the second; each change has one of its own. */
  readonly changed: string;
  readonly isRemoved: boolean;
}

/** The records of an account at its provider, and the events that their changes must become. */
export interface ProviderRecords {
  /** Create records. */
  create(count: number): void;
  change(id: number): ProviderRecord;
  remove(id: number): void;
  get(id: number): ProviderRecord | undefined;
  /** All of them, the removed ones too, the earliest change first. */
  byChange(): readonly ProviderRecord[];
  /** Those that exist, by id. */
  existing(): readonly ProviderRecord[];
  /** Expect of the feed exactly one event for each change so far; a run calls it once. */
  expectEvents(run: FaultRun, account: string, resource: string): void;
}

/** Changes are an hour old at most: the clock of a provider is not ahead of the engine's. */
const ageMs = 3_600_000;

export function createProviderRecords(nowMs: number): ProviderRecords {
  const beganMs = Math.floor((nowMs - ageMs) / 1_000) * 1_000;
  const records = new Map<number, ProviderRecord>();
  const types = new Map<number, string[]>();
  let changes = 0;
  const put = (id: number, isRemoved: boolean): ProviderRecord => {
    changes += 1;
    const changed = new Date(beganMs + changes * 1_000).toISOString().replace('.000', '');
    const record = { id, name: `Record ${id} at ${changes}`, changed, isRemoved };
    const told = types.get(id) ?? [];
    types.set(id, [...told, isRemoved ? 'record:deleted' : told.length === 0 ? 'record:created' : 'record:updated']);
    records.set(id, record);
    return record;
  };
  return {
    create(count) {
      for (let id = 1; id <= count; id += 1) put(id, false);
    },
    change: (id) => put(id, false),
    remove: (id) => void put(id, true),
    get: (id) => records.get(id),
    byChange: () => [...records.values()].toSorted((a, b) => (a.changed < b.changed ? -1 : 1)),
    existing: () => [...records.values()].filter(({ isRemoved }) => !isRemoved).toSorted((a, b) => a.id - b.id),
    expectEvents(run, account, resource) {
      for (const { id, name, isRemoved } of records.values())
        run.expect({
          account,
          resource,
          recordId: String(id),
          types: types.get(id) ?? [],
          ...(isRemoved ? {} : { title: name }),
        });
    },
  };
}
