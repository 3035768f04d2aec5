import { z } from 'zod';
import { maxTokenSeconds } from '../../access/access-token.ts';
import { scopeNames } from '../../access/scopes.ts';
import { operation } from '../operation.ts';
import { instant, listQuery, noQuery, pageOf, tenantName, time } from '../shared-schema.ts';

const scopeList = z.array(z.enum(scopeNames)).min(1).max(scopeNames.length);
const name = z.string().min(1).max(128);
const ratePerMinute = z.int().min(1).max(1_000_000);

const keyBody = z.strictObject({
  name: name.optional().describe('A name for people. Default: the id.'),
  tenant: tenantName.nullable().optional().describe('The tenant that the key may access; null for all tenants.'),
  scopes: scopeList,
  expires_at: instant.optional().describe('Default: the expiry of the calling key, if it has one.'),
  rate_per_minute: ratePerMinute
    .optional()
    .describe('Calls per minute. Default: the rate of the calling key, or the rate of the deployment.'),
});

const keyPatch = z.strictObject({
  name: name.optional(),
  scopes: scopeList.optional(),
  expires_at: instant.nullable().optional(),
  rate_per_minute: ratePerMinute.nullable().optional(),
});

const rotateBody = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(86_400)
    .describe('How long the previous secrets stay valid, in seconds.'),
});

const keyShape = {
  id: z.string(),
  name: z.string(),
  tenant: z.string().nullable(),
  scopes: z.array(z.enum(scopeNames)),
  expires_at: time.nullable(),
  rate_per_minute: z.int().nullable(),
  secrets: z
    .array(z.object({ created_at: time, expires_at: time.nullable() }))
    .describe('When each secret was created and when it expires. The secrets themselves are never shown.'),
  last_used_at: time.nullable().describe('Accurate to the minute.'),
  created_at: time,
};
const key = z.object(keyShape).meta({ id: 'ApiKey' });
const withSecret = z
  .object({ ...keyShape, key: z.string().describe('`tk_<id>_<secret>`. Shown in this response only.') })
  .meta({ id: 'ApiKeyWithSecret' });

/** Client credentials (RFC 6749, 4.4), as a form or as JSON. The client may also authenticate with HTTP Basic. */
const tokenBody = z.strictObject({
  grant_type: z.literal('client_credentials'),
  client_id: z.string().min(1).max(128).optional().describe('Id of the API key, with or without `tk_`.'),
  client_secret: z.string().min(1).max(512).optional().describe('Secret of the API key, or the whole key.'),
  scope: z.string().max(1024).optional().describe('Scopes, separated by spaces. Default: all scopes of the key.'),
  expires_in: z.coerce
    .number()
    .int()
    .min(60)
    .max(maxTokenSeconds)
    .default(maxTokenSeconds)
    .describe('Lifetime of the token in seconds.'),
});

const token = z
  .object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int(),
    scope: z.string(),
  })
  .meta({ id: 'AccessToken' });

const example = {
  id: '3f9c2a7b5d1e4f60',
  name: 'Partner: Acme',
  tenant: 'acme',
  scopes: ['events:read'],
  expires_at: null,
  rate_per_minute: null,
  secrets: [{ created_at: '2026-11-27T12:00:00.000Z', expires_at: null }],
  last_used_at: null,
  created_at: '2026-11-27T12:00:00.000Z',
};
const shownKey = 'tk_3f9c2a7b5d1e4f60_mHk0lIQ9n3V1r8b2yXw5tZs7uA4cE6gJ0pLqRdTfN8k';
const params = { id: example.id };
const beyond =
  'The other key has, or would get, more than the calling key: a scope, a later expiry or a higher rate. See `reason`.';

const caller = z
  .object({
    key: z.string().describe('Id of the key, or of the portal session.'),
    name: z.string(),
    tenant: z.string().nullable().describe('Null for a caller that may act for every tenant.'),
    scopes: z.array(z.enum(scopeNames)),
    expires_at: time.nullable().describe('When the key ends, or the portal session.'),
    portal: z
      .object({ return_url: z.string(), refresh_url: z.string().nullable() })
      .nullable()
      .describe('Null unless a portal session calls.'),
  })
  .meta({ id: 'Caller' });

