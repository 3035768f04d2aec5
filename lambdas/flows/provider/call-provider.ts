import type { CallName } from '../../engine/definition/plan-answer.ts';
import { limitsOf } from '../../engine/definition/plan-answer.ts';
import type { AnswerPlan } from '../../engine/provider/answer/answer-plan.ts';
import type { ReadAnswer } from '../../engine/provider/answer/read-answer.ts';
import type { Priority } from '../../engine/provider/budget/budget-state.ts';
import { authorizeCall } from '../../engine/provider/credentials/authorize-call.ts';
import {
  type CredentialValues,
  credentialTemplateValues,
} from '../../engine/provider/credentials/credential-values.ts';
import type { CallSpec, PageSpec } from '../../engine/provider/language/call-schema.ts';
import { durationMs } from '../../engine/provider/request/call-transforms.ts';
import type { CallValues } from '../../engine/provider/request/call-values.ts';
import type { PagePosition } from '../../engine/provider/request/page-position.ts';
import { type Preparation, type PreparedCall, prepareCall } from '../../engine/provider/request/prepare-call.ts';
import type { ApiAnswer } from '../../ports/provider/provider-api.ts';
import { scopesOf } from './budget-scopes.ts';
import type { Ending, ScopeLimits } from './budgets.ts';
import { apiOf, type Caller, expressionOwner, type ProviderPorts } from './provider-ports.ts';
import { failCredentials, useCredentials } from './use-credentials.ts';

/** One call of a provider. */
export interface ProviderCall {
  readonly name: CallName;
  readonly spec: CallSpec & { readonly page?: PageSpec | undefined };
  readonly plan: AnswerPlan;
  readonly values: CallValues;
  readonly position?: PagePosition | undefined;
  /** The request itself, without credentials; the definition adds the headers and parameters that each call has. */
  readonly request?: PreparedCall | undefined;
  /** Headers of a conditional request, by lower-case name. */
  readonly conditions?: Readonly<Record<string, string>> | undefined;
  /** Gets each answer as the provider gave it. */
  readonly onAnswer?: ((answer: ProviderAnswer) => void) | undefined;
  readonly priority: Priority;
  /** Wait for a budget, or for a refresh of the token, until then, epoch milliseconds. */
  readonly deadlineMs: number;
  /**
   * The call has ended by then, epoch milliseconds: it gets less time, or does not begin.
   *
   * @default - the call has its own time
   */
  readonly endsByMs?: number | undefined;
}

export type ProviderAnswer = Extract<ApiAnswer, { kind: 'answered' }>;

/** How a call ended. */
export type CallOutcome =
  /** The provider answered, and not with a fault of the moment. */
  | { readonly kind: 'read'; readonly answer: ReadAnswer; readonly status: number; readonly startedAtMs: number }
  /** Not now: a budget is used up, or the provider said to slow down. */
  | { readonly kind: 'wait'; readonly untilMs: number; readonly stoppedBy: string }
  /** The provider did not answer, or with a fault of the moment. */
  | { readonly kind: 'unavailable'; readonly reason: string; readonly status?: number; readonly notBeforeMs?: number }
  /** The provider refuses the credentials, or the account has none. */
  | { readonly kind: 'auth-failed'; readonly reason: string }
  /** The call cannot be made: the account, or the definition, lacks something. */
  | { readonly kind: 'unusable'; readonly reason: string };

/** A larger answer is a fault of the definition: it must ask for smaller pages. */
const maxAnswerBytes = 8 * 1024 * 1024;
/** A granted call has ended by then: its time, the reading of its answer, and the writes after. */
const leaseBeyondCallMs = 20_000;
/** A call that could not have so much time does not begin. */
const leastCallMs = 5_000;
/** Longest pause for a budget before the next look; others may give back calls earlier than told. */
const maxPauseMs = 500;
/** Some providers refuse a signature when there are too many calls at once: it is made anew after this pause. */
const signAnewAfterMs = 3_000;

/**
 * Call a provider for an account, within its budget and with its credentials.
 *
 *   budget -> credentials -> request -> answer -> what it means -> budget
 *
 * A call that the provider refuses for its token is made again once, with another token; one that it refuses for its
 * signature, with another nonce.
 */
