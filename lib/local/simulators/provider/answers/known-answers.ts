import type { AnswerPlan } from '../../../../../lambdas/engine/provider/answer/answer-plan.ts';
import type { Meaning } from '../../../../../lambdas/engine/provider/language/errors-schema.ts';
import type { Exchanges } from '../../../../definitions/exchanges.ts';
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
