import { isDeepStrictEqual } from 'node:util';
import type { DeclaredCall } from '../../../../lambdas/engine/definition/calls-of.ts';
import { callOf, planAnswer, planPlainAnswer } from '../../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import type { ApiSpec } from '../../../../lambdas/engine/provider/language/api-schema.ts';
import type { CallValues } from '../../../../lambdas/engine/provider/request/call-values.ts';
import type { PagePosition } from '../../../../lambdas/engine/provider/request/page-position.ts';
import { prepareCall } from '../../../../lambdas/engine/provider/request/prepare-call.ts';
import type { Exchanges } from '../../../definitions/exchanges.ts';
import { type AnswerShape, answerShape, plainAnswer } from './answers/answer-shape.ts';
import { cursorFault } from './answers/cursor-fault.ts';
import { discoveredAnswer } from './answers/discovered-answer.ts';
import { expiredAnswer, goneAnswer, refusalAnswer } from './answers/known-answers.ts';
import { jsonAnswer, type ProviderAnswer, readAsEngine } from './answers/provider-answer.ts';
import type { RecordStore } from './records/record-store.ts';
import { type CallPattern, callPattern, nameOfCall } from './requests/call-pattern.ts';
import { inventedValues } from './requests/invented-values.ts';
import { type ProviderRequest, toProviderRequest } from './requests/provider-request.ts';

/** A declared call that the simulator answers. */
export interface ServedCall {
  readonly pattern: CallPattern;
  readonly shape: AnswerShape;
  /** For a record that the provider does not have. */
  readonly gone: ProviderAnswer;
  /** For wrong credentials. */
  readonly refusal: ProviderAnswer;
  /** For a cursor that has ended. */
  readonly expired: ProviderAnswer;
}

/** A declared call that the simulator does not answer. */
export interface UnservedCall {
  readonly name: string;
  readonly reason: string;
  /** Whether the definition may be right, because the simulator cannot do what real providers can. */
  readonly isBeyondSimulator: boolean;
  /** Undefined if not even its requests can be recognized. */
  readonly pattern: CallPattern | undefined;
}

export interface ServedCallOptions {
  readonly definition: Definition;
  readonly api: ApiSpec;
  readonly exchanges: readonly Exchanges[];
  readonly context: Readonly<Record<string, unknown>>;
  /** A few records of each resource, to try answers. */
  readonly trialStores: ReadonlyMap<string, RecordStore>;
}

/** Prepare the answers of a call, and try it: its own request must be recognized, and the engine must read its answer. */
export async function serveCall(options: ServedCallOptions, call: DeclaredCall): Promise<ServedCall | UnservedCall> {
  const { api, definition, exchanges, context } = options;
  const pattern = callPattern(
    api,
    call,
    exchanges.flatMap(({ account }) => account.base_url ?? []),
  );
  const name = nameOfCall(call);
  if (typeof pattern === 'string') return { name, reason: pattern, isBeyondSimulator: true, pattern: undefined };
  const unserved = (reason: string, isBeyondSimulator = false): UnservedCall => ({
    name,
    reason,
    isBeyondSimulator,
    pattern,
  });
  const format = unwritten[call.spec.format];
  if (format !== undefined) return unserved(`it answers in ${format}, which the simulator does not write`, true);
  const unread = requestFault(options, call, pattern);
  if (unread !== undefined) return unserved(unread);
  const { method, resource = '' } = call;
  if (method === 'test' || method === 'token' || method === 'discover') {
    const plan = planPlainAnswer(definition, method, call.spec);
    const answer = await accountAnswer(options, method);
    if (typeof answer === 'string') return unserved(answer);
    const shape = { withRecords: async () => answer, withoutRecord: answer };
    const refusal = await refusalAnswer({ plan, exchanges, context });
    return { pattern, shape, gone: answer, refusal, expired: answer };
  }
  const declared = callOf(definition, resource, method);
  const store = options.trialStores.get(resource);
  if (declared === undefined || store === undefined || !store.hasTemplates)
    return unserved('no exchange shows a record of the resource', true);
  const plan = planAnswer(definition, declared);
  const shape = await answerShape({ definition, call: declared, store, exchanges, context });
  if (typeof shape === 'string') return unserved(shape);
  const fault = await answerFault(options, store, shape, plan);
  if (fault !== undefined) return unserved(fault);
  const request = (position?: PagePosition) => {
    const made = requestOf(options, call, position);
    return typeof made === 'string' ? undefined : made.request;
  };
  const lost = await cursorFault({ spec: call.spec, pattern, plan, shape, store, context, request });
  if (lost !== undefined) return unserved(lost, true);
  // A write of a missing record is answered like a read of it.
  const known = { plan: { ...plan, isGet: true }, exchanges, context };
  return {
    pattern,
    shape,
    gone: await goneAnswer(known, resource, shape.withoutRecord),
    refusal: await refusalAnswer(known),
    expired: await expiredAnswer({ plan, exchanges, context }),
  };
}

