import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import { dueTimeOf } from '../../engine/sync/due-time.ts';
import { type EndOptions, failed, stopped, succeeded } from '../../engine/sync/end-run.ts';
import { type Lateness, latenessOf } from '../../engine/sync/lateness.ts';
import { chooseRun } from '../../engine/sync/next-run.ts';
import { jobOfSync, type SyncJob } from '../../engine/sync/sync-job.ts';
import {
  type CurrentRun,
  noCounts,
  type RunCounts,
  type SyncNews,
  type SyncState,
  type SyncStop,
} from '../../engine/sync/sync-state.ts';
import type { SyncKey, SyncRow } from '../../ports/sync/sync-store.ts';
import { definitionFor } from '../provider/definition-for.ts';
import { budgetLeftPercent, describeBudgets } from '../provider/describe-budgets.ts';
import { type Caller, toCaller } from '../provider/provider-ports.ts';
import { type CallCause, traceCalls } from '../provider/trace-calls.ts';
import { advanceRun } from './advance-run.ts';
import { holdSync, type SyncHold } from './hold-sync.ts';
import { newRunId } from './new-run-id.ts';
import { type Advance, createTally, currentOf, PagesExpired, type RunWork, saveRun, type Tally } from './part-work.ts';
import { recordRun, spanOfRun } from './run-spans.ts';
import type { SyncPorts } from './sync-ports.ts';
import { tellNews } from './tell-news.ts';

/** What one invocation did for a sync. */
export interface SyncReport {
  /** What was published and dropped, for metrics and statistics; absent where another function works on the sync. */
  readonly tenant?: string | undefined;
  readonly integration?: string | undefined;
  readonly counts?: RunCounts | undefined;
  /** How the last run that this invocation ended has ended. */
  readonly outcome?: 'succeeded' | 'failed' | undefined;
  readonly stop?: SyncStop | undefined;
  /** Runs that this invocation worked on. */
  readonly runs?: readonly string[] | undefined;
  /** Whether its tenant was told that the sync fails. */
  readonly isFailingNow?: boolean | undefined;
  /** Of the first run that this invocation ended, or that must wait. */
  readonly lateness?: Lateness | undefined;
  /** What is left of the limit of the provider that is used up most, as this run knows it. */
  readonly budgetLeftPercent?: number | undefined;
}

/** A message that is sent for the next step arrives in this time; dispatch looks after it. */
const messageLifeMs = 120_000;
/** Longest pause for which a message waits in the queue; dispatch starts what waits longer. */
const longestDelayMs = limits.queueMaxDelayMs;

/**
 * Work on a sync until it has nothing to do, must wait, or the time of this invocation is over.
 *
 *   take the lease -> go on with the run, or begin one -> give the lease back, with the time when it is due again
 *
 * One function at a time works on a sync, so its runs never overlap. A function that dies is followed by another once
 * its lease is over.
 */
export async function runSync(ports: SyncPorts, key: SyncKey): Promise<SyncReport> {
  const hold = await holdSync(ports, key);
  if (hold === undefined) return {};
  const found = await findCaller(ports, hold.row);
  if (found === undefined) {
    await ports.syncs.remove(hold.row);
    return {};
  }
  const { caller, job } = found;
  // The definition no longer has the sync. It may come back, with its cursor.
  if (job === undefined) {
    await hold.release(
      (state) => state,
      () => undefined,
    );
    return {};
  }
  try {
    return await workOn(ports, hold, caller, job);
  } catch (error) {
    // A reset has ended the run, or another function has taken over: what this one did is known to the records.
    if (error instanceof EngineError && error.code === 'contended' && !error.retryable) return {};
    throw error;
  }
}

function beginWork({ ports, ...own }: Pick<RunWork, 'ports' | 'hold' | 'caller' | 'job' | 'tally'>): RunWork {
  const { clock, provider, spans } = ports;
  const { hold } = own;
  const startedAtMs = clock.nowMs();
  return {
    ...own,
    ports: { ...ports, provider: traceCalls(provider, spans, () => causeOf(hold, startedAtMs)) },
    startedAtMs,
    isOver: () => clock.nowMs() - startedAtMs >= limits.pollRunMs || hold.row.state.isPaused,
    endsByMs: startedAtMs + limits.pollRunMs + longestCallMs,
  };
}

