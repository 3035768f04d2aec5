import { createHash } from 'node:crypto';
import type { Origin, RecordEventType } from '../../../engine/event/canonical-event.ts';
import type { RecordChange, RecordDrop, RecordState } from '../../../engine/records/record-state.ts';
import type { RecordKey } from '../../../ports/events/record-states.ts';
import type { Row } from './row-codecs.ts';

/** Partitions of one account, so that its records can take more writes than one partition does. */
export const recordShards = 16;
/** Longer ids are hashed: a sort key has 1,024 bytes at most. */
const maxIdBytes = 512;

const typeCodes: Readonly<Record<RecordEventType, string>> = {
  'record:created': 'c',
  'record:updated': 'u',
  'record:deleted': 'd',
};
const typesByCode = new Map(Object.entries(typeCodes).map(([type, code]) => [code, type as RecordEventType]));

/** The partition of one shard of an account. */
export function recordPartition(account: string, shard: number): string {
  return `${account}#${shard}`;
}

export function recordRowKey({ account, resource, recordId }: RecordKey): { source: string; record: string } {
  const digest = createHash('sha256').update(`${resource}#${recordId}`).digest();
  const id = Buffer.byteLength(recordId) <= maxIdBytes ? recordId : `sha256:${digest.toString('hex')}`;
  return { source: recordPartition(account, (digest[0] ?? 0) % recordShards), record: `${resource}#${id}` };
}

/** The attributes of a state; undefined ones are absent. Lists in the place of objects keep a row within 1 KB. */
export function toRecordAttributes({ tenant, incarnation, recordId, resource }: RecordKey, state: RecordState): Row {
  return {
    tenant,
    incarnation,
    resource,
    recordId,
    n: state.n,
    version: state.version,
    lastVersion: state.lastVersion,
    atMs: state.atMs,
    seenAtMs: state.seenAtMs,
    isReceipt: state.isReceipt,
    isRead: state.isRead ? true : undefined,
    fingerprint: state.fingerprint,
    isDeleted: state.isDeleted ? true : undefined,
    changes: state.changes.map(toChange),
    drops: state.drops.length === 0 ? undefined : state.drops.map(toDrop),
  };
}

export function toRecordState(row: Row): RecordState {
  const { n, version, lastVersion, atMs, isReceipt, seenAtMs, isRead, fingerprint, isDeleted, changes, drops } = row;
  return {
    n: n as number,
    ...(version === undefined ? {} : { version: version as string }),
    ...(lastVersion === undefined ? {} : { lastVersion: lastVersion as string }),
    atMs: atMs as number,
    ...(isReceipt === true ? { isReceipt } : {}),
    seenAtMs: seenAtMs as number,
    isRead: isRead === true,
    ...(fingerprint === undefined ? {} : { fingerprint: fingerprint as string }),
    isDeleted: isDeleted === true,
    changes: (changes as readonly ChangeTuple[]).map(fromChange),
    drops: ((drops ?? []) as readonly DropTuple[]).map(fromDrop),
  };
}

type ChangeTuple = readonly [number, string, string, string, string, string, number, boolean?];

function toChange({ sequence, event, type, origin, owner, key, takenAtMs, isAbandoned }: RecordChange): ChangeTuple {
  const members = [sequence, event, typeCodes[type], origin, owner, key, takenAtMs] as const;
  return isAbandoned === true ? [...members, true] : members;
}

function fromChange([sequence, event, type, origin, owner, key, takenAtMs, isAbandoned]: ChangeTuple): RecordChange {
  return {
    sequence,
    event,
    type: typesByCode.get(type) ?? 'record:updated',
    origin: origin as Origin,
    owner,
    key,
    takenAtMs,
    ...(isAbandoned === true ? { isAbandoned } : {}),
  };
}

type DropTuple = readonly [string, string, number, number, string?];

function toDrop({ outcome, origin, atMs, seenAtMs, version }: RecordDrop): DropTuple {
  return version === undefined ? [outcome, origin, atMs, seenAtMs] : [outcome, origin, atMs, seenAtMs, version];
}

function fromDrop([outcome, origin, atMs, seenAtMs, version]: DropTuple): RecordDrop {
  return {
    outcome: outcome as RecordDrop['outcome'],
    origin: origin as Origin,
    ...(version === undefined ? {} : { version }),
    atMs,
    seenAtMs,
  };
}
