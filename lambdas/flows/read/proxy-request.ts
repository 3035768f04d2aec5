import { connectionHeaders } from '../../contracts/connection-headers.ts';
import { contextForCalls } from '../../engine/definition/context-for-calls.ts';
import { planPlainAnswer } from '../../engine/definition/plan-answer.ts';
import { baseUrlOf } from '../../engine/provider/request/base-url.ts';
import type { PreparedCall } from '../../engine/provider/request/prepare-call.ts';
import { type CallOutcome, callProvider, type ProviderAnswer } from '../provider/call-provider.ts';
import { apiOf, type Caller, type ProviderPorts } from '../provider/provider-ports.ts';

/** A request that a caller passes on to a provider. */
export interface ProxiedRequest {
  readonly method: PreparedCall['method'];
  /** Below the base URL, without a leading slash. */
  readonly path: string;
  /** Raw, without the question mark. */
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly deadlineMs: number;
  /** The call has ended by then, epoch milliseconds. */
  readonly endsByMs: number;
}

export type ProxyOutcome =
  /** The provider's own answer, whatever its status. */
  | { readonly kind: 'answered'; readonly answer: ProviderAnswer }
  | { readonly kind: 'bad-path' }
  | Exclude<CallOutcome, { kind: 'read' }>;

const hopByHop: ReadonlySet<string> = new Set(connectionHeaders);
/** Headers that name the caller, or that the engine itself sets. */
const ownHeaders =
  /^(authorization|cookie|host|content-length|accept-encoding|forwarded|via|x-forwarded-.*|x-amz.*|x-api-key|idempotency-key)$/;
/** What an answer says of its own connection, its encoding, and cookies of the provider. */
const ownAnswerHeaders = /^(set-cookie|content-length|content-encoding|alt-svc|strict-transport-security|server|date)$/;

/** Pass a request on with the account's credentials, from the same budget as any other call. */
export async function proxyRequest(
  ports: ProviderPorts,
  caller: Caller,
  { method, path, query, headers, body, deadlineMs, endsByMs }: ProxiedRequest,
): Promise<ProxyOutcome> {
  const api = apiOf(caller);
  const { account, definition } = caller;
  const values = { context: contextForCalls(definition, account.context) };
  const base = baseUrlOf(api, values, account.baseUrl);
  if (base.kind === 'fault') return { kind: 'unusable', reason: base.message };
  const url = below(base.url, path, query);
  if (url === undefined) return { kind: 'bad-path' };
  let answer: ProviderAnswer | undefined;
  const outcome = await callProvider(ports, caller, {
    name: { resource: 'proxy', call: 'proxy' },
    spec: { method, format: 'json', cost: 1, where_join: ' AND ' },
    plan: planPlainAnswer(definition, 'proxy', { format: 'json' }),
    values,
    request: {
      method,
      url,
      headers: passed(headers, ownHeaders),
      body: body === '' || method === 'GET' ? undefined : body,
    },
    onAnswer: (given) => {
      answer = given;
    },
    priority: 'read',
    deadlineMs,
    endsByMs,
  });
  if (answer === undefined && outcome.kind !== 'read') return outcome;
  // A refused token is told as such: the provider's own words could hold parts of it.
  if (outcome.kind === 'auth-failed' || answer === undefined) return outcome as Exclude<CallOutcome, { kind: 'read' }>;
  return { kind: 'answered', answer: { ...answer, headers: passed(answer.headers, ownAnswerHeaders) } };
}

/** @returns Undefined for a path that leaves the base URL. */
function below(base: string, path: string, query: string): string | undefined {
  const text = `${base}/${path}${query === '' ? '' : `?${query}`}`;
  if (!URL.canParse(text)) return undefined;
  const [url, own] = [new URL(text), new URL(base)];
  const root = own.pathname.endsWith('/') ? own.pathname : `${own.pathname}/`;
  const isBelow = url.origin === own.origin && url.username === '' && url.pathname.startsWith(root);
  return isBelow ? url.href : undefined;
}

function passed(headers: Readonly<Record<string, string>>, own: RegExp): Readonly<Record<string, string>> {
  const named = new Set((headers['connection'] ?? '').split(',').map((name) => name.trim().toLowerCase()));
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !hopByHop.has(name) && !named.has(name) && !own.test(name)),
  );
}
