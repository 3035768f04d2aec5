import type { ErrorRuleSpec, Meaning } from '../language/errors-schema.ts';
import { durationMs } from '../request/call-transforms.ts';
import type { AnswerPlan, ProviderAnswerText } from './answer-plan.ts';
import { type Bindings, evaluate, isTrue } from './evaluate.ts';
import { readTimeMs } from './read-time.ts';

/** What an answer means. */
export interface Classification {
  readonly means: Meaning;
  /** Epoch milliseconds before which no call may follow; undefined where the answer does not tell it. */
  readonly notBeforeMs?: number | undefined;
  /** Whose calls a `slow-down` stops. */
  readonly scope: 'account' | 'app' | 'call';
  /** The limit that is used up, by name. */
  readonly limit?: string | undefined;
}

/** Classify an answer by the rules of the definition, first match first, else by its status. */
export async function classifyAnswer(
  { errors, isGet }: Pick<AnswerPlan, 'errors' | 'isGet'>,
  answer: ProviderAnswerText,
  body: unknown,
  bindings: Bindings,
  timeoutMs?: number,
): Promise<Classification> {
  const { status, headers, receivedAtMs } = answer;
  for (const rule of errors) {
    if (!(await matches(rule, answer, body, bindings, timeoutMs))) continue;
    const notBeforeMs = await retryTimeOf(rule, body, bindings, receivedAtMs, timeoutMs);
    return {
      means: rule.means,
      scope: rule.scope,
      ...(rule.limit === undefined ? {} : { limit: rule.limit }),
      notBeforeMs: notBeforeMs ?? readTimeMs(headers['retry-after'], undefined, receivedAtMs),
    };
  }
  return usualMeaning(status, isGet, readTimeMs(headers['retry-after'], undefined, receivedAtMs));
}

async function matches(
  { when }: ErrorRuleSpec,
  { status, text }: ProviderAnswerText,
  body: unknown,
  bindings: Bindings,
  timeoutMs: number | undefined,
): Promise<boolean> {
  if (when.status !== undefined && ![when.status].flat().includes(status)) return false;
  for (const [name, text] of Object.entries(when.header ?? {}))
    if (bindings.headers[name.toLowerCase()]?.trim().toLowerCase() !== text.toLowerCase()) return false;
  if (when.text !== undefined && !text.includes(when.text)) return false;
  if (when.json === undefined) return true;
  // An answer of another kind, such as a page of a proxy, is no match.
  const value = await evaluate(when.json, body, bindings, timeoutMs).catch(() => undefined);
  return isTrue(value);
}

async function retryTimeOf(
  { retry_after: after, as }: ErrorRuleSpec,
  body: unknown,
  bindings: Bindings,
  nowMs: number,
  timeoutMs: number | undefined,
): Promise<number | undefined> {
  if (after === undefined) return undefined;
  const fixedMs = durationMs(after);
  if (fixedMs !== undefined) return nowMs + fixedMs;
  return readTimeMs(await evaluate(after, body, bindings, timeoutMs).catch(() => undefined), as, nowMs);
}

function usualMeaning(status: number, isGet: boolean, notBeforeMs: number | undefined): Classification {
  const means = (meaning: Meaning): Classification => ({ means: meaning, scope: 'account', notBeforeMs });
  if (status >= 200 && status < 300) return means('ok');
  if (status === 304) return means('unchanged');
  if (status === 401) return means('refresh');
  if (status === 403) return means('forbidden');
  if (status === 404) return means(isGet ? 'gone' : 'invalid');
  if (status === 410) return means('gone');
  if (status === 429 || (status === 503 && notBeforeMs !== undefined)) return means('slow-down');
  if (status === 408 || status === 425 || status >= 500) return means('retry');
  return means('invalid');
}
