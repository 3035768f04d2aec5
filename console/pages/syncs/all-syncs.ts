import type { Entry } from '../../engine-client.ts';
import { type Listed, useList } from '../../queries.ts';
import { maySee, tenant } from '../../session.ts';
import { useWhole } from '../../ui/whole-list.ts';

export type Sync = Entry<'GET /v1/syncs'>;

/** The syncs of all accounts. Every page that needs them makes the same call. */
export function useSyncs(): Listed<Sync> {
  const query = { tenant: tenant.value, limit: 50 };
  return useWhole(useList('GET /v1/syncs', { query }, { everyMs: 15_000, isEnabled: maySee('accounts:read') }));
}

const worstFirst = ['failing', 'rate-limited', 'backing-off', 'paused', 'running', 'idle'] as const;

/** Problems first; among the same, those that are furthest behind. */
export function byUrgency(one: Sync, other: Sync): number {
  return (
    worstFirst.indexOf(one.status) - worstFirst.indexOf(other.status) ||
    (other.lag_seconds ?? Number.MAX_SAFE_INTEGER) - (one.lag_seconds ?? Number.MAX_SAFE_INTEGER)
  );
}
