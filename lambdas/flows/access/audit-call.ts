import { limits } from '../../contracts/limits.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { AuditEntry, AuditLog } from '../../ports/tenants/audit-log.ts';

export interface AuditPorts {
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly randomness: Randomness;
}

/** The change that a call made. */
export interface AuditedChange {
  readonly object: string;
  readonly tenant: string | null;
  readonly before: unknown;
  readonly after: unknown;
}

/** Digits of a time in base 36, enough until the year 5188; fixed width, so that ids sort by time. */
const timeDigits = 9;

/**
 * Write an audit entry before a call does anything, and complete it afterwards.
 *
 * If the first write fails, the call is not carried out. If the second fails, the call has been carried out, and its
 * entry shows an unknown status.
 *
 * @param carryOut - Returns the answer, its status and the change, if it made one.
 */
export async function auditCall<Answer>(
  ports: AuditPorts,
  call: Omit<AuditEntry, 'id' | 'at' | 'status' | 'before' | 'after'>,
  carryOut: () => Promise<{
    readonly answer: Answer;
    readonly status: number;
    readonly change?: AuditedChange | undefined;
  }>,
  { statusOf, warn }: { readonly statusOf: (error: unknown) => number; readonly warn: (error: unknown) => void },
): Promise<Answer> {
  const nowMs = ports.clock.nowMs();
  const begun: AuditEntry = {
    ...call,
    id: `aud_${nowMs.toString(36).padStart(timeDigits, '0')}_${ports.randomness.bytes(8).toString('hex')}`,
    at: new Date(nowMs).toISOString(),
    status: null,
    before: null,
    after: null,
  };
  await ports.audit.begin(begun);
  const end = async (ended: Partial<AuditEntry>) => ports.audit.end({ ...begun, ...ended }).catch(warn);
  try {
    const { answer, status, change } = await carryOut();
    await end({ status, ...change });
    return answer;
  } catch (error) {
    await end({ status: statusOf(error) });
    throw error;
  }
}

/** Filters of a search; undefined members match everything. */
export interface AuditSearch {
  readonly tenant: string | undefined;
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
  readonly key: string | undefined;
  readonly operation: string | undefined;
  readonly object: string | undefined;
  readonly limit: number;
  readonly after: string | undefined;
}

/** Reads of the log per search; a search with few matches may return a short page. */
const maxReads = 8;
const usualSpanMs = 90 * 86_400_000;

/** Entries, newest first; of the last 90 days unless the search sets a range. */
export async function searchAudit(
  ports: Pick<AuditPorts, 'audit' | 'clock'>,
  { tenant, sinceMs, untilMs, key, operation, object, limit, after }: AuditSearch,
): Promise<{ readonly items: readonly AuditEntry[]; readonly next: string | undefined }> {
  // Includes entries of this moment. Later days have no entries, so skip them.
  const latestMs = ports.clock.nowMs() + limits.clockSkewMs;
  const endMs = Math.min(untilMs ?? latestMs, latestMs);
  const until = new Date(endMs).toISOString();
  const since = new Date(sinceMs ?? endMs - usualSpanMs).toISOString();
  const items: AuditEntry[] = [];
  let next = after;
  for (let read = 0; read < maxReads && items.length < limit; read += 1) {
    const page = await ports.audit.list({ tenant, since, until, limit: limit - items.length, after: next });
    items.push(
      ...page.items.filter(
        (entry) =>
          (key === undefined || entry.actor.key === key) &&
          (operation === undefined || entry.operation === operation) &&
          (object === undefined || entry.object === object),
      ),
    );
    next = page.next;
    if (next === undefined) break;
  }
  return { items, next };
}
