import { z } from 'zod';
import { operation } from '../operation.ts';
import { cursorText, identifier, instant, listQuery, pageOf, secretValues } from '../shared-schema.ts';
import { captureRequest, captureView } from './account-operations.ts';

const settingsBody = z.strictObject({
  secrets: secretValues,
  capture: captureRequest.optional(),
  shared_contexts: z
    .boolean()
    .default(false)
    .describe('Whether several tenants may have one value of the routing context; each gets its events.'),
  client: z
    .record(z.string(), z.unknown())
    .default({})
    .refine((client) => Object.keys(client).length === 0, 'this integration takes no OAuth client'),
});

const reprocessQuery = z
  .strictObject({
    /** One instant for all calls that empty the queue: what fails meanwhile is not tried again by the next. */
    before: z.iso.datetime({ offset: true }).optional().describe('Dead letters of before; without it, of before now.'),
    since: instant
      .optional()
      .describe('Reads the raw archive in place of dead letters: requests that were received from this time on.'),
    until: instant.optional().describe('With `since`: requests that were received before this time.'),
    account: identifier.optional().describe('With `since`: requests of this account only.'),
    dry_run: z
      .enum(['true', 'false'])
      .optional()
      .describe('With `since`: requests are counted and not sent, unless this is `false`.'),
    cursor: cursorText.optional(),
  })
  .superRefine(({ before, since, until, ...ofArchive }, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (since === undefined) {
      for (const [name, value] of Object.entries({ until, ...ofArchive }))
        if (value !== undefined) fault(name, 'expected `since` with it: it belongs to a window of the raw archive');
      return;
    }
    if (before !== undefined) fault('before', 'expected either `before`, for dead letters, or `since` and `until`');
    if (until === undefined) fault('until', 'expected the end of the window, which `since` begins');
    else if (until <= since) fault('until', 'expected a time after `since`');
  });

const integration = z
  .object({
    name: z.string(),
    title: z.string(),
    docs: z.string().nullable(),
    secrets: z.record(z.string(), z.string()).describe('Secrets that an account may have, with where to find them.'),
    serves_all_accounts: z.boolean().describe('Whether one URL may serve all accounts.'),
    captured_secrets: z.array(z.string()).describe('Secrets that its handshakes bring.'),
  })
  .meta({ id: 'Integration' });

const settings = z
  .object({
    integration: z.string(),
    secret_names: z.array(z.string()),
    webhook_url: z.string(),
    capture: captureView.optional(),
    shared_contexts: z.literal(true).optional().describe('Where several tenants may have one value.'),
  })
  .meta({ id: 'IntegrationSettings' });

const reprocessing = z
  .object({
    reprocessed: z.int().describe('Requests that were sent through normalize again.'),
    skipped: z
      .int()
      .describe('Dead letters that were left; archived requests that no key opens any more: their account is gone.'),
    more: z
      .boolean()
      .describe('Whether there may be more: call again, with the same `before`, or the same window and `next_cursor`.'),
    before: z.iso.datetime({ offset: true }).optional().describe('Of dead letters.'),
    dry_run: z.boolean().optional().describe('Of a window of the archive, as all that follows.'),
    found: z.int().optional().describe('Requests of the window that this call has read.'),
    next_cursor: z.string().nullable().optional(),
  })
  .meta({ id: 'Reprocessing' });

const eventType = z
  .object({ type: z.string(), kind: z.enum(['record', 'operational']), description: z.string() })
  .meta({ id: 'EventType' });

const schemaEntry = z
  .object({
    resource: z.string(),
    version: z.string(),
    title: z.string(),
    majors: z.array(z.int()).describe('Major versions that readers may pin.'),
  })
  .meta({ id: 'SchemaEntry' });

/** A JSON Schema (2020-12) of its own. */
const schema = z
  .looseObject({ $id: z.string(), title: z.string(), version: z.string() })
  .meta({ id: 'ResourceSchema' });

