import type { ReplayStore } from '../../ports/delivery/replay-store.ts';
import type { DrainQueue, GovernanceQueue } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { RunningWork, RunningWorkLog } from '../../ports/runtime/running-work.ts';
import type { TenantStore } from '../../ports/tenants/tenant-store.ts';

export interface RestartPorts {
  readonly runningWork: RunningWorkLog;
  readonly replays: Pick<ReplayStore, 'find' | 'replace'>;
  readonly tenants: Pick<TenantStore, 'find'>;
  readonly drainQueue: DrainQueue;
  readonly governanceQueue: GovernanceQueue;
  readonly clock: Clock;
}

/**
 * How long after its next run was due work counts as silent: longer than a message of drain stays hidden after a run
 * that died (12 minutes), so that the queue's own retry goes first.
 */
export const silentAfterMs = 15 * 60_000;
/** How long a restart has before the next: an erasure that fails each time has become one dead letter by then. */
const restartAgainAfterMs = 60 * 60_000;
/** What one run restarts; the rest is the next minute's. */
const maxRestarts = 100;

/**
 * Start replays and erasures again that should have gone on long ago, and forget those that have ended.
 *
 * A replay's new chain of messages has a number that the row has, too. A message of the chain before it, which was
 * only late, finds another number there and ends, so that two chains never send at twice the rate. An erasure needs
 * none: two runs do the same work, and count it once.
 *
 * @returns What was started again.
 */
export async function restartSilent(ports: RestartPorts): Promise<readonly RunningWork[]> {
  const silent = await ports.runningWork.listSilent(ports.clock.nowMs(), maxRestarts);
  const results = await Promise.allSettled(
    silent.map(async (work) => {
      const isRestarted = work.kind === 'replay' ? await restartReplay(ports, work) : await restartErasure(ports, work);
      return isRestarted ? [work] : [];
    }),
  );
  // One that fails keeps no other from its turn, and has its own again in a minute.
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

async function restartReplay(ports: RestartPorts, work: Extract<RunningWork, { kind: 'replay' }>): Promise<boolean> {
  const replay = await ports.replays.find(work.subscription, work.replay);
  if (replay?.state !== 'running') {
    await ports.runningWork.remove(work);
    return false;
  }
  const restarts = (replay.restarts ?? 0) + 1;
  // A run has just written: it is not silent.
  if (!(await ports.replays.replace({ ...replay, restarts }))) return false;
  const { id, subscription, scope } = replay;
  await ports.drainQueue.send({ kind: 'replay', replay: id, subscription, scope, restarts }, 0);
  await ports.runningWork.expect(work, ports.clock.nowMs() + restartAgainAfterMs);
  return true;
}

async function restartErasure(ports: RestartPorts, work: Extract<RunningWork, { kind: 'erasure' }>): Promise<boolean> {
  const erasure = (await ports.tenants.find(work.tenant))?.erasure;
  if (erasure?.id !== work.erasure || erasure.state !== 'running') {
    await ports.runningWork.remove(work);
    return false;
  }
  await ports.governanceQueue.send({ kind: 'erase', tenant: work.tenant, erasure: work.erasure }, 0);
  await ports.runningWork.expect(work, ports.clock.nowMs() + restartAgainAfterMs);
  return true;
}
