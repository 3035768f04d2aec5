import { z } from 'zod';
import { captureRequest, captureView } from './account-operations.ts';
import { operation } from './operation.ts';
import { listQuery, pageOf, secretValues } from './shared-schema.ts';

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

/** One instant for all calls that empty the queue: what fails meanwhile is not tried again by the next. */
const reprocessQuery = z.strictObject({ before: z.iso.datetime({ offset: true }).optional() });

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
    reprocessed: z.int(),
    skipped: z.int(),
    more: z.boolean().describe('Whether the queue may have more: call again, with the same `before`.'),
    before: z.iso.datetime({ offset: true }),
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
    summary: 'Send its dead-lettered requests through normalize again',
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
