import { keyOfToken, verifyToken } from '../../engine/access/access-token.ts';
import { type ApiKeySecret, findSecret, type PresentedKey, readApiKey } from '../../engine/access/api-key-secret.ts';
import { holdsScope, type Scope } from '../../engine/access/scopes.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { ApiKey, ApiKeyStore } from '../../ports/tenants/api-key-store.ts';

/** Who calls. */
export interface Principal {
  readonly keyId: string;
  /** Null for a key that may act for every tenant. */
  readonly tenant: string | null;
  readonly scopes: readonly Scope[];
  /** Id of the token that was shown; null where the key itself was. */
  readonly tokenId: string | null;
  /** The secret that was shown, or that the token was given for. */
  readonly secret: ApiKeySecret | undefined;
  /** Epoch milliseconds at which the key, or that secret of it, ends; infinite where neither does. */
  readonly endsAtMs: number;
  /** Calls a minute, where the key says so. */
  readonly ratePerMinute: number | undefined;
}

export type Identification =
  | { readonly kind: 'known'; readonly principal: Principal }
  | { readonly kind: 'no-credentials' }
  /** `key`: the one that was named; undefined where none was. */
  | { readonly kind: 'unknown'; readonly key: RefusedKey | undefined }
  /** The credentials were good once. */
  | { readonly kind: 'expired'; readonly key: RefusedKey };

/** A key that was named with credentials that were refused. */
export interface RefusedKey {
  /** Of the form of an id. It may be anything, if there is no such key. */
  readonly id: string;
  /** Whose it is, null for all tenants; undefined where there is no such key. */
  readonly tenant: string | null | undefined;
}

export interface IdentifyPorts {
  readonly keys: ApiKeyStore;
  readonly clock: Clock;
  /** Origin of the API: who issues tokens, and whom they are for. */
  readonly publicUrl: string;
}

/** When a key was used is noted to the minute: not each call is a write. */
const usedPrecisionMs = 60_000;

/**
 * Find out who calls, by `Authorization: Bearer <key or token>`.
 *
 * The key's row is read at every call: what is revoked is refused from the next call on, its tokens too.
 */
export async function identifyCaller(ports: IdentifyPorts, authorization: string | undefined): Promise<Identification> {
  const [, bearer] = /^Bearer +([\x21-\x7e]{1,4096})$/i.exec(authorization ?? '') ?? [];
  if (bearer === undefined) return { kind: 'no-credentials' };
  const presented = readApiKey(bearer);
  return presented === undefined ? identifyToken(ports, bearer) : identifyKey(ports, presented);
}

/** Find out who calls, by a key's parts. */
async function identifyKey(ports: IdentifyPorts, { id, secret }: PresentedKey): Promise<Identification> {
  const nowMs = ports.clock.nowMs();
  const key = await ports.keys.find(id);
  const matching = findSecret(key?.secrets ?? [], secret, nowMs);
  if (key === undefined || matching === undefined) return { kind: 'unknown', key: { id, tenant: key?.tenant } };
  if (hasExpired(key, nowMs)) return { kind: 'expired', key };
  await noteUse(ports, key, nowMs);
  return { kind: 'known', principal: toPrincipal(key, matching) };
}

async function identifyToken(ports: IdentifyPorts, text: string): Promise<Identification> {
  const id = keyOfToken(text);
  if (id === undefined) return { kind: 'unknown', key: undefined };
  const key = await ports.keys.find(id);
  if (key === undefined) return { kind: 'unknown', key: { id, tenant: undefined } };
  const nowMs = ports.clock.nowMs();
  for (const secret of key.secrets) {
    const token = await verifyToken(ports.publicUrl, text, [secret], nowMs);
    if (token === undefined || token.key !== key.id) continue;
    if (hasExpired(key, nowMs)) return { kind: 'expired', key };
    await noteUse(ports, key, nowMs);
    // What was taken from the key since is taken from its tokens.
    const scopes = token.scopes.filter((scope) => holdsScope(key.scopes, scope));
    return { kind: 'known', principal: { ...toPrincipal(key, secret), scopes, tokenId: token.id } };
  }
  return { kind: 'unknown', key };
}

function hasExpired({ expiresAtMs }: ApiKey, nowMs: number): boolean {
  return expiresAtMs !== undefined && nowMs >= expiresAtMs;
}

function toPrincipal({ id, tenant, scopes, expiresAtMs, ratePerMinute }: ApiKey, secret: ApiKeySecret): Principal {
  const ends = [expiresAtMs, secret.expiresAtMs].map((endMs) => endMs ?? Number.POSITIVE_INFINITY);
  return { keyId: id, tenant, scopes, tokenId: null, secret, endsAtMs: Math.min(...ends), ratePerMinute };
}

async function noteUse({ keys }: IdentifyPorts, { id, lastUsedAt }: ApiKey, nowMs: number): Promise<void> {
  if (lastUsedAt !== undefined && nowMs - Date.parse(lastUsedAt) < usedPrecisionMs) return;
  // It only tells the owner something: a call does not fail for it.
  await keys.touch(id, new Date(nowMs).toISOString()).catch(() => undefined);
}

/** How a client names itself where it asks for a token. */
export interface ClientCredentials {
  readonly authorization: string | undefined;
  readonly id: string | undefined;
  readonly secret: string | undefined;
}

/**
 * Find out who asks for a token: by HTTP Basic, by members of the body, or by the key as it is shown elsewhere.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
 */
export async function identifyClient(
  ports: IdentifyPorts,
  { authorization, id, secret }: ClientCredentials,
): Promise<Identification> {
  const basic = /^Basic +([\w+/=]{1,2048})$/i.exec(authorization ?? '')?.[1];
  if (authorization !== undefined && basic === undefined) return identifyCaller(ports, authorization);
  const [name, password] = basic === undefined ? [id, secret] : readBasic(basic);
  if (name === undefined || password === undefined) return { kind: 'no-credentials' };
  const bareId = name.replace(/^tk_/, '');
  // What is no id is the id of no key.
  if (readApiKey(`tk_${bareId}_x`)?.id !== bareId) return { kind: 'unknown', key: undefined };
  const whole = readApiKey(password);
  if (whole !== undefined && whole.id === bareId) return identifyKey(ports, whole);
  return identifyKey(ports, { id: bareId, secret: password });
}

/** User name and password of HTTP Basic, which OAuth has encoded as in a form. */
function readBasic(encoded: string): readonly (string | undefined)[] {
  const [, name, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? [];
  return [name, password].map((part) => {
    try {
      return part === undefined ? undefined : decodeURIComponent(part.replaceAll('+', ' '));
    } catch {
      return part;
    }
  });
}
