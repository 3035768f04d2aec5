import type { CheckAuthoring } from './check-kind.ts';
import type { CheckName, CheckSpecs } from './check-kinds.ts';
import { basicAuthoring } from './checks/basic.ts';
import { digestAuthoring } from './checks/digest.ts';
import { freshnessAuthoring } from './checks/freshness.ts';
import { hmacAuthoring } from './checks/hmac.ts';
import { jwtAuthoring } from './checks/jwt.ts';
import { publicKeyAuthoring } from './checks/public-key.ts';
import { tokenAuthoring } from './checks/token.ts';
import { urlTokenAuthoring } from './checks/url-token.ts';

/** The authoring sides of all checks, by name. */
export const checkAuthoring: { readonly [Name in CheckName]: CheckAuthoring<CheckSpecs[Name]> } = {
  hmac: hmacAuthoring,
  digest: digestAuthoring,
  public_key: publicKeyAuthoring,
  jwt: jwtAuthoring,
  token: tokenAuthoring,
  basic: basicAuthoring,
  url_token: urlTokenAuthoring,
  freshness: freshnessAuthoring,
};

/** The authoring side of a check, for code that treats all kinds alike. */
export function authoringOf<Name extends CheckName>(name: Name): CheckAuthoring<CheckSpecs[Name]> {
  return checkAuthoring[name];
}
