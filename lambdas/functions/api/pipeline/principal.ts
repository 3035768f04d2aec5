import type { Access } from '../../../engine/api/operation.ts';
import type { Identification, Principal } from '../../../flows/access/identify-caller.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';

export type { Principal } from '../../../flows/access/identify-caller.ts';

/** The 401 for unidentified callers, the same for an unknown key and for a wrong secret. */
export function notKnown({ kind }: Exclude<Identification, { kind: 'known' }>): ProblemError {
  switch (kind) {
    case 'no-credentials':
      return unauthorized('This route needs a key or a token: "Authorization: Bearer tk_<id>_<secret>".', 'Bearer');
    case 'expired':
      return unauthorized('The key has expired.', 'Bearer error="invalid_token"');
    case 'unknown':
      return unauthorized('The key or token is not valid.', 'Bearer error="invalid_token"');
  }
}

function unauthorized(detail: string, challenge: string): ProblemError {
  return new ProblemError({ status: 401, detail, headers: { 'www-authenticate': challenge } });
}

/** The 403 for a key that lacks a scope. */
export function lacksScope(access: Access): ProblemError {
  return new ProblemError({
    status: 403,
    detail: `The key lacks the scope "${access}".`,
    headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${access}"` },
  });
}

/** Whether a principal may access what belongs to a tenant; null for what serves all tenants. */
export function mayAccess(principal: Principal, tenant: string | null): boolean {
  return principal.tenant === null || principal.tenant === tenant;
}

/**
 * The tenant that a principal acts for: the one it names, or its own.
 *
 * @returns Null if a principal for all tenants names none.
 * @throws {ProblemError} 404 for another tenant, whether it exists or not.
 */
export function tenantOf(principal: Principal, named: string | null | undefined): string | null {
  const tenant = named === undefined ? principal.tenant : named;
  if (!mayAccess(principal, tenant)) throw notFound('tenant');
  return tenant;
}

/**
 * The one tenant whose data a call reads or changes.
 *
 * @throws {ProblemError} 400 if a principal for all tenants names none; 404 for another tenant.
 */
export function oneTenant(principal: Principal, named: string | undefined): string {
  const tenant = tenantOf(principal, named);
  if (tenant === null)
    throw new ProblemError({ status: 400, detail: 'A key for all tenants must name one: ?tenant=…' });
  return tenant;
}

/** The 404 for what does not exist or belongs to another tenant: a caller cannot tell the two apart. */
export function notFound(what: string): ProblemError {
  return new ProblemError({ status: 404, detail: `There is no such ${what}.` });
}
