import { EngineError } from '../../contracts/engine-error.ts';
import { maxTokenSeconds, signToken } from '../../engine/access/access-token.ts';
import { type ApiKeySecret, hashSecret, writeApiKey } from '../../engine/access/api-key-secret.ts';
import { holdsScope, type Scope, scopesBeyond } from '../../engine/access/scopes.ts';
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
  /** Undefined for a new one. */
  readonly id: string | undefined;
  /** Undefined for its id. */
  readonly name: string | undefined;
  readonly tenant: string | null;
  readonly scopes: readonly Scope[];
  readonly expiresAtMs: number | undefined;
  readonly ratePerMinute: number | undefined;
}

/** What changes; what is left out stays, null is for no bound. */
export interface KeyChange {
  readonly name?: string | undefined;
  readonly scopes?: readonly Scope[] | undefined;
  readonly expiresAtMs?: number | null | undefined;
  readonly ratePerMinute?: number | null | undefined;
}

/** Why a caller may not make, change or take hold of a key: it would have more by it than it has itself. */
export type KeyRefusal =
  | { readonly kind: 'beyond'; readonly scopes: readonly Scope[] }
  /** The key would live longer than what the caller shows. */
  | { readonly kind: 'outlives'; readonly endsAtMs: number }
  /** The key could call more often than the caller. */
  | { readonly kind: 'outpaces'; readonly ratePerMinute: number }
  /** A key does not change what it may do itself. */
  | { readonly kind: 'own-key' }
  /** A secret that is being rotated out would live on in the one that it makes. */
  | { readonly kind: 'needs-current-secret' }
  /** A token would outlive itself by the key that it makes. */
  | { readonly kind: 'needs-key' };

export type KeyCreation = KeyIssue | QuotaExceeded;
export type KeyIssue = { readonly kind: 'issued'; readonly key: ApiKey; readonly text: string } | KeyRefusal;
export type KeyUpdate = { readonly kind: 'updated'; readonly key: ApiKey } | { readonly kind: 'gone' } | KeyRefusal;

const idBytes = 8;
const secretBytes = 32;
const maxAttempts = 4;
/** A sixth ends the oldest. */
const maxSecrets = 5;

function refusalFor(principal: Principal, ...wanted: readonly (readonly Scope[])[]): KeyRefusal | undefined {
  if (principal.tokenId !== null) return { kind: 'needs-key' };
  const scopes = scopesBeyond(principal.scopes, wanted.flat());
  return scopes.length === 0 ? undefined : { kind: 'beyond', scopes: [...new Set(scopes)] };
}

/** Until when, and how often, a key calls; infinite where nothing bounds it. */
interface KeyBounds {
  readonly endsAtMs: number;
  readonly ratePerMinute: number;
}

/** Calls a minute of a key that says nothing itself. */
function usualRate({ callPolicy: { perKey } }: ManageKeyPorts): number {
  return (perKey.calls * 60_000) / perKey.windowMs;
}

/**
 * What a caller has, and so may give. Its end is that of the key or of the secret that it shows, whichever is first. The
 * operator's keys, of all tenants, may give a rate beyond what the deployment usually allows; a tenant's may not.
 */
function boundsOf(ports: ManageKeyPorts, { endsAtMs, ratePerMinute, tenant }: Principal): KeyBounds {
  return { endsAtMs, ratePerMinute: ratePerMinute ?? (tenant === null ? Number.POSITIVE_INFINITY : usualRate(ports)) };
}

function boundsOfKey(ports: ManageKeyPorts, { expiresAtMs, ratePerMinute }: ApiKey): KeyBounds {
  return { endsAtMs: expiresAtMs ?? Number.POSITIVE_INFINITY, ratePerMinute: ratePerMinute ?? usualRate(ports) };
}

