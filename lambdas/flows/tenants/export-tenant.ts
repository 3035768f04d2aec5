import { limits } from '../../contracts/limits.ts';
import { type ExportEntry, type ExportPorts, type ExportViews, sections } from './export-sections.ts';

export interface ExportQuery {
  /** Most entries per page; a page ends earlier if it would be too large for one answer. */
  readonly limit: number;
  /** `next` of the page before; undefined for the first page. */
  readonly after: string | undefined;
}

export type ExportPage =
  /** `next` is absent on the last page. An empty page is not necessarily the last. */
  | { readonly kind: 'page'; readonly entries: readonly ExportEntry[]; readonly next: string | undefined }
  /** No page returned this position. */
  | { readonly kind: 'invalid-position' };

/** Reads of one call that may find nothing, for example of subscriptions without deliveries. */
const maxEmptyReads = 20;

/**
 * Export all stored data of a tenant, page by page, in a fixed order: its settings, accounts, subscriptions, consumers,
 * keys, the deliveries of its subscriptions, the states of its records, the syncs of its accounts with their ended runs,
 * and its events with their data, oldest first.
 *
 * Data written during the export is included if it lies after the reader's position.
 */
export async function exportTenant(
  ports: ExportPorts,
  views: ExportViews,
  tenant: string,
  { limit, after }: ExportQuery,
): Promise<ExportPage> {
  let position = after === undefined ? { section: 0, place: undefined } : readPosition(after);
  if (position === undefined) return { kind: 'invalid-position' };
  const entries: ExportEntry[] = [];
  let sizeBytes = 0;
  let emptyReads = 0;
  while (position.section < sections.length) {
    const { section, place }: Position = position;
    const left = limit - entries.length;
    if (left === 0) return { kind: 'page', entries, next: writePosition(position) };
    const { found, next } = await (sections[section] as (typeof sections)[number]).read(
      ports,
      views,
      tenant,
      left,
      place,
    );
    for (const one of found) {
      sizeBytes += one.sizeBytes;
      if (entries.length > 0 && sizeBytes > limits.maxEventBytes)
        return { kind: 'page', entries, next: writePosition(position) };
      entries.push(one.entry);
      position = { section, place: one.place };
    }
    position = next === undefined ? { section: section + 1, place: undefined } : { section, place: next };
    // Stores may skip a lot, so limit the reads that find nothing.
    if (next !== undefined && found.length === 0) emptyReads += 1;
    if (emptyReads > maxEmptyReads) return { kind: 'page', entries, next: writePosition(position) };
  }
  return { kind: 'page', entries, next: undefined };
}

interface Position {
  readonly section: number;
  /** Within the section; undefined at its beginning. */
  readonly place: string | undefined;
}

function writePosition({ section, place }: Position): string {
  return JSON.stringify([sections[section]?.name, place ?? null]);
}

function readPosition(text: string): Position | undefined {
  try {
    // A position at a section's beginning has no place.
    const [name, place] = JSON.parse(text) as readonly unknown[];
    const section = sections.findIndex((one) => one.name === name);
    if (section === -1) return undefined;
    if (place === null) return { section, place: undefined };
    return typeof place === 'string' && sections[section]?.place.test(place) === true ? { section, place } : undefined;
  } catch {
    return undefined;
  }
}
