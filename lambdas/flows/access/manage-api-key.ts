import { EngineError } from '../../contracts/engine-error.ts';
import { type ApiKeySecret, hashSecret, writeApiKey } from '../../engine/access/api-key-secret.ts';
import { type Scope, scopesBeyond } from '../../engine/access/scopes.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { ApiKey, ApiKeyDirectory } from '../../ports/tenants/api-key-store.ts';
import type { Principal } from './identify-caller.ts';
import type { CallPolicy } from './limit-call-rate.ts';
import { type QuotaExceeded, type Quotas, type QuotaUse, refuseBeyondQuota, undoBeyondQuota } from './quotas.ts';

export interface ManageKeyPorts {
  readonly keys: ApiKeyDirectory;
  readonly callPolicy: Pick<CallPolicy, 'perKey'>;
  readonly clock: Clock;
  readonly randomness: Randomness;
}

export interface KeyRequest {
  /** Undefined to generate one. */
  readonly id: string | undefined;
  /** Undefined to use the id. */
  readonly name: string | undefined;
  readonly tenant: string | null;
  readonly scopes: readonly Scope[];
  readonly expiresAtMs: number | undefined;
  readonly ratePerMinute: number | undefined;
}

/** Members to change. Undefined leaves a member as is; null removes its bound. */
export interface KeyChange {
  readonly name?: string | undefined;
  readonly scopes?: readonly Scope[] | undefined;
  readonly expiresAtMs?: number | null | undefined;
  readonly ratePerMinute?: number | null | undefined;
}

/** Why a caller may not create, change or rotate a key: the key would give it more rights than it has. */
export type KeyRefusal =
  | { readonly kind: 'beyond'; readonly scopes: readonly Scope[] }
  /** The key would live longer than the caller's own credential. */
  | { readonly kind: 'outlives'; readonly endsAtMs: number }
  /** The key could call more often than the caller. */
  | { readonly kind: 'outpaces'; readonly ratePerMinute: number }
  /** A key may not change its own rights. */
  | { readonly kind: 'own-key' }
  /** A secret that is being rotated out would live on in the secret that it creates. */
  | { readonly kind: 'needs-current-secret' }
  /** A token would live on in the key that it creates. */
  | { readonly kind: 'needs-key' };

export type KeyCreation = KeyIssue | QuotaExceeded;
export type KeyIssue = { readonly kind: 'issued'; readonly key: ApiKey; readonly text: string } | KeyRefusal;
export type KeyUpdate = { readonly kind: 'updated'; readonly key: ApiKey } | { readonly kind: 'gone' } | KeyRefusal;

const idBytes = 8;
const secretBytes = 32;
const maxAttempts = 4;
/** Adding a sixth secret ends the oldest. */
const maxSecrets = 5;

/** Refuses a token, and scopes that the caller lacks. */
export function refusalFor(principal: Principal, ...wanted: readonly (readonly Scope[])[]): KeyRefusal | undefined {
  if (principal.tokenId !== null) return { kind: 'needs-key' };
  const scopes = scopesBeyond(principal.scopes, wanted.flat());
  return scopes.length === 0 ? undefined : { kind: 'beyond', scopes: [...new Set(scopes)] };
}

/** When a key ends, and how often it may call; infinite if unbounded. */
interface KeyBounds {
  readonly endsAtMs: number;
  readonly ratePerMinute: number;
}

/** Calls per minute of a key that sets no rate. */
function usualRate({ callPolicy: { perKey } }: ManageKeyPorts): number {
  return (perKey.calls * 60_000) / perKey.windowMs;
}

/**
 * The caller's own bounds, which limit the keys it creates. It ends with its key or its secret, whichever ends first.
 * The operator's keys, of all tenants, may set a rate above the deployment's default; a tenant's keys may not.
 */
function boundsOf(ports: ManageKeyPorts, { endsAtMs, ratePerMinute, tenant }: Principal): KeyBounds {
  return { endsAtMs, ratePerMinute: ratePerMinute ?? (tenant === null ? Number.POSITIVE_INFINITY : usualRate(ports)) };
}

