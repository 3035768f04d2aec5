import { z } from 'zod';
import { maxTokenSeconds } from '../../access/access-token.ts';
import { scopeNames } from '../../access/scopes.ts';
import { operation } from '../operation.ts';
import { instant, listQuery, noQuery, pageOf, tenantName, time } from '../shared-schema.ts';

const scopeList = z.array(z.enum(scopeNames)).min(1).max(scopeNames.length);
const name = z.string().min(1).max(128);
const ratePerMinute = z.int().min(1).max(1_000_000);

const keyBody = z.strictObject({
  name: name.optional().describe('What people call it; without it, its id.'),
  tenant: tenantName.nullable().optional().describe('Whose things it may reach; null for those of all tenants.'),
  scopes: scopeList,
  expires_at: instant.optional().describe('Without it, the end of the key that calls, where it has one.'),
  rate_per_minute: ratePerMinute
    .optional()
    .describe('Calls a minute; without it, that of the key that calls, or what the deployment says.'),
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
    .describe('How long the former secrets are taken, too.'),
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
    .describe('When each secret was made and when it ends; the secrets themselves are never shown.'),
  last_used_at: time.nullable().describe('To the minute.'),
  created_at: time,
};
const key = z.object(keyShape).meta({ id: 'ApiKey' });
const withSecret = z
  .object({ ...keyShape, key: z.string().describe('`tk_<id>_<secret>`, in this answer only.') })
  .meta({ id: 'ApiKeyWithSecret' });

/** Client credentials (RFC 6749, 4.4), as a form or as JSON; the client may name itself by HTTP Basic, too. */
const tokenBody = z.strictObject({
  grant_type: z.literal('client_credentials'),
  client_id: z.string().min(1).max(128).optional().describe("The key's id, with or without `tk_`."),
  client_secret: z.string().min(1).max(512).optional().describe("The key's secret, or the whole key."),
  scope: z.string().max(1024).optional().describe("Scopes separated by spaces; without it, all of the key's."),
  expires_in: z.coerce
    .number()
    .int()
    .min(60)
    .max(maxTokenSeconds)
    .default(maxTokenSeconds)
    .describe('Seconds that it is good for.'),
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
  'The key would have more than the one that calls: a scope, a later end or a higher rate. `reason` tells.';

/** Who may call, and what. */
export const accessOperations = {
  createKey: operation({
    method: 'POST',
    path: '/v1/keys',
    tag: 'Access',
    summary: 'Make an API key',
    description:
      'It may do no more than the key that makes it, lives no longer, calls no more often, and reaches no other tenant. Left out, `expires_at` and `rate_per_minute` are those of the key that makes it. A token makes no keys: it would outlive itself.',
    access: 'keys:write',
    body: keyBody,
    answers: { 201: { description: 'The key, whole, this once.', body: withSecret } },
    problems: { 403: beyond, 404: "The tenant is not the key's.", 409: 'The tenant is being erased.' },
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
    answers: { 200: { description: 'A page.', body: pageOf(key) } },
    example: { answer: { data: [example], next_cursor: null } },
  }),
  getKey: operation({
    method: 'GET',
    path: '/v1/keys/{id}',
    tag: 'Access',
    summary: 'Read an API key: never its secret',
    access: 'keys:read',
    answers: { 200: { description: 'The key.', body: key } },
    example: { params, answer: example },
  }),
  updateKey: operation({
    method: 'PATCH',
    path: '/v1/keys/{id}',
    tag: 'Access',
    summary: 'Change what an API key may do, and until when',
    description:
      'Of another key: none changes itself. Null takes a bound away; where the key that calls has that bound, it is the new one. What the change gives is within what the key that calls has.',
    access: 'keys:write',
    body: keyPatch,
    answers: { 200: { description: 'The key as it is now.', body: key } },
    problems: { 403: beyond },
    example: { params, body: { scopes: ['events:read', 'stats:read'] }, answer: example },
  }),
  rotateKey: operation({
    method: 'POST',
    path: '/v1/keys/{id}/rotate',
    tag: 'Access',
    summary: 'Make a new secret; the former ones are taken, too, until the overlap is over',
    description:
      'The key ends when it ended before. A key rotates itself with its current secret only, and other keys only where they live no longer and call no more often than it.',
    access: 'keys:write',
    body: rotateBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The key with its new secret, this once.', body: withSecret } },
    problems: { 403: beyond },
    example: { params, body: { overlap_seconds: 3600 }, answer: { ...example, key: shownKey } },
  }),
  revokeKey: operation({
    method: 'DELETE',
    path: '/v1/keys/{id}',
    tag: 'Access',
    summary: 'Revoke an API key, and every token that was given for it',
    access: 'keys:write',
    answers: { 204: { description: 'It is refused from now on.' } },
    problems: { 403: beyond },
    example: { params },
  }),
  createToken: operation({
    method: 'POST',
    path: '/v1/token',
    isAudited: false,
    tag: 'Access',
    summary: 'Get a short-lived token for a key (OAuth 2.0 client credentials)',
    description:
      'As a form (`application/x-www-form-urlencoded`) or as JSON. The token ends with the secret that it was given for, and with its key.',
    access: 'credentials',
    query: noQuery,
    body: tokenBody,
    // An id, a secret and all scopes are a tenth of it; and its sender is a stranger.
    maxBodyBytes: 8 * 1024,
    answers: { 200: { description: 'The token.', body: token } },
    problems: { 413: 'A request for a token has at most 8 KiB.' },
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
