import { z } from 'zod';
import { operation } from '../operation.ts';
import { listQuery, noQuery, pageOf, time } from '../shared-schema.ts';

const days = z.int().min(1).max(3650);

const deliveryMode = z.enum(['push', 'pull', 'both', 'shadow']);

const tenantPatch = z.strictObject({
  delivery: deliveryMode
    .optional()
    .describe(
      "How new events reach the tenant. `both`: by callbacks and by the feed. `push`: by callbacks; the tenant's keys may not read the feed. `pull`: by the feed; nothing is delivered, and changing back delivers nothing of the past (a replay does). `shadow`: as `both`, and each new delivery also goes to `shadow_url`, once, without counting. Needs a key for all tenants. Applies within a minute.",
    ),
  shadow_url: z
    .string()
    .min(1)
    .max(2048)
    .nullable()
    .optional()
    .describe(
      'The second endpoint of the mode `shadow`. It gets the body and signatures of the callback, without headers and credentials of the subscription. Null removes it. Needs a key for all tenants.',
    ),
  retention: z
    .strictObject({
      events_days: days.nullable().optional().describe('Days to keep events, their payloads and their deliveries.'),
      raw_days: days.nullable().optional().describe('Days to keep requests of providers in the raw archive.'),
    })
    .optional()
    .describe(
      'Periods in days, at most those of the deployment; null means that of the deployment. A change applies to data that arrives at least a minute later.',
    ),
});

const certificate = z
  .object({
    id: z.string(),
    tenant: z.string(),
    requested_by: z.string().describe('Id of the API key that requested the erasure.'),
    started_at: time,
    finished_at: time,
    removed: z.record(z.string(), z.int()).describe('How many objects of each kind were removed.'),
    kept: z
      .array(z.object({ what: z.string(), why: z.string(), until: time.nullable() }))
      .describe('What was kept, why, and until when.'),
    passes: z.int().describe('Passes over all stores. The last one found nothing.'),
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
    retention: z.object({ events_days: z.int(), raw_days: z.int() }).describe('The retention in effect.'),
    delivery: deliveryMode.describe('How new events reach the tenant.'),
    shadow_url: z.string().nullable().describe('The second endpoint of the mode `shadow`.'),
    erasure: erasure.nullable().describe('The latest erasure.'),
    certificates: z.array(certificate).describe('Certificates of completed erasures, newest first.'),
  })
  .meta({ id: 'Tenant' });

const exportEntry = z
  .object({
    kind: z.enum([
      'tenant',
      'account',
      'subscription',
      'consumer',
      'key',
      'delivery',
      'record',
      'sync',
      'sync_run',
      'event',
    ]),
    value: z.unknown().describe('The object as other operations of the API return it, without secrets.'),
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
  delivery: 'both' as const,
  shadow_url: null,
  erasure: null,
  certificates: [],
};

/** Retention, export and erasure of a tenant's data. */
export const tenantOperations = {
  listTenants: operation({
    method: 'GET',
    path: '/v1/tenants',
    tag: 'Tenants',
    summary: 'List the tenants that have settings or an erasure',
    description: 'Tenants are not created explicitly. A tenant exists from its first account on.',
    access: 'tenants:read',
    isForAllTenants: true,
    query: listQuery,
    answers: { 200: { description: 'A page of tenants, unsorted.', body: pageOf(tenant) } },
    example: { answer: { data: [example], next_cursor: null } },
  }),
  getTenant: operation({
    method: 'GET',
    path: '/v1/tenants/{id}',
    tag: 'Tenants',
    summary: 'Get the settings of a tenant and the state of its erasure',
    access: 'tenants:read',
    answers: { 200: { description: 'The tenant.', body: tenant } },
    example: { params, answer: example },
  }),
  updateTenant: operation({
    method: 'PATCH',
    path: '/v1/tenants/{id}',
    tag: 'Tenants',
    summary: 'Set how long the data of a tenant is kept, and how its events reach it',
    access: 'tenants:write',
    body: tenantPatch,
    answers: { 200: { description: 'The updated tenant.', body: tenant } },
    problems: {
      403: 'Only a key for all tenants may set `delivery` and `shadow_url` (reason `delivery-needs-operator`).',
      409: 'The data of the tenant is being erased.',
    },
    example: { params, body: { retention: { events_days: 7 } }, answer: example },
  }),
  deleteTenant: operation({
    method: 'DELETE',
    path: '/v1/tenants/{id}',
    tag: 'Tenants',
    summary: 'Erase all data of a tenant',
    description:
      'The erasure runs in the background and removes the keys of the tenant first. `GET` the tenant for its state and, when it is done, for the certificate. Repeating the call while it runs returns the same erasure.',
    access: 'tenants:write',
    query: noQuery,
    answers: { 202: { description: 'The erasure, which runs in the background.', body: erasure } },
    example: { params, answer: erasureExample },
  }),
  exportTenant: operation({
    method: 'GET',
    path: '/v1/tenants/{id}/export',
    // It reads everything, so the audit records who did.
    isAudited: true,
    tag: 'Tenants',
    summary: 'Export all data of a tenant, page by page',
    description:
      'Settings, accounts, subscriptions, consumers and keys of the tenant, deliveries of its subscriptions, and events with their data, oldest first.',
    access: 'tenants:read',
    query: listQuery,
    answers: {
      200: {
        description: 'A page of objects. A short or empty page is not necessarily the last.',
        body: pageOf(exportEntry),
      },
    },
    example: { params, answer: { data: [{ kind: 'tenant', value: example }], next_cursor: null } },
  }),
} as const;
