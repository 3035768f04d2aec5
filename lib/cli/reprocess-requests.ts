import { localAdminKey } from '../local/admin-key.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
  textOption,
  UnusableInput,
} from './command.ts';
import { localEngine, unreachable } from './local-engine.ts';

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
  options: { url: { type: 'string' }, key: { type: 'string' } },
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
  const route = `${readOrigin(args)}/v1/integrations/${encodeURIComponent(integration)}/reprocess`;
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

function readOrigin(args: CommandArguments): string {
  const url = textOption(args, 'url') ?? localEngine;
  if (!/^https?:/i.test(url) || !URL.canParse(url) || /[?#]/.test(url))
    throw new UnusableInput(`--url: got "${url}", expected an http or https origin such as ${localEngine}.`);
  return url.replace(/\/+$/, '');
}

async function callRoute(args: CommandArguments, ports: CommandPorts, url: string): Promise<Call> {
  const headers = { authorization: `Bearer ${textOption(args, 'key') ?? localAdminKey}` };
  let response: Response;
  try {
    response = await ports.fetch(url, { method: 'POST', headers, redirect: 'manual' });
  } catch (error) {
    return { kind: 'refused', error: unreachable(url, error, textOption(args, 'url') === undefined) };
  }
  const body = await response.json().catch(() => undefined);
  if (response.ok && isReprocessed(body)) return { kind: 'done', answer: body };
  const detail = (body as { readonly detail?: unknown } | null | undefined)?.detail;
  const said = typeof detail === 'string' ? `: ${detail}` : '.';
  return { kind: 'refused', error: `${url} answered ${response.status}${said}` };
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
