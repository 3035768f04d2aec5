import { createHash } from 'node:crypto';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { AuditEntry, AuditLog } from '../../ports/tenants/audit-log.ts';
import type { RefusedKey } from './identify-caller.ts';

export interface RefusalPorts {
  readonly audit: Pick<AuditLog, 'note'>;
  readonly clock: Clock;
}

/** A call whose credentials were refused. */
export interface Refusal {
  readonly key: RefusedKey;
  /** As the caller was told: not valid, or no longer. */
  readonly reason: 'unknown' | 'expired';
  /** What was called. */
  readonly operation: string;
  readonly source: AuditEntry['source'];
}

const hourMs = 3_600_000;
/** Digits of a time in base 36, as in the ids of other entries. */
const timeDigits = 9;
/** Keys that an instance remembers to have noted in this hour. */
const maxRemembered = 1_000;

/**
 * Notes in the audit that a key was shown with what is not valid: once for each key and hour, under the hour. So a
 * stranger who tries secrets writes one entry, and neither fills the log nor pays with the tenant's money; how often it
 * was tried, and from where, is counted and logged.
 *
 * Only for keys that there are: others belong to no tenant, and a stranger can think of any number of them.
 */
export function createRefusalNotes({ audit, clock }: RefusalPorts): (refusal: Refusal) => Promise<void> {
  const noted = new Map<string, number>();
  return async ({ key: { id, tenant }, reason, operation, source }) => {
    if (tenant === undefined) return;
    const atMs = Math.floor(clock.nowMs() / hourMs) * hourMs;
    if (noted.get(id) === atMs) return;
    const name = createHash('sha256').update(`refused ${id}`).digest('hex').slice(0, 16);
    await audit.note({
      id: `aud_${atMs.toString(36).padStart(timeDigits, '0')}_${name}`,
      at: new Date(atMs).toISOString(),
      operation: 'refuseCredentials',
      object: `keys/${id}`,
      tenant,
      actor: { key: id, token: null },
      source,
      status: 401,
      fields: [],
      before: null,
      after: { reason, operation },
    });
    if (noted.size >= maxRemembered) noted.clear();
    noted.set(id, atMs);
  };
}
