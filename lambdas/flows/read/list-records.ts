import { callOf, nameOf, planAnswer, type ResourceCall } from '../../engine/definition/plan-answer.ts';
import type { ReadRecord } from '../../engine/provider/answer/read-answer.ts';
import type { Priority } from '../../engine/provider/budget/budget-state.ts';
import type { ChangesCallSpec } from '../../engine/provider/language/call-schema.ts';
import { neededFilters, readsSource } from '../../engine/provider/request/call-reads.ts';
import { durationMs } from '../../engine/provider/request/call-transforms.ts';
import type { PagePosition } from '../../engine/provider/request/page-position.ts';
import { type CallOutcome, callProvider } from '../provider/call-provider.ts';
import type { Caller, ProviderPorts } from '../provider/provider-ports.ts';
import { type Filters, missingFilter, offered } from './listing-filters.ts';
import { readRecords } from './read-records.ts';

export interface ListRequest {
  readonly resource: string;
  readonly filters: Filters;
  /** Only records that have changed since then, ISO 8601. */
  readonly updatedSince?: string | undefined;
  readonly position: PagePosition | undefined;
  readonly priority: Priority;
  readonly deadlineMs: number;
  /** All calls have ended by then, epoch milliseconds. */
  readonly endsByMs: number;
}

export type ListedPage =
  | {
      readonly kind: 'page';
      readonly records: readonly ReadRecord[];
      /** Undefined on the last page. */
      readonly next: PagePosition | undefined;
    }
  /** The definition has no listing of the resource, or none with the filter. */
  | { readonly kind: 'no-call'; readonly missing: 'listing' | { readonly filter: string } }
  | { readonly kind: 'unreadable'; readonly reason: string; readonly status?: number }
  | { readonly kind: 'forbidden'; readonly status: number }
  | Exclude<CallOutcome, { kind: 'read' }>;

/** Read one page of a resource. Rows that have only ids are read in full. */
export async function listRecords(ports: ProviderPorts, caller: Caller, request: ListRequest): Promise<ListedPage> {
  const { resource, filters, updatedSince, position, priority, deadlineMs, endsByMs } = request;
  const choice = chooseCall(caller, resource, filters, updatedSince, ports.clock.nowMs());
  if (choice.kind !== 'call') return choice;
  const { call, values } = choice;
  const outcome = await callProvider(ports, caller, {
    name: nameOf(call),
    spec: call.spec,
    plan: planAnswer(caller.definition, call, position),
    values,
    position,
    priority,
    deadlineMs,
    endsByMs,
  });
  if (outcome.kind !== 'read') return outcome;
  const { answer, status } = outcome;
  const { means } = answer.classification;
  if (means === 'empty') return { kind: 'page', records: [], next: undefined };
  if (means === 'forbidden') return { kind: 'forbidden', status };
  if (means !== 'ok' && means !== 'partial')
    return { kind: 'unreadable', reason: answer.fault ?? `the provider answered ${status} (${means})`, status };
  const [unread] = answer.unread;
  if (unread !== undefined) return { kind: 'unreadable', reason: `record ${unread.id ?? '?'}: ${unread.reason}` };
  const present = answer.records.filter(({ isAbsent }) => !isAbsent);
  if (!call.spec.thin) return { kind: 'page', records: present, next: answer.next };
  return readThinRows(ports, caller, request, present, answer.next);
}

async function readThinRows(
  ports: ProviderPorts,
  caller: Caller,
  { resource, priority, deadlineMs, endsByMs }: ListRequest,
  rows: readonly ReadRecord[],
  next: PagePosition | undefined,
): Promise<ListedPage> {
  const reads = await readRecords(
    ports,
    caller,
    resource,
    rows.map(({ id }) => ({ recordId: id, address: {} })),
    { priority, deadlineMs, endsByMs, callsAtATime: 5 },
  );
  const records: ReadRecord[] = [];
  for (const read of reads) {
    if (read.kind === 'record' && !read.record.isAbsent) records.push(read.record);
    // A record that was deleted since the page was read is no fault.
    else if (read.kind !== 'gone' && read.kind !== 'record')
      return read.kind === 'no-call' ? { kind: 'no-call', missing: 'listing' } : read;
  }
  return { kind: 'page', records, next };
}

type Choice =
  | { readonly kind: 'call'; readonly call: ResourceCall<'list' | 'changes'>; readonly values: object }
  | Extract<ListedPage, { kind: 'no-call' }>;

/** The listing that has the filters; for a time of change, the one that is made for it. */
function chooseCall(
  { definition }: Caller,
  resource: string,
  filters: Filters,
  updatedSince: string | undefined,
  nowMs: number,
): Choice {
  const list = callOf(definition, resource, 'list');
  const changes = callOf(definition, resource, 'changes');
  const all = updatedSince === undefined ? filters : withFilter(filters, 'updated_at', 'gte', updatedSince);
  const isListed = list !== undefined && missingFilter(list, all) === undefined;
  const listing: Choice | undefined =
    list !== undefined && isListed ? { kind: 'call', call: list, values: { filter: offered(list, all) } } : undefined;
  const isComplete = list !== undefined && neededFilters(list.spec).every((one) => isGiven(offered(list, all), one));
  if (listing !== undefined && isComplete) return listing;
  const mayAsk = changes !== undefined && updatedSince !== undefined && tellsSince(changes.spec, updatedSince, nowMs);
  if (mayAsk && missingFilter(changes, filters) === undefined)
    return { kind: 'call', call: changes, values: { since: updatedSince, filter: offered(changes, filters) } };
  if (listing !== undefined) return listing;
  if (list === undefined) return { kind: 'no-call', missing: 'listing' };
  return { kind: 'no-call', missing: { filter: missingFilter(list, all) ?? '' } };
}

/** Whether a call reads the changes since a time: it takes one, and the provider keeps changes for so long. */
function tellsSince(spec: ChangesCallSpec, since: string, nowMs: number): boolean {
  const keptMs = spec.cursor?.retention === undefined ? undefined : durationMs(spec.cursor.retention);
  return readsSource(spec, 'since') && (keptMs === undefined || nowMs - Date.parse(since) < keptMs);
}

/** @param needed - `<name>.<operator>`. */
function isGiven(filters: Filters, needed: string): boolean {
  const [name = '', operator = ''] = needed.split('.');
  return filters[name]?.[operator] !== undefined;
}

function withFilter(filters: Filters, name: string, operator: string, value: unknown): Filters {
  return { ...filters, [name]: { ...filters[name], [operator]: value } };
}
