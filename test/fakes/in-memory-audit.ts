import type { AuditEntry, AuditLog } from '../../lambdas/ports/tenants/audit-log.ts';
import { type Dumpable, dumpOf } from './dump.ts';

export interface InMemoryAudit extends AuditLog, Dumpable {
  /** All entries, oldest first. */
  readonly entries: () => readonly AuditEntry[];
}

export function createInMemoryAudit(): InMemoryAudit {
  const rows = new Map<string, AuditEntry>();
  const keyOf = ({ at, id }: AuditEntry) => `${at}#${id}`;
  return {
    dump: () => dumpOf(rows),
    entries: () => [...rows.values()],
    async begin(entry) {
      rows.set(keyOf(entry), structuredClone(entry));
    },
    async end(entry) {
      if ((rows.get(keyOf(entry))?.status ?? null) === null) rows.set(keyOf(entry), structuredClone(entry));
    },
    async note(entry) {
      if (!rows.has(keyOf(entry))) rows.set(keyOf(entry), structuredClone(entry));
    },
    async list({ tenant, since, until, limit, after }) {
      const before = after !== undefined && after < until ? after : until;
      const matching = [...rows]
        .filter(([key, entry]) => (tenant === undefined || entry.tenant === tenant) && key >= since && key < before)
        .sort(([one], [other]) => (one < other ? 1 : -1));
      const page = matching.slice(0, limit);
      return {
        items: page.map(([, entry]) => structuredClone(entry)),
        next: matching.length > limit ? page.at(-1)?.[0] : undefined,
      };
    },
  };
}
