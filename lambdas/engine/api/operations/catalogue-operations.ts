import { z } from 'zod';
import { addressRangeList } from '../../outbound/address-range-schema.ts';
import { operation } from '../operation.ts';
import { cursorText, fitsRow, identifier, instant, listQuery, pageOf, secretValue, time } from '../shared-schema.ts';
import { captureRequest, captureView } from './account-operations.ts';

const settingsBody = z.strictObject({
  secrets: z
    .record(z.string(), secretValue)
    .refine(...fitsRow)
    .optional()
    .describe(
      'For the URL that serves all accounts. Left out beside `allowed_ranges`, `shared_contexts`, `canary` or `client`, the stored ones stay; else there are none.',
    ),
  capture: captureRequest.optional(),
  allowed_ranges: addressRangeList
    .nullable()
    .optional()
    .describe(
      'Address ranges in CIDR form from which requests to the URL for all accounts may come; others are answered 403. Empty or null: all addresses. Left out, the stored ones stay; alone, all else stays.',
    ),
  shared_contexts: z
    .boolean()
    .optional()
    .describe(
      'Whether several tenants may have the same value of the routing context. Each of them gets the events. Left out, it stays where the secrets stay, else it is off; alone, all else stays.',
    ),
  canary: z
    .strictObject({
      accounts: z
        .array(identifier)
        .min(1)
        .max(20)
        .refine((ids) => new Set(ids).size === ids.length, 'expected each account once')
        .describe('Accounts of the integration, of any tenants.'),
      mode: z
        .enum(['compare', 'use'])
        .describe(
          "`compare`: the current definition's events are published, and the candidate's are compared with them. `use`: the candidate's are published; where it fails, the current definition's.",
        ),
    })
    .nullable()
    .optional()
    .describe(
      "The accounts on which the integration's candidate, its folder `canary/`, is tried; null ends the trial. Left out, the trial stays; alone, everything else stays. Applies within ten seconds.",
    ),
  client: z
    .strictObject({ client_id: z.string().min(1).max(1024), client_secret: z.string().min(1).max(4096) })
    .optional()
    .describe('The OAuth client of the vendor at the provider, for consents. Left out, the stored one stays.'),
});

const reprocessQuery = z
  .strictObject({
    /** The same instant in every call that empties the queue, so a call does not retry what failed in an earlier one. */
    before: z.iso
      .datetime({ offset: true })
      .optional()
      .describe('Reprocess dead letters from before this time. Default: now.'),
    since: instant
      .optional()
      .describe('Reprocess the raw archive instead of dead letters: requests received at this time or later.'),
    until: instant.optional().describe('With `since`: requests received before this time.'),
    account: identifier.optional().describe('With `since`: only requests of this account.'),
    dry_run: z
      .enum(['true', 'false'])
      .optional()
      .describe('With `since`: only count the requests. Set to `false` to reprocess them. Default: `true`.'),
    cursor: cursorText.optional(),
  })
  .superRefine(({ before, since, until, ...ofArchive }, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (since === undefined) {
      for (const [name, value] of Object.entries({ until, ...ofArchive }))
        if (value !== undefined) fault(name, 'expected `since` as well: this parameter selects from the raw archive');
      return;
    }
    if (before !== undefined) fault('before', 'expected either `before`, for dead letters, or `since` and `until`');
    if (until === undefined) fault('until', 'expected the end of the window that `since` starts');
    else if (until <= since) fault('until', 'expected a time after `since`');
  });

