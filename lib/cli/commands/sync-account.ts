import type { AnswerOf } from '../../../lambdas/engine/api/operation.ts';
import type { Operations } from '../../../lambdas/engine/api/operations.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
  textOption,
  UnusableInput,
} from '../command.ts';
import { callOperation } from '../engine/api-client.ts';
import { engineOptions, engineOptionsHelp } from '../engine/engine-call.ts';
import { type FollowedRun, followRuns, runLine } from '../engine/follow-runs.ts';

const modes = ['incremental', 'full', 'reconcile', 'backfill'] as const;

export const syncCommand: Command = {
  name: 'sync',
  positionals: ['<account>'],
  summary: 'poll the provider of an account now, and follow the runs until they end',
  help: [
    '--sync <id>         only this sync (default: all syncs of the account)',
    '--mode <mode>       incremental (what has changed; the default), full (everything),',
    '                    reconcile (a complete listing, compared: finds deletes) or backfill (a stretch of time)',
    '--resource <name>   only this resource, such as ticketing/tickets, and what depends on it',
    '--since <ISO time> --until <ISO time>  of a backfill (default: everything until now)',
    '--no-follow         return once the runs are asked for',
    '--list              run nothing: show each sync with its status, next run and lag',
    ...engineOptionsHelp,
    'The runs go on without this command. It gives up on a sync that is paused, or that fails until a person acts.',
    'Exit status: 0 all runs succeeded (with --no-follow: wait to begin), 1 rejected or not so, 2 unusable input.',
  ],
  options: {
    ...engineOptions,
    sync: { type: 'string' },
    mode: { type: 'string' },
    resource: { type: 'string' },
    since: { type: 'string' },
    until: { type: 'string' },
    list: { type: 'boolean' },
    follow: { type: 'boolean' },
    'no-follow': { type: 'boolean' },
  },
  run: syncAccount,
};

type SyncView = AnswerOf<Operations['getSync']>['body'];

async function syncAccount(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  if (args.values['list'] === true) return listSyncs(args, ports);
  const asked = await askForRuns(args, ports);
  if (asked.kind === 'refused') return refused(args, asked.error);
  const { runs, skipped } = asked;
  for (const { sync, reason } of skipped) ports.note(`${sync} does not run: ${reason}\n`);
  if (args.values['no-follow'] === true)
    return {
      exitCode: 0,
      output: present(
        args,
        { runs, skipped },
        runs.map(({ sync, run }) => `${sync}: ${run} waits to begin`),
      ),
    };
  const signal = ports.interruption();
  const followed = await followRuns(args, ports, args.positionals[0] ?? '', runs, signal);
  const isDone = followed.every(({ run, error }) => error === null && run?.outcome === 'succeeded');
  return {
    exitCode: isDone ? 0 : 1,
    output: present(args, { runs: followed, skipped }, followed.map(endLine)),
  };
}

type Asked =
  | {
      readonly kind: 'asked';
      readonly runs: readonly { readonly sync: string; readonly run: string }[];
      readonly skipped: readonly { readonly sync: string; readonly reason: string }[];
    }
  | { readonly kind: 'refused'; readonly error: string };

async function askForRuns(args: CommandArguments, ports: CommandPorts): Promise<Asked> {
  const [id = ''] = args.positionals;
  const body = readRequest(args);
  const sync = textOption(args, 'sync');
  if (sync === undefined) {
    const call = await callOperation(args, ports, 'syncAccount', { params: { id }, body });
    return call.kind === 'refused' ? call : { kind: 'asked', runs: call.body.runs, skipped: call.body.skipped };
  }
  const call = await callOperation(args, ports, 'runSync', { params: { id, sync }, body });
  return call.kind === 'refused' ? call : { kind: 'asked', runs: [{ sync, run: call.body.run }], skipped: [] };
}

function readRequest(args: CommandArguments) {
  const [since, until] = [textOption(args, 'since'), textOption(args, 'until')];
  const said = textOption(args, 'mode') ?? 'incremental';
  const mode = modes.find((one) => one === said);
  if (mode === undefined) throw new UnusableInput(`--mode: got "${said}", expected ${modes.join(', ')}.`);
  if ((since !== undefined || until !== undefined) && mode !== 'backfill')
    throw new UnusableInput('--since and --until belong to a backfill: expected --mode backfill.');
  return { mode, resource: textOption(args, 'resource'), since, until };
}

function endLine({ sync, run, error }: FollowedRun): string {
  return `${sync}: ${error ?? (run === null ? 'unknown' : runLine(run))}`;
}

async function listSyncs(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const call = await callOperation(args, ports, 'listSyncs', { params: { id: args.positionals[0] ?? '' } });
  if (call.kind === 'refused') return refused(args, call.error);
  const only = textOption(args, 'sync');
  const found = call.body.data.filter(({ id }) => only === undefined || id === only);
  const lines = found.length === 0 ? ['no syncs'] : found.map(syncLine);
  return { exitCode: 0, output: present(args, { syncs: found }, lines) };
}

function syncLine({
  id,
  status,
  reason,
  next_run_at: next,
  lag_seconds: lag,
  resources,
  last_run: last,
}: SyncView): string {
  return [
    `${id}: ${status}${reason === null ? '' : ` (${reason})`}`,
    resources.join(', '),
    next === null ? 'no next run' : `next run ${next}`,
    lag === null ? 'never run' : `lag ${count(lag, 'second')}`,
    ...(last === null ? [] : [`last ${runLine(last)}`]),
  ].join('; ');
}

function refused(args: CommandArguments, error: string): CommandResult {
  return { exitCode: 1, output: present(args, { error }, [error]) };
}
