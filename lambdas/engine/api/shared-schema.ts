import { z } from 'zod';

/** Id of an account, a subscription or a consumer. */
export const identifier = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/,
    'expected letters, digits, "_" and "-", at most 128, beginning with a letter or digit',
  );

export const tenantName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
    'expected letters, digits, "_", "." and "-", at most 64, beginning with a letter or digit',
  );

const secretText = z.string().min(1).max(8192);

/** A secret, or a list of secrets during a rotation. */
export const secretValue = z.union([secretText, z.array(secretText).min(1).max(10)]);

/** Years 0 to 9999. An offset can lead out of this range, where ISO 8601 text no longer sorts by time. */
const firstInstantMs = Date.parse('0000-01-01T00:00:00Z');
const lastInstantMs = Date.parse('9999-12-31T23:59:59.999Z');

/** A time in a request, as epoch milliseconds. */
export const instant = z.iso
  .datetime({ offset: true, error: 'expected an ISO 8601 time such as 2026-11-21T12:00:00Z' })
  .transform((text) => Date.parse(text))
  .refine((timeMs) => timeMs >= firstInstantMs && timeMs <= lastInstantMs, 'expected a time in the years 0000 to 9999');

/** A time in an answer. */
export const time = z.iso.datetime();

export const emptyBody = z.strictObject({});

export const cursorText = z
  .string()
  .max(1024)
  .describe('`next_cursor` of the previous page. Without it, the first page.');

const limit = z.coerce.number().int().min(1).max(500).default(100).describe('Maximum number of entries in a page.');

/** Query parameters of every list. */
export const listQuery = z.strictObject({ limit, cursor: cursorText.optional() });

const maxMetadataPairs = 50;
/** Metadata shares a row with its object, and each delivery reads the row of its subscription. */
const maxMetadataBytes = 16 * 1024;

const metadataName = z
  .string()
  .min(1)
  .max(64)
  // In a query, the name is in brackets.
  .regex(/^[^[\]\p{Cc}]*$/u, 'expected a name without "[", "]" and control characters');
const metadataPairs = z.record(metadataName, z.string().max(500));

/** Pairs that a caller stores with an object and can filter by. The engine does not interpret them. */
export const metadata = metadataPairs
  .refine((pairs) => Object.keys(pairs).length <= maxMetadataPairs, `expected at most ${maxMetadataPairs} pairs`)
  .refine((pairs) => jsonBytes(pairs) <= maxMetadataBytes, `expected at most ${maxMetadataBytes} bytes of JSON`)
  .describe(
    'Your own text by name: at most 50 pairs, 64 characters in a name, 500 in a value, 16 KiB in total. A new value replaces all pairs.',
  );

/** Metadata in an answer. */
export const metadataView = z.record(z.string(), z.string()).describe('Empty if there is none.');

/** Text for people. */
export const label = z.string().min(1).max(256);

/** Query parameters of a list of objects with metadata. */
export const metadataListQuery = listQuery.extend({
  metadata: z
    .record(metadataName, z.string().max(500), 'expected pairs such as metadata[team]=billing')
    .refine((pairs) => Object.keys(pairs).length <= 10, 'expected at most 10 pairs')
    .optional()
    .describe(
      'Return only objects with all of these pairs, such as `metadata[team]=billing`. A page of a filtered list may have fewer entries than `limit`, or none, and not be the last. Follow `next_cursor` until it is null.',
    ),
});

/** No query parameters: a misspelt one is an error, not ignored. */
export const noQuery = z.strictObject({});

/** Patterns or names in a query, separated by commas. */
export function commaList<Item extends string>(pattern: z.ZodType<Item>) {
  return z
    .string()
    .max(2048)
    .transform((text): unknown[] => text.split(','))
    .pipe(z.array(pattern));
}

/** A page of a list. */
export function pageOf<Schema extends z.ZodType>(item: Schema) {
  return z.object({
    data: z.array(item),
    next_cursor: z.string().nullable().describe('Pass it as `cursor` to get the next page. Null on the last page.'),
  });
}

/** Bytes of a value as JSON; infinite if it is nested too deeply to write. */
export function jsonBytes(value: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Secrets share a row with their account or integration, and a row holds 400 KB. */
const maxSecretsBytes = 64 * 1024;

/** The arguments of a `refine` that limits the size of secrets. */
export const fitsRow = [
  (secrets: unknown) => secrets === undefined || jsonBytes(secrets) <= maxSecretsBytes,
  `expected at most ${maxSecretsBytes} bytes of JSON`,
] as const;

/** Secrets by name. */
export const secretValues = z
  .record(z.string(), secretValue)
  .default({})
  .refine(...fitsRow);

/** The end of a sentence about a 409. */
export const deliveryPull = "the tenant's delivery mode is `pull` (reason `delivery-pull`).";

/** The 429 of operations that take seconds. */
export const tooManyWaiting =
  '`reason` is `too-many-waiting` if the key or its tenant has the maximum number of long-running calls in progress.';
