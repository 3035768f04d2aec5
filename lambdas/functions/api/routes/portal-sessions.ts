import { portalOf } from '../../../engine/access/portal-session.ts';
import type { portalOperations } from '../../../engine/api/operations/portal-operations.ts';
import { auditCall } from '../../../flows/access/audit-call.ts';
import {
  createPortalSession,
  liveSessions,
  openPortalSession,
  type PortalOpening,
  revokePortalSession,
  revokePortalSessions,
} from '../../../flows/access/portal-sessions.ts';
import type { ApiKey } from '../../../ports/tenants/api-key-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import type { ApiAnswer, ApiCall, Handlers } from '../pipeline/api-call.ts';
import { mustNotBeErasing } from '../pipeline/ownership.ts';
import { mayAccess, notFound, oneTenant, tenantOf } from '../pipeline/principal.ts';
import { quotaExceeded } from '../pipeline/quota-problem.ts';
import { isoOrNull } from '../views/iso-or-null.ts';
import { refused } from './access.ts';

function sessionView({ id, tenant, scopes, portal, expiresAtMs, createdAt }: ApiKey) {
  return {
    id,
    tenant: tenant ?? '',
    scopes: [...scopes],
    return_url: portal?.returnUrl ?? '',
    refresh_url: portal?.refreshUrl ?? null,
    origins: [...(portal?.origins ?? [])],
    opened_at: portal?.openedAt ?? null,
    expires_at: isoOrNull(expiresAtMs) ?? createdAt,
    created_at: createdAt,
  };
}

const objectOf = (id: string) => `portal-sessions/${id}`;

async function handleCreate(
  ports: ApiPorts,
  { body, principal, stableId: id }: ApiCall<'createPortalSession'>,
): Promise<ApiAnswer<'createPortalSession'>> {
  const tenant = oneTenant(principal, body.tenant);
  await mustNotBeErasing(ports, tenant);
  const creation = await createPortalSession(ports, principal, {
    id,
    tenant,
    scopes: [...new Set(body.scopes)],
    returnUrl: body.return_url,
    refreshUrl: body.refresh_url,
    origins: [...new Set(body.origins)],
    ttlSeconds: body.ttl_seconds,
  });
  if (creation.kind === 'quota-exceeded') throw quotaExceeded(creation);
  if (creation.kind !== 'created') throw refused(creation);
  const after = sessionView(creation.key);
  // In the fragment, the code reaches no server and no log.
  const url = `${ports.publicUrl}/console/p/${creation.key.id}/#code=${creation.code}`;
  return {
    status: 201,
    body: { ...after, url },
    change: { object: objectOf(after.id), tenant, before: null, after },
  };
}

/** Note in the audit log that a link is opened: by the session itself, which has no other caller. */
function auditOpening(
  ports: ApiPorts,
  { source }: Pick<ApiCall, 'source'>,
  warn: (error: unknown) => void,
): Parameters<typeof openPortalSession>[2] {
  return (session, open) =>
    auditCall<PortalOpening>(
      ports,
      {
        operation: 'openPortalSession',
        object: objectOf(session.id),
        tenant: session.tenant,
        actor: { key: session.id, token: null },
        source,
        fields: ['code'],
      },
      async () => {
        const opening = await open();
        if (opening.kind !== 'opened') return { answer: opening, status: 401 };
        const { id, tenant } = session;
        const [before, after] = [sessionView(session), sessionView(opening.key)];
        return { answer: opening, status: 200, change: { object: objectOf(id), tenant, before, after } };
      },
      { statusOf: () => 500, warn },
    );
}

/** Sessions of partners in the console. */
export function portalHandlers(
  ports: ApiPorts,
  warnUnaudited: (error: unknown) => void,
): Handlers<keyof typeof portalOperations> {
  return {
    createPortalSession: async (call) => handleCreate(ports, call),
    async listPortalSessions({ query, principal, cursors }) {
      const tenant = tenantOf(principal, query.tenant) ?? undefined;
      const page = await ports.keys.listPortals(tenant, query.limit, await cursors.after());
      const live = await liveSessions(ports, page.items);
      return { status: 200, body: { data: live.map(sessionView), next_cursor: await cursors.next(page.next) } };
    },
    async revokePortalSession({ params, principal }) {
      const key = portalOf(await ports.keys.find(params['id'] ?? ''), ports.clock.nowMs());
      if (key === undefined || !mayAccess(principal, key.tenant)) throw notFound('portal session');
      const revocation = await revokePortalSession(ports, principal, key);
      if (revocation.kind !== 'revoked') throw refused(revocation);
      const change = { object: objectOf(key.id), tenant: key.tenant, before: sessionView(key), after: null };
      return { status: 204, body: undefined, change };
    },
    async revokePortalSessions({ query, principal }) {
      const tenant = oneTenant(principal, query.tenant);
      const revocations = await revokePortalSessions(ports, principal, tenant);
      if ('kind' in revocations) throw refused(revocations);
      return {
        status: 200,
        body: revocations,
        change: { object: 'portal-sessions', tenant, before: null, after: revocations },
      };
    },
    async openPortalSession({ body, source }) {
      const opening = await openPortalSession(ports, body.code, auditOpening(ports, { source }, warnUnaudited));
      if (opening.kind !== 'opened')
        throw new ProblemError({
          status: 401,
          detail: 'The code is not valid: it was used, or its session has ended. Ask for a new link.',
          headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
          ...(opening.kind === 'over'
            ? {
                extensions: {
                  return_url: opening.portal.returnUrl,
                  refresh_url: opening.portal.refreshUrl ?? null,
                },
              }
            : {}),
        });
      const { key, token } = opening;
      return {
        status: 200,
        body: {
          access_token: token.text,
          token_type: 'Bearer' as const,
          expires_in: token.expiresInSeconds,
          session: sessionView(key),
        },
      };
    },
  };
}
