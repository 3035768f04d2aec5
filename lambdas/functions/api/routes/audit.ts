import { z } from 'zod';
import type { auditOperations } from '../../../engine/api/audit-operations.ts';
import { searchAudit } from '../../../flows/audit-call.ts';
import { decodeCursor, type Handlers, nextCursor } from '../api-call.ts';
import type { ApiPorts } from '../api-ports.ts';
import { tenantOf } from '../principal.ts';

/** A place in the audit begins with a day, from which it is gone on with, day by day. */
const auditCursor = z.object({
  after: z
    .string()
    .max(512)
    .regex(/^\d{4}-\d\d-\d\d/)
    .refine((place) => !Number.isNaN(Date.parse(place.slice(0, 10)))),
});

/** Who did what. A tenant's key sees what was done to its tenant's things, by whomever. */
export function auditHandlers(ports: ApiPorts): Handlers<keyof typeof auditOperations> {
  return {
    async listAudit({ query, principal }) {
      const { since: sinceMs, until: untilMs, key, operation, object, limit } = query;
      const found = await searchAudit(ports, {
        tenant: tenantOf(principal, query.tenant) ?? undefined,
        sinceMs,
        untilMs,
        key,
        operation,
        object,
        limit,
        after: decodeCursor(query.cursor, auditCursor)?.after,
      });
      const data = found.items.map((entry) => ({ ...entry, fields: [...entry.fields] }));
      return { status: 200, body: { data, next_cursor: nextCursor(found.next) } };
    },
  };
}
