import { createHash } from 'node:crypto';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { AuditEntry, AuditLog } from '../../ports/tenants/audit-log.ts';
import type { RefusedKey } from './identify-caller.ts';

export interface RefusalPorts {
  readonly audit: Pick<AuditLog, 'note'>;
  readonly clock: Clock;
}

/** A call with refused credentials. */
export interface Refusal {
  readonly key: RefusedKey;
  /** The reason that the caller gets. */
  readonly reason: 'unknown' | 'expired';
  /** The operation that was called. */
  readonly operation: string;
  readonly source: AuditEntry['source'];
}

const hourMs = 3_600_000;
/** Digits of a time in base 36, as in the ids of other audit entries. */
const timeDigits = 9;
/** Keys that an instance remembers as already noted in this hour. */
const maxRemembered = 1_000;

/**
 * Notes refused credentials in the audit log: one entry per key and hour, dated to the start of that hour. So an
 * attacker who guesses secrets cannot fill the log or run up the tenant's costs. Metrics and logs hold the number of
 * attempts and their sources.
 *
 * It notes existing keys only: other ids belong to no tenant, and an attacker can invent any number of them.
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
