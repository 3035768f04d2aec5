import { z } from 'zod';
import { maxNameCharacters, recordIdText } from '../event/record-id.ts';

/** Years 0 to 9999, which ISO 8601 writes with four digits. This rejects microseconds given as milliseconds. */
const minEpochMs = Date.parse('0000-01-01T00:00:00Z');
const maxEpochMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const timestamp = z.union([
  z.iso.datetime({ offset: true }),
  z.iso.datetime({ local: true }),
  z.number().min(minEpochMs).max(maxEpochMs),
]);

/** Ids and names share a row with the data; no known provider has longer ones. */

/** Levels of `data`. Serializers recurse, so deeper data could be mapped but not stored. */
const maxDataDepth = 100;

/** One event as a mapping returns it. */
export const mappedEvent = z.strictObject({
  event_type: z.string().regex(/^(record:)?(created|updated|deleted)$/, 'expected created, updated or deleted'),
  resource: z
    .string()
    .max(128)
    .regex(/^[a-z][a-z_]*\/[a-z][a-z_]*$/, 'expected <model>/<plural>, for example hris/employees'),
  record_id: recordIdText.optional(),
  raw_event_type: z.string().min(1).max(maxNameCharacters),
  occurred_at: timestamp.optional(),
  id: z.string().min(1).max(maxNameCharacters).optional(),
  method: z.string().min(1).optional(),
  method_config: z.record(z.string(), z.unknown()).optional(),
  context: z
    .union([z.string().min(1), z.number()])
    .transform(String)
    .optional(),
  version: z.union([z.string().min(1).max(maxNameCharacters), z.number()]).optional(),
  record: z
    .unknown()
    .refine((record) => isJson(record, maxDataDepth), 'expected JSON values only')
    .optional(),
  raw_payload: z
    .unknown()
    .refine((payload) => isJson(payload, maxDataDepth), 'expected JSON values only')
    .optional(),
  data: z
    .record(z.string(), z.unknown())
    .default({})
    .refine((data) => isJson(data, maxDataDepth), `expected JSON values only, at most ${maxDataDepth} levels deep`),
});

/** A webhook that says that something has changed or was missed, and not what: the syncs of a resource run at once. */
export const mappedPoll = z.strictObject({
  poll: z
    .string()
    .max(128)
    .regex(/^(\*|[a-z][a-z_]*\/[a-z][a-z_]*)$/, 'expected <model>/<plural>, or * for all syncs of the account'),
  context: z
    .union([z.string().min(1), z.number()])
    .transform(String)
    .optional(),
});

/** The faults of an item, worded for the author of the mapping. */
export function faultsOf({ issues }: z.ZodError): string {
  return issues.map((issue) => `${issue.path.join('.') || 'event'}: ${issue.message}`).join('; ');
}

/** Whether an item of a mapping's result asks for a poll. */
export function asksForPoll(item: unknown): boolean {
  return typeof item === 'object' && item !== null && 'poll' in item;
}

export type MappedEvent = z.infer<typeof mappedEvent>;

/** Whether a value is JSON. A mapping can also return functions and regular expressions. */
function isJson(value: unknown, levelsLeft: number): boolean {
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') return false;
  if (typeof value !== 'object' || value === null) return true;
  // JSONata adds members of its own to a list; JSON carries only the items.
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return levelsLeft > 0 && items.every((item) => isJson(item, levelsLeft - 1));
}
