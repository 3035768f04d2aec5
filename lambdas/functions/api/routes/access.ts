import { type Scope, scopeNames } from '../../../engine/access/scopes.ts';
import type { accessOperations } from '../../../engine/api/operations/access-operations.ts';
import { issueToken } from '../../../flows/access/issue-token.ts';
import {
  createApiKey,
  type KeyRefusal,
  revokeApiKey,
  rotateApiKey,
  updateApiKey,
} from '../../../flows/access/manage-api-key.ts';
import type { ApiKey } from '../../../ports/tenants/api-key-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import { type AnyCall, type ApiAnswer, type ApiCall, bodyProblem, type Handlers } from '../pipeline/api-call.ts';
import { oauthProblem } from '../pipeline/client-credentials.ts';
import { mustNotBeErasing } from '../pipeline/ownership.ts';
import { mayAccess, notFound, tenantOf } from '../pipeline/principal.ts';
import { quotaExceeded } from '../pipeline/quota-problem.ts';
import { isoOrNull } from '../views/iso-or-null.ts';

/** A key as its owner sees it: never a secret, nor its hash (invariant 10). */
export function keyView(key: ApiKey) {
  return {
    id: key.id,
    name: key.name,
    tenant: key.tenant,
    scopes: [...key.scopes],
    expires_at: isoOrNull(key.expiresAtMs),
    rate_per_minute: key.ratePerMinute ?? null,
    secrets: key.secrets.map(({ createdAt, expiresAtMs }) => ({
      created_at: createdAt,
      expires_at: isoOrNull(expiresAtMs),
    })),
    last_used_at: key.lastUsedAt ?? null,
    created_at: key.createdAt,
  };
}

/** The 403 for what the calling key may not give. */
export function refused(refusal: KeyRefusal): ProblemError {
  return new ProblemError({ status: 403, detail: refusalDetail(refusal), extensions: { reason: refusal.kind } });
}

function refusalDetail(refusal: KeyRefusal): string {
  switch (refusal.kind) {
    case 'needs-key':
      return 'A token may not do this. Send the key itself.';
    case 'beyond':
      return `The calling key lacks ${refusal.scopes.join(', ')}, so it may neither grant them nor change, rotate or revoke a key that has them.`;
    case 'outlives':
      return `expires_at: the calling key, or the secret it sent, expires at ${new Date(refusal.endsAtMs).toISOString()}, so it may not create, widen or rotate a key that expires later.`;
    case 'outpaces':
      return `rate_per_minute: the calling key has ${refusal.ratePerMinute} calls a minute, so it may not create, widen or rotate a key that has more.`;
    case 'own-key':
      return 'A key may not change itself. Call with another key.';
    case 'needs-current-secret':
      return 'A key may rotate itself only with its current secret. This one is being rotated out.';
  }
}

const objectOf = (id: string) => `keys/${id}`;

/** @throws {ProblemError} 404 for a key that does not exist, or belongs to another tenant. */
async function findKey(ports: ApiPorts, { params, principal }: AnyCall): Promise<ApiKey> {
  const key = await ports.keys.find(params['id'] ?? '');
  if (key === undefined || key.portal !== undefined || !mayAccess(principal, key.tenant)) throw notFound('key');
  return key;
}

async function handleCreateKey(
  ports: ApiPorts,
  { body, principal, stableId: id }: ApiCall<'createKey'>,
): Promise<ApiAnswer<'createKey'>> {
  const tenant = tenantOf(principal, body.tenant);
  await mustNotBeErasing(ports, tenant);
  if (body.expires_at !== undefined && body.expires_at <= ports.clock.nowMs())
    throw bodyProblem('expires_at', 'expected a time in the future');
  const issue = await createApiKey(ports, principal, {
    id,
    name: body.name,
    tenant,
    scopes: [...new Set(body.scopes)],
    expiresAtMs: body.expires_at,
    ratePerMinute: body.rate_per_minute,
  });
  if (issue.kind === 'quota-exceeded') throw quotaExceeded(issue);
  if (issue.kind !== 'issued') throw refused(issue);
  const after = keyView(issue.key);
  return {
    status: 201,
    body: { ...after, key: issue.text },
    change: { object: objectOf(issue.key.id), tenant, before: null, after },
  };
}