const integration = z
  .object({
    name: z.string(),
    title: z.string(),
    docs: z.string().nullable(),
    secrets: z
      .record(z.string(), z.string())
      .describe('Secrets that an account may have, each with a hint where to find it.'),
    serves_all_accounts: z.boolean().describe('Whether the integration can have one URL for all accounts.'),
    captured_secrets: z.array(z.string()).describe('Names of the secrets that the provider sends in its handshakes.'),
    webhook: z.boolean().describe('Whether the provider sends webhooks.'),
    context: z
      .array(
        z.object({
          name: z.string(),
          help: z.string(),
          required: z.boolean(),
          list: z.boolean(),
          default: z.string().nullable(),
          pattern: z.string().nullable(),
        }),
      )
      .describe('What the context of an account holds.'),
    credentials: z
      .array(
        z.object({
          type: z.string(),
          connect: z.boolean().describe("Whether the account's owner can consent (`POST /v1/accounts/{id}/connect`)."),
          scopes: z.array(z.string()),
          members: z.array(
            z.object({ name: z.string(), help: z.string(), required: z.boolean(), default: z.string().nullable() }),
          ),
        }),
      )
      .describe('The kinds of credentials that an account may bring; none where the integration calls no API.'),
    resources: z.array(
      z.object({
        resource: z.string(),
        methods: z.array(z.string()),
        filters: z.array(z.string()).describe('Of `list`, as `<name>.<operator>`.'),
        state: z.enum(['record', 'none']),
        unfetchable: z.string().nullable().describe('Why thin events of the resource stay thin.'),
      }),
    ),
    syncs: z
      .array(
        z.object({
          id: z.string(),
          resources: z.array(
            z.object({
              resource: z.string(),
              by: z
                .enum(['changes', 'list'])
                .describe('`changes`: a run reads what has changed. `list`: it reads and compares all records.'),
              query: z.record(z.string(), z.unknown()).describe('Filters of the listing.'),
              depends_on: z.string().nullable().describe('Its records are read for each of these that changed.'),
              each: z
                .record(z.string(), z.string())
                .nullable()
                .describe('A filter, and the list of the context whose values it takes in turn.'),
            }),
          ),
          every: z.string().nullable().describe('The interval of its runs, such as `5m`; null beside `cron`.'),
          between: z.array(z.string()).length(2).nullable().describe('Bounds of the interval, if it changes.'),
          cron: z.string().nullable(),
          time_zone: z.string().describe('Of `cron` and `reconcile`.'),
          reconcile: z
            .string()
            .nullable()
            .describe('When all records are compared: a cron expression, `off`, or null for once a day.'),
          emit: z.enum(['records', 'combined']),
          snapshot: z.enum(['events', 'silent']),
        }),
      )
      .describe('What an account with credentials is polled for, unless it says `"syncs": "off"`.'),
    limits: z.array(
      z.object({
        name: z.string(),
        kind: z.enum(['calls', 'concurrent', 'bucket']),
        maximum: z.number(),
        per_seconds: z.number().nullable(),
        scope: z.enum(['account', 'app']),
      }),
    ),
  })
  .meta({ id: 'Integration' });

const settings = z
  .object({
    integration: z.string(),
    secret_names: z.array(z.string()),
    webhook_url: z.string(),
    client_id: z.string().nullable().describe('Of the OAuth client.'),
    redirect_uri: z.string().nullable().describe('The URL to register at the provider, for consents.'),
    capture: captureView.optional(),
    allowed_ranges: z.array(z.string()).describe('Empty: requests may come from every address.'),
    shared_contexts: z
      .literal(true)
      .optional()
      .describe('Present if several tenants may have the same value of the routing context.'),
    canary: z
      .object({
        accounts: z.array(z.string()),
        mode: z.enum(['compare', 'use']),
        deployed: z.boolean().describe('Whether a candidate is deployed; without one, the trial changes nothing.'),
      })
      .optional()
      .describe('Present while a candidate is tried.'),
  })
  .meta({ id: 'IntegrationSettings' });