async function accountAnswer(
  { definition, api, exchanges, context }: ServedCallOptions,
  method: 'test' | 'token' | 'discover',
): Promise<ProviderAnswer | string> {
  if (method === 'token') return jsonAnswer({});
  const expect = method === 'test' ? api.test?.expect : undefined;
  const answer = await plainAnswer(definition, method, expect, exchanges, context);
  return method === 'test' ? answer : discoveredAnswer(api, answer, context);
}

/** Formats that no answer of the simulator has. */
const unwritten: Readonly<Record<string, string>> = { xml: 'XML', csv: 'CSV' };

/** The request of a call with invented values. @returns Why it cannot be made, for a person. */
function requestOf(
  { definition, api, exchanges, context, trialStores }: ServedCallOptions,
  call: DeclaredCall,
  position?: PagePosition,
): { readonly values: CallValues; readonly request: ProviderRequest } | string {
  const ids =
    trialStores
      .get(call.resource ?? '')
      ?.all()
      .map(({ id }) => id) ?? [];
  const { values, baseUrl } = inventedValues(definition, call, exchanges, context, ids);
  const prepared = prepareCall(api, call.spec, { values, baseUrl, position });
  if (prepared.kind === 'fault') return prepared.message;
  const { method, url, headers, body = '' } = prepared.call;
  return { values, request: toProviderRequest({ method, url, headers, text: body }) };
}

/** Make the call, and read the request back. @returns Why that fails. */
function requestFault(options: ServedCallOptions, call: DeclaredCall, pattern: CallPattern): string | undefined {
  const store = options.trialStores.get(call.resource ?? '');
  const made = requestOf(options, call);
  if (typeof made === 'string') return `it cannot be tried: ${made}`;
  const { values } = made;
  const match = pattern.match(made.request);
  if (match === undefined) return 'its own request cannot be read back';
  const { bindings } = match;
  if (call.method === 'batch_get' && !isDeepStrictEqual(bindings.get('ids')?.[0], values.ids))
    return 'its request does not tell the ids';
  const isNamed =
    bindings.get('id')?.includes(values.id) === true ||
    Object.keys(store?.addressPaths ?? {}).some((name) => bindings.has(`address.${name}`));
  return call.method === 'get' && !isNamed ? 'its request does not tell which record is read' : undefined;
}

/** Answer with a record, and read the answer as the engine does. @returns Why that fails. */
async function answerFault(
  { context }: ServedCallOptions,
  store: RecordStore,
  shape: AnswerShape,
  plan: Parameters<typeof readAsEngine>[0],
): Promise<string | undefined> {
  if (plan.selects === 'nothing') return undefined;
  const records = store.all().slice(0, plan.selects === 'record' ? 1 : 2);
  const read = await readAsEngine(plan, await shape.withRecords(records), context);
  const { means } = read.classification;
  if (read.fault !== undefined) return `its answer cannot be made: ${read.fault}`;
  if (means !== 'ok' && means !== 'partial') return `its answer would mean ${means}`;
  const [unread] = read.unread;
  if (unread !== undefined) return `its rows cannot be made: ${unread.reason}`;
  const [got, wanted] = [read.records, records].map((list) => list.map(({ id }) => id));
  return isDeepStrictEqual(got, wanted) ? undefined : 'its answer would have other ids than its records';
}
