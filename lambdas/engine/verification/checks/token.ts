import { createHash, timingSafeEqual } from 'node:crypto';
import type { BasicSpec, TokenSpec } from '../../definition/schema.ts';
import { valuesOf } from '../../request/secret-values.ts';
import type { SecretValues, Verdict } from '../../request/webhook-request.ts';
import { renderText, type Template, type TemplateInput } from '../../template/template.ts';
import { decodeExactly } from '../signatures/decode-exactly.ts';
import { missingReason } from '../signatures/signature-candidates.ts';

export interface TokenCheck {
  readonly spec: TokenSpec;
  readonly value: Template;
}

/** Compare a token with every current secret, in a time that tells neither content nor length. */
export function verifyToken(check: TokenCheck, input: TemplateInput, secrets: SecretValues): Verdict {
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

/** Check HTTP Basic authentication. @see https://www.rfc-editor.org/rfc/rfc7617 */
export function verifyBasic(spec: BasicSpec, input: TemplateInput, secrets: SecretValues): Verdict {
  const [usernames, passwords] = [valuesOf(secrets, spec.username), valuesOf(secrets, spec.password)];
  if (usernames.length === 0) return { kind: 'rejected', reason: 'secret-not-configured', detail: spec.username };
  if (passwords.length === 0) return { kind: 'rejected', reason: 'secret-not-configured', detail: spec.password };
  const header = Object.hasOwn(input.headers, 'authorization') ? input.headers['authorization'] : undefined;
  if (header === undefined) return { kind: 'rejected', reason: 'header-missing', detail: 'header.Authorization' };
  const [, encoded = ''] = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header) ?? [];
  const decoded = decodeExactly(encoded, 'base64');
  if (decoded === undefined) return { kind: 'rejected', reason: 'token-malformed', detail: 'Basic' };
  const given = decoded.toString('utf8');
  const expected = usernames.flatMap((username) => passwords.map((password) => `${username}:${password}`));
  return equalsAny(given, expected) ? { kind: 'verified' } : { kind: 'rejected', reason: 'token-mismatch' };
}

/** Whether a text is one of others, in a time that does not tell. Digests are of one length, whatever the texts are. */
export function equalsAny(given: string, expected: readonly string[]): boolean {
  const digest = createHash('sha256').update(given).digest();
  let matches = false;
  for (const text of expected) if (timingSafeEqual(createHash('sha256').update(text).digest(), digest)) matches = true;
  return matches;
}
