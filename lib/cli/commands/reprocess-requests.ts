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

/** Consecutive calls that may find nothing of the integration, because dead letters of others come first. */
const maxIdleCalls = 3;

export const reprocessCommand: Command = {
  name: 'reprocess',
  positionals: ['<integration>'],
  summary: 'send dead-lettered or archived requests of an integration through its fixed mapping again',
  help: [
    '--since <ISO time> --until <ISO time>  archived requests received in between (default: dead letters)',
    '--account <id>   with --since: only requests of this account',
    '--send           with --since: send the requests; without it they are only counted',
    `--url <origin>   of the engine's API (default: ${localEngine}, which npm start runs)`,
    '--key <api key>  a key for all tenants (default: that of the local engine)',
    'Exit status: 0 all were sent, 1 some may be left or the engine rejected the call, 2 unusable input.',
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
    // Each call counts the skipped letters again, so do not add.
    skipped = answer.skipped;
    idleCalls = answer.reprocessed === 0 ? idleCalls + 1 : 0;
    if (answer.more && idleCalls < maxIdleCalls) {
      // The first call's instant, so that requests that fail again are not retried forever.
      before = answer.before;
      continue;
    }
    const left = `left ${count(skipped, 'dead letter')}: of other integrations, or dead-lettered since the start`;
    const unfinished = 'There may be more behind the dead letters of other integrations: reprocess those first.';
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
