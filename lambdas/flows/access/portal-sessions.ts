import { EngineError } from '../../contracts/engine-error.ts';
import { type ApiKeySecret, findSecret, hashSecret } from '../../engine/access/api-key-secret.ts';
import { type Portal, portalOf, scopesLeft } from '../../engine/access/portal-session.ts';
import type { Scope } from '../../engine/access/scopes.ts';
import type { ApiKey } from '../../ports/tenants/api-key-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { type Principal, toPrincipal } from './identify-caller.ts';
import { type IssuedToken, issueToken } from './issue-token.ts';
import { type KeyRefusal, type ManageKeyPorts, refusalFor } from './manage-api-key.ts';
import { type QuotaExceeded, type Quotas, type QuotaUse, refuseBeyondQuota, undoBeyondQuota } from './quotas.ts';

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

export type PortalCreation =
  | { readonly kind: 'created'; readonly key: ApiKey; readonly code: string }
  | KeyRefusal
  | QuotaExceeded;

const idBytes = 9;
const secretBytes = 32;
/** Sessions are told from keys by their ids, too. */
const idPrefix = 'ps';

/**
 * Create a session of a partner: a key whose secret never leaves the engine, and a code that is exchanged for the
 * session's only token.
 *
 * Every call of the token reads the session and the key that made it, so the session ends at once with either.
 */
export async function createPortalSession(
  ports: ManageKeyPorts & { readonly quotas: Quotas },
  principal: Principal,
  request: PortalRequest,
): Promise<PortalCreation> {
  const refusal = refusalFor(principal, request.scopes);
  if (refusal !== undefined) return refusal;
  if (principal.secret === undefined) return { kind: 'needs-key' };
  const nowMs = ports.clock.nowMs();
  if (nowMs + request.ttlSeconds * 1000 > principal.endsAtMs) return { kind: 'outlives', endsAtMs: principal.endsAtMs };
  const { key, code } = newSession(ports, { ...principal, secret: principal.secret }, request);
  const use: QuotaUse = {
    quotas: ports.quotas,
    quota: 'portalSessionsPerTenant',
    count: (most) => ports.keys.countPortals(request.tenant, nowMs, most),
  };
  // A retry of an interrupted call creates no second session, so the quota does not apply.
  const before = request.id === undefined ? undefined : await ports.keys.find(key.id);
  const exceeded = before === undefined ? await refuseBeyondQuota(use) : undefined;
  if (exceeded !== undefined) return exceeded;
  if ((await ports.keys.create(key)) === 'exists') return retried(ports, key, code);
  const undone = await undoBeyondQuota(use, () => ports.keys.remove(key.id));
  return undone ?? { kind: 'created', key, code };
}

/** A retry of a call that was cut off: the code of the first try was sent to nobody. */
async function retried({ keys }: ManageKeyPorts, key: ApiKey, code: string): Promise<PortalCreation> {
  const before = await keys.find(key.id);
  const isSame = before?.portal !== undefined && before.tenant === key.tenant;
  if (!isSame || !(await keys.replace({ ...key, revision: before.revision })))
    throw new EngineError('contended', 'the session is being changed', { retryable: true });
  return { kind: 'created', key, code };
}

function newSession(
  { clock, randomness }: ManageKeyPorts,
  maker: Principal & { readonly secret: ApiKeySecret },
  request: PortalRequest,
): { readonly key: ApiKey; readonly code: string } {
  const nowMs = clock.nowMs();
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
    expiresAtMs: nowMs + request.ttlSeconds * 1000,
    ratePerMinute: maker.ratePerMinute,
    lastUsedAt: undefined,
    createdAt,
    revision: 1,
    portal: {
      returnUrl: request.returnUrl,
      refreshUrl: request.refreshUrl,
      origins: request.origins,
      codeSha256: hashSecret(secret),
      maker: { keyId: maker.keyId, secretSha256: maker.secret.sha256 },
    },
  };
  return { key, code: `${id}_${secret}` };
}

export type PortalOpening =
  | { readonly kind: 'opened'; readonly key: ApiKey; readonly token: IssuedToken }
  /** The code was right, and was used before or is too late: its owner may get another link. */
  | { readonly kind: 'over'; readonly portal: Portal }
  /** The code is no session's. */
  | { readonly kind: 'refused' };

