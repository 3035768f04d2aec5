import { createHash, timingSafeEqual } from 'node:crypto';
import type { ApiKeyStore } from '../../ports/api-key-store.ts';
import { ProblemError } from '../answer-problems.ts';

/** Who calls. */
export interface Principal {
  readonly keyId: string;
  /** Null for a key that may act for every tenant. */
  readonly tenant: string | null;
}

/**
 * Find out who calls, by `Authorization: Bearer tk_<id>_<secret>`.
 *
 * @throws {ProblemError} 401, the same for an unknown key and for a wrong secret.
 */
export async function authenticate(keys: ApiKeyStore, authorization: string | undefined): Promise<Principal> {
  const [, id, secret] = /^Bearer tk_([A-Za-z0-9]{1,64})_([\x21-\x7e]{1,256})$/i.exec(authorization ?? '') ?? [];
  if (id === undefined || secret === undefined)
    throw unauthorized('This route needs a bearer key: "Authorization: Bearer tk_<id>_<secret>".');
  const key = await keys.find(id);
  const given = createHash('sha256').update(secret).digest();
  const stored = Buffer.from(key?.secretSha256 ?? '', 'hex');
  // An unknown key is compared with zeros, so that it takes as long as a wrong secret.
  const matches = timingSafeEqual(given, stored.length === given.length ? stored : Buffer.alloc(given.length));
  if (key === undefined || !matches) throw unauthorized('The key is not valid.');
  return { keyId: key.id, tenant: key.tenant };
}

function unauthorized(detail: string): ProblemError {
  return new ProblemError({ status: 401, detail, headers: { 'www-authenticate': 'Bearer' } });
}

/** Whether a principal may see what belongs to a tenant; null stands for what serves all tenants. */
export function mayAccess(principal: Principal, tenant: string | null): boolean {
  return principal.tenant === null || principal.tenant === tenant;
}

/**
 * The tenant that a principal acts for: the one it names, or its own.
 *
 * @returns Null where a principal for all tenants names none.
 * @throws {ProblemError} 403 when the tenant is not the principal's.
 */
export function tenantOf(principal: Principal, named: string | null | undefined): string | null {
  const tenant = named === undefined ? principal.tenant : named;
  if (!mayAccess(principal, tenant))
    throw new ProblemError({ status: 403, detail: 'The key may not act for this tenant.' });
  return tenant;
}

/** The answer for what does not exist, and for what belongs to somebody else: one cannot be told from the other. */
export function notFound(what: string): ProblemError {
  return new ProblemError({ status: 404, detail: `There is no such ${what}.` });
}
