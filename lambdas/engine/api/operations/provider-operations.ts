import { z } from 'zod';
import { type OperationShape, operation } from '../operation.ts';
import { cursorText, time } from '../shared-schema.ts';

const data = z.record(z.string(), z.unknown()).describe('The record, in the shape of its canonical resource.');

const liveRecord = z
  .object({
    resource: z.string(),
    record_id: z.string(),
    schema_version: z.string(),
    data,
    fetched_at: time,
  })
  .meta({ id: 'LiveRecord' });

const recordPage = z
  .object({
    data: z.array(z.object({ record_id: z.string(), data })),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'LiveRecordPage' });

const listQuery = z
  .object({
    updated_since: z.iso
      .datetime({ offset: true })
      .optional()
      .describe('Only records that have changed at this time or later, where the provider can tell.'),
    limit: z.coerce
      .number()
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe('Accepted for the sake of other lists; a page is as large as the provider makes it.'),
    cursor: cursorText.optional(),
  })
  .catchall(z.union([z.string().max(512), z.record(z.string(), z.string().max(512))]))
  .describe(
    'Besides these, the filters that the integration declares for the resource: `status=open`, `updated_at[gte]=…`.',
  );

const recordQuery = z.object({
  address: z
    .record(z.string().max(64), z.string().max(512))
    .optional()
    .describe(
      "What the provider's URL of the record needs besides the id, as the definition names it: `address[repository]=northwind/orders&address[number]=17`. A 422 says what is missing.",
    ),
});

/** Problems of calls that reach a provider. */
const providerProblems = {
  409: '`reason` is `account-auth-failed`: the provider refuses the credentials of the account, or it has none.',
  422: '`reason` is `not-supported`: the definition of the integration has no such resource, method or filter; or `account-incomplete`: the account lacks what the call needs.',
  429: "The provider's limits leave no call in time. `limit` names the one that is used up. Retry after the time in `Retry-After`.",
  502: '`reason` is `provider-error`: the provider failed, or its answer cannot be read. `provider_status` has its status, if it answered.',
  504: '`reason` is `provider-timeout`: the provider did not answer in time.',
} as const;

const budget = z
  .object({
    name: z.string(),
    kind: z.enum(['calls', 'concurrent', 'bucket']),
    scope: z.enum(['account', 'app']),
    maximum: z.number().describe("The account's share of the limit."),
    remaining: z.number().describe('What is left for webhooks, the most urgent.'),
    per_seconds: z.number().nullable(),
    resets_at: time.nullable(),
    blocked_until: time.nullable(),
  })
  .meta({ id: 'Budget' });

const budgets = z
  .object({
    account: z.string(),
    in_flight: z.int().describe('Calls on their way.'),
    blocked_until: time.nullable().describe('The provider said that no call may come before.'),
    limits: z.array(budget),
    waiting: z.array(
      z.object({
        priority: z.enum(['webhook', 'read', 'poll', 'backfill']),
        calls: z.int(),
        since: time,
      }),
    ),
  })
  .meta({ id: 'Budgets' });

const proxied = <const Method extends OperationShape['method']>(method: Method) =>
  operation({
    method,
    path: '/v1/accounts/{id}/proxy/{path}',
    isOpenEnded: true,
    isRaw: true,
    tag: 'Records',
    summary: `Pass a ${method} on to the provider`,
    description:
      "The path is below the provider's base URL, and the query is passed on. The request gets the credentials of the account and counts against the same limits as all other calls. Headers of one connection, cookies and the caller's own credentials are left out. The answer is the provider's, with its status.",
    access: 'records:write',
    answers: { 200: { description: "The provider's answer, with whatever status it has." } },
    problems: {
      400: "The path leaves the provider's base URL.",
      415: 'The body is not text.',
      ...providerProblems,
    },
    example: { params: { id: 'acc_zendesk_acme', path: 'api/v2/tickets/7' } },
  });

