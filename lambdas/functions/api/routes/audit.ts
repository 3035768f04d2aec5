import type { auditOperations } from '../../../engine/api/operations/audit-operations.ts';
import { searchAudit } from '../../../flows/access/audit-call.ts';
import type { ApiPorts } from '../api-ports.ts';
import type { Handlers } from '../pipeline/api-call.ts';
import { tenantOf } from '../pipeline/principal.ts';

/** The audit log. A tenant's key sees all changes to its tenant's data, whichever key made them. */
export function auditHandlers(ports: ApiPorts): Handlers<keyof typeof auditOperations> {
  return {
    async listAudit({ query, principal, cursors }) {
      const { since: sinceMs, until: untilMs, key, operation, object, limit } = query;
      const found = await searchAudit(ports, {
        tenant: tenantOf(principal, query.tenant) ?? undefined,
        sinceMs,
        untilMs,
        key,
        operation,
        object,
        limit,
        after: await cursors.after(),
      });
      const data = found.items.map((entry) => ({ ...entry, fields: [...entry.fields] }));
      return { status: 200, body: { data, next_cursor: await cursors.next(found.next) } };
    },
  };
}