export async function callProvider(ports: ProviderPorts, caller: Caller, call: ProviderCall): Promise<CallOutcome> {
  let refused: number | undefined;
  let isSignedAnew = false;
  for (;;) {
    const credentials = await useCredentials(ports, caller, refused, call.deadlineMs);
    if (credentials.kind === 'none') return { kind: 'auth-failed', reason: 'the account has no credentials' };
    if (credentials.kind === 'auth-failed') return credentials;
    if (credentials.kind === 'wait')
      return { kind: 'unavailable', reason: credentials.reason, notBeforeMs: credentials.untilMs };
    const request = await buildRequest(ports, caller, call, credentials.values);
    if (request.kind === 'fault') return { kind: 'unusable', reason: request.message };
    const outcome = await callOnce(ports, caller, call, request.call);
    if (outcome.kind !== 'refused') return outcome;
    if (credentials.values.kind === 'oauth1' && !outcome.isEnd && !isSignedAnew) {
      isSignedAnew = true;
      await ports.pause(signAnewAfterMs * (0.75 + 0.5 * ports.randomness.fraction()));
      continue;
    }
    if (outcome.isEnd || refused !== undefined) {
      const stored = await ports.credentials.get(caller.account.id, 0);
      // Another function may have brought a token since this call began.
      if (stored !== undefined && stored.generation === credentials.generation && stored.failed === undefined)
        await failCredentials(ports, stored, outcome.reason);
      return { kind: 'auth-failed', reason: outcome.reason };
    }
    refused = credentials.generation;
  }
}

/** Build the request again for each try: a signature has the time of its making. */
export async function buildRequest(
  { clock, randomness }: Pick<ProviderPorts, 'clock' | 'randomness'>,
  caller: Caller,
  {
    spec,
    values,
    position,
    request,
    conditions,
  }: Pick<ProviderCall, 'spec' | 'values' | 'position' | 'request' | 'conditions'>,
  credentials: CredentialValues,
): Promise<Preparation> {
  const api = apiOf(caller);
  const { account } = caller;
  const all: CallValues = { ...values, context: account.context, credential: credentialTemplateValues(credentials) };
  const prepared = prepareCall(api, spec, { values: all, baseUrl: account.baseUrl, position });
  if (prepared.kind === 'fault') return prepared;
  const plain = request === undefined ? prepared.call : withCommon(request, prepared.call);
  const own = conditions === undefined ? plain : { ...plain, headers: { ...plain.headers, ...conditions } };
  return authorizeCall(api.credentials, credentials, own, all, {
    nowMs: clock.nowMs(),
    nonce: randomness.bytes(16).toString('hex'),
  });
}

/** A request with the headers and parameters of another one that it does not have itself. */
function withCommon(request: PreparedCall, common: PreparedCall): PreparedCall {
  const given = new URL(request.url).searchParams;
  const more = [...new URL(common.url).searchParams].filter(([name]) => !given.has(name));
  // The caller's own query is sent as it is: writing it anew would change its encoding.
  const added = new URLSearchParams(more).toString();
  const url = added === '' ? request.url : `${request.url}${given.size === 0 ? '?' : '&'}${added}`;
  return { ...request, url, headers: { ...common.headers, ...request.headers } };
}

type OneCall = CallOutcome | { readonly kind: 'refused'; readonly reason: string; readonly isEnd: boolean };

async function callOnce(
  ports: ProviderPorts,
  caller: Caller,
  call: ProviderCall,
  request: PreparedCall,
): Promise<OneCall> {
  const { clock } = ports;
  const ownTimeoutMs = timeoutOf(caller, call.spec);
  const scopes = scopesOf(caller, limitsOf(caller.definition, call.name));
  const id = ports.randomness.bytes(9).toString('base64url');
  const taken = await takeBudget(ports, scopes, id, call, ownTimeoutMs + leaseBeyondCallMs);
  if (taken !== undefined) return taken;
  const startedAtMs = clock.nowMs();
  const timeoutMs = Math.min(ownTimeoutMs, (call.endsByMs ?? Number.POSITIVE_INFINITY) - startedAtMs);
  if (timeoutMs < Math.min(ownTimeoutMs, leastCallMs)) {
    await ports.budgets.settle(scopes, [{ id, wasSent: false, endedAtMs: startedAtMs, observed: [] }]);
    return { kind: 'wait', untilMs: startedAtMs, stoppedBy: 'the time of this run' };
  }
  const answer = await ports.api.send({ ...request, timeoutMs, maxAnswerBytes });
  if (answer.kind === 'answered') call.onAnswer?.(answer);
  const read =
    answer.kind === 'failed' ? undefined : await readInProcess(ports, caller, call.plan, request.url, answer);
  const slowDown = read?.kind === 'ended' ? slowDownOf(caller, scopes, call.name, read.result) : undefined;
  await ports.budgets.settle(scopes, [
    {
      id,
      wasSent: answer.kind === 'answered' || answer.wasSent,
      endedAtMs: clock.nowMs(),
      observed: read?.kind === 'ended' ? read.result.limits : [],
      slowDown,
    },
  ]);
  if (answer.kind === 'failed')
    return answer.why === 'refused' || answer.why === 'too-large'
      ? { kind: 'unusable', reason: answer.error }
      : { kind: 'unavailable', reason: answer.error };
  if (read?.kind !== 'ended')
    return {
      kind: 'unavailable',
      reason: `the answer could not be read: ${read?.reason ?? ''}`,
      status: answer.status,
    };
  return outcomeOf(read.result, answer.status, startedAtMs, clock.nowMs());
}