function boundsOfKey(ports: ManageKeyPorts, { expiresAtMs, ratePerMinute }: ApiKey): KeyBounds {
  return { endsAtMs: expiresAtMs ?? Number.POSITIVE_INFINITY, ratePerMinute: ratePerMinute ?? usualRate(ports) };
}

/** Refuses a key that would live longer, or call more often, than the caller. */
function refuseBeyondOwn(ports: ManageKeyPorts, principal: Principal, key: ApiKey): KeyRefusal | undefined {
  const own = boundsOf(ports, principal);
  const given = boundsOfKey(ports, key);
  if (given.endsAtMs > own.endsAtMs) return { kind: 'outlives', endsAtMs: own.endsAtMs };
  if (given.ratePerMinute > own.ratePerMinute) return { kind: 'outpaces', ratePerMinute: own.ratePerMinute };
  return undefined;
}

/** Whether a change gives a key more life, a higher rate or more scopes. */
function isWidened(ports: ManageKeyPorts, before: ApiKey, after: ApiKey): boolean {
  const [had, has] = [boundsOfKey(ports, before), boundsOfKey(ports, after)];
  return (
    has.endsAtMs > had.endsAtMs ||
    has.ratePerMinute > had.ratePerMinute ||
    scopesBeyond(before.scopes, after.scopes).length > 0
  );
}

/** Fills bounds that the request omits with the caller's own. */
function inherited(
  { endsAtMs, ratePerMinute }: Principal,
  given: { readonly expiresAtMs: number | undefined; readonly ratePerMinute: number | undefined },
) {
  return {
    expiresAtMs: given.expiresAtMs ?? (Number.isFinite(endsAtMs) ? endsAtMs : undefined),
    ratePerMinute: given.ratePerMinute ?? ratePerMinute,
  };
}

function newSecret({ clock, randomness }: ManageKeyPorts): { readonly secret: ApiKeySecret; readonly text: string } {
  const text = randomness.bytes(secretBytes).toString('base64url');
  return { text, secret: { sha256: hashSecret(text), createdAt: new Date(clock.nowMs()).toISOString() } };
}

/**
 * Create a key that lives no longer and calls no more often than the caller. Only this answer holds the secret; a
 * repeated call with the same id gets a new secret.
 */
export async function createApiKey(
  ports: ManageKeyPorts & { readonly quotas: Quotas },
  principal: Principal,
  request: KeyRequest,
): Promise<KeyCreation> {
  const { secret, text } = newSecret(ports);
  const id = request.id ?? ports.randomness.bytes(idBytes).toString('hex');
  const key: ApiKey = {
    ...request,
    ...inherited(principal, request),
    id,
    name: request.name ?? id,
    secrets: [secret],
    lastUsedAt: undefined,
    createdAt: secret.createdAt,
    revision: 1,
  };
  const refusal = refusalFor(principal, request.scopes) ?? refuseBeyondOwn(ports, principal, key);
  if (refusal !== undefined) return refusal;
  const { tenant } = request;
  // Keys of all tenants belong to the operator and have no quota.
  const use: QuotaUse | undefined =
    tenant === null
      ? undefined
      : { quotas: ports.quotas, quota: 'keysPerTenant', count: (most) => ports.keys.count(tenant, most) };
  // A retry of an interrupted call creates no second key, so the quota does not apply.
  const isKnown = request.id !== undefined && (await ports.keys.find(request.id)) !== undefined;
  const exceeded = use === undefined || isKnown ? undefined : await refuseBeyondQuota(use);
  if (exceeded !== undefined) return exceeded;
  if ((await ports.keys.create(key)) === 'exists') {
    const rotation = await rotateApiKey(ports, principal, key.id, 0);
    if (rotation.kind === 'gone') throw new EngineError('contended', 'the key is being removed', { retryable: true });
    return rotation;
  }
  const undone = use === undefined ? undefined : await undoBeyondQuota(use, () => ports.keys.remove(key.id));
  return undone ?? { kind: 'issued', key, text: writeApiKey({ id: key.id, secret: text }) };
}

/**
 * Create a new secret for a key. Its earlier secrets stay valid for the overlap; the key's own end does not change.
 *
 * The new secret grants all rights of the key. So a caller may rotate another key only if that key exceeds none of the
 * caller's own rights, and may rotate its own key only with its current secret.
 */