async function workOn(ports: SyncPorts, hold: SyncHold, caller: Caller, job: SyncJob): Promise<SyncReport> {
  const { clock } = ports;
  const tally = createTally(noCounts);
  const runs: string[] = [];
  const work = beginWork({ ports, hold, caller, job, tally });
  const before = hold.row.state;
  let lateness: Lateness | undefined;
  let outcome: SyncReport['outcome'];
  const told: SyncNews['kind'][] = [];
  const reportOf = (more: Partial<SyncReport> = {}): SyncReport => ({
    tenant: hold.row.tenant,
    integration: hold.row.integration,
    counts: tally.total(),
    outcome,
    runs,
    isFailingNow: told.includes('failing'),
    lateness,
    budgetLeftPercent: budgetLeftPercent(ports.provider, caller),
    ...more,
  });
  for (;;) {
    told.push(...(await tellNews(ports, hold)));
    const next = chooseRun(hold.row.state, clock.nowMs(), newRunId(ports));
    if (next.kind === 'wait') {
      await release(ports, hold);
      return reportOf();
    }
    const { current, suspended } = next.state;
    hold.imagine((before) => {
      const { current: _, suspended: __, ...state } = before;
      return {
        ...state,
        ...(current === undefined ? {} : { current }),
        ...(suspended === undefined ? {} : { suspended }),
        wanted: state.wanted.filter(({ id }) => id !== current?.id),
      };
    });
    const begunAtMs = clock.nowMs();
    const end = await advanceOrStop(work);
    const worked = currentOf(work);
    runs.push(worked.id);
    recordRun(
      work,
      worked,
      begunAtMs,
      'reason' in end ? end.reason : end.kind === 'stop' ? end.stop.reason : undefined,
    );
    const isEnded = end.kind === 'done' || end.kind === 'failed' || end.kind === 'skipped';
    if (isEnded || end.kind === 'stop') lateness ??= latenessOf(before, clock.nowMs());
    if (isEnded) outcome = await endRun(work, end);
    else if (end.kind === 'stop') await stopRun(work, end.stop);
    if (isEnded && outcome === 'succeeded') continue;
    // The tenant hears of it now: the next look may be hours away.
    told.push(...(await tellNews(ports, hold)));
    await release(ports, hold, tally);
    return reportOf(end.kind === 'stop' ? { stop: end.stop } : {});
  }
}

function causeOf(hold: SyncHold, startedAtMs: number): CallCause | undefined {
  const { current } = hold.row.state;
  if (current === undefined) return undefined;
  const { traceId, spanId } = spanOfRun({ startedAtMs }, current);
  return { traceId, parentSpanId: spanId };
}

/** Calls that begin before the time is over may take so long. */
const longestCallMs = 65_000;

/** What a run has read and published is read again: the states of the records know what was published. */
const fromItsBegin = {
  step: 0,
  part: 0,
  place: undefined,
  absence: undefined,
  missed: [],
  spooled: {},
  held: [],
  partial: [],
  complete: [],
  skipped: [],
} satisfies Partial<CurrentRun>;

/** Work of a store that cannot be reached is waited for; a fault of the engine is not the provider's. */
async function advanceOrStop(work: RunWork): Promise<Advance> {
  try {
    return await advanceRun(work);
  } catch (error) {
    const untilMs = work.ports.clock.nowMs() + 5_000;
    const stop = (reason: string): Advance => ({ kind: 'stop', stop: { kind: 'backing-off', reason, untilMs } });
    if (error instanceof PagesExpired) {
      await saveRun(work, fromItsBegin);
      return stop('the run took longer than its pages are kept, and reads them again');
    }
    if (!(error instanceof EngineError) || !error.retryable) throw error;
    return stop('the engine could not write what was read');
  }
}

