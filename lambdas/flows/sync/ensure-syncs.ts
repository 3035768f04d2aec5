import type { Definition } from '../../engine/definition/schema.ts';
import type { SyncJob } from '../../engine/sync/sync-job.ts';
import type { SyncState } from '../../engine/sync/sync-state.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { PollQueue } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { SyncRow, SyncStore } from '../../ports/sync/sync-store.ts';

export interface EnsureSyncsPorts {
  readonly syncs: SyncStore;
  readonly pollQueue: Pick<PollQueue, 'send'>;
  readonly clock: Clock;
}

/** A sync that has never run: its first run is due at once. */
export function newSyncState(job: SyncJob | undefined, nowMs: number): SyncState {
  return { ...(job === undefined ? {} : { job }), isPaused: false, wanted: [], nextAtMs: nowMs, failures: 0 };
}

/** The row of a sync that does not exist yet. */
export function newSyncRow(account: Account, sync: string, state: SyncState): SyncRow {
  return {
    account: account.id,
    sync,
    tenant: account.tenant,
    integration: account.integration,
    incarnation: account.createdAt,
    state,
    dueAtMs: state.nextAtMs,
    revision: 0,
  };
}

/**
 * See that an account with credentials has the syncs that its definition declares, unless it wants none. Those of a
 * former account with its id are replaced.
 *
 * @returns All syncs of the account.
 */
export async function ensureSyncs(
  { syncs, pollQueue, clock }: EnsureSyncsPorts,
  account: Account,
  definition: Definition,
): Promise<readonly SyncRow[]> {
  const stored = await syncs.list(account.id);
  const own = stored.filter(({ incarnation }) => incarnation === account.createdAt);
  for (const former of stored) if (former.incarnation !== account.createdAt) await syncs.remove(former);
  if (account.credentialKind === undefined || account.syncs === 'off') return own;
  const known = new Set(own.map(({ sync }) => sync));
  const missing = Object.keys(definition.syncs ?? {}).filter((sync) => !known.has(sync));
  const begun: SyncRow[] = [];
  for (const sync of missing) {
    const row = newSyncRow(account, sync, newSyncState(undefined, clock.nowMs()));
    const written = await syncs.replace(row);
    // Another function may have been first.
    if (written === undefined) continue;
    begun.push(written);
    await pollQueue.send({ kind: 'poll', account: account.id, sync }, 0);
  }
  return [...own, ...begun].sort((one, other) => (one.sync < other.sync ? -1 : 1));
}
