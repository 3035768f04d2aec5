import type { CredentialsSpec } from '../../../../../lambdas/engine/provider/language/credentials-schema.ts';
import { placeholdersIn, toCallTemplate } from '../../../../../lambdas/engine/provider/request/call-template.ts';
import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import { pathOf, withValueAt } from '../expressions/expression-place.ts';
import { undoTransforms } from '../requests/undo-transforms.ts';
import type { IssuedTokens } from './token-issuer.ts';

type TokenKind = 'oauth2' | 'oauth2_client_credentials' | 'oauth2_jwt_bearer' | 'session';

/** The answer of a token endpoint, with each value where the definition reads it. */
export function tokenBody(
  spec: CredentialsSpec,
  kind: TokenKind,
  { access, refresh, expiresAtMs }: IssuedTokens,
  context: Readonly<Record<string, unknown>>,
  nowMs: number,
): unknown {
  const said = spec[kind];
  if (said === undefined) return {};
  const { token, capture = {} } = said;
  const written: readonly (readonly [expression: string, value: unknown])[] = [
    [token.access, access],
    [token.refresh, refresh],
    [token.expires, expiresAtMs === undefined ? undefined : expiryAs(token.as, expiresAtMs, nowMs)],
    ...Object.entries(token.kept ?? {}).map(([name, expression]) => [expression, `simulated-${name}`] as const),
  ];
  const body = written.reduce<unknown>(
    (made, [expression, value]) => {
      const path = pathOf(expression);
      return path === undefined || value === undefined ? made : withValueAt(made, path, value);
    },
    { token_type: 'Bearer' },
  );
  return capturedFrom('token', capture, context).reduce<unknown>(
    (made, { path, value }) => withValueAt(made, path, value),
    body,
  );
}

/** Parameters of the redirect that the definition captures. */
export function capturedParameters(
  capture: Readonly<Record<string, string>>,
  context: Readonly<Record<string, unknown>>,
): readonly (readonly [name: string, value: string])[] {
  return capturedFrom('query', capture, context).map(({ path, value }) => [path.join('.'), value]);
}

/** Members that make the templates of `capture` give the values of the account's context. */
function capturedFrom(
  root: 'token' | 'query',
  capture: Readonly<Record<string, string>>,
  context: Readonly<Record<string, unknown>>,
): readonly { readonly path: readonly string[]; readonly value: string }[] {
  return Object.entries(capture).flatMap(([name, text]) => {
    const template = toCallTemplate(text);
    const [only] = placeholdersIn(template);
    if (only?.root !== root || template.parts.length !== 1) return [];
    const wanted = textOf(context[name]) ?? (/ur[il]$/.test(name) ? 'https://simulated.example' : `simulated-${name}`);
    const undone = undoTransforms(only.transforms, wanted);
    if (undone.kind === 'values')
      return { path: only.path, value: undone.values.map(String).sort((a, b) => a.length - b.length)[0] ?? wanted };
    if (undone.kind !== 'part') return [];
    const parts = Array.from({ length: undone.number }, (_, place) => `x${place}`);
    return { path: only.path, value: [...parts, undone.text].join(undone.separator) };
  });
}

function expiryAs(
  form: 'seconds' | 'iso' | 'epoch_s' | 'epoch_ms',
  expiresAtMs: number,
  nowMs: number,
): string | number {
  if (form === 'iso') return new Date(expiresAtMs).toISOString();
  if (form === 'epoch_ms') return expiresAtMs;
  return Math.floor((form === 'epoch_s' ? expiresAtMs : expiresAtMs - nowMs) / 1000);
}