async function handleCreateToken(
  ports: ApiPorts,
  { body, principal }: ApiCall<'createToken'>,
): Promise<ApiAnswer<'createToken'>> {
  const named = body.scope?.split(' ').filter((scope) => scope !== '');
  const unknown = (named ?? []).find((scope) => !scopeNames.includes(scope as Scope));
  if (unknown !== undefined)
    throw oauthProblem(bodyProblem('scope', `expected some of ${scopeNames.join(' ')}`).problem);
  const issue = await issueToken(ports, principal, {
    scopes: named as readonly Scope[] | undefined,
    expiresInSeconds: body.expires_in,
  });
  if (issue.kind !== 'issued') {
    const { problem } = refused(issue);
    const error = issue.kind === 'beyond' ? 'invalid_scope' : 'unauthorized_client';
    throw oauthProblem({ ...problem, extensions: { error } });
  }
  const { text, expiresInSeconds, scopes } = issue.token;
  return {
    status: 200,
    body: {
      access_token: text,
      token_type: 'Bearer' as const,
      expires_in: expiresInSeconds,
      scope: scopes.join(' '),
    },
  };
}

/** Keys, and tokens for them. */
export function accessHandlers(ports: ApiPorts): Handlers<keyof typeof accessOperations> {
  const find = async (call: AnyCall) => findKey(ports, call);
  return {
    createKey: async (call) => handleCreateKey(ports, call),
    async listKeys({ query, principal, cursors }) {
      const page = await ports.keys.list(principal.tenant ?? undefined, query.limit, await cursors.after());
      return { status: 200, body: { data: page.items.map(keyView), next_cursor: await cursors.next(page.next) } };
    },
    getKey: async (call) => ({ status: 200, body: keyView(await find(call)) }),
    async updateKey(call) {
      const before = await find(call);
      const { name, scopes, expires_at: expiresAtMs, rate_per_minute: ratePerMinute } = call.body;
      const update = await updateApiKey(ports, call.principal, before.id, { name, scopes, expiresAtMs, ratePerMinute });
      if (update.kind === 'gone') throw notFound('key');
      if (update.kind !== 'updated') throw refused(update);
      const after = keyView(update.key);
      return {
        status: 200,
        body: after,
        change: { object: objectOf(before.id), tenant: before.tenant, before: keyView(before), after },
      };
    },
    async rotateKey(call) {
      const before = await find(call);
      const rotation = await rotateApiKey(ports, call.principal, before.id, call.body.overlap_seconds);
      if (rotation.kind === 'gone') throw notFound('key');
      if (rotation.kind !== 'issued') throw refused(rotation);
      const after = keyView(rotation.key);
      return {
        status: 200,
        body: { ...after, key: rotation.text },
        change: { object: objectOf(before.id), tenant: before.tenant, before: keyView(before), after },
      };
    },
    async revokeKey(call) {
      const before = await find(call);
      const revocation = await revokeApiKey(ports, call.principal, before);
      if (revocation.kind !== 'revoked') throw refused(revocation);
      return {
        status: 204,
        body: undefined,
        change: { object: objectOf(before.id), tenant: before.tenant, before: keyView(before), after: null },
      };
    },
    async getCaller({ principal }) {
      const key = await ports.keys.find(principal.keyId);
      const portal = key?.portal;
      return {
        status: 200,
        body: {
          key: principal.keyId,
          name: key?.name ?? principal.keyId,
          tenant: principal.tenant,
          scopes: [...principal.scopes],
          expires_at: isoOrNull(key?.expiresAtMs),
          portal:
            portal === undefined ? null : { return_url: portal.returnUrl, refresh_url: portal.refreshUrl ?? null },
        },
      };
    },
    createToken: async (call) => handleCreateToken(ports, call),
  };
}