const canary = z
  .object({
    integration: z.string(),
    deployed: z.boolean().describe('Whether the integration has a candidate.'),
    version: z
      .string()
      .nullable()
      .describe('Digest of the candidate. Counts and differences are those of this version.'),
    note: z.string().nullable().describe('What is missing for a trial.'),
    mode: z.enum(['compare', 'use']).nullable(),
    accounts: z.array(
      z.object({
        id: z.string(),
        tenant: z.string(),
        mode: z
          .enum(['compare', 'use'])
          .nullable()
          .describe('Null if the account was created anew since it was named.'),
        compared: z.int(),
        different: z.int(),
        failed: z.int().describe('Requests that the candidate could not map.'),
      }),
    ),
    differences: z
      .array(
        z.object({
          at: time,
          account: z.string(),
          input: z.string().describe('Id of the accepted request.'),
          published: z.enum(['current', 'candidate']).describe('Whose events were published.'),
          failures: z
            .object({ current: z.string().nullable(), candidate: z.string().nullable() })
            .describe('Why one of them made no events.'),
          events: z.array(
            z.object({
              kind: z.enum(['changed', 'only-current', 'only-candidate']),
              resource: z.string(),
              record_id: z.string(),
              differences: z.array(
                z.object({
                  path: z.string(),
                  current: z.unknown().optional(),
                  candidate: z.unknown().optional(),
                }),
              ),
              more: z.int().describe('Differences that are not listed.'),
            }),
          ),
          more: z.int().describe('Events that are not listed.'),
        }),
      )
      .describe('The newest 20 of each account, at most 50, newest first. They expire after seven days.'),
  })
  .meta({ id: 'Canary' });

const reprocessing = z
  .object({
    reprocessed: z.int().describe('Requests that were queued for processing again.'),
    skipped: z
      .int()
      .describe(
        'Dead letters that were left in place, or archived requests that can no longer be decrypted because their account was deleted.',
      ),
    more: z
      .boolean()
      .describe(
        'Whether there may be more. If so, call again with the same `before`, or with the same window and `next_cursor`.',
      ),
    before: z.iso.datetime({ offset: true }).optional().describe('Only for dead letters.'),
    dry_run: z.boolean().optional().describe('Only for a window of the raw archive, like `found` and `next_cursor`.'),
    found: z.int().optional().describe('Requests in the window that this call has read.'),
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
    deprecated: z
      .array(
        z.object({
          major: z.int(),
          deprecated_at: time,
          sunset_at: time.nullable().describe('From then on, new readers are refused; null if it is not decided.'),
          link: z.string().nullable().describe('How to move to a newer one.'),
        }),
      )
      .describe('Major versions that end.'),
  })
  .meta({ id: 'SchemaEntry' });

/** A JSON Schema (2020-12). */
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
  webhook: true,
  context: [],
  credentials: [
    {
      type: 'bearer',
      connect: false,
      scopes: [],
      members: [{ name: 'token', help: 'A personal access token.', required: true, default: null }],
    },
  ],
  resources: [
    {
      resource: 'ticketing/tickets',
      methods: ['get', 'list'],
      filters: ['updated_at.gte'],
      state: 'record' as const,
      unfetchable: null,
    },
  ],
  syncs: [
    {
      id: 'tickets',
      resources: [
        {
          resource: 'ticketing/tickets',
          by: 'changes' as const,
          query: {},
          depends_on: null,
          each: { repository: 'context.repositories' },
        },
      ],
      every: '5m',
      between: null,
      cron: null,
      time_zone: 'UTC',
      reconcile: null,
      emit: 'records' as const,
      snapshot: 'events' as const,
    },
  ],
  limits: [{ name: 'core', kind: 'calls' as const, maximum: 5000, per_seconds: 3600, scope: 'account' as const }],
};

