import type { PollNowMessage } from '../../contracts/messages.ts';
import { jobOfSync } from '../../engine/sync/sync-job.ts';
import type { SyncState } from '../../engine/sync/sync-state.ts';
import type { AccountStore } from '../../ports/accounts/account-store.ts';
import { changeSync, listSyncs, type ManageSyncPorts, startIfDue, withState } from './change-sync.ts';
import { newRunId } from './new-run-id.ts';
import type { SyncPorts } from './sync-ports.ts';

/** No sync begins a run more often than this, whatever its webhooks say. */
const shortestMs = 60_000;

export type PollNowPorts = ManageSyncPorts & Pick<SyncPorts, 'definition'> & { readonly accounts: AccountStore };

/**
 * Let the syncs of an account run at once, because a webhook said that something was missed. A paused sync stays
 * paused, and one that waits for its provider waits on: a stranger's webhooks must not end what keeps it from calling.
 *
 * @returns The syncs whose runs were brought forward.
 */
export async function pollNow(
  ports: PollNowPorts,
  { account: id, incarnation, resource }: PollNowMessage,
): Promise<readonly string[]> {
  const account = await ports.accounts.get(id, 0);
  if (account === undefined || account.closed === true || account.createdAt !== incarnation) return [];
  const definition = await ports.definition(account.integration);
  if (definition === undefined) return [];
  const rows = (await listSyncs(ports, { account, definition })).filter(({ state, sync }) => {
    const job = jobOfSync(state, definition, sync);
    return job?.resources.some((one) => resource === undefined || one.resource === resource) === true;
  });
  const brought = await Promise.all(
    rows.map(async (row) => {
      const changed = await changeSync(ports, row, (stored) => {
        const nowMs = ports.clock.nowMs();
        const state = broughtForward(stored.state, nowMs, () => newRunId(ports));
        return state === undefined ? { outcome: false } : { row: withState(stored, state, nowMs), outcome: true };
      });
      if (changed?.outcome !== true) return [];
      await startIfDue(ports, changed.row);
      return [row.sync];
    }),
  );
  return brought.flat();
}

/** A run that goes on may have read past what was missed, so another one follows it. */
function broughtForward(state: SyncState, nowMs: number, newId: () => string): SyncState | undefined {
  const { isPaused, current, suspended, wanted, nextAtMs, lastRun } = state;
  if (isPaused || wanted.some(({ mode }) => mode !== 'backfill')) return undefined;
  if (current !== undefined || suspended !== undefined)
    return { ...state, wanted: [...wanted, { id: newId(), mode: 'incremental' }] };
  const earliestMs = lastRun === undefined ? nowMs : Math.max(nowMs, Date.parse(lastRun.startedAt) + shortestMs);
  return earliestMs < nextAtMs ? { ...state, nextAtMs: earliestMs } : undefined;
}
