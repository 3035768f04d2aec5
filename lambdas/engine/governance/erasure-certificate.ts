import { createHash } from 'node:crypto';

/** What was not removed, and for how long it stays. */
export interface Kept {
  readonly what: string;
  readonly why: string;
  /** ISO 8601; null where there is no such day: it stays, unless `why` says otherwise. */
  readonly until: string | null;
}

/** What was removed of a tenant, and what was not: proof for the operator. */
export interface ErasureCertificate {
  readonly id: string;
  readonly tenant: string;
  readonly requestedBy: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Numbers by what was removed. */
  readonly removed: Readonly<Record<string, number>>;
  readonly kept: readonly Kept[];
  /** Times that all stores were gone through; the last found nothing. */
  readonly passes: number;
}

/** A certificate as the world sees it. */
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

/** Write a certificate, with a digest by which it is recognized wherever it is kept. */
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
 * JSON in which equal values are equal texts: members in the order of their names, no white space.
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
/** The longest that a message lives: in its queue, and then in the dead-letter queue. */
export const queuedDays = 28;
/** DynamoDB's point-in-time recovery. */
const backupDays = 35;

/** What an erasure leaves, and why. Each is an id, a number, or something that cannot be told from others' data. */
export function keptOf({
  finishedAtMs,
  retentionDays,
  rawRetentionDays,
  auditRetentionDays,
}: KeptFor): readonly Kept[] {
  const after = (days: number) => new Date(finishedAtMs + days * msPerDay).toISOString();
  return [
    {
      what: 'the last number of the sequence',
      why: 'a number: without it a cursor of before could meet another event of the same number',
      until: null,
    },
    {
      what: 'ids of subscriptions',
      why: 'an id without data: no other tenant may ever use it',
      until: null,
    },
    {
      what: 'the version of its subscriptions',
      why: 'a random value under a digest of the name: publishing sees by it that they are gone',
      until: null,
    },
    {
      what: 'this record, with the name of the tenant',
      why: 'it proves the erasure',
      until: null,
    },
    {
      what: 'ids of accounts, closed',
      why: 'ids without data: what queues still hold of them is dropped by them, and no other tenant may ever use one',
      until: null,
    },
    {
      what: 'values by which providers named its accounts, as free, without its name',
      why: 'what still waits for it must not reach the next tenant that is known by one',
      until: after(Math.max(queuedDays, retentionDays)),
    },
    {
      what: 'digests of events and requests that were seen',
      why: 'ids without data, of which no event was stored; they expire by themselves',
      until: after(retentionDays),
    },
    {
      what: 'requests to URLs that serve all accounts of an integration, as they came: large ones, and those that no account owned or that several tenants shared',
      why: 'one may hold data of several tenants, and nothing tells whose it is until it is mapped',
      until: after(rawRetentionDays),
    },
    {
      what: 'other requests in the raw archive, encrypted',
      why: 'objects hold requests of many tenants and are locked; the keys of its accounts, which alone open its own, are removed',
      until: after(rawRetentionDays),
    },
    {
      what: 'dead letters and parked requests of such URLs',
      why: 'the same; providers that are still connected go on sending there',
      until: after(Math.max(queuedDays, retentionDays)),
    },
    {
      what: 'messages in queues',
      why: 'ids without data, of deliveries that are no more',
      until: after(queuedDays),
    },
    {
      what: 'entries of the audit',
      why: 'they tell who did what, and cannot be changed; settings of subscriptions and accounts stand in them, without secrets',
      until: after(auditRetentionDays),
    },
    {
      what: 'answers to calls with an Idempotency-Key',
      why: 'found by the name that their caller gave them; they are given again for a day, and large ones go with the payloads',
      until: after(retentionDays + 1),
    },
    {
      what: 'lines of logs',
      why: 'ids without data; they go when the logs of their day do',
      until: null,
    },
    {
      what: 'backups of the tables (point-in-time recovery)',
      why: 'they cannot be changed, and hold the keys of its archived requests until then; a table restored from one has to be erased again',
      until: after(backupDays),
    },
  ];
}
