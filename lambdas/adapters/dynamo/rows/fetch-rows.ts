import { createHash } from 'node:crypto';
import { shardOf } from '../../../contracts/shards.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { Fetch, FetchPlace, FetchQueueKey, FetchRun, WaitingFetch } from '../../../ports/provider/fetch-store.ts';
import type { Row } from './row-codecs.ts';
import { fromTraceBytes, toTraceBytes } from './trace-bytes.ts';

/** Sort key of a queue's run. The keys of its fetches begin with a letter, so all of them follow it. */
export const runKey = '!run';
/** Longer names are hashed: a sort key has 1,024 bytes at most. */
const maxNameBytes = 512;
/**
 * The most data of a webhook that a row keeps; the rest of the row is its record's id and address.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html#limits-items
 */
const maxPartialBytes = 300_000;
/** Rows of a queue that nothing is added to expire then. */
const keptSeconds = 30 * 86_400;

/** The partition of a queue. An account's id has no `#`. */
export function queueOf({ account, resource }: FetchQueueKey): string {
  return `${account}#${resource}`;
}

export function runRowKey(key: FetchQueueKey): { queue: string; record: string } {
  return { queue: queueOf(key), record: runKey };
}

/** The key of a record's fetch. Each fact has its own, and an id with `#` is not mistaken for a fact. */
export function fetchRowKey({ recordId, fact, ...key }: FetchQueueKey & FetchPlace): { queue: string; record: string } {
  const name = fact === undefined ? `id:${recordId}` : `fact:${JSON.stringify([recordId, fact])}`;
  const isLong = Buffer.byteLength(name) > maxNameBytes;
  return { queue: queueOf(key), record: isLong ? `sha256:${createHash('sha256').update(name).digest('hex')}` : name };
}

export function expiryAfter(nowMs: number): number {
  return Math.ceil(nowMs / 1000) + keptSeconds;
}

/** What a webhook sets in the row of its fetch; undefined attributes are removed. */
export function toFetchAttributes(fetch: Fetch, nowMs: number): Row {
  return {
    tenant: fetch.tenant,
    incarnation: fetch.incarnation,
    integration: fetch.integration,
    recordId: fetch.recordId,
    fact: fetch.fact,
    change: fetch.change,
    rawEventType: fetch.rawEventType,
    occurredAt: fetch.occurredAt,
    receivedAt: fetch.receivedAt,
    hops: fetch.hops,
    trace: toTraceBytes(fetch.trace),
    address: JSON.stringify(fetch.address),
    partialData: storablePartial(fetch),
    attempts: 0,
    dueAtMs: 0,
    [ttlAttribute]: expiryAfter(nowMs),
  };
}

/** A webhook that is larger than a row leaves the id of its record only. */
function storablePartial({ partialData, recordId }: Pick<Fetch, 'partialData' | 'recordId'>): string {
  return Buffer.byteLength(partialData) > maxPartialBytes ? JSON.stringify({ id: recordId }) : partialData;
}

export function toFetch({ account, resource }: FetchQueueKey, row: Row): WaitingFetch {
  const { queue: _, record: __, [ttlAttribute]: ___, address, trace, ...rest } = row;
  const traceId = fromTraceBytes(trace);
  return {
    ...(rest as unknown as Omit<WaitingFetch, 'account' | 'resource' | 'address'>),
    account,
    resource,
    ...(traceId === undefined ? {} : { trace: traceId }),
    address: JSON.parse(String(address)) as Readonly<Record<string, unknown>>,
  };
}

/** A run's row. One without a time is in no index. */
export function toRunRow({ dueAtMs, ...run }: FetchRun, nowMs: number): Row {
  const key = runRowKey(run);
  const due = dueAtMs === undefined ? {} : { dueShard: String(shardOf(key.queue)), dueAtMs };
  return { ...key, ...run, ...due, [ttlAttribute]: expiryAfter(nowMs) };
}

export function toRun(row: Row): FetchRun {
  const { queue: _, record: __, dueShard: ___, [ttlAttribute]: ____, ...run } = row;
  return run as unknown as FetchRun;
}
