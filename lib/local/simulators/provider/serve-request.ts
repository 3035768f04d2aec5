import { answerCall } from './answers/answer-call.ts';
import type { AnswerWorld } from './answers/answer-world.ts';
import { errorAnswer, jsonAnswer, type ProviderAnswer, textOfAnswer } from './answers/provider-answer.ts';
import type { CallCounts } from './call-counts.ts';
import type { CompiledProvider } from './compile-provider.ts';
import type { OAuthEndpoints } from './credentials/oauth-endpoints.ts';
import type { CredentialCheck } from './credentials/simulated-credentials.ts';
import { type DrawnFault, drawFault, type ProviderFaults } from './draw-fault.ts';
import { type CallFaults, createCallFaults } from './faults/call-faults.ts';
import { stormEnd } from './faults/rate-storm.ts';
import type { TokenEnds } from './faults/token-ends.ts';
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
  readonly tokenEnds: TokenEnds;
  readonly seed: string;
  readonly nowMs: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

export interface ServedRequest {
  readonly name: string;
  /** Undefined for a request that is never answered; `dropped` for one whose connection closes. */
  readonly answer: ProviderAnswer | 'dropped' | undefined;
}

/** Answer a request as the provider would: route, credentials, limits, time, faults, answer. */
export async function serveRequest(provider: ServingProvider, request: ProviderRequest): Promise<ServedRequest> {
  const { compiled, counts, faults, seed } = provider;
  const ofAccounts = provider.endpoints.answer(request);
  const candidates = routeRequest(patternsOf(compiled), request);
  const chosen = ofAccounts === undefined ? chooseCall(candidates, compiled.served, compiled.stores) : undefined;
  const name = ofAccounts?.name ?? chosen?.served.pattern.name ?? 'unknown';
  const place = counts.countCall(name);
  const call = createCallFaults({ faults, seed, name, place, count: (kind) => counts.countFault(kind) });
  const drawn = { name, call, fault: drawFault(faults, seed, name, place) };
  const answer = await answerRequest(provider, request, drawn, chosen, ofAccounts?.answer);
  return { name, answer: typeof answer === 'object' ? dated(provider, answer, call) : answer };
}

interface DrawnCall {
  readonly name: string;
  readonly call: CallFaults;
  readonly fault: DrawnFault;
}

/** @param ofAccounts - Answers at an endpoint for tokens. */
async function answerRequest(
  provider: ServingProvider,
  request: ProviderRequest,
  drawn: DrawnCall,
  chosen: ChosenCall | undefined,
  ofAccounts: (() => ProviderAnswer) | undefined,
): Promise<ServedRequest['answer']> {
  const { wait, faults, seed, nowMs, counts, tokenEnds } = provider;
  const { name, call: callFaults, fault } = drawn;
  if (ofAccounts !== undefined) {
    const metered = take(provider, { resource: 'token', call: 'token', cost: 1, owner: 'token' }, 'token');
    return finish(provider, drawn, metered, async () => (isSpoiled(fault) ? jsonAnswer({}) : ofAccounts()));
  }
  if (chosen === undefined) {
    await wait(fault.delayMs);
    return unknownAnswer(provider, request);
  }
  const { call } = chosen.served.pattern;
  if (call.method === 'token') return finish(provider, drawn, undefined, async () => provider.login(chosen));
  tokenEnds.beforeCall(callFaults);
  const owner = provider.isAllowed(request, nowMs());
  if (owner === undefined) {
    tokenEnds.refused();
    await wait(fault.delayMs);
    return chosen.served.refusal;
  }
  const stormEndsMs = stormEnd(faults, seed, nowMs());
  if (stormEndsMs !== undefined) {
    counts.countFault('rate-storms');
    counts.countRefusal('storm');
    return tooManyRequests('storm', stormEndsMs, nowMs(), faults.retryAfterSeconds);
  }
  const { resource = call.method, spec } = call;
  const metered = take(provider, { resource, call: name, cost: spec.cost, owner }, name);
  return finish(provider, drawn, metered, () => answerCall(provider.world, chosen, request, callFaults));
}

/** Tell the time of the provider's own clock, which may be wrong. */
function dated({ nowMs, faults }: ServingProvider, answer: ProviderAnswer, call: CallFaults): ProviderAnswer {
  const isSkewed = call.comes('clock-skew', faults.dateSkewMs > 0 ? 100 : 0);
  const skewMs = isSkewed ? Math.round((2 * call.draw('date') - 1) * faults.dateSkewMs) : 0;
  return { ...answer, headers: { ...answer.headers, date: new Date(nowMs() + skewMs).toUTCString() } };
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
  { name, fault }: DrawnCall,
  metered: Metered | undefined,
  respond: () => Promise<ProviderAnswer>,
): Promise<ServedRequest['answer']> {
  if (metered?.kind === 'refused') {
    const refusal = tooManyRequests(metered.limit, metered.freeAtMs, nowMs(), faults.retryAfterSeconds);
    return writeLimits(refusal, metered.states(), nowMs());
  }
  try {
    await wait(fault.delayMs);
    if (fault.kind !== 'none') counts.countFault(fault.kind);
    if (fault.kind === 'timeout') return undefined;
    if (fault.kind === 'dropped') return 'dropped';
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

/** Whether a fault makes a success unreadable. A token whose answer is lost so has not been issued. */
function isSpoiled({ kind }: DrawnFault): boolean {
  return kind === 'malformed' || kind === 'html';
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
