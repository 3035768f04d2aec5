import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
} from '../command.ts';
import { callOperation } from '../engine/api-client.ts';
import { localEngine } from '../engine/engine-address.ts';
import { engineOptions } from '../engine/engine-call.ts';
import { archiveOptions, meansArchive, reprocessArchive } from './reprocess-archive.ts';

/** Calls in a row that may find nothing of the integration's: the letters of others are in the way then. */
const maxIdleCalls = 3;

export const reprocessCommand: Command = {
  name: 'reprocess',
  positionals: ['<integration>'],
  summary: 'send dead-lettered or archived requests of an integration through its mended mapping again',
  help: [
    '--since <ISO time> --until <ISO time>  all requests received in between, of the raw archive (default: dead letters)',
    '--account <id>   with --since: of this account only',
    '--send           with --since: send them; without it they are counted',
    `--url <origin>   of the engine's API (default: ${localEngine}, which npm start runs)`,
    '--key <api key>  one for all tenants (default: that of the local engine)',
    'Exit status: 0 all were taken up, 1 some may be left or the engine refused, 2 unusable input.',
  ],
  options: { ...engineOptions, ...archiveOptions },
  run: (args, ports) => (meansArchive(args) ? reprocessArchive(args, ports) : reprocessDeadLetters(args, ports)),
};

async function reprocessDeadLetters(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [integration = ''] = args.positionals;
  let reprocessed = 0;
  let skipped = 0;
  let idleCalls = 0;
  let before: string | undefined;
  for (;;) {
    const call = await callOperation(args, ports, 'reprocessIntegration', {
      params: { integration },
      query: { before },
    });
    if (call.kind === 'refused') {
      const summary = { integration, reprocessed, skipped, error: call.error };
      return { exitCode: 1, output: present(args, summary, [...progress(reprocessed), call.error]) };
    }
    const { body: answer } = call;
    reprocessed += answer.reprocessed;
    // Each call sees those again that the one before it left.
    skipped = answer.skipped;
    idleCalls = answer.reprocessed === 0 ? idleCalls + 1 : 0;
    if (answer.more && idleCalls < maxIdleCalls) {
      // The first call's instant: what has failed again since is not tried without end.
      before = answer.before;
      continue;
    }
    const left = `left ${count(skipped, 'dead letter')}: of other integrations, or dead-lettered since`;
    const unfinished = 'There may be more of it behind those of other integrations: take these up first.';
    return {
      exitCode: answer.more ? 1 : 0,
      output: present(args, { integration, reprocessed, skipped, more: answer.more }, [
        `reprocessed ${count(reprocessed, 'request')} of ${integration}`,
        ...(skipped === 0 ? [] : [left]),
        ...(answer.more ? [unfinished] : []),
      ]),
    };
  }
}

function progress(reprocessed: number): readonly string[] {
  return reprocessed === 0 ? [] : [`reprocessed ${count(reprocessed, 'request')}, then:`];
}