const integrationExample = {
  name: 'github',
  title: 'GitHub',
  docs: 'https://docs.github.com/webhooks',
  secrets: { signing_secret: "The webhook's secret." },
  serves_all_accounts: false,
  captured_secrets: [],
};

/** What there is: integrations, event types, and the schemas of resources. */
export const catalogueOperations = {
  listIntegrations: operation({
    method: 'GET',
    path: '/v1/integrations',
    tag: 'Catalogue',
    summary: 'List integrations',
    access: 'any-key',
    query: listQuery,
    answers: { 200: { description: 'A page, by name.', body: pageOf(integration) } },
    example: { answer: { data: [integrationExample], next_cursor: null } },
  }),
  getIntegration: operation({
    method: 'GET',
    path: '/v1/integrations/{integration}',
    tag: 'Catalogue',
    summary: 'Read an integration',
    access: 'any-key',
    answers: { 200: { description: 'The integration.', body: integration } },
    example: { params: { integration: 'github' }, answer: integrationExample },
  }),
  configureIntegration: operation({
    method: 'PUT',
    path: '/v1/integrations/{integration}/settings',
    tag: 'Catalogue',
    summary: 'Set the secrets of the URL that serves all accounts, and whether tenants may share',
    access: 'integrations:write',
    isForAllTenants: true,
    body: settingsBody,
    answers: { 200: { description: 'The settings, without secrets.', body: settings } },
    example: {
      params: { integration: 'hibob' },
      body: { secrets: { signing_secret: 'keep it secret' } },
      answer: {
        integration: 'hibob',
        secret_names: ['signing_secret'],
        webhook_url: 'https://api.example.com/in/hibob',
      },
    },
  }),
  reprocessIntegration: operation({
    method: 'POST',
    path: '/v1/integrations/{integration}/reprocess',
    tag: 'Catalogue',
    summary: 'Send its dead-lettered, or its archived, requests through normalize again',
    description:
      'Without parameters: its dead letters. With `since` and `until`: all requests of the raw archive that were received in between, whatever became of them; they are counted first, and sent with `dry_run=false`. Events that were published before keep their ids, and are published no second time for as long as events are kept.',
    access: 'integrations:write',
    isForAllTenants: true,
    query: reprocessQuery,
    answers: { 200: { description: 'What became of them.', body: reprocessing } },
    example: {
      params: { integration: 'github' },
      answer: { reprocessed: 3, skipped: 0, more: false, before: '2026-11-27T12:00:00.000Z' },
    },
  }),
  listEventTypes: operation({
    method: 'GET',
    path: '/v1/event-types',
    tag: 'Catalogue',
    summary: 'List the types of events',
    access: 'any-key',
    query: listQuery,
    answers: { 200: { description: 'A page, by type.', body: pageOf(eventType) } },
    example: {
      answer: {
        data: [{ type: 'record:created', kind: 'record', description: 'A record is new.' }],
        next_cursor: null,
      },
    },
  }),
  listSchemas: operation({
    method: 'GET',
    path: '/v1/schemas',
    tag: 'Catalogue',
    summary: 'List the canonical resources, with their versions',
    access: 'any-key',
    query: listQuery,
    answers: { 200: { description: 'A page, by resource.', body: pageOf(schemaEntry) } },
    example: {
      answer: {
        data: [{ resource: 'hris/employees', version: '1.0.0', title: 'Employee', majors: [1] }],
        next_cursor: null,
      },
    },
  }),
  getSchema: operation({
    method: 'GET',
    path: '/v1/schemas/{model}/{plural}',
    tag: 'Catalogue',
    summary: 'Read the JSON Schema of a resource',
    access: 'any-key',
    query: z.strictObject({
      major: z.coerce
        .number()
        .int()
        .min(1)
        .max(9999)
        .optional()
        .describe('An older major version that is still served.'),
    }),
    answers: { 200: { description: 'The schema.', body: schema } },
    example: {
      params: { model: 'hris', plural: 'employees' },
      answer: { $id: 'urn:tributary:resource:hris/employees', title: 'Employee', version: '1.0.0', type: 'object' },
    },
  }),
} as const;
