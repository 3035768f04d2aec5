import { callOf, nameOf, planAnswer, type ResourceCall } from '../../engine/definition/plan-answer.ts';
import type { ReadAnswer, ReadRecord } from '../../engine/provider/answer/read-answer.ts';
import type { Priority } from '../../engine/provider/budget/budget-state.ts';
import type { Meaning } from '../../engine/provider/language/errors-schema.ts';
import type { CallValues } from '../../engine/provider/request/call-values.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { type CallOutcome, callProvider, type ProviderCall } from '../provider/call-provider.ts';
import type { Caller, ProviderPorts } from '../provider/provider-ports.ts';

/** A record to read. */
export interface WantedRecord {
  readonly recordId: string;
  /** What the call needs besides the id. */
  readonly address: Readonly<Record<string, unknown>>;
}

/** How the read of one record ended. */
export type RecordRead =
  | { readonly kind: 'record'; readonly record: ReadRecord; readonly startedAtMs: number }
  /** The provider says that there is no such record; `isProven` where its answer is about this record alone. */
  | { readonly kind: 'gone'; readonly startedAtMs: number }
  /** The credentials may not read the resource. */
  | { readonly kind: 'forbidden'; readonly status: number }
  /** The definition, or the answer, is at fault: no retry helps. */
  | { readonly kind: 'unreadable'; readonly reason: string; readonly status?: number }
  /** The definition has no call that reads a record of the resource. */
  | { readonly kind: 'no-call' }
  | Exclude<CallOutcome, { kind: 'read' }>;

export interface ReadOptions {
  readonly priority: Priority;
  /** Wait for a budget, or for another token, until then, epoch milliseconds. */
  readonly deadlineMs: number;
  /** All calls have ended by then, epoch milliseconds. */
  readonly endsByMs: number;
  /** Gets each answer as the provider gave it. */
  readonly onAnswer?: ProviderCall['onAnswer'];
  /** Calls at the same time, where each reads one record. @default 1 */
  readonly callsAtATime?: number;
}

/** How many records one call of a resource reads. */
export function batchSizeOf({ definition }: Caller, resource: string): number {
  return callOf(definition, resource, 'batch_get')?.spec.max ?? 1;
}

/**
 * Read records of one resource: one by one, or together where the definition has a call for it. A record that is missing
 * in the answer of such a call is read alone, unless the definition says that missing ones are gone.
 *
 * @param wanted - At most {@link batchSizeOf} records are read by one call.
 * @returns In the order of the wanted records. Once a budget is used up, the others are not tried.
 */
export async function readRecords(
  ports: ProviderPorts,
  caller: Caller,
  resource: string,
  wanted: readonly WantedRecord[],
  options: ReadOptions,
): Promise<readonly RecordRead[]> {
  const batch = callOf(caller.definition, resource, 'batch_get');
  const one = callOf(caller.definition, resource, 'get');
  if (batch === undefined && one === undefined) return wanted.map(() => ({ kind: 'no-call' }));
  const reads = new Map<number, RecordRead>();
  let left: readonly number[] = [...wanted.keys()];
  if (batch !== undefined && (wanted.length > 1 || one === undefined)) {
    const { spec } = batch;
    const places = [...left];
    left = [];
    for (let at = 0; at < places.length; at += spec.max) {
      const part = places.slice(at, at + spec.max);
      const missing = await readTogether(ports, caller, batch, wanted, part, options, reads);
      left = [...left, ...missing];
    }
  }
  if (one !== undefined) {
    let stop: RecordRead | undefined;
    await forEachAtMost(options.callsAtATime ?? 1, left, async (place) => {
      const read = stop ?? (await readOne(ports, caller, one, wanted[place] as WantedRecord, options));
      if (read.kind === 'wait' || read.kind === 'auth-failed') stop = read;
      reads.set(place, read);
    });
  }
  return wanted.map(
    (_, place) => reads.get(place) ?? { kind: 'unreadable', reason: 'the answer to all ids does not have the record' },
  );
}

