import { EngineError } from '../../contracts/engine-error.ts';
import { findSecret, hashSecret } from '../../engine/access/api-key-secret.ts';
import { portalOf } from '../../engine/access/portal-session.ts';
import type { Scope } from '../../engine/access/scopes.ts';
import type { ApiKey } from '../../ports/tenants/api-key-store.ts';
import { type Principal, toPrincipal } from './identify-caller.ts';
import { type IssuedToken, issueToken } from './issue-token.ts';
import { type KeyRefusal, type ManageKeyPorts, refusalFor } from './manage-api-key.ts';

export interface PortalRequest {
  /** Undefined to generate one. */
  readonly id: string | undefined;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  readonly returnUrl: string;
  readonly refreshUrl: string | undefined;
  readonly origins: readonly string[];
  readonly ttlSeconds: number;
}

export type PortalCreation = { readonly kind: 'created'; readonly key: ApiKey; readonly code: string } | KeyRefusal;

const idBytes = 9;
const secretBytes = 32;
/** Sessions are told from keys by their ids, too. */
const idPrefix = 'ps';

/**
 * Create a session of a partner: a key that nobody holds, and the code that is exchanged for its one token.
 *
 * Every call of the token reads the key, so a session that is revoked ends at once.
 */
export async function createPortalSession(
  ports: ManageKeyPorts,
  principal: Principal,
  request: PortalRequest,
): Promise<PortalCreation> {
  const { clock, randomness } = ports;
  const nowMs = clock.nowMs();
  const expiresAtMs = nowMs + request.ttlSeconds * 1000;
  const refusal = refusalFor(principal, request.scopes);
  if (refusal !== undefined) return refusal;
  if (expiresAtMs > principal.endsAtMs) return { kind: 'outlives', endsAtMs: principal.endsAtMs };
  const secret = randomness.bytes(secretBytes).toString('base64url');
  const id = `${idPrefix}${request.id ?? randomness.bytes(idBytes).toString('hex')}`;
  const createdAt = new Date(nowMs).toISOString();
  const key: ApiKey = {
    id,
    name: `Portal session of ${request.tenant}`,
    tenant: request.tenant,
    scopes: request.scopes,
    // It signs the token, and is sent to nobody.
    secrets: [{ sha256: hashSecret(randomness.bytes(secretBytes).toString('hex')), createdAt }],
    expiresAtMs,
    ratePerMinute: principal.ratePerMinute,
    lastUsedAt: undefined,
    createdAt,
    revision: 1,
    portal: {
      returnUrl: request.returnUrl,
      refreshUrl: request.refreshUrl,
      origins: request.origins,
      codeSha256: hashSecret(secret),
    },
  };
  const code = `${id}_${secret}`;
  if ((await ports.keys.create(key)) === 'created') return { kind: 'created', key, code };
  // A retry of a call that was cut off: the code of the first try was sent to nobody.
  const before = await ports.keys.find(id);
  const isSame = before?.portal !== undefined && before.tenant === request.tenant;
  if (!isSame || !(await ports.keys.replace({ ...key, revision: before.revision })))
    throw new EngineError('contended', 'the session is being changed', { retryable: true });
  return { kind: 'created', key, code };
}

export type PortalOpening =
  | { readonly kind: 'opened'; readonly key: ApiKey; readonly token: IssuedToken }
  /** The code is unknown, was used, or its session has ended: a caller cannot tell which. */
  | { readonly kind: 'refused' };

/** Exchange the code of a link, once. */
export async function openPortalSession(
  ports: ManageKeyPorts & { readonly publicUrl: string },
  code: string,
): Promise<PortalOpening> {
  const [, id, secret] = /^(ps[A-Za-z0-9]{1,62})_([\w-]{1,128})$/.exec(code) ?? [];
  const nowMs = ports.clock.nowMs();
  const found = id === undefined ? undefined : portalOf(await ports.keys.find(id), nowMs);
  const codes = found?.portal.codeSha256 === undefined ? [] : [{ sha256: found.portal.codeSha256, createdAt: '' }];
  const isRight = findSecret(codes, secret ?? '', nowMs) !== undefined;
  const [signer] = found?.secrets ?? [];
  if (found === undefined || !isRight || signer === undefined) return { kind: 'refused' };
  const { codeSha256: _, ...portal } = found.portal;
  const key: ApiKey = { ...found, portal: { ...portal, openedAt: new Date(nowMs).toISOString() } };
  // Of two that open the link at the same time, one comes first.
  if (!(await ports.keys.replace(key))) return { kind: 'refused' };
  const issue = await issueToken(ports, toPrincipal(key, signer), {
    scopes: undefined,
    expiresInSeconds: Math.floor((found.expiresAtMs - nowMs) / 1000),
  });
  return issue.kind === 'issued' ? { kind: 'opened', key, token: issue.token } : { kind: 'refused' };
}

/** End a session: its link and its token are refused from the next call on. */
export async function revokePortalSession(
  ports: Pick<ManageKeyPorts, 'keys'>,
  principal: Principal,
  key: ApiKey,
): Promise<{ readonly kind: 'revoked' } | KeyRefusal> {
  // A session may end itself.
  const refusal = key.id === principal.keyId ? undefined : refusalFor(principal, key.scopes);
  if (refusal !== undefined) return refusal;
  await ports.keys.remove(key.id);
  return { kind: 'revoked' };
}

const pageSize = 100;

export type PortalRevocations = { readonly kind: 'revoked'; readonly count: number } | KeyRefusal;

/** End all sessions of a tenant. One that the caller may not end stops it; those before it have ended. */
export async function revokePortalSessions(
  ports: Pick<ManageKeyPorts, 'keys' | 'clock'>,
  principal: Principal,
  tenant: string,
): Promise<PortalRevocations> {
  let count = 0;
  let after: string | undefined;
  do {
    const page = await ports.keys.listPortals(tenant, pageSize, after);
    for (const key of page.items) {
      const revocation = await revokePortalSession(ports, principal, key);
      if (revocation.kind !== 'revoked') return revocation;
      // Sessions that had ended by themselves wait for the store to remove them.
      if (portalOf(key, ports.clock.nowMs()) !== undefined) count += 1;
    }
    after = page.next;
  } while (after !== undefined);
  return { kind: 'revoked', count };
}
