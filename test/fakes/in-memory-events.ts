import { EngineError } from '../../lambdas/contracts/engine-error.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import type {
  EventClaim,
  EventLocator,
  EventReader,
  EventRow,
  EventWriter,
  FeedRow,
} from '../../lambdas/ports/events/event-store.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import type { Erasable, TenantPolicies } from '../../lambdas/ports/tenants/tenant-store.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

const msPerDay = 86_400_000;

interface Expiring<T> {
  readonly value: T;
  readonly expiresAtMs: number;
}

/** The events table and the idempotency table. Rows expire by the clock; a counter never does. */
export function createInMemoryEvents(
  clock: Clock,
  { retentionDays, policies }: { readonly retentionDays: number; readonly policies?: TenantPolicies } = {
    retentionDays: 30,
  },
): EventWriter & EventReader & EventLocator & Dumpable & { readonly eraser: Eraser } {
  const taken = new Map<string, number>();
  const claims = new Map<string, Expiring<EventClaim>>();
  const rows = new Map<string, Map<number, Expiring<FeedRow>>>();
  /** Numbers of each tenant's rows, sorted: they are written almost in order, and read in order. */
  const numbers = new Map<string, number[]>();

  // Rows and claims are flat, so a shallow copy suffices.
  const expiring = async <T extends { readonly tenant: string }>(value: T, leastDays = 0): Promise<Expiring<T>> => {
    const { eventsDays = retentionDays } = (await policies?.getMany([value.tenant]))?.get(value.tenant) ?? {};
    const days = Math.max(Math.min(eventsDays, retentionDays), leastDays);
    return { value: { ...value }, expiresAtMs: clock.nowMs() + days * msPerDay };
  };
  const live = <T extends object>(row: Expiring<T> | undefined): T | undefined =>
    row !== undefined && row.expiresAtMs > clock.nowMs() ? { ...row.value } : undefined;

  return {
    dump: () =>
      dumpOf(
        taken,
        claims,
        [...rows].flatMap(([tenant, own]) =>
          [...own].map(([sequence, row]) => [`${tenant} ${sequence}`, row] as const),
        ),
      ),
    async takeSequences(tenant, count) {
      const last = (taken.get(tenant) ?? 0) + count;
      taken.set(tenant, last);
      return last - count + 1;
    },
    async claim(claim) {
      const wanted = await expiring(claim, limits.minClaimDays);
      const standing = live(claims.get(claim.id));
      if (standing !== undefined) return standing;
      claims.set(claim.id, wanted);
      return claim;
    },
    async findClaim(id) {
      return live(claims.get(id));
    },
    async moveClaim(from, to) {
      const wanted = await expiring(to, limits.minClaimDays);
      const standing = live(claims.get(from.id));
      if (standing?.owner !== from.owner || standing.sequence !== from.sequence) return false;
      claims.set(to.id, wanted);
      return true;
    },
    async point(pointers) {
      const free = pointers.filter(({ id }) => live(claims.get(id)) === undefined);
      for (const pointer of free) claims.set(pointer.id, await expiring(pointer, limits.minClaimDays));
      return new Set(free.map(({ id }) => id));
    },
    async writeRows(written, untilMs = Number.POSITIVE_INFINITY, pointers = []) {
      if (clock.nowMs() >= untilMs)
        throw new EngineError('storage-unavailable', 'rows were not taken in time', { retryable: true });
      for (const pointer of pointers) claims.set(pointer.id, await expiring(pointer, limits.minClaimDays));
      for (const row of written) {
        const expiringRow = await expiring(row);
        const ofTenant = rows.get(row.tenant) ?? new Map<number, Expiring<FeedRow>>();
        const ordered = numbers.get(row.tenant) ?? [];
        if (!ofTenant.has(row.sequence)) ordered.splice(placeAfter(ordered, row.sequence), 0, row.sequence);
        numbers.set(row.tenant, ordered);
        rows.set(row.tenant, ofTenant.set(row.sequence, expiringRow));
      }
    },
    async getMany(keys) {
      const distinct = new Map(keys.map((key) => [`${key.tenant} ${key.sequence}`, key]));
      // Reversed, so that no caller relies on the order.
      return [...distinct.values()].reverse().flatMap(({ tenant, sequence }) => {
        const row = live(rows.get(tenant)?.get(sequence));
        if (row === undefined || 'sealed' in row) return [];
        const { writtenAtMs: _, ...event } = row;
        return [event satisfies EventRow];
      });
    },
    async listAfter(tenant, sequence, limit) {
      const ordered = numbers.get(tenant) ?? [];
      const found: FeedRow[] = [];
      for (let place = placeAfter(ordered, sequence); place < ordered.length && found.length < limit; place += 1) {
        const row = live(rows.get(tenant)?.get(ordered[place] as number));
        if (row !== undefined) found.push(row);
      }
      return found;
    },
    async firstAfter(tenant, sequence) {
      const ofTenant = rows.get(tenant);
      const next = (numbers.get(tenant) ?? []).find((number) => number > sequence && ofTenant?.has(number));
      const row = next === undefined ? undefined : ofTenant?.get(next)?.value;
      return row === undefined ? undefined : { sequence: row.sequence, writtenAtMs: row.writtenAtMs };
    },
    eraser: {
      async find(tenant, after) {
        const own = [...(rows.get(tenant)?.values() ?? [])].map(({ value }) => value);
        const page = pageOf(own, ({ sequence }) => String(sequence).padStart(16, '0'), 2, after);
        return {
          items: page.items.flatMap((row): Erasable[] => {
            const item = { kind: 'sealed' in row ? 'sealed_numbers' : 'events', key: String(row.sequence) };
            const claim = 'sealed' in row ? undefined : claims.get(row.id)?.value;
            return claim?.tenant === tenant ? [{ kind: 'event_claims', key: claim.id }, item] : [item];
          }),
          next: page.next,
        };
      },
      async remove(tenant, items) {
        for (const { kind, key } of items) {
          if (kind === 'event_claims') claims.delete(key);
          else rows.get(tenant)?.delete(Number(key));
        }
      },
    },
    async locate(id) {
      const claim = live(claims.get(id));
      return claim === undefined ? undefined : { tenant: claim.tenant, sequence: claim.sequence, owner: claim.owner };
    },
  };
}

/** Index of the first number greater than `sequence` in a sorted list. */
function placeAfter(ordered: readonly number[], sequence: number): number {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ordered[middle] as number) > sequence) high = middle;
    else low = middle + 1;
  }
  return low;
}
