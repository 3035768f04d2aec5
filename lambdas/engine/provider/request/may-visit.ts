import type { ApiSpec } from '../language/api-schema.ts';

/**
 * Whether credentials may go to a URL: to the host of the base, or one that the definition names. A link in an answer
 * must not lead them elsewhere.
 */
export function mayVisit({ hosts }: Pick<ApiSpec, 'hosts'>, base: string, url: URL): boolean {
  const own = new URL(base);
  if (url.username !== '' || url.password !== '') return false;
  if (url.protocol === own.protocol && url.host === own.host) return true;
  return url.protocol === 'https:' && url.port === '' && hosts.some((host) => matches(host, url.hostname));
}

function matches(pattern: string, hostname: string): boolean {
  return pattern.startsWith('*.') ? hostname.endsWith(pattern.slice(1)) : hostname === pattern;
}
