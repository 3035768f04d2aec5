import { type AnswerWorld, answerCall } from './answers/answer-call.ts';
import { errorAnswer, type ProviderAnswer, textOfAnswer } from './answers/provider-answer.ts';
import type { CallCounts } from './call-counts.ts';
import type { CompiledProvider } from './compile-provider.ts';
import type { OAuthEndpoints } from './credentials/oauth-endpoints.ts';
import type { CredentialCheck } from './credentials/simulated-credentials.ts';
import { type DrawnFault, drawFault, type ProviderFaults } from './draw-fault.ts';
import { tooManyRequests, writeLimits } from './limits/limit-answers.ts';
import type { LimitMeter, Metered } from './limits/limit-meter.ts';
import { type ChosenCall, chooseCall } from './requests/choose-call.ts';
import type { ProviderRequest } from './requests/provider-request.ts';
import { routeRequest } from './requests/route-request.ts';

export interface ServingProvider {
  readonly compiled: CompiledProvider;
  readonly world: AnswerWorld;
  readonly endpoints: OAuthEndpoints;
  /** Answers a login of the kind `session`. */
  readonly login: (chosen: ChosenCall) => ProviderAnswer;
  readonly isAllowed: CredentialCheck;
  readonly meter: LimitMeter;
  readonly counts: CallCounts;
  readonly faults: ProviderFaults;
  readonly seed: string;
  readonly nowMs: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

export interface ServedRequest {
  readonly name: string;
  /** Undefined for a request that is never answered. */
  readonly answer: ProviderAnswer | undefined;
}

/** Answer a request as the provider would: route, credentials, limits, time, faults, answer. */
export async function serveRequest(provider: ServingProvider, request: ProviderRequest): Promise<ServedRequest> {
  const { compiled, counts, faults, seed, wait } = provider;
  const ofAccounts = provider.endpoints.answer(request);
  const candidates = routeRequest(patternsOf(compiled), request);
  const chosen = ofAccounts === undefined ? chooseCall(candidates, compiled.served, compiled.stores) : undefined;
  const name = ofAccounts?.name ?? chosen?.served.pattern.name ?? 'unknown';
  const place = counts.countCall(name);
  const fault = drawFault(faults, seed, name, place);
  if (ofAccounts !== undefined) {
    const metered = take(provider, { resource: 'token', call: 'token', cost: 1, owner: 'token' }, 'token');
    return { name, answer: await finish(provider, name, fault, metered, async () => ofAccounts.answer) };
  }
  if (chosen === undefined) {
    await wait(fault.delayMs);
    return { name, answer: unknownAnswer(provider, request) };
  }
  const { call } = chosen.served.pattern;
  if (call.method === 'token')
    return { name, answer: await finish(provider, name, fault, undefined, async () => provider.login(chosen)) };
  const owner = provider.isAllowed(request, provider.nowMs());
  if (owner === undefined) {
    await wait(fault.delayMs);
    return { name, answer: chosen.served.refusal };
  }
  const metered = take(
    provider,
    { resource: call.resource ?? call.method, call: name, cost: call.spec.cost, owner },
    name,
  );
  return {
    name,
    answer: await finish(provider, name, fault, metered, () => answerCall(provider.world, chosen, request)),
  };
}

function patternsOf({ served }: CompiledProvider) {
  return [...served.values()].map(({ pattern }) => pattern);
}

/** @returns Undefined where no limit counts the request. */
function take(
  { meter, nowMs, counts, compiled }: ServingProvider,
  call: Parameters<LimitMeter['take']>[0],
  name: string,
): Metered | undefined {
  // Token endpoints are apart from the API, unless a limit names them.
  const isToken = name === 'token' || name === 'authorize';
  if (isToken && !compiled.api.limits.some(({ of }) => of?.includes('token') === true)) return undefined;
  const metered = meter.take(call, nowMs());
  if (metered.kind === 'refused') counts.countRefusal(metered.limit);
  return metered;
}

/** Wait, fail as drawn, or answer; a call that a limit refuses is answered at once. */
async function finish(
  { counts, faults, nowMs, wait }: ServingProvider,
  name: string,
  fault: DrawnFault,
  metered: Metered | undefined,
  respond: () => Promise<ProviderAnswer>,
): Promise<ProviderAnswer | undefined> {
  if (metered?.kind === 'refused') {
    const refusal = tooManyRequests(metered.limit, metered.freeAtMs, nowMs(), faults.retryAfterSeconds);
    return writeLimits(refusal, metered.states(), nowMs());
  }
  try {
    await wait(fault.delayMs);
    if (fault.kind !== 'none') counts.countFault(fault.kind);
    if (fault.kind === 'timeout') return undefined;
    if (fault.kind === 'error') return serverError(name, fault.status, faults.retryAfterSeconds);
    const answer = await respond();
    const told = metered === undefined ? answer : writeLimits(answer, metered.states(), nowMs());
    return spoiled(told, fault.kind);
  } finally {
    metered?.end();
  }
}

function serverError(name: string, status: number, retryAfterSeconds: number | undefined): ProviderAnswer {
  const answer = errorAnswer(status, 'simulated_fault', `a simulated fault of ${name}`);
  if (status !== 503 || retryAfterSeconds === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(retryAfterSeconds) } };
}

/** A success that cannot be read; other answers stay. */
function spoiled(answer: ProviderAnswer, kind: DrawnFault['kind']): ProviderAnswer {
  if (answer.status >= 300 || (kind !== 'malformed' && kind !== 'html')) return answer;
  if (kind === 'html')
    return {
      ...answer,
      headers: { ...answer.headers, 'content-type': 'text/html' },
      body: '<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>',
    };
  const text = textOfAnswer(answer);
  return { ...answer, body: text.slice(0, Math.max(1, Math.floor(text.length / 2))) };
}

/** Distinguish a declared call that is not served from a request that the definition does not make. */
function unknownAnswer({ compiled }: ServingProvider, request: ProviderRequest): ProviderAnswer {
  const near = compiled.unserved.filter(({ pattern }) => pattern?.isAt(request) === true);
  if (near.length > 0)
    return errorAnswer(501, 'not_simulated', near.map(({ name, reason }) => `${name}: ${reason}`).join('; '));
  const at = [...compiled.served.values()].filter(({ pattern }) => pattern.isAt(request));
  const why =
    at.length === 0
      ? `no call of the definition is at ${request.method} ${request.path}`
      : `the request is not as ${at.map(({ pattern }) => pattern.name).join(' or ')} makes it`;
  return errorAnswer(404, 'unknown_call', why);
}
