import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
} from './command.ts';
import { callEngine, engineOptions, notUnderstood } from './engine-call.ts';
import { localEngine } from './local-engine.ts';

/** Calls in a row that may find nothing of the integration's: the letters of others are in the way then. */
const maxIdleCalls = 3;

export const reprocessCommand: Command = {
  name: 'reprocess',
  positionals: ['<integration>'],
  summary: 'send the dead-lettered requests of an integration through its mended mapping again',
  help: [
    `--url <origin>   of the engine's API (default: ${localEngine}, which npm start runs)`,
    '--key <api key>  one for all tenants (default: that of the local engine)',
    'Exit status: 0 all were taken up, 1 some may be left or the engine refused, 2 unusable input.',
  ],
  options: engineOptions,
  run: reprocessRequests,
};

/** What one call of the engine's API did. */
interface Reprocessed {
  readonly reprocessed: number;
  readonly skipped: number;
  readonly more: boolean;
  /** Letters from then on were left. */
  readonly before: string;
}

type Call =
  | { readonly kind: 'done'; readonly answer: Reprocessed }
  | { readonly kind: 'refused'; readonly error: string };

async function reprocessRequests(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [integration = ''] = args.positionals;
  const route = `/v1/integrations/${encodeURIComponent(integration)}/reprocess`;
  let reprocessed = 0;
  let skipped = 0;
  let idleCalls = 0;
  let query = '';
  for (;;) {
    const call = await callRoute(args, ports, `${route}${query}`);
    if (call.kind === 'refused') {
      const summary = { integration, reprocessed, skipped, error: call.error };
      return { exitCode: 1, output: present(args, summary, [...progress(reprocessed), call.error]) };
    }
    const { answer } = call;
    reprocessed += answer.reprocessed;
    // Each call sees those again that the one before it left.
    skipped = answer.skipped;
    idleCalls = answer.reprocessed === 0 ? idleCalls + 1 : 0;
    if (answer.more && idleCalls < maxIdleCalls) {
      // The first call's instant: what has failed again since is not tried without end.
      query = `?before=${encodeURIComponent(answer.before)}`;
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

async function callRoute(args: CommandArguments, ports: CommandPorts, path: string): Promise<Call> {
  const call = await callEngine(args, ports, { method: 'POST', path });
  if (call.kind === 'refused') return call;
  return isReprocessed(call.body)
    ? { kind: 'done', answer: call.body }
    : { kind: 'refused', error: notUnderstood(call) };
}

function isReprocessed(body: unknown): body is Reprocessed {
  const { reprocessed, skipped, more, before } = (body ?? {}) as Partial<Reprocessed>;
  return (
    typeof reprocessed === 'number' &&
    typeof skipped === 'number' &&
    typeof more === 'boolean' &&
    typeof before === 'string'
  );
}
