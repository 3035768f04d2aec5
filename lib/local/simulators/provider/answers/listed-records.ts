import { evaluate } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import type { RecordStore, StoredRecord } from '../records/record-store.ts';
import { bindingsOf } from '../records/record-templates.ts';
import { selectRecords } from '../records/select-records.ts';
import type { Listing } from './listing.ts';
import { isBehind } from './page-position.ts';

/** The records of a listing, as readers see them now. */
export interface Listed {
  readonly records: readonly StoredRecord[];
  /** Removed records that are not listed, but may have been the last one of a page. */
  readonly gone: readonly StoredRecord[];
}

/** Find the records of a listing. @returns Undefined if the definition does not make the request's conditions. */
export async function listedRecords(listing: Listing): Promise<Listed | undefined> {
  const { world, chosen, spec } = listing;
  const atMs = world.nowMs();
  const cursor = 'cursor' in spec ? spec.cursor : undefined;
  const sinceOperator = cursor?.bound === 'exclusive' ? 'gt' : 'gte';
  const records: StoredRecord[] = [];
  const gone: StoredRecord[] = [];
  for (const resource of chosen.resources) {
    const store = world.stores.get(resource);
    if (store === undefined) continue;
    const rows = await rowsAfterCursor(listing, candidates(listing, resource, store), resource);
    const selected = await selectRecords(store, rows, resource, spec, chosen.match.bindings, sinceOperator);
    if (selected === undefined) return undefined;
    records.push(...selected);
    if (!listsRemoved(listing, resource))
      gone.push(...store.all({ removed: true, atMs }).filter(({ isRemoved }) => isRemoved));
  }
  return { records, gone };
}

/** A removed record is listed only if it says that it was deleted. */
function listsRemoved({ chosen, world }: Listing, resource: string): boolean {
  const { method } = chosen.served.pattern.call;
  return method === 'changes' && world.definition.resources?.[resource]?.deleted !== undefined;
}

function candidates(listing: Listing, resource: string, store: RecordStore): readonly StoredRecord[] {
  const { world, chosen, delta } = listing;
  const atMs = world.nowMs();
  const isOfDeletions = chosen.served.pattern.call.method === 'deletions';
  const removed = isOfDeletions || listsRemoved(listing, resource);
  if (delta?.from !== undefined)
    return store
      .changedSince(delta.from, atMs)
      .filter(({ isRemoved }) => (isOfDeletions ? isRemoved : removed || !isRemoved));
  // The first listing with delta tokens shows what exists.
  if (delta !== undefined && !isOfDeletions) return store.all({ atMs });
  const all = store.all({ removed, atMs });
  return isOfDeletions ? all.filter(({ isRemoved }) => isRemoved) : all;
}

/** Rows whose id is larger than `{cursor}`. */
async function rowsAfterCursor(
  { spec, chosen, world }: Listing,
  rows: readonly StoredRecord[],
  resource: string,
): Promise<readonly StoredRecord[]> {
  const cursor = 'cursor' in spec ? spec.cursor : undefined;
  const after = textOf(chosen.match.bindings.get('cursor')?.[0]);
  if (cursor?.kind !== 'id' || after === undefined || after === '') return rows;
  const bindings = bindingsOf(world.context);
  const expression = cursor.from ?? world.definition.resources?.[resource]?.id ?? 'id';
  const found: StoredRecord[] = [];
  for (const row of rows) {
    const value = textOf(await evaluate(expression, row.raw, bindings).catch(() => undefined)) ?? row.id;
    if (isBehind(value, after)) found.push(row);
  }
  return found;
}
