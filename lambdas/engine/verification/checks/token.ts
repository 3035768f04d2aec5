import { z } from 'zod';
import { missingReason } from '../../request/rejection-reason.ts';
import { valuesOf } from '../../request/secret-values.ts';
import type { SecretValues } from '../../request/webhook-request.ts';
import { renderText, type Template, type TemplateInput, toTemplate } from '../../template/template.ts';
import { identifier, template } from '../../template/template-schema.ts';
import type { Check, CheckAuthoring, CheckKind } from '../check-kind.ts';
import { equalsAny } from '../equals-any.ts';
import type { Verdict } from '../verdict.ts';

/** A shared token, compared in constant time. */
export const token: CheckKind<TokenSpec> = {
  prepare: prepareToken,
  credentials: ({ value }) => [value],
};

export function prepareToken(spec: TokenSpec): Check {
  const check = { spec, value: toTemplate(spec.value) };
  return (input, { secrets }) => verifyToken(check, input, secrets);
}

interface TokenCheck {
  readonly spec: TokenSpec;
  readonly value: Template;
}

/** Compare a token with every current secret, in a time that reveals neither content nor length. */
function verifyToken(check: TokenCheck, input: TemplateInput, secrets: SecretValues): Verdict {
  const { expected, prefix, value } = check.spec;
  const configured = valuesOf(secrets, expected);
  if (configured.length === 0) return { kind: 'rejected', reason: 'secret-not-configured', detail: expected };
  const text = renderText(check.value, input);
  if (text === undefined) return { kind: 'rejected', reason: missingReason(value), detail: value };
  if (prefix !== undefined && !text.toLowerCase().startsWith(prefix.toLowerCase()))
    return { kind: 'rejected', reason: 'token-malformed', detail: prefix.trim() };
  const given = text.slice(prefix?.length ?? 0);
  return equalsAny(given, configured) ? { kind: 'verified' } : { kind: 'rejected', reason: 'token-mismatch' };
}

export type TokenSpec = z.output<ReturnType<typeof schema>>;

function schema() {
  return z
    .strictObject({
      value: template.describe('Where the request carries the token.'),
      prefix: z.string().min(1).optional().describe('Text before the token, for example `Bearer `.'),
      expected: identifier.describe('Name of the secret that the token must equal.'),
    })
    .describe('A shared token, compared in constant time.');
}

export const tokenAuthoring: CheckAuthoring<TokenSpec> & { readonly schema: typeof schema } = {
  schema,
  proof: ({ expected }, { secrets }) => secrets[expected] ?? '',
  place: ({ value, prefix, expected }) => ({ template: value, prefix, placeholder: expected }),
  keys: ({ expected }) => [{ secret: expected, form: { kind: 'text' } }],
  protects: ({ value }) => ({ signed: [], proofs: [value] }),
};
