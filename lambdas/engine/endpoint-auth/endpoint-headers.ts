import type { EndpointAuth, EndpointSettings } from './endpoint-auth-schema.ts';

/**
 * The headers that an endpoint asks for, with names in lower case, and its authorization.
 *
 * @param token - Of an `oauth2` client; the others carry what they need.
 */
export function endpointHeaders(
  { auth, headers }: Pick<EndpointSettings, 'auth' | 'headers'>,
  token?: string,
): Readonly<Record<string, string>> {
  const authorization = authorizationOf(auth, token);
  return {
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    ...(authorization === undefined ? {} : { authorization }),
  };
}

function authorizationOf(auth: EndpointAuth | undefined, token: string | undefined): string | undefined {
  switch (auth?.type) {
    case 'basic':
      return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
    case 'bearer':
      return `Bearer ${auth.token}`;
    case 'oauth2':
      return token === undefined ? undefined : `Bearer ${token}`;
    case undefined:
      return undefined;
  }
}
