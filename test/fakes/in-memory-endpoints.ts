import { EngineError } from '../../lambdas/contracts/engine-error.ts';
import { shardOf } from '../../lambdas/contracts/shards.ts';
import { woken } from '../../lambdas/engine/delivery/drainer.ts';
import { type EndpointState, newEndpoint } from '../../lambdas/engine/delivery/endpoint-state.ts';
import type { DueEndpoint, DueEndpoints, EndpointStore } from '../../lambdas/ports/delivery/endpoint-store.ts';
import type { EndpointEraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

export function createInMemoryEndpoints(): EndpointStore & DueEndpoints & EndpointEraser & Dumpable {
  const rows = new Map<string, { readonly state: EndpointState; readonly dueAtMs: number | undefined }>();
  return {
    dump: () => dumpOf(rows),
    async getMany(keys) {
      return keys.map(({ endpoint, scope }) => {
        const state = rows.get(endpoint)?.state;
        return structuredClone(state?.scope === scope ? state : newEndpoint(scope, endpoint));
      });
    },
    async replace(state, dueAtMs, isUnwoken = false) {
      const stored = rows.get(state.endpoint)?.state;
      const wakeups = stored?.wakeups ?? 0;
      if (stored !== undefined && stored.scope !== state.scope) return false;
      if ((stored?.revision ?? 0) !== state.revision) return false;
      if ((isUnwoken || !state.hasBacklog) && stored !== undefined && wakeups !== state.wakeups) return false;
      rows.set(state.endpoint, {
        state: structuredClone({ ...state, wakeups, revision: state.revision + 1 }),
        dueAtMs,
      });
      return true;
    },
    async findExisting(endpoints) {
      return endpoints.filter((endpoint) => rows.has(endpoint));
    },
    async removeMany(endpoints) {
      for (const endpoint of endpoints) rows.delete(endpoint);
    },
    async wake({ endpoint, scope }) {
      const stored = rows.get(endpoint);
      if (stored !== undefined && stored.state.scope !== scope)
        throw new EngineError('corrupt-state', `the endpoint ${endpoint} belongs to another scope`, {
          retryable: false,
        });
      const state = woken(stored?.state ?? newEndpoint(scope, endpoint));
      rows.set(endpoint, { state, dueAtMs: stored?.dueAtMs });
      return structuredClone(state);
    },
    async listDue(shard, untilMs, limit, after) {
      const own = [...rows.values()].flatMap(({ state: { endpoint, scope }, dueAtMs }) =>
        dueAtMs !== undefined && dueAtMs <= untilMs && shardOf(endpoint) === shard
          ? [{ endpoint, scope, dueAtMs }]
          : [],
      );
      const place = ({ dueAtMs, endpoint }: DueEndpoint) => `${String(dueAtMs).padStart(16, '0')}#${endpoint}`;
      return pageOf(own, place, limit, after === undefined ? undefined : place(after)).items;
    },
    async postpone({ endpoint, scope, dueAtMs }, untilMs) {
      const stored = rows.get(endpoint);
      if (stored === undefined || stored.dueAtMs !== dueAtMs || stored.state.scope !== scope) return false;
      rows.set(endpoint, { ...stored, dueAtMs: untilMs });
      return true;
    },
  };
}
