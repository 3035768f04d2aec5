import { z } from 'zod';
import { addressRangeList } from '../../outbound/address-range-schema.ts';
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

/** A context holds names and ids by which a provider knows the tenant. */
const maxContextBytes = 16 * 1024;

const context = z
  .record(z.string(), z.unknown())
  .refine((value) => jsonBytes(value) <= maxContextBytes, `expected at most ${maxContextBytes} bytes of JSON`)
  .describe(
    'Values by which the provider knows the tenant. Requests to the URL that serves all accounts find the account by them.',
  );

/** A request to wait for secrets, in the form that flows use. */
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
  .describe(
    'Secrets that the provider chooses in its handshake. Each is accepted once, and only until the wait expires.',
  );

const maxCredentialBytes = 32 * 1024;

const credentials = z
  .record(z.string(), z.unknown())
  .refine((value) => jsonBytes(value) <= maxCredentialBytes, `expected at most ${maxCredentialBytes} bytes of JSON`)
  .describe(
    'What calls of the provider authenticate with: `type`, one of the kinds that the integration declares, and its members. They are tried before they are stored, and no answer contains them.',
  );

const baseUrl = z
  .url({ protocol: /^https?$/ })
  .max(512)
  .describe("Where the provider's API is, in the place of the integration's: an instance on the premises.");

const share = z
  .number()
  // Below, a limit leaves no call in any useful time; and a row holds no number below 1e-130.
  .min(0.001)
  .max(1)
  .describe("The part of the provider's limits that the engine may use. Default: 1.");

const syncs = z
  .enum(['on', 'off'])
  .describe(
    'Whether the account gets the syncs that its integration declares, once it has credentials. `off` removes them; syncs that were posted stay. Default: on.',
  );

const allowedRanges = addressRangeList.describe(
  'Address ranges in CIDR form from which its webhooks may come, at its own URL and where its secrets verify those of the URL for all accounts. Others are answered 403, in addition to what the integration refuses. Empty: all addresses.',
);

const accountBody = z.strictObject({
  id: identifier.optional(),
  tenant: tenantName.optional(),
  integration: z.string().min(1).max(64),
  secrets: secretValues,
  credentials: credentials.optional(),
  base_url: baseUrl.optional(),
  share: share.optional(),
  syncs: syncs.optional(),
  allowed_ranges: allowedRanges.optional(),
  context: context.default({}),
  capture: captureRequest.optional(),
  name: label.optional().describe('A name for people.'),
  metadata: metadata.optional(),
});

const accountPatch = z.strictObject({
  secrets: z
    .record(z.string(), z.union([secretValue, z.null()]))
    .optional()
    .refine(...fitsRow)
    .describe('Secrets by name. Null removes a secret.'),
  context: context.optional(),
  capture: z.union([captureRequest, z.null()]).optional(),
  credentials: credentials.nullable().optional().describe('Replaces the credentials; null removes them.'),
  base_url: baseUrl.nullable().optional(),
  share: share.nullable().optional(),
  syncs: syncs.optional(),
  allowed_ranges: allowedRanges.nullable().optional(),
  name: label.nullable().optional(),
  metadata: metadata.nullable().optional(),
});

/** Secrets that an account waits for, in answers. */
export const captureView = z.object({ secrets: z.array(z.string()), expires_at: time });

