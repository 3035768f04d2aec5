import { isDeepStrictEqual } from 'node:util';
import type { DeclaredCall } from '../../../../lambdas/engine/definition/calls-of.ts';
import { callOf, planAnswer, planPlainAnswer } from '../../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import type { ApiSpec } from '../../../../lambdas/engine/provider/language/api-schema.ts';
import { prepareCall } from '../../../../lambdas/engine/provider/request/prepare-call.ts';
import type { Exchanges } from '../../../definitions/exchanges.ts';
import { type AnswerShape, answerShape, plainAnswer } from './answers/answer-shape.ts';
import { discoveredAnswer } from './answers/discovered-answer.ts';
import { expiredAnswer, goneAnswer, refusalAnswer } from './answers/known-answers.ts';
import { jsonAnswer, type ProviderAnswer, readAsEngine } from './answers/provider-answer.ts';
import type { RecordStore } from './records/record-store.ts';
import { type CallPattern, callPattern, nameOfCall } from './requests/call-pattern.ts';
import { inventedValues } from './requests/invented-values.ts';
import { toProviderRequest } from './requests/provider-request.ts';

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
  if (typeof pattern === 'string') return { name, reason: pattern, pattern: undefined };
  const unserved = (reason: string): UnservedCall => ({ name, reason, pattern });
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
    return unserved('no exchange shows a record of the resource');
  const plan = planAnswer(definition, declared);
  const shape = await answerShape({ definition, call: declared, store, exchanges, context });
  if (typeof shape === 'string') return unserved(shape);
  const fault = await answerFault(options, store, shape, plan);
  if (fault !== undefined) return unserved(fault);
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

/** Make the call, and read the request back. @returns Why that fails. */
function requestFault(
  { definition, api, exchanges, context, trialStores }: ServedCallOptions,
  call: DeclaredCall,
  pattern: CallPattern,
): string | undefined {
  const store = trialStores.get(call.resource ?? '');
  const ids = store?.all().map(({ id }) => id) ?? [];
  const { values, baseUrl } = inventedValues(definition, call, exchanges, context, ids);
  const prepared = prepareCall(api, call.spec, { values, baseUrl });
  if (prepared.kind === 'fault') return `it cannot be tried: ${prepared.message}`;
  const { method, url, headers, body = '' } = prepared.call;
  const match = pattern.match(toProviderRequest({ method, url, headers, text: body }));
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