/** Integrations, event types, and the schemas of resources. */
export const catalogueOperations = {
  listIntegrations: operation({
    method: 'GET',
    path: '/v1/integrations',
    tag: 'Catalogue',
    summary: 'List integrations',
    access: 'any-key',
    query: listQuery,
    answers: { 200: { description: 'A page of integrations, sorted by name.', body: pageOf(integration) } },
    example: { answer: { data: [integrationExample], next_cursor: null } },
  }),
  getIntegration: operation({
    method: 'GET',
    path: '/v1/integrations/{integration}',
    tag: 'Catalogue',
    summary: 'Get an integration',
    access: 'any-key',
    answers: { 200: { description: 'The integration.', body: integration } },
    example: { params: { integration: 'github' }, answer: integrationExample },
  }),
  configureIntegration: operation({
    method: 'PUT',
    path: '/v1/integrations/{integration}/settings',
    tag: 'Catalogue',
    summary: 'Configure what all accounts of an integration share, and the trial of its candidate',
    access: 'integrations:write',
    isForAllTenants: true,
    body: settingsBody,
    answers: { 200: { description: 'The settings, without secret values.', body: settings } },
    example: {
      params: { integration: 'hibob' },
      body: { secrets: { signing_secret: 'keep it secret' } },
      answer: {
        integration: 'hibob',
        secret_names: ['signing_secret'],
        webhook_url: 'https://api.example.com/in/hibob',
        client_id: null,
        redirect_uri: null,
        allowed_ranges: [],
      },
    },
  }),
  getCanary: operation({
    method: 'GET',
    path: '/v1/integrations/{integration}/canary',
    tag: 'Catalogue',
    summary: "Get the trial of an integration's candidate",
    description:
      'What the candidate makes of the requests of named accounts, beside what the current definition makes of them. A key of a tenant sees its own accounts only.',
    access: 'events:read',
    answers: { 200: { description: 'The trial.', body: canary } },
    example: {
      params: { integration: 'github' },
      answer: {
        integration: 'github',
        deployed: true,
        version: '3f9c2a7b5d1e',
        note: null,
        mode: 'compare',
        accounts: [{ id: 'acc_github_acme', tenant: 'acme', mode: 'compare', compared: 240, different: 1, failed: 0 }],
        differences: [
          {
            at: '2026-11-30T12:00:00.000Z',
            account: 'acc_github_acme',
            input: 'raw_0123456789abcdef',
            published: 'current',
            failures: { current: null, candidate: null },
            events: [
              {
                kind: 'changed',
                resource: 'ticketing/tickets',
                record_id: '42',
                differences: [{ path: 'data.status', current: 'open', candidate: 'in_progress' }],
                more: 0,
              },
            ],
            more: 0,
          },
        ],
      },
    },
  }),
  reprocessIntegration: operation({
    method: 'POST',
    path: '/v1/integrations/{integration}/reprocess',
    tag: 'Catalogue',
    summary: 'Reprocess dead-lettered or archived requests of an integration',
    description:
      'Without `since`, the call reprocesses dead letters. With `since` and `until`, it reprocesses all requests in the raw archive that were received in that window, whatever their outcome; the default is a dry run that only counts them. Events that were published before keep their ids, and are not published again while the originals are stored.',
    access: 'integrations:write',
    isForAllTenants: true,
    query: reprocessQuery,
    answers: { 200: { description: 'What the call did.', body: reprocessing } },
    example: {
      params: { integration: 'github' },
      answer: { reprocessed: 3, skipped: 0, more: false, before: '2026-11-27T12:00:00.000Z' },
    },
  }),
  listEventTypes: operation({
    method: 'GET',
    path: '/v1/event-types',
    tag: 'Catalogue',
    summary: 'List event types',
    access: 'any-key',
    query: listQuery,
    answers: { 200: { description: 'A page of event types, sorted by type.', body: pageOf(eventType) } },
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
    summary: 'List canonical resources and their schema versions',
    access: 'any-key',
    query: listQuery,
    answers: { 200: { description: 'A page of resources, sorted by name.', body: pageOf(schemaEntry) } },
    example: {
      answer: {
        data: [{ resource: 'hris/employees', version: '1.0.0', title: 'Employee', majors: [1], deprecated: [] }],
        next_cursor: null,
      },
    },
  }),
  getSchema: operation({
    method: 'GET',
    path: '/v1/schemas/{model}/{plural}',
    tag: 'Catalogue',
    summary: 'Get the JSON Schema of a resource',
    access: 'any-key',
    query: z.strictObject({
      major: z.coerce
        .number()
        .int()
        .min(1)
        .max(9999)
        .optional()
        .describe('A major version that is still served. Default: the newest.'),
    }),
    answers: { 200: { description: 'The schema.', body: schema } },
    example: {
      params: { model: 'hris', plural: 'employees' },
      answer: { $id: 'urn:tributary:resource:hris/employees', title: 'Employee', version: '1.0.0', type: 'object' },
    },
  }),
} as const;