/** Calls that reach providers, within their limits and with the credentials of an account. */
export const providerOperations = {
  // Before the read of one record, whose route also matches a path without an id.
  listRecords: operation({
    method: 'GET',
    path: '/v1/accounts/{id}/records/{model}/{plural}',
    tag: 'Records',
    summary: 'Read a page of records from their provider',
    access: 'records:read',
    query: listQuery,
    answers: { 200: { description: 'A page of records, in the order of the provider.', body: recordPage } },
    problems: providerProblems,
    example: {
      params: { id: 'acc_zendesk_acme', model: 'ticketing', plural: 'tickets' },
      answer: { data: [{ record_id: '35436', data: { id: '35436' } }], next_cursor: null },
    },
  }),
  getRecord: operation({
    method: 'GET',
    path: '/v1/accounts/{id}/records/{model}/{plural}/{record_id}',
    isOpenEnded: true,
    tag: 'Records',
    summary: 'Read a record from its provider',
    description: "The record as it is now, in the shape of its resource: its events' `data` have the same.",
    access: 'records:read',
    query: recordQuery,
    answers: { 200: { description: 'The record.', body: liveRecord } },
    problems: { 404: 'The provider says that there is no such record.', ...providerProblems },
    example: {
      params: { id: 'acc_zendesk_acme', model: 'ticketing', plural: 'tickets', record_id: '35436' },
      answer: {
        resource: 'ticketing/tickets',
        record_id: '35436',
        schema_version: '1.0.0',
        data: { id: '35436', title: 'Help, my printer is on fire!' },
        fetched_at: '2026-11-29T12:00:00.000Z',
      },
    },
  }),
  getLimits: operation({
    method: 'GET',
    path: '/v1/accounts/{id}/limits',
    tag: 'Records',
    summary: "Show what is left of the provider's limits",
    access: 'accounts:read',
    answers: { 200: { description: 'Each limit of the account, and who waits for it.', body: budgets } },
    problems: { 422: '`reason` is `not-supported`: the integration calls no API.' },
    example: {
      params: { id: 'acc_zendesk_acme' },
      answer: {
        account: 'acc_zendesk_acme',
        in_flight: 1,
        blocked_until: null,
        limits: [
          {
            name: 'account',
            kind: 'calls',
            scope: 'account',
            maximum: 200,
            remaining: 120,
            per_seconds: 60,
            resets_at: null,
            blocked_until: null,
          },
        ],
        waiting: [],
      },
    },
  }),
  connectAccount: operation({
    method: 'POST',
    path: '/v1/accounts/{id}/connect',
    tag: 'Accounts',
    summary: "Start the consent of an account's owner",
    description:
      'Lead the owner of the account to `url`: there the owner consents, and the provider leads back to this deployment, which stores the token and goes on to `return_url` with `status=connected` and `account`. If that fails, the owner sees a page that says why.',
    access: 'accounts:write',
    body: z.strictObject({
      return_url: z
        .url({ protocol: /^https?$/ })
        .max(1024)
        .describe('Where the owner goes then; its origin must be one that the deployment allows.'),
    }),
    answers: {
      200: {
        description: 'Where the owner consents.',
        body: z.object({ url: z.string(), expires_at: time }).meta({ id: 'Consent' }),
      },
    },
    problems: {
      422: '`reason` is `not-supported`: the integration has no consent, or its settings have no OAuth client; or `account-incomplete`: the account lacks what the URL needs.',
    },
    example: {
      params: { id: 'acc_zendesk_acme' },
      body: { return_url: 'https://app.example.com/connected' },
      answer: {
        url: 'https://acme.zendesk.com/oauth/authorizations/new?response_type=code',
        expires_at: '2026-11-29T12:30:00.000Z',
      },
    },
  }),
  proxyGet: proxied('GET'),
  proxyPost: proxied('POST'),
  proxyPut: proxied('PUT'),
  proxyPatch: proxied('PATCH'),
  proxyDelete: proxied('DELETE'),
} as const;
