import { z } from 'zod';
import { origins } from '../event/canonical-event.ts';
import { feedStartForms, parseFeedStart } from '../feed/feed-start.ts';
import { resourcePattern, typePattern } from '../feed/filter-schema.ts';
import { schemaPinsText } from '../schema-versions/schema-pins-schema.ts';
import { identifier, tenantName } from './shared-schema.ts';

/** Where a reader of the feed starts. */
export const since = z
  .string()
  .max(64)
  .transform((text, context) => {
    const start = parseFeedStart(text);
    if (start !== undefined) return start;
    context.addIssue({ code: 'custom', message: `expected ${feedStartForms}` });
    return z.NEVER;
  })
  .describe('Where to start, inclusive: `beginning`, `now`, a sequence number or an ISO 8601 time.');

export const waitSeconds = z.coerce
  .number()
  .min(0)
  .max(20)
  .describe('Seconds to wait for an event if there is none (long polling).');

/** Schema versions that a reader understands. Without it, events have the version in which they were stored. */
export const schema = schemaPinsText
  .optional()
  .describe('Major versions of schemas that the reader understands, separated by commas: `hris/employees@1`.');

/** Headers of an answer with events in an older schema version. */
export const deprecationHeaders = {
  Deprecation: 'When a pinned major version of a schema was deprecated (RFC 9745).',
  Sunset: 'When that version may stop being served (RFC 8594).',
  Link: 'A page about the deprecation.',
};

/** Header of a page that came at once although the caller asked to wait. */
export const waitHeader = {
  'Tributary-Wait':
    '`full`: there was no event, and the call did not wait, because the key or its tenant has the maximum number of waiting calls. Wait a second before you call again.',
};

export const notMappable =
  'An event cannot be converted to the requested schema version. Read it without a schema version.';

export const tenantQuery = z.strictObject({
  tenant: tenantName.optional().describe('The tenant. Required unless the key belongs to a tenant.'),
});

export const filterFields = {
  types: z.array(typePattern).max(100).default([]),
  resources: z.array(resourcePattern).max(100).default([]),
  accounts: z.array(identifier).max(100).default([]),
  integrations: z.array(z.string().min(1).max(64)).max(100).default([]),
  origins: z.array(z.enum(origins)).max(10).default([]),
};
