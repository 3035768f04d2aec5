import { z } from 'zod';
import { operation } from '../operation.ts';
import { instant, listQuery, pageOf, tenantName, time } from '../shared-schema.ts';

const auditQuery = listQuery.extend({
  tenant: tenantName
    .optional()
    .describe('The tenant whose objects changed. A key of a tenant sees only its own tenant.'),
  since: instant.optional(),
  until: instant.optional(),
  key: z.string().min(1).max(64).optional().describe('Id of the API key that made the call.'),
  operation: z.string().min(1).max(64).optional().describe('An `operationId` such as `updateSubscription`.'),
  object: z.string().min(1).max(300).optional().describe('An object such as `subscriptions/sub_acme`.'),
});

const entry = z
  .object({
    id: z.string(),
    at: time,
    operation: z
      .string()
      .describe(
        'The `operationId` in this document, or `refuseCredentials`: a call used an invalid secret or token of the key, or an expired key. Failed calls make one entry for each key and hour, with the details of the first.',
      ),
    object: z.string().describe('The object of the call: `<kind>/<id>`.'),
    tenant: z.string().nullable().describe('The tenant of the object; null if it concerns all tenants.'),
    actor: z.object({
      key: z.string().describe('Id of the API key.'),
      token: z.string().nullable().describe('Id of the access token; null if the call used the key itself.'),
    }),
    source: z.object({ ip: z.string().nullable(), user_agent: z.string().nullable(), request_id: z.string() }),
    status: z
      .int()
      .nullable()
      .describe('Status of the response; null if unknown because the function ended during the call.'),
    fields: z.array(z.string()).describe('Names of the members in the request body.'),
    before: z.unknown().describe('The object before the call, with secrets masked; null if it did not exist.'),
    after: z.unknown().describe('The object after the call, with secrets masked; null if it does not exist.'),
  })
  .meta({ id: 'AuditEntry' });

/** The log of calls that changed something: caller, object, source and time. */
export const auditOperations = {
  listAudit: operation({
    method: 'GET',
    path: '/v1/audit',
    tag: 'Audit',
    summary: 'List the audit log, newest first',
    access: 'audit:read',
    query: auditQuery,
    answers: {
      200: { description: 'A page of entries. A short page is not necessarily the last.', body: pageOf(entry) },
    },
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
