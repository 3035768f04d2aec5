import type { AnswerOf } from '../../../lambdas/engine/api/operation.ts';
import type { Operations } from '../../../lambdas/engine/api/operations.ts';
import { type CommandArguments, type CommandPorts, count } from '../command.ts';
import { callOperationPatiently } from './api-client.ts';

type RunView = AnswerOf<Operations['getSyncRun']>['body'];
type SyncView = AnswerOf<Operations['getSync']>['body'];

/** A run, as it was when it was looked at last. */
export interface FollowedRun {
  readonly sync: string;
  readonly run: RunView | null;
  /** Why it is not followed any more, though it has not ended. */
  readonly error: string | null;
}

/** Pause between two looks. */
const pollMs = 2_000;
/** Attempts at a look before the command gives up. */
const lookTries = 5;

/** Look at runs until all have ended, or cannot go on. Progress goes to standard error. */
export async function followRuns(
  args: CommandArguments,
  ports: CommandPorts,
  account: string,
  runs: readonly { readonly sync: string; readonly run: string }[],
  signal: AbortSignal,
): Promise<readonly FollowedRun[]> {
  const beganAtMs = ports.nowMs();
  const show = createProgress(ports, beganAtMs);
  const ended: FollowedRun[] = [];
  for (const { sync, run } of runs) ended.push(await followRun(args, ports, { id: account, sync, run }, show, signal));
  show.end();
  return ended;
}

async function followRun(
  args: CommandArguments,
  ports: CommandPorts,
  { id, sync, run: wanted }: { readonly id: string; readonly sync: string; readonly run: string },
  show: Progress,
  signal: AbortSignal,
): Promise<FollowedRun> {
  let run: RunView | null = null;
  for (;;) {
    const patience = { signal, tries: lookTries };
    const look = await callOperationPatiently(
      args,
      ports,
      'getSyncRun',
      { params: { id, sync, run: wanted } },
      patience,
    );
    if (signal.aborted) return { sync, run, error: `${wanted} goes on; this command no longer follows it` };
    if (look.kind === 'refused') return { sync, run, error: look.error };
    run = look.body;
    if (run.ended_at !== null) return { sync, run, error: null };
    const state = await callOperationPatiently(args, ports, 'getSync', { params: { id, sync } }, patience);
    if (state.kind === 'refused') return { sync, run, error: state.error };
    const stuck = stuckReason(state.body);
    if (stuck !== undefined) return { sync, run, error: stuck };
    show.line(progressLine(state.body, run));
    await ports.pause(pollMs, signal);
  }
}

/** Why a run does not go on until somebody acts. */
function stuckReason({ status, reason, retry_at: retryAt }: SyncView): string | undefined {
  if (status === 'paused') return 'the sync is paused: resume it, and the run goes on';
  if (status !== 'failing' || retryAt === null) return undefined;
  return `failing: ${reason ?? 'the engine does not say why'}; tried again at ${retryAt}`;
}

function progressLine({ id, status, reason }: SyncView, run: RunView): string {
  const what = run.outcome === 'waiting' ? 'waits to begin' : `${run.phase ?? 'read'} ${run.reading ?? ''}`.trim();
  const why = status === 'running' || status === 'idle' ? '' : ` ${status}${reason === null ? '' : ` (${reason})`},`;
  return `${id}:${why} ${what}, ${countsOf(run)}`;
}

/** How a run has ended, or where it is. */
export function runLine(run: RunView): string {
  const { outcome, reason, started_at: from, ended_at: to } = run;
  const took = from === null || to === null ? '' : ` in ${elapsed(Date.parse(to) - Date.parse(from))}`;
  return `${outcome}${took}, ${countsOf(run)}${reason === null ? '' : `: ${reason}`}`;
}

function countsOf({ calls, pages, records, created, updated, deleted, unchanged, unreadable, drift }: RunView): string {
  const found = Object.entries(drift).map(([cause, found]) => `${found} ${cause}`);
  return [
    `${count(calls, 'call')}, ${count(pages, 'page')}, ${count(records, 'record')}`,
    `${created} created, ${updated} updated, ${deleted} deleted, ${unchanged} unchanged`,
    ...(unreadable === 0 ? [] : [`${unreadable} unreadable`]),
    ...(found.length === 0 ? [] : [`drift: ${found.join(', ')}`]),
  ].join(', ');
}

function elapsed(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

interface Progress {
  line(text: string): void;
  end(): void;
}

/** At a terminal, one line that changes with the time; elsewhere, a line for each change. */
function createProgress(ports: CommandPorts, beganAtMs: number): Progress {
  const isTerminal = ports.ask !== undefined;
  const eraseLine = '\r\u001B[K';
  let last = '';
  return {
    line(text) {
      if (isTerminal) ports.note(`${eraseLine}${text}, ${elapsed(ports.nowMs() - beganAtMs)}`);
      else if (text !== last) ports.note(`${text}\n`);
      last = text;
    },
    end() {
      if (isTerminal && last !== '') ports.note(eraseLine);
    },
  };
}
