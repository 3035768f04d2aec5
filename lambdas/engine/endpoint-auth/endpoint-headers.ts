import type { EndpointAuth, EndpointSettings } from './endpoint-auth-schema.ts';

/**
 * The configured headers of an endpoint, with names in lower case, and its authorization.
 *
 * @param token - Access token of an `oauth2` client; other types need none.
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