export async function rotateApiKey(
  ports: ManageKeyPorts,
  principal: Principal,
  id: string,
  overlapSeconds: number,
): Promise<KeyIssue | { readonly kind: 'gone' }> {
  const { secret, text } = newSecret(ports);
  const nowMs = ports.clock.nowMs();
  const endsAtMs = nowMs + overlapSeconds * 1000;
  const update = await changeKey(ports, principal, id, [], (key) => {
    const refusal = id === principal.keyId ? refuseOwnRotation(principal, key) : refuseBeyondOwn(ports, principal, key);
    if (refusal !== undefined) return refusal;
    return {
      kind: 'changed',
      key: {
        ...key,
        secrets: [
          secret,
          ...key.secrets
            // A rotation may shorten a secret's life but never lengthens it.
            .map((former) => ({ ...former, expiresAtMs: Math.min(former.expiresAtMs ?? endsAtMs, endsAtMs) }))
            .filter(({ expiresAtMs }) => expiresAtMs > nowMs),
        ].slice(0, maxSecrets),
      },
    };
  });
  return update.kind === 'updated'
    ? { kind: 'issued', key: update.key, text: writeApiKey({ id, secret: text }) }
    : update;
}

function refuseOwnRotation({ secret: shown }: Principal, { secrets }: ApiKey): KeyRefusal | undefined {
  const isCurrent = secrets.some(({ sha256, expiresAtMs }) => sha256 === shown?.sha256 && expiresAtMs === undefined);
  return isCurrent ? undefined : { kind: 'needs-current-secret' };
}

/** Change another key. The change may not give it more scopes, life or rate than the caller has. */
export async function updateApiKey(
  ports: ManageKeyPorts,
  principal: Principal,
  id: string,
  { name, scopes, expiresAtMs, ratePerMinute }: KeyChange,
): Promise<KeyUpdate> {
  if (id === principal.keyId) return { kind: 'own-key' };
  return changeKey(ports, principal, id, scopes ?? [], (before) => {
    const own = inherited(principal, { expiresAtMs: undefined, ratePerMinute: undefined });
    const after: ApiKey = {
      ...before,
      name: name ?? before.name,
      scopes: scopes ?? before.scopes,
      expiresAtMs: expiresAtMs === undefined ? before.expiresAtMs : (expiresAtMs ?? own.expiresAtMs),
      ratePerMinute: ratePerMinute === undefined ? before.ratePerMinute : (ratePerMinute ?? own.ratePerMinute),
    };
    const refusal = isWidened(ports, before, after) ? refuseBeyondOwn(ports, principal, after) : undefined;
    return refusal ?? { kind: 'changed', key: after };
  });
}

/** Revoke a key and its tokens, effective from the next call. */
export async function revokeApiKey(
  ports: ManageKeyPorts,
  principal: Principal,
  key: ApiKey,
): Promise<{ readonly kind: 'revoked' } | KeyRefusal> {
  // A leaked key may revoke itself.
  const refusal = key.id === principal.keyId ? undefined : refusalFor(principal, key.scopes);
  if (refusal !== undefined) return refusal;
  await ports.keys.remove(key.id);
  return { kind: 'revoked' };
}

async function changeKey(
  ports: ManageKeyPorts,
  principal: Principal,
  id: string,
  wanted: readonly Scope[],
  change: (key: ApiKey) => { readonly kind: 'changed'; readonly key: ApiKey } | KeyRefusal,
): Promise<KeyUpdate> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const before = await ports.keys.find(id);
    if (before === undefined) return { kind: 'gone' };
    // A new secret for a key with more scopes would give the caller those scopes.
    const refusal = refusalFor(principal, before.scopes, wanted);
    if (refusal !== undefined) return refusal;
    const changed = change(before);
    if (changed.kind !== 'changed') return changed;
    const { key } = changed;
    if (await ports.keys.replace(key)) return { kind: 'updated', key: { ...key, revision: key.revision + 1 } };
  }
  throw new EngineError('contended', 'the key is being changed', { retryable: true });
}
