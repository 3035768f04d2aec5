import type { Replay, ReplayStore } from '../../lambdas/ports/delivery/replay-store.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { DeliveryEraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

const msPerDay = 86_400_000;

export function createInMemoryReplays(
  clock: Clock,
  { retentionDays }: { readonly retentionDays: number } = { retentionDays: 30 },
): ReplayStore & DeliveryEraser & Dumpable {
  const rows = new Map<string, { readonly replay: Replay; readonly expiresAtMs: number }>();
  const keyOf = (subscription: string, id: string) => `${subscription} ${id}`;
  const put = (replay: Replay) =>
    rows.set(keyOf(replay.subscription, replay.id), {
      replay: structuredClone(replay),
      expiresAtMs: clock.nowMs() + retentionDays * msPerDay,
    });
  const live = () =>
    [...rows.values()].flatMap(({ replay, expiresAtMs }) => (expiresAtMs > clock.nowMs() ? replay : []));
  return {
    dump: () => dumpOf(rows),
    async findOf(subscription, tenant, after) {
      const own = [...rows]
        .filter(([, { replay }]) => replay.subscription === subscription && (tenant ?? replay.tenant) === replay.tenant)
        .map(([key]) => ({ kind: 'replays', key }));
      return pageOf(own, ({ key }) => key, 2, after);
    },
    async removeMany(items) {
      for (const { kind, key } of items) if (kind === 'replays') rows.delete(key);
    },
    async find(subscription, id) {
      return structuredClone(live().find((replay) => replay.subscription === subscription && replay.id === id));
    },
    async create(replay) {
      put(replay);
    },
    async replace(replay) {
      if (rows.get(keyOf(replay.subscription, replay.id))?.replay.revision !== replay.revision) return false;
      put({ ...replay, revision: replay.revision + 1 });
      return true;
    },
    async list(subscription, limit, after) {
      const own = live().filter((replay) => replay.subscription === subscription);
      return pageOf(own, ({ id }) => id, limit, after, 'falling');
    },
  };
}
