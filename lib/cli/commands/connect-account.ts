import type { AnswerOf } from '../../../lambdas/engine/api/operation.ts';
import type { Operations } from '../../../lambdas/engine/api/operations.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  textOption,
  UnusableInput,
} from '../command.ts';
import { callOperation } from '../engine/api-client.ts';
import { listenForReturn, type ReturnListener } from '../engine/await-return.ts';
import { engineOptions, engineOptionsHelp, isWebUrl } from '../engine/engine-call.ts';

export const connectCommand: Command = {
  name: 'connect',
  positionals: ['<account>'],
  summary: "start the consent of an account's owner (OAuth 2.0), and tell how it ended",
  help: [
    'Open the URL that it prints, and consent at the provider.',
    '--return-url <url>  where the owner goes then (default: a page of this command, on a free port of this machine)',
    '                    its origin must be one that the engine allows: connectReturnOrigins',
    ...engineOptionsHelp,
    'With --json it prints two lines: {"url", "return_url", "expires_at"}, then {"account", "result", …}.',
    'Ctrl-C ends it; the URL stays valid until it expires.',
    'Exit status: 0 connected, 1 not connected or the engine rejected the call, 2 unusable input.',
  ],
  options: { ...engineOptions, 'return-url': { type: 'string' } },
  run: connectAccount,
};

type AccountView = AnswerOf<Operations['getAccount']>['body'];

/** How a consent ended. */
type Ending = 'connected' | 'failed' | 'expired' | 'interrupted';

/** Pause between two looks at the account, where the owner comes back elsewhere. */
const lookMs = 2_000;

async function connectAccount(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [id = ''] = args.positionals;
  const wanted = readReturnUrl(textOption(args, 'return-url'));
  const signal = ports.interruption();
  const before = await callOperation(args, ports, 'getAccount', { params: { id } });
  if (before.kind === 'refused') return refused(args, before.error);
  const listener = wanted === undefined || isLoopback(wanted) ? await listen(wanted) : undefined;
  try {
    const returnUrl = listener?.url ?? wanted?.href ?? '';
    const started = await callOperation(args, ports, 'connectAccount', {
      params: { id },
      body: { return_url: returnUrl },
    });
    if (started.kind === 'refused') return refused(args, `${started.error}${hintFor(started.error, before.body)}`);
    const { url, expires_at: expiresAt } = started.body;
    announce(args, ports, { url, returnUrl, expiresAt, isAwaited: listener !== undefined });
    const waiting = new AbortController();
    const ended = await Promise.race([
      listener?.returned.then(({ status }) => status) ??
        lookForChange(args, ports, before.body, AbortSignal.any([signal, waiting.signal])),
      endOfTime(ports, Date.parse(expiresAt), signal, waiting.signal),
    ]);
    waiting.abort();
    return await report(args, ports, id, ended);
  } finally {
    await listener?.close();
  }
}

function readReturnUrl(text: string | undefined): URL | undefined {
  if (text === undefined) return undefined;
  if (!isWebUrl(text))
    throw new UnusableInput(
      `--return-url: got "${text}", expected an http or https URL such as http://localhost:3000/done.`,
    );
  const url = new URL(text);
  if (isLoopback(url) && url.protocol !== 'http:')
    throw new UnusableInput(
      `--return-url: got "${text}", expected http: this command listens there without a certificate.`,
    );
  return url;
}

function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

async function listen(wanted: URL | undefined): Promise<ReturnListener> {
  try {
    return await listenForReturn(wanted);
  } catch (error) {
    const { code = 'error' } = error as NodeJS.ErrnoException;
    throw new UnusableInput(
      `--return-url: cannot listen at ${wanted?.origin ?? 'a port of this machine'} (${code}); choose another port.`,
    );
  }
}

/** What an operator can do about a rejected call. */
function hintFor(error: string, { integration }: AccountView): string {
  if (error.includes('return_url'))
    return ' Allow the origin in the setting connectReturnOrigins, for example http://127.0.0.1:*.';
  if (error.includes('no OAuth client'))
    return ` Set it: PUT /v1/integrations/${integration}/settings with {"client": {"client_id": "…", "client_secret": "…"}}.`;
  return '';
}

function announce(
  args: CommandArguments,
  ports: CommandPorts,
  {
    url,
    returnUrl,
    expiresAt,
    isAwaited,
  }: {
    readonly url: string;
    readonly returnUrl: string;
    readonly expiresAt: string;
    readonly isAwaited: boolean;
  },
): void {
  if (args.values['json'] === true) {
    ports.print(`${JSON.stringify({ url, return_url: returnUrl, expires_at: expiresAt })}\n`);
    return;
  }
  ports.print(`open ${url}\n`);
  ports.note(`${isAwaited ? 'waiting at' : 'the owner goes on to'} ${returnUrl} until ${expiresAt}; Ctrl-C ends it\n`);
}

/** Resolves when the consent has expired, or at Ctrl-C. */
async function endOfTime(
  ports: CommandPorts,
  expiresAtMs: number,
  signal: AbortSignal,
  done: AbortSignal,
): Promise<Ending> {
  await ports.pause(Math.max(0, expiresAtMs - ports.nowMs()), AbortSignal.any([signal, done]));
  return signal.aborted ? 'interrupted' : 'expired';
}

/** Resolves when the account has other credentials than before. */
async function lookForChange(
  args: CommandArguments,
  ports: CommandPorts,
  before: AccountView,
  signal: AbortSignal,
): Promise<Ending> {
  while (!signal.aborted) {
    await ports.pause(lookMs, signal);
    const now = await callOperation(args, ports, 'getAccount', { params: { id: before.id } });
    const isChanged = now.kind === 'answered' && now.body.credentials?.updated_at !== before.credentials?.updated_at;
    if (isChanged && now.body.status === 'active') return 'connected';
  }
  return 'interrupted';
}

async function report(args: CommandArguments, ports: CommandPorts, id: string, result: Ending): Promise<CommandResult> {
  const after = await callOperation(args, ports, 'getAccount', { params: { id } });
  const account = after.kind === 'answered' ? after.body : undefined;
  const status = account?.status ?? null;
  const expiresAt = account?.credentials?.expires_at ?? null;
  const isConnected = result === 'connected' && status === 'active';
  const lines: Readonly<Record<Ending, string>> = {
    connected: isConnected
      ? `connected: ${id} is active${expiresAt === null ? '' : `, its token expires at ${expiresAt}`}`
      : `the provider led back as connected, but ${id} is ${status ?? 'unknown'}: ${account?.status_reason ?? 'the engine does not say why'}`,
    failed: `not connected: the page that the engine showed says why; ${id} is ${status ?? 'unknown'}`,
    expired: `not connected: the owner did not come back in time; ${id} is ${status ?? 'unknown'}`,
    interrupted: `interrupted: ${id} is ${status ?? 'unknown'}`,
  };
  const output =
    args.values['json'] === true
      ? JSON.stringify({ account: id, result, status, token_expires_at: expiresAt })
      : lines[result];
  return { exitCode: isConnected ? 0 : 1, output: `${output}\n` };
}

function refused(args: CommandArguments, error: string): CommandResult {
  return { exitCode: 1, output: `${args.values['json'] === true ? JSON.stringify({ error }) : error}\n` };
}
