import {
  planAnswer,
  planPlainAnswer,
  type ResourceCall,
  recordPlanOf,
} from '../../../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import type { AnswerPlan, RecordPlan } from '../../../../../lambdas/engine/provider/answer/answer-plan.ts';
import { type Bindings, evaluate, isTrue } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import type { DeletionsCallSpec } from '../../../../../lambdas/engine/provider/language/call-schema.ts';
import type { Exchanges } from '../../../../definitions/exchanges.ts';
import { pathOf, pathsIn, type Step, textsIn, withValueAt } from '../expressions/expression-place.ts';
import { searchMembers } from '../expressions/search-members.ts';
import { createRecordForm } from '../records/record-form.ts';
import type { RecordStore, StoredRecord } from '../records/record-store.ts';
import { holdsRecords } from '../records/record-store.ts';
import { bindingsOf, bodyOfExchange } from '../records/record-templates.ts';
import { jsonAnswer, type ProviderAnswer, readAsEngine, textOfAnswer } from './provider-answer.ts';
import { rowShape } from './row-shape.ts';

/** How the answers of a call look. */
export interface AnswerShape {
  /** An answer with a record, or with rows. */
  withRecords(records: readonly StoredRecord[]): Promise<ProviderAnswer>;
  /** An answer whose place for records is empty. */
  readonly withoutRecord: ProviderAnswer;
}

export interface AnswerShapeOptions {
  readonly definition: Definition;
  readonly call: ResourceCall;
  readonly store: RecordStore;
  readonly exchanges: readonly Exchanges[];
  readonly context: Readonly<Record<string, unknown>>;
}

/** Learn how a call is answered, from an exchange or from its expressions. @returns Why that fails, for a person. */
export async function answerShape(options: AnswerShapeOptions): Promise<AnswerShape | string> {
  const { definition, call, context } = options;
  const plan = planAnswer(definition, call);
  const { format } = plan;
  const base = await exampleBody(options, plan);
  const bindings = bindingsOf(context);
  const finish = async (body: unknown): Promise<ProviderAnswer> => jsonAnswer(await expected(plan, body, context));
  if (plan.selects === 'nothing')
    return { withRecords: () => finish(base ?? {}), withoutRecord: jsonAnswer(base ?? {}) };
  if (format === 'text' || format === 'jsonl') return textShape(plan, format);
  if (plan.selects === 'record') {
    const path = pathOf(plan.selection);
    if (path === undefined) return `\`record: ${plan.selection}\` computes the record, so it cannot be written`;
    const body = withoutItems(base, path);
    return {
      withRecords: ([record]) => finish(withValueAt(body, path, record?.raw)),
      withoutRecord: await finish(path.some((step) => typeof step === 'number') ? body : withValueAt(body, path, null)),
    };
  }
  const recordPlan = recordPlanOf(definition, call.declaredBy) ?? { map: '{}', id: 'id' };
  const isThin = 'thin' in call.spec && call.spec.thin;
  const ofCall =
    call.method === 'deletions'
      ? deletionRows(call.spec as DeletionsCallSpec, recordPlan, bindings)
      : { isThin, ...rowForm(options, recordPlan, bindings) };
  const rows = await rowShape({ selection: plan.selection, body: base, bindings, ...ofCall });
  if (typeof rows === 'string') return rows;
  return {
    withRecords: async (records) => finish(await rows.write(base, records)),
    withoutRecord: await finish(await rows.write(base, [])),
  };
}

/** Rows that are not whole records may have a time of their own, which the cursor of `changes` reads. */
function rowForm({ definition, call, store }: AnswerShapeOptions, plan: RecordPlan, bindings: Bindings) {
  const cursor = 'cursor' in call.spec ? call.spec.cursor : undefined;
  const isRaw = !('records' in call.spec) || holdsRecords(call.spec);
  if (isRaw || cursor?.kind !== 'time' || cursor.from === undefined) return { plan, form: store.form };
  const timePaths = plan.updated === undefined ? [] : pathsIn(plan.updated);
  const timed = { ...plan, updated: cursor.from };
  const versionKind = definition.resources?.[call.declaredBy]?.version?.as;
  return { plan: timed, form: createRecordForm({ plan: timed, versionKind, bindings, timePaths }) };
}

