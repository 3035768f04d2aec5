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

/** The checks of the definition language by name, as their authors meet them. */
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

/** The authoring side of a check, for what is the same for every kind. */
export function authoringOf<Name extends CheckName>(name: Name): CheckAuthoring<CheckSpecs[Name]> {
  return checkAuthoring[name];
}
