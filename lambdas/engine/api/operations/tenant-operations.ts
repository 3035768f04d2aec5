import { z } from 'zod';
import { operation } from '../operation.ts';
import { listQuery, noQuery, pageOf, time } from '../shared-schema.ts';

const days = z.int().min(1).max(3650);

const tenantPatch = z.strictObject({
  retention: z
    .strictObject({
      events_days: days.nullable().optional().describe('Events, their payloads and their deliveries.'),
      raw_days: days.nullable().optional().describe('What providers sent, in the raw archive.'),
    })
    .describe(
      'Days, no more than the deployment has; null for what it has. New data is kept so, from a minute later on.',
    ),
});

const certificate = z
  .object({
    id: z.string(),
    tenant: z.string(),
    requested_by: z.string().describe('Id of the key.'),
    started_at: time,
    finished_at: time,
    removed: z.record(z.string(), z.int()).describe('How many of each kind.'),
    kept: z
      .array(z.object({ what: z.string(), why: z.string(), until: time.nullable() }))
      .describe('What was not removed, why, and until when.'),
    passes: z.int().describe('Times that all stores were gone through; the last found nothing.'),
    digest: z.string().describe('`sha256:` of all other members as canonical JSON (RFC 8785).'),
  })
  .meta({ id: 'ErasureCertificate' });

const erasure = z
  .object({
    id: z.string(),
    state: z.enum(['running', 'done']),
    requested_by: z.string(),
    started_at: time,
    finished_at: time.nullable(),
  })
  .meta({ id: 'Erasure' });

const tenant = z
  .object({
    tenant: z.string(),
    retention: z.object({ events_days: z.int(), raw_days: z.int() }).describe('As it holds now.'),
    erasure: erasure.nullable().describe('The newest.'),
    certificates: z.array(certificate).describe('Of erasures that are done, newest first.'),
  })
  .meta({ id: 'Tenant' });

const exportEntry = z
  .object({
    kind: z.enum(['tenant', 'account', 'subscription', 'consumer', 'key', 'delivery', 'event']),
    value: z.unknown().describe('As the API shows it elsewhere: without secrets.'),
  })
  .meta({ id: 'ExportEntry' });

const params = { id: 'acme' };
const erasureExample = {
  id: 'ers_0123456789abcdef',
  state: 'running',
  requested_by: '3f9c2a7b5d1e4f60',
  started_at: '2026-11-27T12:00:00.000Z',
  finished_at: null,
};
const example = {
  tenant: 'acme',
  retention: { events_days: 7, raw_days: 30 },
  erasure: null,
  certificates: [],
};

/** What is kept of tenants, for how long, and its end. */
export const tenantOperations = {
  listTenants: operation({
    method: 'GET',
    path: '/v1/tenants',
    tag: 'Tenants',
    summary: 'List tenants that have settings, or had their data erased',
    description: 'A tenant needs no making: it is there with its first account.',
    access: 'tenants:read',
    isForAllTenants: true,
    query: listQuery,
    answers: { 200: { description: 'A page, in no order.', body: pageOf(tenant) } },
    example: { answer: { data: [example], next_cursor: null } },
  }),
  getTenant: operation({
    method: 'GET',
    path: '/v1/tenants/{id}',
    tag: 'Tenants',
    summary: "Read a tenant's retention, and how far its erasure is",
    access: 'tenants:read',
    answers: { 200: { description: 'The tenant.', body: tenant } },
    example: { params, answer: example },
  }),
  updateTenant: operation({
    method: 'PATCH',
    path: '/v1/tenants/{id}',
    tag: 'Tenants',
    summary: "Say for how long a tenant's data is kept",
    access: 'tenants:write',
    body: tenantPatch,
    answers: { 200: { description: 'The tenant as it is now.', body: tenant } },
    problems: { 409: 'Its data is being erased.' },
    example: { params, body: { retention: { events_days: 7 } }, answer: example },
  }),
  deleteTenant: operation({
    method: 'DELETE',
    path: '/v1/tenants/{id}',
    tag: 'Tenants',
    summary: "Erase a tenant's data everywhere",
    description:
      'It goes on by itself; `GET` the tenant for how far it is and, at the end, for the certificate. To ask twice is no mistake. The keys of the tenant go first.',
    access: 'tenants:write',
    query: noQuery,
    answers: { 202: { description: 'The erasure.', body: erasure } },
    example: { params, answer: erasureExample },
  }),
  exportTenant: operation({
    method: 'GET',
    path: '/v1/tenants/{id}/export',
    // It takes along all that there is: who did so is told.
    isAudited: true,
    tag: 'Tenants',
    summary: 'All that is stored of a tenant, page by page',
    description:
      'Its settings, accounts, subscriptions, consumers, keys, deliveries of its own subscriptions, and events with their data, oldest first.',
    access: 'tenants:read',
    query: listQuery,
    answers: {
      200: { description: 'A page; it may be short, or empty, without being the last.', body: pageOf(exportEntry) },
    },
    example: { params, answer: { data: [{ kind: 'tenant', value: example }], next_cursor: null } },
  }),
} as const;
