import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import type { SyncState } from '../../engine/sync/sync-state.ts';
import type { SyncKey, SyncRow } from '../../ports/sync/sync-store.ts';
import type { SyncPorts } from './sync-ports.ts';

/** A sync that this function works on, and nobody else. */
export interface SyncHold {
  readonly row: SyncRow;
  /**
   * Write what has changed, and keep the lease. The change is made to what is stored: a caller may have asked for a run
   * meanwhile.
   *
   * @throws {contended} when the lease is another's, or was taken away by a reset.
   */
  update(change: (state: SyncState) => SyncState): Promise<void>;
  /** Change what this function has in hand; a later write stores it. */
  imagine(change: (state: SyncState) => SyncState): void;
  /** Write what has changed, and give the lease back. */
  release(change: (state: SyncState) => SyncState, dueOf: (state: SyncState) => number | undefined): Promise<SyncRow>;
}

/** A function that works on a sync has ended by then, whatever happens. */
const leaseMs = limits.pollTimeoutSeconds * 1000 + 5_000;

/** Take a sync, unless another function works on it. @returns Undefined where it cannot be taken. */
export async function holdSync(
  ports: Pick<SyncPorts, 'syncs' | 'clock' | 'randomness'>,
  key: SyncKey,
): Promise<SyncHold | undefined> {
  const { syncs, clock } = ports;
  const owner = ports.randomness.bytes(9).toString('base64url');
  const leased = (row: SyncRow): SyncRow => {
    const untilMs = clock.nowMs() + leaseMs;
    return { ...row, lease: { owner, untilMs }, dueAtMs: untilMs };
  };
  let row: SyncRow | undefined;
  for (;;) {
    const stored = await syncs.get(key);
    if (stored === undefined) return undefined;
    if (stored.lease !== undefined && stored.lease.untilMs > clock.nowMs()) return undefined;
    row = await syncs.replace(leased(stored));
    if (row !== undefined) break;
  }
  let held: SyncRow = row;
  let imagined: ((state: SyncState) => SyncState)[] = [];

  async function write(next: (row: SyncRow) => SyncRow): Promise<void> {
    for (;;) {
      const written = await syncs.replace(next(held));
      if (written !== undefined) {
        held = written;
        imagined = [];
        return;
      }
      const stored = await syncs.get(key);
      if (stored?.lease?.owner !== owner)
        throw new EngineError('contended', `sync ${key.sync} of ${key.account} was taken away`, { retryable: false });
      // A caller has asked for something meanwhile: what this function has in hand is put upon it.
      held = { ...stored, state: imagined.reduce((state, change) => change(state), stored.state) };
    }
  }

  return {
    get row() {
      return held;
    },
    imagine(change) {
      held = { ...held, state: change(held.state) };
      imagined.push(change);
    },
    update: (change) => write((stored) => leased({ ...stored, state: change(stored.state) })),
    async release(change, dueOf) {
      await write((row) => {
        const { lease: _, dueAtMs: __, ...stored } = row;
        const state = change(stored.state);
        const dueAtMs = dueOf(state);
        return { ...stored, state, ...(dueAtMs === undefined ? {} : { dueAtMs }) };
      });
      return held;
    },
  };
}
