import { z } from 'zod';
import { valuesOf } from '../../request/secret-values.ts';
import type { SecretValues } from '../../request/webhook-request.ts';
import type { TemplateInput } from '../../template/template.ts';
import { identifier } from '../../template/template-schema.ts';
import type { CheckAuthoring, CheckKind } from '../check-kind.ts';
import { equalsAny } from '../equals-any.ts';
import { decodeExactly } from '../signatures/decode-exactly.ts';
import type { Verdict } from '../verdict.ts';

/** HTTP Basic authentication. */
export const basic: CheckKind<BasicSpec> = {
  prepare:
    (spec) =>
    (input, { secrets }) =>
      verifyBasic(spec, input, secrets),
};

/** Check HTTP Basic authentication. @see https://www.rfc-editor.org/rfc/rfc7617 */
function verifyBasic(spec: BasicSpec, input: TemplateInput, secrets: SecretValues): Verdict {
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

export type BasicSpec = z.output<ReturnType<typeof schema>>;

function schema() {
  return z
    .strictObject({ username: identifier, password: identifier })
    .describe('HTTP Basic authentication; the names of the two secrets.');
}

export const basicAuthoring: CheckAuthoring<BasicSpec> = {
  schema,
  proof: ({ username, password }, { secrets }) =>
    Buffer.from(`${secrets[username] ?? ''}:${secrets[password] ?? ''}`).toString('base64'),
  place: () => ({ template: '{header.Authorization}', prefix: 'Basic ', placeholder: 'basic' }),
  keys: ({ username, password }) => [username, password].map((secret) => ({ secret, form: { kind: 'text' } })),
  protects: () => ({ signed: [], proofs: ['{header.Authorization}'] }),
};
