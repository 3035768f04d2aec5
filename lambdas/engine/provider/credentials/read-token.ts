import { parseJsonExactly } from '../../request/decode-body.ts';
import type { ProviderAnswerText } from '../answer/answer-plan.ts';
import { evaluate, isTrue } from '../answer/evaluate.ts';
import { readTimeMs } from '../answer/read-time.ts';
import type { TokenSpec } from '../language/credentials-schema.ts';
import { durationMs } from '../request/call-transforms.ts';
import type { AccessToken } from './credential-values.ts';

export interface ReadTokenArgument {
  readonly token: TokenSpec;
  readonly dead: string;
  readonly defaultExpiry?: string | undefined;
  readonly answer: ProviderAnswerText;
}

export type ReadToken =
  | {
      readonly kind: 'token';
      readonly token: AccessToken;
      /** The whole answer, for `capture`. */
      readonly answer: unknown;
    }
  /** The grant has ended: no retry brings a token. */
  | { readonly kind: 'dead'; readonly reason: string }
  /** The provider refused, and may not at another time. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Read the answer of a token endpoint. Reasons have the provider's code of the error, and no secret. */
export async function readToken(
  { token, dead, defaultExpiry, answer }: ReadTokenArgument,
  timeoutMs?: number,
): Promise<ReadToken> {
  const { status, headers, text, receivedAtMs } = answer;
  const body = parsed(text, headers['content-type'] ?? '');
  const bindings = { status, headers, context: {} };
  const read = (expression: string) => evaluate(expression, body, bindings, timeoutMs).catch(() => undefined);
  const reason = reasonOf(status, body);
  if (isTrue(await read(dead))) return { kind: 'dead', reason };
  const access = status >= 200 && status < 300 ? await read(token.access) : undefined;
  if (typeof access !== 'string' || access === '') return { kind: 'refused', reason };
  const refresh = await read(token.refresh);
  const expires = readTimeMs(await read(token.expires), token.as, receivedAtMs);
  const usualMs = defaultExpiry === undefined ? undefined : durationMs(defaultExpiry);
  const expiresAtMs = expires ?? (usualMs === undefined ? undefined : receivedAtMs + usualMs);
  const kept: Record<string, string> = {};
  for (const [name, expression] of Object.entries(token.kept ?? {})) {
    const value = await read(expression);
    if (typeof value === 'string' || typeof value === 'number') kept[name] = String(value);
  }
  return {
    kind: 'token',
    token: {
      access,
      ...(typeof refresh === 'string' && refresh !== '' ? { refresh } : {}),
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      ...(Object.keys(kept).length === 0 ? {} : { kept }),
    },
    answer: body,
  };
}

function parsed(text: string, contentType: string): unknown {
  try {
    return contentType.includes('x-www-form-urlencoded')
      ? Object.fromEntries(new URLSearchParams(text))
      : parseJsonExactly(text);
  } catch {
    return undefined;
  }
}

/** The provider's code of an error is a short word; anything else may quote a secret. */
function reasonOf(status: number, body: unknown): string {
  const { error } = (typeof body === 'object' && body !== null ? body : {}) as { readonly error?: unknown };
  const code = typeof error === 'string' && /^[a-z][a-z0-9_.-]{1,60}$/i.test(error) ? ` (${error})` : '';
  return `the token endpoint answered ${status}${code}`;
}