/** @returns Places that the answer does not tell of, to be read alone. */
async function readTogether(
  ports: ProviderPorts,
  caller: Caller,
  call: ResourceCall<'batch_get'>,
  wanted: readonly WantedRecord[],
  places: readonly number[],
  { priority, deadlineMs, endsByMs, onAnswer }: ReadOptions,
  reads: Map<number, RecordRead>,
): Promise<readonly number[]> {
  const ids = [...new Set(places.map((place) => (wanted[place] as WantedRecord).recordId))];
  const outcome = await callProvider(ports, caller, {
    name: nameOf(call),
    spec: call.spec,
    plan: planAnswer(caller.definition, call),
    values: { ids },
    priority,
    deadlineMs,
    endsByMs,
    onAnswer,
  });
  if (outcome.kind !== 'read') {
    for (const place of places) reads.set(place, outcome);
    return [];
  }
  const { answer, startedAtMs, status } = outcome;
  const { means } = answer.classification;
  const isRead = means === 'ok' || means === 'partial' || means === 'empty';
  // One id that the provider refuses must not take the others with it.
  if (!isRead && means !== 'forbidden') {
    if (callOf(caller.definition, call.resource, 'get') !== undefined) return places;
    for (const place of places) reads.set(place, unread(means, status, answer.fault));
    return [];
  }
  const found = new Map(answer.records.map((record) => [record.id, record]));
  const faults = new Map(answer.unread.flatMap(({ id, reason }) => (id === undefined ? [] : [[id, reason] as const])));
  // A page of maintenance may be a 200, too: only an answer that is known to be right proves that a record is gone.
  const isRight =
    means === 'ok' &&
    (found.size > 0 || call.spec.expect !== undefined) &&
    answer.unread.every(({ id }) => id !== undefined);
  const missing: number[] = [];
  for (const place of places) {
    const { recordId } = wanted[place] as WantedRecord;
    const record = found.get(recordId);
    const fault = faults.get(recordId);
    if (means === 'forbidden') reads.set(place, { kind: 'forbidden', status });
    else if (record !== undefined) reads.set(place, { kind: 'record', record, startedAtMs });
    else if (fault !== undefined) reads.set(place, { kind: 'unreadable', reason: fault });
    else if (call.spec.missing === 'gone' && isRight) reads.set(place, { kind: 'gone', startedAtMs });
    else missing.push(place);
  }
  return missing;
}

async function readOne(
  ports: ProviderPorts,
  caller: Caller,
  call: ResourceCall<'get'>,
  { recordId, address }: WantedRecord,
  { priority, deadlineMs, endsByMs, onAnswer }: ReadOptions,
): Promise<RecordRead> {
  const values: CallValues = { id: recordId, address };
  const outcome = await callProvider(ports, caller, {
    name: nameOf(call),
    spec: call.spec,
    plan: planAnswer(caller.definition, call),
    values,
    priority,
    deadlineMs,
    endsByMs,
    onAnswer,
  });
  if (outcome.kind !== 'read') return outcome;
  const { answer, status, startedAtMs } = outcome;
  const { means } = answer.classification;
  if (means === 'gone') return { kind: 'gone', startedAtMs };
  // An empty answer is no proof that the record is gone; it may be hidden, and asking again does not show it.
  if (means === 'forbidden' || means === 'empty') return { kind: 'forbidden', status };
  if (means !== 'ok' && means !== 'partial') return unread(means, status, answer.fault);
  return recordIn(answer, recordId, startedAtMs);
}

function recordIn({ records, unread: faults }: ReadAnswer, recordId: string, startedAtMs: number): RecordRead {
  const [record] = records;
  if (record === undefined) return { kind: 'unreadable', reason: faults[0]?.reason ?? 'the answer has no record' };
  // A provider may answer with the record that another one was merged into; that is no proof of anything.
  return record.id === recordId
    ? { kind: 'record', record, startedAtMs }
    : { kind: 'unreadable', reason: 'the provider answered with another record' };
}

function unread(means: Meaning, status: number, fault: string | undefined): RecordRead {
  return { kind: 'unreadable', reason: fault ?? `the provider answered ${status} (${means})`, status };
}
