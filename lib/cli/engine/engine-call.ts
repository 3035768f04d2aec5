import type { OperationShape } from '../../../lambdas/engine/api/operation.ts';
import { localAdminKey } from '../../local/admin-key.ts';
import { type CommandArguments, type CommandPorts, textOption, UnusableInput } from '../command.ts';
import { localEngine, unreachable } from './engine-address.ts';

/** Options of every command that calls the engine's API. */
export const engineOptions = { url: { type: 'string' }, key: { type: 'string' } } as const;

/** Help of these options; a command that needs a key for all tenants describes it itself. */
export const engineOptionsHelp: readonly string[] = [
  `--url <origin>      of the engine's API (default: ${localEngine}, which npm start runs)`,
  '--key <api key>     (default: that of the local engine)',
];

/** Timeout of a call. */
const answerTimeoutMs = 30_000;
/** Maximum backoff between retries. */
const maxRetryPauseMs = 15_000;

export interface EngineRequest {
  readonly method: OperationShape['method'];
  /** Path and query, beginning with a slash. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Aborts the call. */
  readonly signal?: AbortSignal;
}

export type EngineAnswer =
  | { readonly kind: 'answered'; readonly url: string; readonly status: number; readonly body: unknown }
  /** `isPassing`: the same call may succeed later. Without a `status`, nothing answered. */
  | { readonly kind: 'refused'; readonly error: string; readonly isPassing: boolean; readonly status?: number };

/** Whether a text is an absolute http or https URL. */
export function isWebUrl(url: string): boolean {
  return /^https?:/i.test(url) && URL.canParse(url);
}

/** Origin of the engine, without a trailing slash. */
export function readOrigin(args: CommandArguments): string {
  const url = textOption(args, 'url') ?? localEngine;
  if (!isWebUrl(url) || /[?#]/.test(url))
    throw new UnusableInput(`--url: got "${url}", expected an http or https origin such as ${localEngine}.`);
  return url.replace(/\/+$/, '');
}

/** Call the engine's API once. The error contains the engine's reason for a rejection, but never the key. */
export async function callEngine(
  args: CommandArguments,
  ports: CommandPorts,
  { method, path, body, signal }: EngineRequest,
): Promise<EngineAnswer> {
  const url = `${readOrigin(args)}${path}`;
  const headers = { authorization: `Bearer ${textOption(args, 'key') ?? localAdminKey}` };
  const timeout = AbortSignal.timeout(answerTimeoutMs);
  let response: Response;
  try {
    response = await ports.fetch(url, {
      method,
      headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
      redirect: 'manual',
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const why = unreachable(url, error, textOption(args, 'url') === undefined);
    return { kind: 'refused', error: why, isPassing: true };
  }
  const { status } = response;
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return { kind: 'answered', url, status, body: answer };
  return {
    kind: 'refused',
    error: `${url} answered ${status}${problemOf(answer)}`,
    isPassing: status === 429 || status >= 500,
    status,
  };
}

/**
 * Call with retries until the engine answers, or rejects the call for good. Only for calls that change nothing: a call
 * without an answer may have had its effect.
 *
 * @param tries - Maximum of attempts; Infinity to wait without limit.
 */
export async function callPatiently(
  args: CommandArguments,
  ports: CommandPorts,
  request: EngineRequest & { readonly method: 'GET'; readonly signal: AbortSignal },
  tries: number,
): Promise<EngineAnswer> {
  for (let tried = 1; ; tried += 1) {
    const answer = await callEngine(args, ports, request);
    const isFinal = answer.kind === 'answered' || !answer.isPassing;
    if (isFinal || tried >= tries || request.signal.aborted) return answer;
    // Only once, because a restarting engine is unreachable for some seconds.
    if (tried === 1) ports.note(`${answer.error} Retrying.\n`);
    await ports.pause(Math.min(maxRetryPauseMs, 1000 * 2 ** (tried - 1)), request.signal);
  }
}

/** `: <detail>` from the problem details, or a full stop if they have none. */
function problemOf(body: unknown): string {
  const { detail, errors } = (body ?? {}) as { readonly detail?: unknown; readonly errors?: unknown };
  if (typeof detail !== 'string') return '.';
  const faults = (Array.isArray(errors) ? errors : []).map((fault: unknown) => {
    const { path, message } = (fault ?? {}) as { readonly path?: unknown; readonly message?: unknown };
    return `${String(path)}: ${String(message)}`;
  });
  return [`: ${detail}`, faults.join('; ')].filter((text) => text !== '').join(' ');
}
