import type { AnswerPlan } from '../../../../../lambdas/engine/provider/answer/answer-plan.ts';
import { type ReadAnswer, readAnswer } from '../../../../../lambdas/engine/provider/answer/read-answer.ts';
import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import { type Place, withValueAt } from '../expressions/expression-place.ts';

/** An answer of the simulated provider, before it is sent. */
export interface ProviderAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Text is sent as it is, anything else as JSON; undefined is an empty body. */
  readonly body: unknown;
}

export function jsonAnswer(body: unknown, status = 200): ProviderAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body };
}

/** An error in the words of most providers. */
export function errorAnswer(status: number, error: string, message: string): ProviderAnswer {
  return jsonAnswer({ error, message }, status);
}

export function textOfAnswer({ body }: Pick<ProviderAnswer, 'body'>): string {
  if (body === undefined) return '';
  return typeof body === 'string' ? body : JSON.stringify(body);
}

/** Write a value where an expression reads it. A body that is text stays as it is. */
export function writePlace(answer: ProviderAnswer, place: Place, value: unknown): ProviderAnswer {
  if (place.kind === 'header') {
    const { [place.name]: _, ...others } = answer.headers;
    return { ...answer, headers: value === undefined ? others : { ...others, [place.name]: textOf(value) ?? '' } };
  }
  return typeof answer.body === 'string' ? answer : { ...answer, body: withValueAt(answer.body, place.path, value) };
}

/** What the engine makes of an answer. */
export function readAsEngine(
  plan: AnswerPlan,
  answer: ProviderAnswer,
  context: Readonly<Record<string, unknown>>,
): Promise<ReadAnswer> {
  const { status, headers } = answer;
  // The engine resolves relative links against the URL of the call.
  const url = 'https://simulated.example/';
  return readAnswer({ plan, answer: { status, headers, text: textOfAnswer(answer), url, receivedAtMs: 0 }, context });
}
