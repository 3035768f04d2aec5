import type { Definition } from '../../engine/definition/schema.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { SyncRow } from '../../ports/sync/sync-store.ts';
import { changeSync, removeRow, startIfDue, withoutOwnStop, withState } from './change-sync.ts';
import { type EnsureSyncsPorts, ensureSyncs } from './ensure-syncs.ts';

/**
 * See that an account has the syncs that it wants: those that its definition declares, or none of them. Syncs that
 * callers have posted stay.
 */
export async function applySyncsSetting(
  ports: EnsureSyncsPorts,
  account: Account,
  definition: Definition,
): Promise<void> {
  const rows = await ensureSyncs(ports, account, definition);
  if (account.syncs !== 'off') return;
  await Promise.all(rows.filter(isDeclared).map((row) => removeRow(ports, row, isDeclared)));
}

function isDeclared({ state }: SyncRow): boolean {
  return state.job === undefined;
}

/** Go on with the syncs of an account that has new credentials. Those that it lacked begin. */
export async function wakeSyncs(ports: EnsureSyncsPorts, account: Account, definition: Definition): Promise<void> {
  const rows = await ensureSyncs(ports, account, definition);
  const isHeld = ({ state }: SyncRow) => state.stop?.kind === 'auth-failed';
  await Promise.all(
    rows.filter(isHeld).map(async (row) => {
      const woken = await changeSync(ports, row, (stored) => {
        if (!isHeld(stored)) return { outcome: false };
        const nowMs = ports.clock.nowMs();
        const state = { ...withoutOwnStop(stored.state), nextAtMs: Math.min(nowMs, stored.state.nextAtMs) };
        return { row: withState(stored, state, nowMs), outcome: true };
      });
      if (woken?.outcome === true) await startIfDue(ports, woken.row);
    }),
  );
}
