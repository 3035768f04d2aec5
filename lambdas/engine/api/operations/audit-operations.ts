import { z } from 'zod';
import { operation } from '../operation.ts';
import { instant, listQuery, pageOf, tenantName, time } from '../shared-schema.ts';

const auditQuery = listQuery.extend({
  tenant: tenantName.optional().describe('Whose things; a key of a tenant needs none.'),
  since: instant.optional(),
  until: instant.optional(),
  key: z.string().min(1).max(64).optional().describe('Id of the key that called.'),
  operation: z.string().min(1).max(64).optional().describe('Such as `updateSubscription`.'),
  object: z.string().min(1).max(300).optional().describe('Such as `subscriptions/sub_acme`.'),
});

const entry = z
  .object({
    id: z.string(),
    at: time,
    operation: z
      .string()
      .describe(
        'The `operationId` in the OpenAPI document; or `refuseCredentials`: the key was shown with a secret or a token that is not valid, or after its end. One entry for each key and hour, with the first of them.',
      ),
    object: z.string().describe('What it was done to: `<kind>/<id>`.'),
    tenant: z.string().nullable().describe('Whose it is; null for what concerns all tenants.'),
    actor: z.object({
      key: z.string().describe('Id of the API key.'),
      token: z.string().nullable().describe('Id of the token that was given for it; null where the key itself called.'),
    }),
    source: z.object({ ip: z.string().nullable(), user_agent: z.string().nullable(), request_id: z.string() }),
    status: z
      .int()
      .nullable()
      .describe('How it was answered; null where it is not known: the function ended in the middle.'),
    fields: z.array(z.string()).describe('Members of the request’s body.'),
    before: z.unknown().describe('The object as it was, with secrets masked; null where there was none.'),
    after: z.unknown().describe('The object as it was then; null where there is none.'),
  })
  .meta({ id: 'AuditEntry' });

/** Who did what to which object, from where, when. */
export const auditOperations = {
  listAudit: operation({
    method: 'GET',
    path: '/v1/audit',
    tag: 'Audit',
    summary: 'Who did what, newest first',
    access: 'audit:read',
    query: auditQuery,
    answers: { 200: { description: 'A page; it may be short without being the last.', body: pageOf(entry) } },
    example: {
      query: { object: 'subscriptions/sub_acme' },
      answer: {
        data: [
          {
            id: 'aud_miz0th7k_0123456789abcdef',
            at: '2026-11-27T12:00:00.000Z',
            operation: 'updateSubscription',
            object: 'subscriptions/sub_acme',
            tenant: 'acme',
            actor: { key: '3f9c2a7b5d1e4f60', token: null },
            source: { ip: '203.0.113.7', user_agent: 'curl/8.5.0', request_id: 'JKJaXmPLvHcESHA=' },
            status: 200,
            fields: ['rate_per_second'],
            before: { id: 'sub_acme', rate_per_second: null },
            after: { id: 'sub_acme', rate_per_second: 10 },
          },
        ],
        next_cursor: null,
      },
    },
  }),
} as const;