/** @returns Undefined once the call is granted. */
async function takeBudget(
  ports: ProviderPorts,
  scopes: readonly ScopeLimits[],
  id: string,
  { name, spec, priority, deadlineMs }: ProviderCall,
  leaseMs: number,
): Promise<Extract<CallOutcome, { kind: 'wait' }> | undefined> {
  const names = [name.resource, name.call];
  for (;;) {
    const grant = await ports.budgets.take({ scopes, ids: [id], priority, names, cost: spec.cost, leaseMs });
    if (grant.granted.length > 0) return undefined;
    const untilMs = grant.askAgainAtMs ?? ports.clock.nowMs();
    const waitMs = untilMs - ports.clock.nowMs();
    if (untilMs > deadlineMs) return { kind: 'wait', untilMs, stoppedBy: grant.stoppedBy ?? '' };
    await ports.pause(Math.max(1, Math.min(waitMs, maxPauseMs)) * (0.8 + 0.4 * ports.randomness.fraction()));
  }
}

function timeoutOf(caller: Caller, { timeout }: CallSpec): number {
  return Math.min(60_000, durationMs(timeout ?? apiOf(caller).timeout) ?? 30_000);
}

async function readInProcess(
  { expressions, clock }: ProviderPorts,
  caller: Caller,
  plan: AnswerPlan,
  url: string,
  { status, headers, body }: ProviderAnswer,
) {
  return expressions.run(
    'readAnswer',
    {
      plan,
      answer: { status, headers, text: body.toString('utf8'), url, receivedAtMs: clock.nowMs() },
      context: caller.account.context,
    },
    expressionOwner(caller),
  );
}

/** Whose calls the provider wants slower: the account's, unless its words are of the app and count for the app. */
function slowDownOf(
  caller: Caller,
  scopes: readonly ScopeLimits[],
  { call }: CallName,
  { classification }: ReadAnswer,
): Ending['slowDown'] {
  const { means, scope, limit, notBeforeMs } = classification;
  if (means !== 'slow-down') return undefined;
  const named = apiOf(caller).limits.find(({ name }) => name === limit);
  const isOfApp = scope === 'app' || named?.scope === 'app';
  if (!isOfApp) return { of: 'account', name: scope === 'call' ? call : (limit ?? '*'), notBeforeMs };
  const isHeard = scopes.some((one) => one.of === 'app' && one.isHeard);
  return isHeard ? { of: 'app', name: limit ?? '*', notBeforeMs } : { of: 'account', name: '*', notBeforeMs };
}

function outcomeOf(answer: ReadAnswer, status: number, startedAtMs: number, nowMs: number): OneCall {
  const { classification, fault } = answer;
  const { means, notBeforeMs } = classification;
  switch (means) {
    case 'slow-down':
      return { kind: 'wait', untilMs: notBeforeMs ?? nowMs + 1_000, stoppedBy: classification.limit ?? 'the provider' };
    case 'retry':
      return {
        kind: 'unavailable',
        reason: `the provider answered ${status}`,
        status,
        ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
      };
    case 'refresh':
      return { kind: 'refused', reason: `the provider answered ${status}`, isEnd: false };
    case 'auth-failed':
      return { kind: 'refused', reason: `the provider answered ${status}`, isEnd: true };
    default:
      return fault === undefined
        ? { kind: 'read', answer, status, startedAtMs }
        : {
            kind: 'read',
            answer: { ...answer, classification: { ...classification, means: 'invalid' } },
            status,
            startedAtMs,
          };
  }
}
