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
 * How long after its next run was due work counts as silent: longer than the visibility timeout of a drain message
 * (12 minutes), so that the queue's own retry comes first.
 */
export const silentAfterMs = 15 * 60_000;
/** Time between restarts: by then, an erasure that fails each time has produced one dead letter. */
const restartAgainAfterMs = 60 * 60_000;
/** Restarts in one run; the next minute's run continues with the rest. */
const maxRestarts = 100;

/**
 * Restart replays and erasures that should have continued long ago, and forget those that have ended.
 *
 * Each chain of a replay's messages has a number, which the replay's row holds too. A late message of an earlier chain
 * finds another number in the row and ends, so two chains never send at twice the rate. An erasure needs no number: two
 * runs do the same work, and count it once.
 *
 * @returns The restarted work.
 */
export async function restartSilent(ports: RestartPorts): Promise<readonly RunningWork[]> {
  const silent = await ports.runningWork.listSilent(ports.clock.nowMs(), maxRestarts);
  const results = await Promise.allSettled(
    silent.map(async (work) => {
      const isRestarted = work.kind === 'replay' ? await restartReplay(ports, work) : await restartErasure(ports, work);
      return isRestarted ? [work] : [];
    }),
  );
  // A failed restart does not stop the others; the next minute's run tries it again.
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
  // The write conflicts when a run has just written, so the replay is not silent.
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
