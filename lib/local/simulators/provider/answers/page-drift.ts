import type { CallFaults } from '../faults/call-faults.ts';
import type { Listing } from './listing.ts';
import type { Page } from './page-position.ts';

/** Records that the provider always keeps, so that a listing does not run dry. */
const leastRecords = 3;
/** How many of 100 drifts are changes, and how many are removals; the others are new records. */
const [changedPercent, removedPercent] = [40, 30];

/**
 * Change a record between two pages, as another user of the provider would: a real write, with a new version and a
 * webhook. It prefers records of the pages before, because those shift the pages that follow.
 */
export async function driftBeforePage({ world, chosen, spec }: Listing, page: Page, call: CallFaults): Promise<void> {
  const resource = chosen.resources[0] ?? '';
  const store = world.stores.get(resource);
  if (store === undefined) return;
  const exists = ({ id }: { readonly id: string }) => store.find(id) !== undefined;
  const passed = page.before.filter(exists);
  const candidates = passed.length > 0 ? passed : store.all();
  const record = candidates[Math.floor(call.draw('drifting record') * candidates.length)];
  const kind = call.draw('drift') * 100;
  if (record !== undefined && kind < changedPercent) {
    await world.write(resource, { kind: 'updated', id: record.id, change: undefined });
    return;
  }
  if (record !== undefined && kind < changedPercent + removedPercent && store.all().length > leastRecords) {
    await world.write(resource, { kind: 'deleted', id: record.id });
    return;
  }
  // Feeds by id give new records last.
  const isById = 'cursor' in spec && spec.cursor?.kind === 'id';
  await world.write(resource, { kind: 'created', change: undefined, isFirst: !isById });
}