/** API keys and access tokens. */
export const accessOperations = {
  createKey: operation({
    method: 'POST',
    path: '/v1/keys',
    tag: 'Access',
    summary: 'Create an API key',
    description:
      'The new key cannot have more than the calling key: no other scopes, no later expiry, no higher rate and no other tenant. If omitted, `expires_at` and `rate_per_minute` come from the calling key. An access token cannot create keys, because they would outlive it.',
    access: 'keys:write',
    body: keyBody,
    answers: { 201: { description: 'The key with its secret. The secret is not shown again.', body: withSecret } },
    problems: { 403: beyond, 404: 'The calling key cannot access this tenant.', 409: 'The tenant is being erased.' },
    example: {
      body: { name: 'Partner: Acme', tenant: 'acme', scopes: ['events:read'] },
      answer: { ...example, key: shownKey },
    },
  }),
  listKeys: operation({
    method: 'GET',
    path: '/v1/keys',
    tag: 'Access',
    summary: 'List API keys',
    access: 'keys:read',
    query: listQuery,
    answers: { 200: { description: 'A page of keys.', body: pageOf(key) } },
    example: { answer: { data: [example], next_cursor: null } },
  }),
  getKey: operation({
    method: 'GET',
    path: '/v1/keys/{id}',
    tag: 'Access',
    summary: 'Get an API key, without its secret',
    access: 'keys:read',
    answers: { 200: { description: 'The key.', body: key } },
    example: { params, answer: example },
  }),
  updateKey: operation({
    method: 'PATCH',
    path: '/v1/keys/{id}',
    tag: 'Access',
    summary: 'Update the scopes and limits of an API key',
    description:
      'A key cannot update itself. Null removes an expiry or a rate; if the calling key has one, that one applies instead. The updated key cannot have more than the calling key.',
    access: 'keys:write',
    body: keyPatch,
    answers: { 200: { description: 'The updated key.', body: key } },
    problems: { 403: beyond },
    example: { params, body: { scopes: ['events:read', 'stats:read'] }, answer: example },
  }),
  rotateKey: operation({
    method: 'POST',
    path: '/v1/keys/{id}/rotate',
    tag: 'Access',
    summary: 'Create a new secret; previous secrets stay valid during the overlap',
    description:
      'The expiry of the key does not change. A key can rotate itself only with its current secret. It can rotate another key only if that key expires no later and has no higher rate.',
    access: 'keys:write',
    body: rotateBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The key with its new secret. The secret is not shown again.', body: withSecret } },
    problems: { 403: beyond },
    example: { params, body: { overlap_seconds: 3600 }, answer: { ...example, key: shownKey } },
  }),
  revokeKey: operation({
    method: 'DELETE',
    path: '/v1/keys/{id}',
    tag: 'Access',
    summary: 'Revoke an API key and all its access tokens',
    access: 'keys:write',
    answers: { 204: { description: 'The key is rejected from now on.' } },
    problems: { 403: beyond },
    example: { params },
  }),
  getCaller: operation({
    method: 'GET',
    path: '/v1/caller',
    tag: 'Access',
    summary: 'Get what the calling key or token may do',
    access: 'any-key',
    answers: { 200: { description: 'The caller.', body: caller } },
    example: {
      answer: {
        key: example.id,
        name: example.name,
        tenant: 'acme',
        scopes: ['events:read'],
        expires_at: null,
        portal: null,
      },
    },
  }),
  createToken: operation({
    method: 'POST',
    path: '/v1/token',
    isAudited: false,
    tag: 'Access',
    summary: 'Create a short-lived access token (OAuth 2.0 client credentials)',
    description:
      'Send a form (`application/x-www-form-urlencoded`) or JSON. The token becomes invalid when the secret that requested it, or its key, ends.',
    access: 'credentials',
    query: noQuery,
    body: tokenBody,
    // The sender is not authenticated yet. An id, a secret and all scopes need a tenth of this.
    maxBodyBytes: 8 * 1024,
    answers: { 200: { description: 'The token.', body: token } },
    problems: { 413: 'This operation accepts at most 8 KiB.' },
    example: {
      body: { grant_type: 'client_credentials', client_id: example.id, client_secret: 'the secret', expires_in: 900 },
      answer: {
        access_token: 'eyJhbGciOiJIUzI1NiJ9.e30.c2ln',
        token_type: 'Bearer',
        expires_in: 900,
        scope: 'events:read',
      },
    },
  }),
} as const;
