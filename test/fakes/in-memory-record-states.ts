import type { RecordState } from '../../lambdas/engine/records/record-state.ts';
import type { RecordDirectory, RecordKey, RecordStates } from '../../lambdas/ports/events/record-states.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

interface Stored {
  readonly key: RecordKey;
  readonly state: RecordState;
  readonly expiresAtMs: number;
}

const tombstoneMs = 90 * 86_400_000;

/** The records table. Tombstones expire by the clock. */
export function createInMemoryRecordStates(
  clock: Clock,
): RecordStates & RecordDirectory & Dumpable & { readonly eraser: Eraser } {
  const rows = new Map<string, Stored>();
  const nameOf = ({ account, resource, recordId }: RecordKey) => JSON.stringify([account, resource, recordId]);
  const counts = ({ key, expiresAtMs }: Stored, { tenant, incarnation }: Pick<RecordKey, 'tenant' | 'incarnation'>) =>
    key.tenant === tenant && key.incarnation === incarnation && expiresAtMs > clock.nowMs();
  return {
    dump: () => dumpOf(rows),
    async getMany(keys) {
      return keys.map((key) => {
        const row = rows.get(nameOf(key));
        const state = row !== undefined && counts(row, key) ? row.state : undefined;
        return { state: structuredClone(state), lastN: row?.state.n ?? 0 };
      });
    },
    async write(key, before, next) {
      const row = rows.get(nameOf(key));
      if ((row?.state.n ?? 0) !== before.lastN) return false;
      const expiresAtMs = next.isDeleted ? clock.nowMs() + tombstoneMs : Number.POSITIVE_INFINITY;
      rows.set(nameOf(key), { key, state: structuredClone(next), expiresAtMs });
      return true;
    },
    async list(owner, limit, after, resource) {
      const own = [...rows.values()].filter(
        (row) =>
          row.key.account === owner.account &&
          counts(row, owner) &&
          (resource === undefined || row.key.resource === resource),
      );
      // As the table's: a shard and a key in it.
      const page = pageOf(own, ({ key }) => `0 ${nameOf(key)}`, limit, after);
      return {
        items: page.items.map(({ key: { resource, recordId }, state }) => ({
          resource,
          recordId,
          state: structuredClone(state),
          next: `0 ${nameOf({ ...owner, resource, recordId })}`,
        })),
        next: page.next,
      };
    },
    eraser: {
      async find(account, after) {
        const own = [...rows].filter(([, { key }]) => key.account === account);
        const page = pageOf(own, ([name]) => name, 2, after);
        return { items: page.items.map(([key]) => ({ kind: 'record_states', key })), next: page.next };
      },
      async remove(_, items) {
        for (const { key } of items) rows.delete(key);
      },
    },
  };
}