/** Rows of deleted records: the id, and the time of the deletion where the cursor reads one. */
function deletionRows({ id, cursor }: DeletionsCallSpec, { map, id: usualId }: RecordPlan, bindings: Bindings) {
  const time = cursor?.kind === 'time' ? cursor.from : undefined;
  const plan: RecordPlan = { map, id: id ?? usualId, ...(time === undefined ? {} : { version: time }) };
  const versionKind = cursor?.as === 'integer' ? 'epoch_ms' : cursor?.as;
  const form = createRecordForm({ plan, versionKind, bindings });
  return { plan, form, isThin: true, isTimed: time !== undefined };
}

/** An answer that is not one JSON value: lines of JSON, or a text that the expression parses. */
function textShape(plan: AnswerPlan, format: 'text' | 'jsonl'): AnswerShape | string {
  const isParsed = format === 'jsonl' ? plan.selection === '$' : plan.selection === '$parseJson($)';
  if (!isParsed) return `it answers with ${format}, of which \`${plan.selection}\` computes the records`;
  const answer = (records: readonly StoredRecord[]) => ({
    ...jsonAnswer(undefined),
    body: records.map(({ raw }) => JSON.stringify(raw)).join('\n'),
  });
  return { withRecords: async (records) => answer(records), withoutRecord: answer([]) };
}

/** The body of the call's first exchange with records; without one, of its first success. */
async function exampleBody({ call, exchanges, context }: AnswerShapeOptions, plan: AnswerPlan): Promise<unknown> {
  let success: unknown;
  for (const one of exchanges) {
    if (one.method !== call.method || one.resource !== call.resource) continue;
    for (const { response } of one.exchanges) {
      const answer = answerOfExchange(response, plan.format);
      const read = await readAsEngine(plan, answer, { ...context, ...one.account.context });
      if (read.classification.means !== 'ok' || read.fault !== undefined || typeof answer.body === 'string') continue;
      if (read.records.length > 0 || read.unread.length > 0) return answer.body;
      success ??= answer.body;
    }
  }
  return success;
}

export function answerOfExchange(
  { status, headers, body }: Exchanges['exchanges'][number]['response'],
  format: AnswerPlan['format'] = 'json',
): ProviderAnswer {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const isJson = typeof body === 'object';
  return {
    status,
    headers: { ...(isJson ? { 'content-type': 'application/json' } : {}), ...Object.fromEntries(lower) },
    body: isJson ? body : (bodyOfExchange(body, format === 'json' ? 'json' : 'text') ?? body),
  };
}

/** Empty the list of which the path reads an item. */
function withoutItems(body: unknown, path: readonly Step[]): unknown {
  const place = path.findIndex((step) => typeof step === 'number');
  return place < 0 ? body : withValueAt(body, path.slice(0, place), []);
}

/** Make `expect` true. A body that is not from an exchange lacks the members that it reads. */
async function expected(
  { expect }: Pick<AnswerPlan, 'expect'>,
  body: unknown,
  context: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  if (expect === undefined) return body;
  const bindings = bindingsOf(context);
  const found = await searchMembers({
    base: body,
    paths: pathsIn(expect),
    pool: [true, ...textsIn(expect), [], {}, 1],
    isRight: async (candidate) => isTrue(await evaluate(expect, candidate, bindings).catch(() => false)),
  });
  return found ?? body;
}

/** The answer to a call without records, such as the test of credentials: from an exchange, else empty. */
export async function plainAnswer(
  definition: Definition,
  method: 'test' | 'token' | 'discover',
  expect: string | undefined,
  exchanges: readonly Exchanges[],
  context: Readonly<Record<string, unknown>>,
): Promise<ProviderAnswer> {
  const spec = { format: 'json' as const, ...(expect === undefined ? {} : { expect }) };
  const plan = planPlainAnswer(definition, method, spec);
  for (const one of exchanges.filter((other) => other.method === 'test'))
    for (const { response } of one.exchanges) {
      const answer = answerOfExchange(response);
      const read = await readAsEngine(plan, answer, { ...context, ...one.account.context });
      if (response.status < 300 && read.classification.means === 'ok' && read.fault === undefined)
        return { ...answer, headers: jsonAnswer(undefined).headers, body: parsedBody(answer) };
    }
  return jsonAnswer(await expected({ expect }, {}, context));
}

function parsedBody(answer: ProviderAnswer): unknown {
  return textOfAnswer(answer) === '' ? {} : answer.body;
}
