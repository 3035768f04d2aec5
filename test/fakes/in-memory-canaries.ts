import {
  type CanaryCounts,
  type CanaryDifference,
  type CanaryReader,
  type CanaryWriter,
  maxKeptDifferences,
} from '../../lambdas/ports/accounts/canary-log.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import type { TenantPolicies } from '../../lambdas/ports/tenants/tenant-store.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

const msPerDay = 86_400_000;
const keptDays = 7;

interface Row {
  readonly tenant: string;
  readonly trial: string;
  readonly account: string;
  readonly counts: CanaryCounts;
  readonly differences: readonly CanaryDifference[];
  readonly expiresAtMs: number;
}

export function createInMemoryCanaries(
  clock: Clock,
  policies: TenantPolicies,
): CanaryWriter & CanaryReader & Dumpable & { readonly eraser: Eraser } {
  const rows = new Map<string, Row>();
  return {
    dump: () => dumpOf(rows),
    async add({ tenant, integration, account, version }, counts, differences) {
      const policy = (await policies.getMany([tenant])).get(tenant);
      const trial = JSON.stringify([integration, version]);
      const key = JSON.stringify([tenant, trial, account]);
      const before = rows.get(key);
      const added = (name: keyof CanaryCounts) => (before?.counts[name] ?? 0) + counts[name];
      rows.set(key, {
        tenant,
        trial,
        account,
        counts: { compared: added('compared'), different: added('different'), failed: added('failed') },
        differences: structuredClone([...(before?.differences ?? []), ...differences].slice(-maxKeptDifferences)),
        expiresAtMs: clock.nowMs() + Math.min(policy?.eventsDays ?? keptDays, keptDays) * msPerDay,
      });
    },
    async list(tenant, integration, version) {
      const trial = JSON.stringify([integration, version]);
      return [...rows.values()]
        .filter((row) => row.tenant === tenant && row.trial === trial && row.expiresAtMs > clock.nowMs())
        .map(({ account, counts, differences }) => ({
          account,
          counts,
          differences: [...differences].sort((one, other) => (one.at < other.at ? 1 : -1)),
        }));
    },
    eraser: {
      async find(tenant, after) {
        const own = [...rows].filter(([, row]) => row.tenant === tenant);
        const page = pageOf(own, ([key]) => key, 2, after);
        return { items: page.items.map(([key]) => ({ kind: 'statistics', key })), next: page.next };
      },
      async remove(_, items) {
        for (const { key } of items) rows.delete(key);
      },
    },
  };
}
