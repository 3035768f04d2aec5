import { z } from 'zod';

/** What ids of accounts, subscriptions and consumers look like. */
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

/** A secret; a list while it rotates. */
export const secretValue = z.union([secretText, z.array(secretText).min(1).max(10)]);

/** Years as ISO 8601 has them, of four digits: an offset may lead out of them, and no text beyond sorts by time. */
const firstInstantMs = Date.parse('0000-01-01T00:00:00Z');
const lastInstantMs = Date.parse('9999-12-31T23:59:59.999Z');

/** A time that a caller writes, as epoch milliseconds. */
export const instant = z.iso
  .datetime({ offset: true, error: 'expected an ISO 8601 time such as 2026-11-21T12:00:00Z' })
  .transform((text) => Date.parse(text))
  .refine((timeMs) => timeMs >= firstInstantMs && timeMs <= lastInstantMs, 'expected a time of the years 0000 to 9999');

/** A time in an answer. */
export const time = z.iso.datetime();

export const emptyBody = z.strictObject({});

export const cursorText = z
  .string()
  .max(1024)
  .describe('`next_cursor` of the page before; without it, the first page.');

const limit = z.coerce.number().int().min(1).max(500).default(100).describe('Entries of a page, at most.');

/** Query parameters of every list. */
export const listQuery = z.strictObject({ limit, cursor: cursorText.optional() });

const maxMetadataPairs = 50;
/** Metadata is in one row with what it belongs to, and each delivery reads the row of its subscription. */
const maxMetadataBytes = 16 * 1024;

const metadataPairs = z.record(
  z
    .string()
    .min(1)
    .max(64)
    // A query writes a name in brackets.
    .regex(/^[^[\]\p{Cc}]*$/u, 'expected a name without "[", "]" and control characters'),
  z.string().max(500),
);

/** Pairs that a caller keeps with a thing and finds it by. The engine does not interpret them. */
export const metadata = metadataPairs
  .refine((pairs) => Object.keys(pairs).length <= maxMetadataPairs, `expected at most ${maxMetadataPairs} pairs`)
  .refine((pairs) => jsonBytes(pairs) <= maxMetadataBytes, `expected at most ${maxMetadataBytes} bytes of JSON`)
  .describe(
    'Text of your own by name: up to 50 pairs, names of at most 64 characters, values of at most 500, 16 KiB in all. It replaces the former pairs as a whole.',
  );

/** Metadata in an answer. */
export const metadataView = z.record(z.string(), z.string()).describe('Empty where there is none.');

/** Text for people. */
export const label = z.string().min(1).max(256);

/** Query parameters of a list of things that have metadata. */
export const metadataListQuery = listQuery.extend({
  metadata: z
    .record(z.string().min(1).max(64), z.string().max(500), 'expected pairs such as metadata[team]=billing')
    .refine((pairs) => Object.keys(pairs).length <= 10, 'expected at most 10 pairs')
    .optional()
    .describe(
      'Only what has all of these pairs, such as `metadata[team]=billing`. A page of a filtered list may have fewer entries than `limit`, even none, and yet not be the last: follow `next_cursor` until it is null.',
    ),
});

/** Query parameters of what takes none: one that is misspelt is told, not passed over. */
export const noQuery = z.strictObject({});

/** Patterns, or names, separated by commas, as a query carries them. */
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
    next_cursor: z.string().nullable().describe('Pass it as `cursor` for the next page; null on the last.'),
  });
}

/** Bytes of a value as JSON; infinite where it is nested too deep to be written. */
export function jsonBytes(value: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** They stand in one row with what they belong to, and a row holds 400 KB. */
const maxSecretsBytes = 64 * 1024;

/** What is refused of secrets, and the fault that is told. */
export const fitsRow = [
  (secrets: unknown) => secrets === undefined || jsonBytes(secrets) <= maxSecretsBytes,
  `expected at most ${maxSecretsBytes} bytes of JSON`,
] as const;

/** Secrets by name. */
export const secretValues = z
  .record(z.string(), secretValue)
  .default({})
  .refine(...fitsRow);

/** Of operations that take seconds. */
export const tooManyWaiting =
  'As many calls of the key, or of its tenant, that take seconds are under way as may be (`too-many-waiting`).';