/** A session whose link may be opened. */
type OpenableSession = ApiKey & { readonly portal: Portal; readonly tenant: string; readonly expiresAtMs: number };

/**
 * Exchange the code of a link, once.
 *
 * @param audited - Wraps the exchange of a session that was not opened yet, so that no wrong code fills the audit log.
 */
export async function openPortalSession(
  ports: ManageKeyPorts & { readonly publicUrl: string },
  code: string,
  audited: (session: ApiKey, open: () => Promise<PortalOpening>) => Promise<PortalOpening>,
): Promise<PortalOpening> {
  const [, id, secret] = /^(ps[A-Za-z0-9]{1,62})_([\w-]{1,128})$/.exec(code) ?? [];
  const nowMs = ports.clock.nowMs();
  const stored = id === undefined ? undefined : await ports.keys.find(id);
  const codes = stored?.portal === undefined ? [] : [{ sha256: stored.portal.codeSha256, createdAt: stored.createdAt }];
  const isRight = findSecret(codes, secret ?? '', nowMs) !== undefined;
  if (stored?.portal === undefined || !isRight) return { kind: 'refused' };
  const session = portalOf(stored, nowMs);
  const over = { kind: 'over', portal: stored.portal } as const;
  if (session === undefined || session.portal.openedAt !== undefined) return over;
  const maker = await ports.keys.find(session.portal.maker.keyId);
  if (scopesLeft(session, maker, nowMs) === undefined) return over;
  return audited(session, () => exchange(ports, session, nowMs));
}

async function exchange(
  ports: ManageKeyPorts & { readonly publicUrl: string },
  session: OpenableSession,
  nowMs: number,
): Promise<PortalOpening> {
  const over = { kind: 'over', portal: session.portal } as const;
  const [signer] = session.secrets;
  if (signer === undefined) return over;
  const key: ApiKey = { ...session, portal: { ...session.portal, openedAt: new Date(nowMs).toISOString() } };
  // Of two that open the link at the same time, one comes first.
  if (!(await ports.keys.replace(key))) return over;
  const issue = await issueToken(ports, toPrincipal(key, signer), {
    scopes: undefined,
    expiresInSeconds: Math.floor((session.expiresAtMs - nowMs) / 1000),
    maker: session.portal.maker.keyId,
  });
  return issue.kind === 'issued' ? { kind: 'opened', key, token: issue.token } : over;
}

/** Those of a page of sessions that have ended neither by themselves nor with the keys that made them. */
export async function liveSessions(
  { keys, clock }: Pick<ManageKeyPorts, 'keys' | 'clock'>,
  page: readonly ApiKey[],
): Promise<readonly ApiKey[]> {
  const nowMs = clock.nowMs();
  const sessions = page.map((key) => portalOf(key, nowMs)).filter((session) => session !== undefined);
  const makerIds = [...new Set(sessions.map(({ portal }) => portal.maker.keyId))];
  const makers = new Map((await keys.findMany(makerIds)).map((key) => [key.id, key]));
  return sessions.filter((session) => scopesLeft(session, makers.get(session.portal.maker.keyId), nowMs) !== undefined);
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
/** Sessions that are ended at the same time. */
const atATime = 10;

export interface PortalRevocations {
  readonly revoked: number;
  /** Sessions with a scope that the caller lacks: they go on. */
  readonly refused: number;
}

/** End all sessions of a tenant that the caller may end. Those that have ended by themselves are left to the store. */
export async function revokePortalSessions(
  ports: Pick<ManageKeyPorts, 'keys' | 'clock'>,
  principal: Principal,
  tenant: string,
): Promise<PortalRevocations | Extract<KeyRefusal, { kind: 'needs-key' }>> {
  if (principal.tokenId !== null) return { kind: 'needs-key' };
  let [revoked, refused] = [0, 0];
  let after: string | undefined;
  do {
    const page = await ports.keys.listPortals(tenant, pageSize, after);
    const live = page.items.filter((key) => portalOf(key, ports.clock.nowMs()) !== undefined);
    await forEachAtMost(atATime, live, async (key) => {
      const revocation = await revokePortalSession(ports, principal, key);
      if (revocation.kind === 'revoked') revoked += 1;
      else refused += 1;
    });
    after = page.next;
  } while (after !== undefined);
  return { revoked, refused };
}
