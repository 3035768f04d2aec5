import { z } from 'zod';
import { origins } from '../event/canonical-event.ts';
import { feedStartForms, parseFeedStart } from '../feed/feed-start.ts';
import { resourcePattern, typePattern } from '../feed/filter-schema.ts';
import { schemaPinsText } from '../schema-versions/schema-pins-schema.ts';
import { identifier, tenantName } from './shared-schema.ts';

/** Where a reader begins, as it writes it. */
export const since = z
  .string()
  .max(64)
  .transform((text, context) => {
    const start = parseFeedStart(text);
    if (start !== undefined) return start;
    context.addIssue({ code: 'custom', message: `expected ${feedStartForms}` });
    return z.NEVER;
  })
  .describe('`beginning`, `now`, a sequence number or an ISO 8601 time, from which on (inclusive) to read.');

export const waitSeconds = z.coerce
  .number()
  .min(0)
  .max(20)
  .describe('Seconds to wait for an event where there is none (long poll).');

/** The versions that a reader is written against; without it, events come as they are stored. */
export const schema = schemaPinsText
  .optional()
  .describe('Major versions of schemas that the reader understands: `hris/employees@1`; several with commas.');

/** Of an answer in an older version. */
export const deprecationHeaders = {
  Deprecation: 'Since when a pinned major version of a schema is deprecated (RFC 9745).',
  Sunset: 'From when it may be served no longer (RFC 8594).',
  Link: 'Where to read about it.',
};

/** Of a page that came at once although it was to wait. */
export const waitHeader = {
  'Tributary-Wait':
    '`full`: nothing came, and the call did not wait, since as many calls of its key, or of its tenant, wait already as may. Wait a second before you ask again.',
};

export const notMappable = 'An event cannot be had in the version that is asked for: read it without `schema`.';

export const tenantQuery = z.strictObject({
  tenant: tenantName.optional().describe('Whose; a key of a tenant needs none.'),
});

export const filterFields = {
  types: z.array(typePattern).max(100).default([]),
  resources: z.array(resourcePattern).max(100).default([]),
  accounts: z.array(identifier).max(100).default([]),
  integrations: z.array(z.string().min(1).max(64)).max(100).default([]),
  origins: z.array(z.enum(origins)).max(10).default([]),
};
