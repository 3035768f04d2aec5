import type { CheckKind } from './check-kind.ts';
import { basic } from './checks/basic.ts';
import { digest } from './checks/digest.ts';
import { freshness } from './checks/freshness.ts';
import { hmac } from './checks/hmac.ts';
import { jwt } from './checks/jwt.ts';
import { publicKey } from './checks/public-key.ts';
import { token } from './checks/token.ts';
import { urlToken } from './checks/url-token.ts';

/** The runtime sides of all checks, by name. */
export const checkKinds = { hmac, digest, public_key: publicKey, jwt, token, basic, url_token: urlToken, freshness };

export type CheckName = keyof typeof checkKinds;

/** The specification of each kind. */
export type CheckSpecs = {
  [Name in CheckName]: (typeof checkKinds)[Name] extends CheckKind<infer Spec> ? Spec : never;
};

/** One check of a definition: its kind and its specification. */
export type NamedCheck = { [Name in CheckName]: { readonly name: Name; readonly spec: CheckSpecs[Name] } }[CheckName];

export const checkNames = Object.keys(checkKinds) as CheckName[];

/** The kind of a check, for code that treats all kinds alike. */
export function kindOf<Name extends CheckName>(name: Name): CheckKind<CheckSpecs[Name]> {
  return checkKinds[name] as unknown as CheckKind<CheckSpecs[Name]>;
}
