import {
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
  textOption,
  UnusableInput,
} from '../command.ts';
import { callOperation } from '../engine/api-client.ts';

/** Options that select a window of the raw archive instead of dead letters. */
export const archiveOptions = {
  since: { type: 'string' },
  until: { type: 'string' },
  account: { type: 'string' },
  send: { type: 'boolean' },
} as const;

/** Whether the options select a window of the raw archive. */
export function meansArchive(args: CommandArguments): boolean {
  const isSaid = textOption(args, 'since') !== undefined;
  for (const option of ['until', 'account', 'send'])
    if (!isSaid && args.values[option] !== undefined)
      throw new UnusableInput(`--${option} needs a window of the raw archive: set its start with --since <ISO time>.`);
  return isSaid;
}

/** Count the archived requests of a window, or send them through normalize again. */
export async function reprocessArchive(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [integration = ''] = args.positionals;
  const isDryRun = args.values['send'] !== true;
  const window = {
    since: textOption(args, 'since'),
    until: textOption(args, 'until') ?? new Date(ports.nowMs()).toISOString(),
    account: textOption(args, 'account'),
    dry_run: isDryRun ? ('true' as const) : ('false' as const),
  };
  const sums = { found: 0, reprocessed: 0, skipped: 0 };
  let cursor: string | undefined;
  for (;;) {
    const call = await callOperation(args, ports, 'reprocessIntegration', {
      params: { integration },
      query: { ...window, cursor },
    });
    if (call.kind === 'refused') {
      const summary = { integration, ...sums, dry_run: isDryRun, error: call.error };
      const before = sums.found === 0 ? [] : [`${tell(sums, isDryRun)}, then:`];
      return { exitCode: 1, output: present(args, summary, [...before, call.error]) };
    }
    const { found = 0, reprocessed, skipped, next_cursor: next } = call.body;
    sums.found += found;
    sums.reprocessed += reprocessed;
    sums.skipped += skipped;
    if (typeof next === 'string') {
      cursor = next;
      continue;
    }
    return {
      exitCode: 0,
      output: present(args, { integration, ...sums, dry_run: isDryRun }, [
        `${tell(sums, isDryRun)} of ${integration}`,
        ...(sums.skipped === 0
          ? []
          : [`${count(sums.skipped, 'request')} can no longer be read: their accounts are closed`]),
        ...(isDryRun && sums.found > 0
          ? [`Nothing was sent. To send them, repeat with --until ${window.until} --send.`]
          : []),
      ]),
    };
  }
}

function tell({ found, reprocessed }: { readonly found: number; readonly reprocessed: number }, isDryRun: boolean) {
  return isDryRun ? `found ${count(found, 'request')}` : `reprocessed ${count(reprocessed, 'request')}`;
}