async function endRun(
  work: RunWork,
  end: Extract<Advance, { kind: 'done' | 'failed' | 'skipped' }>,
): Promise<'succeeded' | 'failed'> {
  const { ports, hold, tally } = work;
  const { account, sync, tenant } = hold.row;
  const begun = currentOf(work);
  const run = { ...begun, counts: tally.addTo(begun.counts) };
  const options = await endOptions(work);
  const reason = end.kind === 'done' ? allSkipped(work) : end.reason;
  const change = (state: SyncState): SyncState =>
    reason === undefined ? succeeded(state, run, options) : failed(state, run, reason, options);
  const { lastRun } = change(hold.row.state);
  // The run goes first: a function that dies before the state is written ends the run again.
  if (lastRun !== undefined) await ports.syncs.putRun({ account, sync, tenant, run: lastRun });
  hold.imagine((state) => ({ ...state, current: run }));
  // Written when the lease is given back, or by the next run.
  hold.imagine(change);
  return reason === undefined ? 'succeeded' : 'failed';
}

/** A run none of whose parts could be read has failed. */
function allSkipped(work: RunWork): string | undefined {
  const { skipped, counts } = currentOf(work);
  return skipped.length > 0 && work.tally.total().pages + counts.pages === 0 ? skipped[0] : undefined;
}

async function stopRun(work: RunWork, stop: SyncStop): Promise<void> {
  const { hold, tally } = work;
  const begun = currentOf(work);
  const run = { ...begun, counts: tally.addTo(begun.counts) };
  const options = await endOptions(work);
  hold.imagine((state) => ({ ...stopped(state, run, stop, options), current: run }));
}

async function endOptions({ ports, hold, job, caller }: RunWork): Promise<EndOptions> {
  const { account, sync } = hold.row;
  const isAdaptive = job.between !== undefined;
  return {
    job,
    key: `${account}#${sync}`,
    nowMs: ports.clock.nowMs(),
    fraction: ports.randomness.fraction(),
    isShort: isAdaptive && (await isQuotaShort(ports, caller)),
  };
}

/** Whether a limit of the account has less than a fifth left. */
async function isQuotaShort(ports: SyncPorts, caller: Caller): Promise<boolean> {
  const { limits: views } = await describeBudgets(ports.provider, caller);
  return views.some(({ kind, remaining, maximum }) => kind !== 'concurrent' && remaining < maximum / 5);
}

/** Give the lease back, and see that the sync is looked at in time. */
async function release(ports: SyncPorts, hold: SyncHold, tally?: Tally): Promise<void> {
  const nowMs = ports.clock.nowMs();
  const dueOf = (state: SyncState) => dueTimeOf(state, nowMs);
  if (tally !== undefined)
    hold.imagine((state) =>
      state.current === undefined
        ? state
        : { ...state, current: { ...state.current, counts: tally.addTo(state.current.counts) } },
    );
  const { account, sync } = hold.row;
  const delayOf = (state: SyncState) => {
    const dueMs = dueOf(state);
    const isSoon =
      dueMs !== undefined &&
      dueMs - nowMs <=
        (state.current === undefined && state.stop === undefined && state.wanted.length === 0 ? 0 : longestDelayMs);
    return isSoon ? Math.max(0, dueMs - nowMs) : undefined;
  };
  const { state } = await hold.release(
    (stored) => stored,
    (stored) => {
      const dueMs = dueOf(stored);
      return dueMs === undefined || delayOf(stored) === undefined ? dueMs : Math.max(dueMs, nowMs) + messageLifeMs;
    },
  );
  // The lease goes first: a message that comes while it holds starts nothing. And a caller may have asked for a run
  // since this function looked last. If it dies between the two, dispatch starts the sync.
  const delayMs = delayOf(state);
  if (delayMs !== undefined) await ports.pollQueue.send({ kind: 'poll', account, sync }, delayMs);
}

interface FoundCaller {
  readonly caller: Caller;
  readonly job: SyncJob | undefined;
}

/** @returns Undefined where the account is gone, or is another one with the same id. */
async function findCaller(
  ports: SyncPorts,
  { account: id, incarnation, sync, state }: SyncRow,
): Promise<FoundCaller | undefined> {
  const account = await ports.accounts.get(id, 0);
  if (account === undefined || account.closed === true || account.createdAt !== incarnation) return undefined;
  const definition = await definitionFor(ports, account);
  if (definition?.api === undefined) return undefined;
  return { caller: toCaller(account, definition), job: jobOfSync(state, definition, sync) };
}
