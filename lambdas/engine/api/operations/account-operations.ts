import { z } from 'zod';
import { operation } from '../operation.ts';
import {
  fitsRow,
  identifier,
  jsonBytes,
  label,
  listQuery,
  metadata,
  metadataListQuery,
  metadataView,
  pageOf,
  secretValue,
  secretValues,
  tenantName,
  time,
} from '../shared-schema.ts';

/** A context is for names and ids that a provider knows the tenant by. */
const maxContextBytes = 16 * 1024;

const context = z
  .record(z.string(), z.unknown())
  .refine((value) => jsonBytes(value) <= maxContextBytes, `expected at most ${maxContextBytes} bytes of JSON`)
  .describe('What the provider knows the tenant by, for the URL that serves all accounts.');

/** The wish to wait for secrets, as flows take it. */
export const captureRequest = z
  .strictObject({
    secrets: z.array(z.string().min(1).max(64)).min(1).max(10),
    expires_in_seconds: z
      .int()
      .min(60)
      .max(7 * 86_400)
      .default(86_400),
  })
  .transform(({ secrets, expires_in_seconds: expiresInSeconds }) => ({ secrets, expiresInSeconds }))
  .describe('Secrets that the provider chooses in its handshake: each is taken once, and only while it is waited for.');

const accountBody = z.strictObject({
  id: identifier.optional(),
  tenant: tenantName.optional(),
  integration: z.string().min(1).max(64),
  secrets: secretValues,
  credentials: z
    .record(z.string(), z.unknown())
    .default({})
    .refine((credentials) => Object.keys(credentials).length === 0, 'this integration takes no credentials'),
  context: context.default({}),
  capture: captureRequest.optional(),
  name: label.optional().describe('What people call it.'),
  metadata: metadata.optional(),
});

const accountPatch = z.strictObject({
  secrets: z
    .record(z.string(), z.union([secretValue, z.null()]))
    .optional()
    .refine(...fitsRow)
    .describe('By name; null takes one away.'),
  context: context.optional(),
  capture: z.union([captureRequest, z.null()]).optional(),
  name: label.nullable().optional(),
  metadata: metadata.nullable().optional(),
});

/** What is waited for, as answers show it. */
export const captureView = z.object({ secrets: z.array(z.string()), expires_at: time });

const account = z
  .object({
    id: z.string(),
    tenant: z.string(),
    integration: z.string(),
    name: z.string().nullable(),
    metadata: metadataView,
    context: z.record(z.string(), z.unknown()),
    webhook_url: z.string().describe('What you type into the provider; a token in it is what is verified.'),
    secret_names: z.array(z.string()).describe('Names of the secrets that it has.'),
    capture: captureView.optional(),
    created_at: time,
  })
  .meta({ id: 'Account' });

const example = {
  id: 'acc_github_acme',
  tenant: 'acme',
  integration: 'github',
  name: "Acme's GitHub",
  metadata: { team: 'platform' },
  context: {},
  webhook_url: 'https://api.example.com/in/github/acc_github_acme',
  secret_names: ['signing_secret'],
  created_at: '2026-11-27T12:00:00.000Z',
};

/** Reasons of problems with values of the context that route requests. */
const claimNeedsOperator =
  '`claim-needs-operator` where the context has a value that routes requests of the shared URL, and no account of the tenant has it.';
const claimConflicts =
  '`context-claimed` where the context has a value that another tenant owns, `context-accounts` where a value has as many accounts as it may have.';

const collision = z
  .object({
    integration: z.string(),
    value: z.string().describe('Of the context by which requests to the shared URL find their account.'),
    accounts: z.array(z.object({ id: z.string(), tenant: z.string() })),
  })
  .meta({ id: 'ContextCollision' });

/** Accounts: secrets go in and never come out. */
export const accountOperations = {
  createAccount: operation({
    method: 'POST',
    path: '/v1/accounts',
    tag: 'Accounts',
    summary: 'Connect a tenant to an integration',
    access: 'accounts:write',
    body: accountBody,
    answers: { 201: { description: 'The account, with the URL for its provider.', body: account } },
    problems: {
      403: `The key lacks the scope. \`reason\`: ${claimNeedsOperator}`,
      404: "The tenant is not the key's.",
      409: `An account with this id exists, or existed and was another tenant's, or the tenant is being erased. \`reason\`: ${claimConflicts}`,
    },
    example: {
      body: {
        id: 'acc_github_acme',
        tenant: 'acme',
        integration: 'github',
        secrets: { signing_secret: 'keep it secret' },
        name: "Acme's GitHub",
        metadata: { team: 'platform' },
      },
      answer: example,
    },
  }),
  listAccounts: operation({
    method: 'GET',
    path: '/v1/accounts',
    tag: 'Accounts',
    summary: 'List accounts',
    access: 'accounts:read',
    query: metadataListQuery,
    answers: { 200: { description: 'A page, by id.', body: pageOf(account) } },
    example: { query: { limit: '50' }, answer: { data: [example], next_cursor: null } },
  }),
  listContextCollisions: operation({
    method: 'GET',
    path: '/v1/context-collisions',
    tag: 'Accounts',
    summary: 'List values of contexts that accounts of several tenants have',
    description:
      'Of integrations that let tenants share, and of versions that let every tenant claim what it liked: requests for such a value are dead-lettered until one tenant has it, or the settings of the integration say `shared_contexts`. A page may be empty without being the last.',
    access: 'accounts:read',
    isForAllTenants: true,
    query: listQuery,
    answers: { 200: { description: 'A page, in no order.', body: pageOf(collision) } },
    example: {
      query: { limit: '50' },
      answer: {
        data: [
          {
            integration: 'hubspot',
            value: '62515',
            accounts: [
              { id: 'acc_acme', tenant: 'acme' },
              { id: 'acc_globex', tenant: 'globex' },
            ],
          },
        ],
        next_cursor: null,
      },
    },
  }),
  getAccount: operation({
    method: 'GET',
    path: '/v1/accounts/{id}',
    tag: 'Accounts',
    summary: 'Read an account',
    access: 'accounts:read',
    answers: { 200: { description: 'The account.', body: account } },
    example: { params: { id: 'acc_github_acme' }, answer: example },
  }),
  updateAccount: operation({
    method: 'PATCH',
    path: '/v1/accounts/{id}',
    tag: 'Accounts',
    summary: 'Change an account',
    description:
      'What is left out stays; null clears `name` and `metadata`. A rotating secret is a list: each of its values is good.',
    access: 'accounts:write',
    body: accountPatch,
    answers: { 200: { description: 'The account as it is now.', body: account } },
    problems: {
      403: `The key lacks the scope. \`reason\`: ${claimNeedsOperator}`,
      409: `The tenant is being erased. \`reason\`: ${claimConflicts}`,
    },
    example: {
      params: { id: 'acc_github_acme' },
      body: { secrets: { signing_secret: ['the new one', 'keep it secret'] } },
      answer: example,
    },
  }),
  deleteAccount: operation({
    method: 'DELETE',
    path: '/v1/accounts/{id}',
    tag: 'Accounts',
    summary: 'Delete an account',
    description:
      'Its URL answers 404 from then on (a function may go on with what it has read for 10 seconds). Its events stay for as long as they are kept. Its id stays with the tenant: no other tenant can create an account with it.',
    access: 'accounts:write',
    answers: { 204: { description: 'It is gone.' } },
    problems: { 409: 'The tenant is being erased.' },
    example: { params: { id: 'acc_github_acme' } },
  }),
} as const;
