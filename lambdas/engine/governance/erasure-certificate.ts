import { createHash } from 'node:crypto';

/** Data that an erasure did not remove, and how long it stays. */
export interface Kept {
  readonly what: string;
  readonly why: string;
  /** ISO 8601; null if there is no such day: it stays, unless `why` says otherwise. */
  readonly until: string | null;
}

/** Proof of an erasure for the operator: what was removed of a tenant, and what was kept. */
export interface ErasureCertificate {
  readonly id: string;
  readonly tenant: string;
  readonly requestedBy: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** How many of each kind were removed. */
  readonly removed: Readonly<Record<string, number>>;
  readonly kept: readonly Kept[];
  /** Passes over all stores; the last found nothing. */
  readonly passes: number;
}

/** A certificate as the API shows it. */
export interface RenderedCertificate {
  readonly id: string;
  readonly tenant: string;
  readonly requested_by: string;
  readonly started_at: string;
  readonly finished_at: string;
  readonly removed: Readonly<Record<string, number>>;
  readonly kept: readonly Kept[];
  readonly passes: number;
  /** `sha256:` and the hexadecimal digest of all other members as canonical JSON. */
  readonly digest: string;
}

/** Render a certificate, with a digest that identifies every copy of it. */
export function renderCertificate(certificate: ErasureCertificate): RenderedCertificate {
  const { requestedBy, startedAt, finishedAt, id, tenant, removed, kept, passes } = certificate;
  const text = {
    id,
    tenant,
    requested_by: requestedBy,
    started_at: startedAt,
    finished_at: finishedAt,
    removed,
    kept,
    passes,
  };
  return { ...text, digest: `sha256:${createHash('sha256').update(canonicalJson(text)).digest('hex')}` };
}

/**
 * JSON in which equal values have equal text: members sorted by name, no white space.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8785
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}

export interface KeptFor {
  readonly finishedAtMs: number;
  /** Days that events are kept. */
  readonly retentionDays: number;
  readonly rawRetentionDays: number;
  readonly auditRetentionDays: number;
}

const msPerDay = 86_400_000;
/** Longest life of a message: 14 days in its queue, then 14 days in the dead-letter queue. */
export const queuedDays = 28;
/** Retention of DynamoDB's point-in-time recovery. */
const backupDays = 35;

/** Rows of budgets and of runs that read records expire after at most so long. */
const usageDays = 33;

interface KeptItem {
  readonly what: string;
  readonly why: string;
  /** Days after the erasure; undefined if it has no end, or `why` says when it ends. */
  readonly days?: (kept: KeptFor) => number;
}

/** Everything that an erasure keeps: ids, numbers, and data that cannot be separated from that of other tenants. */
const keptItems: readonly KeptItem[] = [
  {
    what: 'the last number of the sequence',
    why: 'a number only; without it, an old cursor could meet a different event with the same number',
  },
  {
    what: 'ids of subscriptions',
    why: 'ids without data; no other tenant may ever use one',
  },
  {
    what: 'the version of its subscriptions',
    why: 'a random value under a digest of the tenant’s name; it tells publishing that the subscriptions are gone',
  },
  {
    what: 'this record, with the name of the tenant',
    why: 'it proves the erasure',
  },
  {
    what: 'ids of accounts, closed',
    why: 'ids without data; they let queued work of the accounts be dropped, and no other tenant may ever use one',
  },
  {
    what: 'values by which providers named its accounts, marked as free, without the tenant’s name',
    why: 'queued requests must not reach the next tenant that claims such a value',
    days: ({ retentionDays }) => Math.max(queuedDays, retentionDays),
  },
  {
    what: 'what its accounts have used of providers’ rate limits, and when records of theirs were last read',
    why: 'ids of accounts, names of resources, counts and times; they expire on their own',
    days: () => usageDays,
  },
  {
    what: 'digests of events and requests that were seen',
    why: 'ids without data, for which no event was stored; they expire on their own',
    days: ({ retentionDays }) => retentionDays,
  },
  {
    what: 'requests to URLs that serve all accounts of an integration, as received: large requests, and requests that no account owned or that several tenants shared',
    why: 'one request may hold data of several tenants, and only its mapping tells whose data it is',
    days: ({ rawRetentionDays }) => rawRetentionDays,
  },
  {
    what: 'other requests in the raw archive, encrypted',
    why: 'its objects hold requests of many tenants and are locked; the keys of the erased accounts, which alone decrypt their requests, are removed',
    days: ({ rawRetentionDays }) => rawRetentionDays,
  },
  {
    what: 'dead letters and parked requests of URLs that serve all accounts of an integration',
    why: 'they may hold data of several tenants; providers that are still connected continue to send to these URLs',
    days: ({ retentionDays }) => Math.max(queuedDays, retentionDays),
  },
  {
    what: 'messages in queues',
    why: 'ids without data, of deliveries that no longer exist',
    days: () => queuedDays,
  },
  {
    what: 'entries of the audit',
    why: 'they record who did what and cannot be changed; they include settings of subscriptions and accounts, without secrets',
    days: ({ auditRetentionDays }) => auditRetentionDays,
  },
  {
    what: 'answers to calls with an Idempotency-Key',
    why: 'they are found only by the key that the caller chose; they are repeated for a day, and large ones are removed with the payloads',
    days: ({ retentionDays }) => retentionDays + 1,
  },
  {
    what: 'lines of logs',
    why: 'ids without data; they are removed with the logs of their day',
  },
  {
    what: 'backups of the tables (point-in-time recovery)',
    why: 'they cannot be changed, and they hold the keys of the archived requests until then; erase the tenant again in a table that you restore from a backup',
    days: () => backupDays,
  },
];

/** List what an erasure keeps, why, and until when. */
export function keptOf(kept: KeptFor): readonly Kept[] {
  return keptItems.map(({ what, why, days }) => ({
    what,
    why,
    until: days === undefined ? null : new Date(kept.finishedAtMs + days(kept) * msPerDay).toISOString(),
  }));
}
