import { z } from 'zod';
import { maxTokenSeconds } from '../../access/access-token.ts';
import { frameOrigin } from '../../access/portal-session.ts';
import { scopeNames } from '../../access/scopes.ts';
import { operation } from '../operation.ts';
import { listQuery, noQuery, pageOf, tenantName, time } from '../shared-schema.ts';

const scopeList = z.array(z.enum(scopeNames)).min(1).max(scopeNames.length);

/** Where the console leads a browser: never `javascript:` or `data:`. */
const link = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text) && ['https:', 'http:'].includes(new URL(text).protocol), {
    error: 'expected an http or https URL',
  });

/** As `frame-ancestors` takes it. */
const originText = z
  .string()
  .max(256)
  .regex(frameOrigin, 'expected an origin such as https://app.example.com, without a path');

const sessionBody = z.strictObject({
  tenant: tenantName.optional().describe('The tenant of the partner. Required unless the key belongs to a tenant.'),
  scopes: scopeList.describe('What the partner may see and do; at most what the calling key may.'),
  return_url: link.describe('Where the link "Back" of the console leads.'),
  refresh_url: link.optional().describe('Where the partner gets a new link when this one, or its session, has ended.'),
  ttl_seconds: z
    .int()
    .min(60)
    .max(maxTokenSeconds)
    .default(maxTokenSeconds)
    .describe('How long the session lasts, in seconds, from now on.'),
  origins: z
    .array(originText)
    .max(10)
    .default([])
    .describe('Origins whose pages may show the console in a frame. Default: none.'),
});

const sessionShape = {
  id: z.string(),
  tenant: z.string(),
  scopes: z.array(z.enum(scopeNames)),
  return_url: z.string(),
  refresh_url: z.string().nullable(),
  origins: z.array(z.string()),
  opened_at: time.nullable().describe('When the link was opened; null if it was not. It opens once.'),
  expires_at: time,
  created_at: time,
};
const session = z.object(sessionShape).meta({ id: 'PortalSession' });
const withUrl = z
  .object({
    ...sessionShape,
    url: z
      .string()
      .describe('The link into the console. Its code, in the fragment, works once. Shown in this response only.'),
  })
  .meta({ id: 'PortalSessionWithUrl' });

const opened = z
  .object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int(),
    session: session,
  })
  .meta({ id: 'OpenedPortalSession' });

const example = {
  id: 'ps5e2f0c1b7a9d4e6f',
  tenant: 'acme',
  scopes: ['events:read' as const, 'subscriptions:write' as const],
  return_url: 'https://app.example.com/settings',
  refresh_url: null,
  origins: [],
  opened_at: null,
  expires_at: '2026-11-27T13:00:00.000Z',
  created_at: '2026-11-27T12:00:00.000Z',
};
const code = 'ps5e2f0c1b7a9d4e6f_mHk0lIQ9n3V1r8b2yXw5tZs7uA4cE6gJ0pLqRdTfN8k';

const listSessionsQuery = listQuery.extend({
  tenant: tenantName.optional().describe('Only sessions of this tenant.'),
});

/** Links for partners into the console. */
export const portalOperations = {
  createPortalSession: operation({
    method: 'POST',
    path: '/v1/portal-sessions',
    tag: 'Portal',
    summary: 'Create a link for a partner into the console',
    description:
      'The partner sees one tenant, and the parts that the scopes allow. An access token cannot create sessions, because they would outlive it. A session ends at once when the key that made it is revoked or expires, or its secret is rotated out, and it loses the scopes that the key loses.',
    access: 'keys:write',
    body: sessionBody,
    answers: { 201: { description: 'The session with its link. The link is not shown again.', body: withUrl } },
    problems: {
      403: 'The session would have more than the calling key: another scope or a later end. See `reason`.',
      404: 'The calling key cannot access this tenant.',
      409: 'The tenant is being erased.',
      422: 'The tenant has as many sessions that have not ended as it may have, or the body is not valid. See `reason`.',
    },
    example: {
      body: {
        tenant: 'acme',
        scopes: ['events:read', 'subscriptions:write'],
        return_url: 'https://app.example.com/settings',
        ttl_seconds: 3600,
      },
      answer: { ...example, url: `https://hooks.example.com/console/p/${example.id}/#code=${code}` },
    },
  }),
  listPortalSessions: operation({
    method: 'GET',
    path: '/v1/portal-sessions',
    tag: 'Portal',
    summary: 'List the portal sessions that have not ended',
    access: 'keys:read',
    query: listSessionsQuery,
    answers: {
      200: { description: 'A page of sessions. A short page is not necessarily the last.', body: pageOf(session) },
    },
    example: { query: { tenant: 'acme' }, answer: { data: [example], next_cursor: null } },
  }),
  revokePortalSession: operation({
    method: 'DELETE',
    path: '/v1/portal-sessions/{id}',
    tag: 'Portal',
    summary: 'Revoke a portal session',
    access: 'keys:write',
    answers: { 204: { description: 'The session has ended: its link and its token are rejected from now on.' } },
    problems: { 403: 'The session has a scope that the calling key lacks.' },
    example: { params: { id: example.id } },
  }),
  revokePortalSessions: operation({
    method: 'DELETE',
    path: '/v1/portal-sessions',
    tag: 'Portal',
    summary: 'Revoke all portal sessions of a tenant',
    access: 'keys:write',
    query: z.strictObject({
      tenant: tenantName.optional().describe('Required unless the key belongs to a tenant.'),
    }),
    answers: {
      200: {
        description: 'How many sessions have ended, and how many have a scope that the calling key lacks.',
        body: z.object({ revoked: z.int(), refused: z.int() }).meta({ id: 'RevokedPortalSessions' }),
      },
    },
    example: { query: { tenant: 'acme' }, answer: { revoked: 3, refused: 0 } },
  }),
  openPortalSession: operation({
    method: 'POST',
    path: '/v1/portal-sessions/open',
    isAudited: false,
    tag: 'Portal',
    summary: 'Exchange the code of a link for a token, once',
    description: 'The console calls it. The token ends with the session. The audit log notes each exchange.',
    access: 'public',
    query: noQuery,
    body: z.strictObject({ code: z.string().min(1).max(256) }),
    maxBodyBytes: 4 * 1024,
    answers: { 200: { description: 'The token, and what the session is.', body: opened } },
    problems: {
      401: 'The code is not valid: it was used, or its session has ended. Of a code that was right, `refresh_url` and `return_url` say where to go.',
      413: 'This operation accepts at most 4 KiB.',
    },
    example: {
      body: { code },
      answer: {
        access_token: 'eyJhbGciOiJIUzI1NiJ9.e30.c2ln',
        token_type: 'Bearer',
        expires_in: 3600,
        session: { ...example, opened_at: '2026-11-27T12:01:00.000Z' },
      },
    },
  }),
} as const;