/** Why a caller may not give a key, or take hold of it: it would live longer, or call more often, than the caller. */
function refuseBeyondOwn(ports: ManageKeyPorts, principal: Principal, key: ApiKey): KeyRefusal | undefined {
  const own = boundsOf(ports, principal);
  const given = boundsOfKey(ports, key);
  if (given.endsAtMs > own.endsAtMs) return { kind: 'outlives', endsAtMs: own.endsAtMs };
  if (given.ratePerMinute > own.ratePerMinute) return { kind: 'outpaces', ratePerMinute: own.ratePerMinute };
  return undefined;
}

/** Whether a key may more than before: then it is given something, else something is taken from it. */
function isWidened(ports: ManageKeyPorts, before: ApiKey, after: ApiKey): boolean {
  const [had, has] = [boundsOfKey(ports, before), boundsOfKey(ports, after)];
  return (
    has.endsAtMs > had.endsAtMs ||
    has.ratePerMinute > had.ratePerMinute ||
    scopesBeyond(before.scopes, after.scopes).length > 0
  );
}

/** A bound that is not given is the caller's own, where it has one. */
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
 * Make a key, which lives no longer and calls no more often than the one that makes it. It is told whole, once; a try
 * that is repeated under the same id gets a new secret for it.
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
  // Keys of all tenants are the operator's own.
  const use: QuotaUse | undefined =
    tenant === null
      ? undefined
      : { quotas: ports.quotas, quota: 'keysPerTenant', count: (most) => ports.keys.count(tenant, most) };
  // The next try of a call that was cut off makes nothing new.
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
 * Make a new secret for a key; its former ones are taken for a while, too. The key ends when it ended before.
 *
 * Who has the new secret has the key: another key is rotated only where it gives the caller nothing beyond its own, and
 * the caller's own only with its current secret.
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
            // A rotation may shorten the life of a secret, but never lengthens it.
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

/** Change another key. What the change gives is no more than the caller has: scopes, life and rate. */
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

/** Refuse a key from the next call on, and its tokens with it. */
export async function revokeApiKey(
  ports: ManageKeyPorts,
  principal: Principal,
  key: ApiKey,
): Promise<{ readonly kind: 'revoked' } | KeyRefusal> {
  // A key that leaked may end itself.
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
    // A caller that could make a new secret for a key that may do more would have its rights.
    const refusal = refusalFor(principal, before.scopes, wanted);
    if (refusal !== undefined) return refusal;
    const changed = change(before);
    if (changed.kind !== 'changed') return changed;
    const { key } = changed;
    if (await ports.keys.replace(key)) return { kind: 'updated', key: { ...key, revision: key.revision + 1 } };
  }
  throw new EngineError('contended', 'the key is being changed', { retryable: true });
}

export interface TokenRequest {
  /** Undefined for all that the key holds. */
  readonly scopes: readonly Scope[] | undefined;
  readonly expiresInSeconds: number;
}

export interface IssuedToken {
  readonly text: string;
  readonly expiresInSeconds: number;
  readonly scopes: readonly Scope[];
}

/**
 * A token for a key: it may do no more than the key, and ends with it.
 *
 * @returns `beyond` for scopes that the key has not got; `needs-key` where a token asks for a token.
 */
export async function issueToken(
  ports: ManageKeyPorts & { readonly publicUrl: string },
  { keyId, scopes: held, tokenId, secret, endsAtMs }: Principal,
  { scopes = held, expiresInSeconds }: TokenRequest,
): Promise<{ readonly kind: 'issued'; readonly token: IssuedToken } | KeyRefusal> {
  if (tokenId !== null || secret === undefined) return { kind: 'needs-key' };
  const beyond = scopes.filter((scope) => !holdsScope(held, scope));
  if (beyond.length > 0) return { kind: 'beyond', scopes: beyond };
  const nowMs = ports.clock.nowMs();
  const seconds = Math.min(expiresInSeconds, maxTokenSeconds, Math.floor((endsAtMs - nowMs) / 1000));
  const text = await signToken(
    ports.publicUrl,
    {
      key: keyId,
      scopes,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + seconds * 1000,
      id: ports.randomness.bytes(idBytes).toString('hex'),
    },
    secret,
  );
  return { kind: 'issued', token: { text, expiresInSeconds: seconds, scopes } };
}
