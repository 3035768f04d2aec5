import { type KeysOfToken, keysOfToken, verifyToken } from '../../engine/access/access-token.ts';
import { type ApiKeySecret, findSecret, type PresentedKey, readApiKey } from '../../engine/access/api-key-secret.ts';
import { scopesLeft } from '../../engine/access/portal-session.ts';
import { withinReserve } from '../../engine/access/reserved-keys.ts';
import { holdsScope, type Scope } from '../../engine/access/scopes.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { ApiKey, ApiKeyStore } from '../../ports/tenants/api-key-store.ts';

/** The caller. */
export interface Principal {
  readonly keyId: string;
  /** Null for a key that may act for every tenant. */
  readonly tenant: string | null;
  readonly scopes: readonly Scope[];
  /** Id of the presented token; null if the caller presented the key itself. */
  readonly tokenId: string | null;
  /** The presented secret, or the one that signed the token. */
  readonly secret: ApiKeySecret | undefined;
  /** Epoch milliseconds at which the key or that secret ends, whichever is first; infinite if neither ends. */
  readonly endsAtMs: number;
  /** Calls per minute; undefined if the key sets no rate. */
  readonly ratePerMinute: number | undefined;
}

export type Identification =
  | { readonly kind: 'known'; readonly principal: Principal }
  | { readonly kind: 'no-credentials' }
  /** `key`: the key that the credentials name; undefined if they name none. */
  | { readonly kind: 'unknown'; readonly key: RefusedKey | undefined }
  /** The credentials were once valid, and have expired or been revoked. */
  | { readonly kind: 'expired'; readonly key: RefusedKey };

/** The key that refused credentials name. */
export interface RefusedKey {
  /** Well-formed; arbitrary if no such key exists. */
  readonly id: string;
  /** The key's tenant; null for all tenants, undefined if no such key exists. */
  readonly tenant: string | null | undefined;
}

export interface IdentifyPorts {
  readonly keys: ApiKeyStore;
  readonly clock: Clock;
  /** Origin of the API: issuer and audience of its tokens. */
  readonly publicUrl: string;
}

/** Precision of a key's last use, so that not every call is a write. */
const usedPrecisionMs = 60_000;

/**
 * Identify the caller by `Authorization: Bearer <key or token>`.
 *
 * Every call reads the key's row, so revoking a key takes effect at the next call, for its tokens, too.
 */
export async function identifyCaller(ports: IdentifyPorts, authorization: string | undefined): Promise<Identification> {
  const [, bearer] = /^Bearer +([\x21-\x7e]{1,4096})$/i.exec(authorization ?? '') ?? [];
  if (bearer === undefined) return { kind: 'no-credentials' };
  const presented = readApiKey(bearer);
  return presented === undefined ? identifyToken(ports, bearer) : identifyKey(ports, presented);
}

async function identifyKey(ports: IdentifyPorts, { id, secret }: PresentedKey): Promise<Identification> {
  const nowMs = ports.clock.nowMs();
  const key = withinReserve(await ports.keys.find(id));
  const matching = findSecret(key?.secrets ?? [], secret, nowMs);
  if (key === undefined || matching === undefined) return { kind: 'unknown', key: { id, tenant: key?.tenant } };
  if (hasExpired(key, nowMs)) return { kind: 'expired', key };
  await noteUse(ports, key, nowMs);
  return { kind: 'known', principal: toPrincipal(key, matching) };
}

async function identifyToken(ports: IdentifyPorts, text: string): Promise<Identification> {
  const named = keysOfToken(text);
  if (named === undefined) return { kind: 'unknown', key: undefined };
  const { key, maker } = await findKeysOfToken(ports, named);
  if (key === undefined) return { kind: 'unknown', key: { id: named.key, tenant: undefined } };
  const nowMs = ports.clock.nowMs();
  for (const secret of key.secrets) {
    const token = await verifyToken(ports.publicUrl, text, [secret], nowMs);
    if (token === undefined || token.key !== key.id) continue;
    const left = scopesOf(key, maker, nowMs);
    if (left === undefined || hasExpired(key, nowMs)) return { kind: 'expired', key };
    await noteUse(ports, key, nowMs);
    // A token loses the scopes that its key has lost.
    const scopes = token.scopes.filter((scope) => holdsScope(left, scope));
    return { kind: 'known', principal: { ...toPrincipal(key, secret), scopes, tokenId: token.id } };
  }
  return { kind: 'unknown', key };
}

/** The keys that a token names, in one read. */
async function findKeysOfToken({ keys }: IdentifyPorts, { key: id, maker }: KeysOfToken) {
  if (maker === undefined) return { key: withinReserve(await keys.find(id)), maker: undefined };
  const found = await keys.findMany([id, maker]);
  const keyOf = (wanted: string) => withinReserve(found.find((one) => one.id === wanted));
  return { key: keyOf(id), maker: keyOf(maker) };
}

/** The scopes of a key; of a portal session, those that its maker has left it. Undefined if it ended with its maker. */
function scopesOf(key: ApiKey, maker: ApiKey | undefined, nowMs: number): readonly Scope[] | undefined {
  return key.portal === undefined ? key.scopes : scopesLeft({ ...key, portal: key.portal }, maker, nowMs);
}

function hasExpired({ expiresAtMs }: ApiKey, nowMs: number): boolean {
  return expiresAtMs !== undefined && nowMs >= expiresAtMs;
}

/** The caller that presents a key, or a token that one of its secrets signed. */
export function toPrincipal(
  { id, tenant, scopes, expiresAtMs, ratePerMinute }: ApiKey,
  secret: ApiKeySecret,
): Principal {
  const ends = [expiresAtMs, secret.expiresAtMs].map((endMs) => endMs ?? Number.POSITIVE_INFINITY);
  return { keyId: id, tenant, scopes, tokenId: null, secret, endsAtMs: Math.min(...ends), ratePerMinute };
}

async function noteUse({ keys }: IdentifyPorts, { id, lastUsedAt }: ApiKey, nowMs: number): Promise<void> {
  if (lastUsedAt !== undefined && nowMs - Date.parse(lastUsedAt) < usedPrecisionMs) return;
  // Last use is only informative, so a failure to store it does not fail the call.
  await keys.touch(id, new Date(nowMs).toISOString()).catch(() => undefined);
}

/** Credentials of a client that requests a token. */
export interface ClientCredentials {
  readonly authorization: string | undefined;
  readonly id: string | undefined;
  readonly secret: string | undefined;
}

/**
 * Identify a client that requests a token: by HTTP Basic, by members of the body, or by the key as a bearer.
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
  // A malformed id belongs to no key.
  if (readApiKey(`tk_${bareId}_x`)?.id !== bareId) return { kind: 'unknown', key: undefined };
  const whole = readApiKey(password);
  if (whole !== undefined && whole.id === bareId) return identifyKey(ports, whole);
  return identifyKey(ports, { id: bareId, secret: password });
}

/** User name and password of HTTP Basic; OAuth form-encodes both. */
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
