import { callForKeys, getting, type KeyCalls, parseJson, unavailable } from './key-calls.ts';

/** A JSON Web Key Set, as it was read. */
export interface KeySet {
  readonly keys: readonly unknown[];
  /** Epoch milliseconds. */
  readonly readAtMs: number;
}

/** Read a key set from its URL, or from the URL that an OpenID Connect issuer publishes. */
export async function fetchKeySet(calls: KeyCalls, kind: 'jwks' | 'oidc', url: string): Promise<KeySet> {
  const { keys } = await getJson<{ readonly keys?: unknown }>(
    calls,
    kind === 'oidc' ? await discover(calls, url) : url,
  );
  if (!Array.isArray(keys)) throw unavailable(url);
  return { keys, readAtMs: calls.clock.nowMs() };
}

/** @see https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig */
async function discover(calls: KeyCalls, issuer: string): Promise<string> {
  const discovery = await getJson<{ readonly jwks_uri?: unknown }>(
    calls,
    `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`,
  );
  const uri = discovery.jwks_uri;
  if (typeof uri !== 'string' || !URL.canParse(uri)) throw unavailable(issuer);
  return uri;
}

async function getJson<T>({ provider }: KeyCalls, url: string): Promise<T> {
  const answer = await callForKeys(provider, getting(url));
  const value = answer === undefined ? undefined : parseJson(answer.body);
  if (typeof value !== 'object' || value === null) throw unavailable(url);
  return value as T;
}

/** The keys of a set that have an id, as JWK texts; all keys when the request names no id. */
export function keysOf({ keys }: Pick<KeySet, 'keys'>, keyId: string | undefined): readonly string[] {
  return keys
    .filter((key) => typeof key === 'object' && key !== null)
    .filter((key) => keyId === undefined || (key as Readonly<Record<string, unknown>>)['kid'] === keyId)
    .map((key) => JSON.stringify(key));
}
