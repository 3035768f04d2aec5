import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { EngineError } from '../../../contracts/engine-error.ts';
import { shardOf } from '../../../contracts/shards.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { StoredCursor } from '../../../engine/sync/cursor.ts';
import type { SyncRun, SyncState } from '../../../engine/sync/sync-state.ts';
import type { CursorKey, RunRow, SyncKey, SyncRow } from '../../../ports/sync/sync-store.ts';
import { itemBytes, type Row } from './row-codecs.ts';

/*
 * The partition of an account holds its syncs, their cursors and their runs:
 *
 *    sync:<sync>            the sync
 *    cursor:<sync>:<place>  where a part of it goes on
 *    run:<sync>:<run>       a run that has ended; expires
 *
 * The name of a sync has no colon, so the prefix of one sync is not that of another.
 */

/** A key of the syncs table. */
export interface SyncTableKey extends Row {
  readonly account: string;
  readonly row: string;
}

/** The kinds of rows, as an erasure counts them, by the prefix of their sort keys. */
const kindsByPrefix: Readonly<Record<string, string>> = { sync: 'syncs', cursor: 'sync_cursors', run: 'sync_runs' };
/** Longer places are hashed: a sort key has 1,024 bytes at most. */
const maxPlaceBytes = 512;
/** Longer texts are compressed: DynamoDB charges by the kilobyte. */
const maxPlainBytes = 4_096;
/**
 * The most that a row may take, in bytes; DynamoDB refuses rows of more than 400 KB.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html#limits-items
 */
const maxRowBytes = 400_000;
/** How long a run is kept. */
const keptSeconds = 30 * 86_400;

/** Prefix of the sort keys of an account's syncs. */
export const syncPrefix = 'sync:';

export function syncRowKey({ account, sync }: SyncKey): SyncTableKey {
  return { account, row: `${syncPrefix}${sync}` };
}

/** Prefix of the sort keys of a sync's cursors. */
export function cursorPrefix({ sync }: SyncKey): string {
  return `cursor:${sync}:`;
}

export function cursorRowKey({ place, ...key }: CursorKey): SyncTableKey {
  const isLong = Buffer.byteLength(place) > maxPlaceBytes;
  const name = isLong ? `sha256:${createHash('sha256').update(place).digest('hex')}` : place;
  return { account: key.account, row: `${cursorPrefix(key)}${name}` };
}

export function runRowKey({ account, sync }: SyncKey, id: string): SyncTableKey {
  return { account, row: `run:${sync}:${id}` };
}

/** The sort keys between which a sync's runs are; a semicolon is behind a colon. */
export function runBounds({ sync }: SyncKey): { readonly first: string; readonly last: string } {
  return { first: `run:${sync}:`, last: `run:${sync};` };
}

export function kindOfRow({ row }: Row): string {
  return kindsByPrefix[String(row).split(':', 1)[0] ?? ''] ?? 'syncs';
}

/** A sync's row. One without a time is in no index. @throws {corrupt-state} when it is larger than a row may be. */
export function toSyncRow({ dueAtMs, state, ...row }: SyncRow): Row {
  const key = syncRowKey(row);
  const due = dueAtMs === undefined ? {} : { dueShard: String(shardOf(`${row.account}#${row.sync}`)), dueAtMs };
  return storable({ ...row, ...key, ...due, state: packed(state) }, `sync ${row.sync} of account ${row.account}`);
}

export function fromSyncRow(row: Row): SyncRow {
  const { row: _, dueShard: __, state, ...rest } = row;
  return { ...(rest as unknown as Omit<SyncRow, 'state'>), state: unpacked(row, state) as SyncState };
}

/** @throws {corrupt-state} when the cursor is larger than a row may be. */
export function toCursorRow(key: CursorKey, cursor: StoredCursor, tenant: string): Row {
  const name = `a cursor of sync ${key.sync} of account ${key.account}`;
  return storable({ ...cursorRowKey(key), tenant, cursor: packed(cursor) }, name);
}

export function fromCursorRow(row: Row): StoredCursor {
  return unpacked(row, row['cursor']) as StoredCursor;
}

/** @throws {corrupt-state} when the run is larger than a row may be. */
export function toRunRow({ account, sync, tenant, run }: RunRow, nowMs: number): Row {
  const key = runRowKey({ account, sync }, run.id);
  const expiry = { [ttlAttribute]: Math.ceil(nowMs / 1000) + keptSeconds };
  return storable({ ...key, sync, tenant, run: packed(run), ...expiry }, `a run of sync ${sync} of account ${account}`);
}

export function fromRunRow(row: Row): RunRow {
  const { account, sync, tenant, run } = row as unknown as RunRow;
  return { account, sync, tenant, run: unpacked(row, run) as SyncRun };
}

/** JSON, as text or, where it is long, compressed. */
function packed(value: unknown): string | Buffer {
  const text = JSON.stringify(value);
  return Buffer.byteLength(text) > maxPlainBytes ? deflateRawSync(text) : text;
}

function unpacked({ account, row }: Row, value: unknown): unknown {
  try {
    const text = value instanceof Uint8Array ? inflateRawSync(value).toString() : String(value);
    return JSON.parse(text);
  } catch (cause) {
    throw new EngineError('corrupt-state', `the row ${String(row)} of account ${String(account)} cannot be read`, {
      retryable: false,
      cause,
    });
  }
}

function storable(row: Row, name: string): Row {
  const bytes = itemBytes(row);
  if (bytes > maxRowBytes)
    throw new EngineError('corrupt-state', `${name} takes ${bytes} bytes, and a row has at most ${maxRowBytes}`, {
      retryable: false,
    });
  return row;
}
