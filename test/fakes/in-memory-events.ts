import type { Clock } from '../../lambdas/ports/clock.ts';
import type {
  EventClaim,
  EventLocator,
  EventReader,
  EventRow,
  EventWriter,
  FeedRow,
} from '../../lambdas/ports/event-store.ts';

const msPerDay = 86_400_000;

interface Expiring<T> {
  readonly value: T;
  readonly expiresAtMs: number;
}

/** The events table and the idempotency table. Rows expire by the clock; a counter never does. */
export function createInMemoryEvents(
  clock: Clock,
  { retentionDays }: { readonly retentionDays: number } = { retentionDays: 30 },
): EventWriter & EventReader & EventLocator {
  const taken = new Map<string, number>();
  const claims = new Map<string, Expiring<EventClaim>>();
  const rows = new Map<string, Map<number, Expiring<FeedRow>>>();

  const expiring = <T>(value: T): Expiring<T> => ({
    value: structuredClone(value),
    expiresAtMs: clock.nowMs() + retentionDays * msPerDay,
  });
  const live = <T>(row: Expiring<T> | undefined): T | undefined =>
    row !== undefined && row.expiresAtMs > clock.nowMs() ? structuredClone(row.value) : undefined;

  return {
    async takeSequences(tenant, count) {
      const last = (taken.get(tenant) ?? 0) + count;
      taken.set(tenant, last);
      return last - count + 1;
    },
    async claim(claim) {
      const standing = live(claims.get(claim.id));
      if (standing !== undefined) return standing;
      claims.set(claim.id, expiring(claim));
      return claim;
    },
    async moveClaim(from, to) {
      const standing = live(claims.get(from.id));
      if (standing?.owner !== from.owner || standing.sequence !== from.sequence) return false;
      claims.set(to.id, expiring(to));
      return true;
    },
    async writeRows(written) {
      for (const row of written) {
        const ofTenant = rows.get(row.tenant) ?? new Map<number, Expiring<FeedRow>>();
        rows.set(row.tenant, ofTenant.set(row.sequence, expiring(row)));
      }
    },
    async getMany(keys) {
      const distinct = new Map(keys.map((key) => [`${key.tenant} ${key.sequence}`, key]));
      // In no order that a caller could rely on.
      return [...distinct.values()].reverse().flatMap(({ tenant, sequence }) => {
        const row = live(rows.get(tenant)?.get(sequence));
        if (row === undefined || 'sealed' in row) return [];
        const { writtenAtMs: _, ...event } = row;
        return [event satisfies EventRow];
      });
    },
    async listAfter(tenant, sequence, limit) {
      return [...(rows.get(tenant)?.values() ?? [])]
        .flatMap((row) => live(row) ?? [])
        .filter((row) => row.sequence > sequence)
        .sort((a, b) => a.sequence - b.sequence)
        .slice(0, limit);
    },
    async locate(id) {
      const claim = live(claims.get(id));
      return claim === undefined ? undefined : { tenant: claim.tenant, sequence: claim.sequence };
    },
  };
}
