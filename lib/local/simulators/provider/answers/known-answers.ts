import type { AnswerPlan } from '../../../../../lambdas/engine/provider/answer/answer-plan.ts';
import { evaluate, isTrue } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import type { ErrorRuleSpec, Meaning } from '../../../../../lambdas/engine/provider/language/errors-schema.ts';
import type { Exchanges } from '../../../../definitions/exchanges.ts';
import { pathsIn, textsIn } from '../expressions/expression-place.ts';
import { searchMembers } from '../expressions/search-members.ts';
import { bindingsOf } from '../records/record-templates.ts';
import { answerOfExchange } from './answer-shape.ts';
import { errorAnswer, type ProviderAnswer, readAsEngine } from './provider-answer.ts';

interface Known {
  readonly plan: AnswerPlan;
  readonly exchanges: readonly Exchanges[];
  readonly context: Readonly<Record<string, unknown>>;
}

/**
 * Choose the answer for a missing record, which the engine must read as `gone`: that of an exchange of the resource, else
 * of another resource, else 404.
 *
 * @param empty - A success without a record.
 */
export async function goneAnswer(known: Known, resource: string, empty: ProviderAnswer): Promise<ProviderAnswer> {
  const shown = known.exchanges
    .filter(({ expected }) => expected?.means === 'gone')
    .sort((a, b) => Number(b.resource === resource) - Number(a.resource === resource))
    .flatMap(({ exchanges, resource: of }) => exchanges.map(({ response }) => ({ response, isOwn: of === resource })));
  const own = shown.filter(({ isOwn }) => isOwn).map(({ response }) => answerOfExchange(response, known.plan.format));
  const others = shown.map(({ response }) => answerOfExchange(response, known.plan.format));
  const notFound = errorAnswer(404, 'not_found', 'there is no such record');
  const candidates = [...own, empty, ...others, notFound, errorAnswer(410, 'gone', 'the record was deleted')];
  return (await firstThatMeans(known, ['gone'], candidates)) ?? notFound;
}

/** Choose the 401 answer to wrong or expired credentials, which the engine must read as a refusal. */
export async function refusalAnswer(known: Known): Promise<ProviderAnswer> {
  const plain = errorAnswer(401, 'invalid_token', 'the credentials are missing, wrong or ended');
  const shown = known.exchanges
    .flatMap(({ exchanges }) => exchanges)
    .filter(({ response }) => response.status === 401)
    .map(({ response }) => answerOfExchange(response, known.plan.format));
  const candidates = [plain, ...shown];
  return (
    (await firstThatMeans(known, ['refresh'], candidates)) ??
    (await firstThatMeans(known, ['auth-failed'], candidates)) ??
    plain
  );
}

/** Choose the answer to a cursor that has ended: one that the definition reads as `restart`, else 410. */
export async function expiredAnswer(known: Known): Promise<ProviderAnswer> {
  const usual = errorAnswer(410, 'cursor_expired', 'the cursor has ended: read from the start');
  const shown = known.exchanges
    .filter(({ expected }) => expected?.means === 'restart')
    .flatMap(({ exchanges }) => exchanges.map(({ response }) => answerOfExchange(response, known.plan.format)));
  const rules = known.plan.errors.filter(({ means }) => means === 'restart');
  const made = await Promise.all(rules.map(({ when }) => answerOfRule(when, usual)));
  return (await firstThatMeans(known, ['restart'], [...shown, ...made])) ?? usual;
}

/** An answer for which a rule holds. */
async function answerOfRule({ status, header = {}, json, text }: ErrorRuleSpec['when'], usual: ProviderAnswer) {
  const lower = Object.entries(header).map(([name, value]) => [name.toLowerCase(), value]);
  const headers = { ...usual.headers, ...Object.fromEntries(lower) };
  const base = text === undefined ? usual.body : { error: 'cursor_expired', message: text };
  const own = [status ?? (json === undefined ? 410 : 200)].flat()[0] ?? 410;
  if (json === undefined) return { status: own, headers, body: base };
  const bindings = { ...bindingsOf({}, own), headers };
  const found = await searchMembers({
    base,
    paths: pathsIn(json),
    pool: [true, false, ...textsIn(json), 1, {}],
    isRight: async (body) => isTrue(await evaluate(json, body, bindings).catch(() => false)),
  });
  return { status: own, headers, body: found ?? base };
}

async function firstThatMeans(
  { plan, context }: Known,
  meanings: readonly Meaning[],
  candidates: readonly ProviderAnswer[],
): Promise<ProviderAnswer | undefined> {
  for (const answer of candidates) {
    const read = await readAsEngine(plan, answer, context);
    if (meanings.includes(read.classification.means)) return answer;
  }
  return undefined;
}