const account = z
  .object({
    id: z.string(),
    tenant: z.string(),
    integration: z.string(),
    name: z.string().nullable(),
    metadata: metadataView,
    context: z.record(z.string(), z.unknown()),
    webhook_url: z
      .string()
      .describe(
        'The URL to enter at the provider. If it carries a token, that token authenticates requests, so keep it secret.',
      ),
    secret_names: z.array(z.string()).describe('Names of the stored secrets.'),
    base_url: z.string().nullable(),
    share: z.number(),
    syncs: z.enum(['on', 'off']),
    allowed_ranges: z.array(z.string()).describe('Empty: its webhooks may come from every address.'),
    credentials: z
      .object({ type: z.string(), expires_at: time.nullable(), updated_at: time })
      .nullable()
      .describe('The kind of the stored credentials, and when their token expires.'),
    status: z
      .enum(['active', 'auth_failed', 'disconnected'])
      .describe(
        '`auth_failed`: the provider refuses the credentials; reads wait for others. `disconnected`: the integration calls an API, and the account has no credentials for it.',
      ),
    status_reason: z.string().nullable(),
    status_since: time.nullable(),
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
  base_url: null,
  share: 1,
  syncs: 'on' as const,
  allowed_ranges: [],
  credentials: { type: 'bearer', expires_at: null, updated_at: '2026-11-27T12:00:00.000Z' },
  status: 'active' as const,
  status_reason: null,
  status_since: null,
  created_at: '2026-11-27T12:00:00.000Z',
};

/** Problem reasons for routing values in a context. */
const claimNeedsOperator =
  '`claim-needs-operator` if the context has a value that routes requests to the shared URL, and no account of the tenant has it yet.';
const claimConflicts =
  '`context-claimed` if the context has a value that another tenant owns; `context-accounts` if a value has the maximum number of accounts.';

const collision = z
  .object({
    integration: z.string(),
    value: z.string().describe('The value by which requests to the shared URL find their account.'),
    accounts: z.array(z.object({ id: z.string(), tenant: z.string() })),
  })
  .meta({ id: 'ContextCollision' });

/** Accounts. No answer contains a secret. */
export const accountOperations = {
  createAccount: operation({
    method: 'POST',
    path: '/v1/accounts',
    tag: 'Accounts',
    summary: 'Connect a tenant to an integration',
    access: 'accounts:write',
    body: accountBody,
    answers: { 201: { description: 'The account, with the URL to enter at the provider.', body: account } },
    problems: {
      403: `\`reason\` is ${claimNeedsOperator}`,
      404: 'The key cannot access this tenant.',
      409: `An account with this id exists, or existed and belonged to another tenant, or the tenant is being erased. \`reason\` is ${claimConflicts}`,
    },
    example: {
      body: {
        id: 'acc_github_acme',
        tenant: 'acme',
        integration: 'github',
        secrets: { signing_secret: 'keep it secret' },
        credentials: { type: 'bearer', token: 'keep it secret, too' },
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
    query: metadataListQuery.extend({ tenant: tenantName.optional().describe('Only accounts of this tenant.') }),
    answers: { 200: { description: 'A page of accounts, sorted by id.', body: pageOf(account) } },
    example: { query: { limit: '50' }, answer: { data: [example], next_cursor: null } },
  }),
  listContextCollisions: operation({
    method: 'GET',
    path: '/v1/context-collisions',
    tag: 'Accounts',
    summary: 'List routing values that several tenants have',
    description:
      'Such values come from integrations that let tenants share values, and from early versions that let every tenant claim any value. Requests with such a value are dead-lettered until only one tenant has it, or until the settings of the integration set `shared_contexts`. A page may be empty and not be the last.',
    access: 'accounts:read',
    isForAllTenants: true,
    query: listQuery,
    answers: { 200: { description: 'A page of values, unsorted.', body: pageOf(collision) } },
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
    summary: 'Get an account',
    access: 'accounts:read',
    answers: { 200: { description: 'The account.', body: account } },
    example: { params: { id: 'acc_github_acme' }, answer: example },
  }),
  updateAccount: operation({
    method: 'PATCH',
    path: '/v1/accounts/{id}',
    tag: 'Accounts',
    summary: 'Update an account',
    description:
      'Omitted members stay unchanged; null clears `name` and `metadata`. During a rotation, give a secret as a list: each of its values is valid.',
    access: 'accounts:write',
    body: accountPatch,
    answers: { 200: { description: 'The updated account.', body: account } },
    problems: {
      403: `\`reason\` is ${claimNeedsOperator}`,
      409: `The tenant is being erased. \`reason\` is ${claimConflicts}`,
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
      'The URL of the account answers 404 within 10 seconds. Its events stay until their retention ends. Its id remains reserved for the tenant: no other tenant can create an account with it.',
    access: 'accounts:write',
    answers: { 204: { description: 'The account is deleted.' } },
    problems: { 409: 'The tenant is being erased.' },
    example: { params: { id: 'acc_github_acme' } },
  }),
} as const;
