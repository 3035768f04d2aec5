import { EngineError } from '../../contracts/engine-error.ts';
import type { Definition } from '../../engine/definition/schema.ts';
import { dueTimeOf } from '../../engine/sync/due-time.ts';
import type { SyncState } from '../../engine/sync/sync-state.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { SyncKey, SyncRow } from '../../ports/sync/sync-store.ts';
import { type EnsureSyncsPorts, ensureSyncs } from './ensure-syncs.ts';

/** What managing the syncs of an account takes. */
export interface ManageSyncPorts extends EnsureSyncsPorts {
  readonly randomness: Randomness;
}

/** An account, and the definition of its integration; undefined where the deployment no longer has it. */
export interface SyncOwner {
  readonly account: Account;
  readonly definition: Definition | undefined;
}

/** Tries of a write; a run writes its sync every few seconds at most. */
const maxAttempts = 10;

/** A change of a sync, and what it means for the caller. Without a row, nothing is written. */
export interface SyncChange<Outcome> {
  readonly row?: SyncRow | undefined;
  readonly outcome: Outcome;
}

/**
 * Change what is stored of a sync. The change is made again to what another writer has put in between.
 *
 * @param prepare - What must be stored before the change is, each time that it is tried.
 * @returns Undefined where the account has no such sync any more.
 */
export async function changeSync<Outcome>(
  { syncs }: Pick<ManageSyncPorts, 'syncs'>,
  { account, sync, incarnation }: SyncKey & Pick<SyncRow, 'incarnation'>,
  change: (row: SyncRow) => SyncChange<Outcome>,
  prepare?: (outcome: Outcome) => Promise<void>,
): Promise<{ readonly row: SyncRow; readonly outcome: Outcome } | undefined> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const stored = await syncs.get({ account, sync });
    if (stored?.incarnation !== incarnation) return undefined;
    const { row, outcome } = change(stored);
    if (row === undefined) return { row: stored, outcome };
    await prepare?.(outcome);
    const written = await syncs.replace(row);
    if (written !== undefined) return { row: written, outcome };
  }
  throw contended();
}

/** Remove a sync with its cursors, also one that a run changes at the same time. */
export async function removeRow(
  { syncs }: Pick<ManageSyncPorts, 'syncs'>,
  { account, sync, incarnation }: SyncKey & Pick<SyncRow, 'incarnation'>,
  isStill: (row: SyncRow) => boolean,
): Promise<void> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const stored = await syncs.get({ account, sync });
    if (stored?.incarnation !== incarnation || !isStill(stored) || (await syncs.remove(stored))) return;
  }
  throw contended();
}

function contended(): EngineError {
  return new EngineError('contended', 'a run keeps changing the sync', { retryable: true });
}

/** A sync with another state. While a function works on it, its lease says when dispatch looks at it. */
export function withState(row: SyncRow, state: SyncState, nowMs: number): SyncRow {
  if (row.lease !== undefined && row.lease.untilMs > nowMs) return { ...row, state };
  const { dueAtMs: _, ...rest } = row;
  const dueAtMs = dueTimeOf(state, nowMs);
  return { ...rest, state, ...(dueAtMs === undefined ? {} : { dueAtMs }) };
}

/** Start a sync that is due. A function that works on it finds what it is to do when it looks next. */
export async function startIfDue({ pollQueue, clock }: Omit<EnsureSyncsPorts, 'syncs'>, row: SyncRow): Promise<void> {
  const { account, sync, dueAtMs } = row;
  if (dueAtMs !== undefined && dueAtMs <= clock.nowMs()) await pollQueue.send({ kind: 'poll', account, sync }, 0);
}

/** A stop that a caller may end: what the provider asked for stays. */
export function withoutOwnStop({ stop, ...state }: SyncState): SyncState {
  return stop?.kind === 'rate-limited' ? { ...state, stop } : state;
}

/** A sync of an account. Those that its definition declares appear, also where nobody has asked for them before. */
export async function findSync(
  ports: ManageSyncPorts,
  { account, definition }: SyncOwner,
  sync: string,
): Promise<SyncRow | undefined> {
  const stored = await ports.syncs.get({ account: account.id, sync });
  if (stored?.incarnation === account.createdAt) return stored;
  return (await listSyncs(ports, { account, definition })).find((row) => row.sync === sync);
}

/** The syncs of an account. */
export async function listSyncs(
  ports: ManageSyncPorts,
  { account, definition }: SyncOwner,
): Promise<readonly SyncRow[]> {
  if (account.closed === true) return [];
  if (definition !== undefined) return ensureSyncs(ports, account, definition);
  return (await ports.syncs.list(account.id)).filter(({ incarnation }) => incarnation === account.createdAt);
}
