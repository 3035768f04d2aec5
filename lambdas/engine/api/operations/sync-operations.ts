import { z } from 'zod';
import { postedSync } from '../../provider/language/sync-schema.ts';
import { runModes } from '../../sync/sync-state.ts';
import { operation } from '../operation.ts';
import { emptyBody, instant, listQuery, pageOf, tenantName } from '../shared-schema.ts';
import { runExample, sync, syncExample, syncRun } from '../sync-schema.ts';

/** Published by others, and taken as it is. */
const jobExample = {
  integration_name: 'zendesk',
  resources: [
    {
      resource: 'ticketing/tickets',
      method: 'list' as const,
      query: { updated_at: { gt: '{{previous_run_date}}' } },
    },
    {
      resource: 'ticketing/comments',
      method: 'list' as const,
      depends_on: 'ticketing/tickets',
      query: { ticket_id: '{{resources.ticketing.tickets.id}}' },
    },
  ],
};

const { id: _, integration_name: __, resources: ___, ...posted } = postedSync.shape;

const syncPatch = z.strictObject({
  every: posted.every.nullable(),
  between: posted.between.nullable(),
  cron: posted.cron.nullable(),
  time_zone: posted.time_zone.nullable(),
  reconcile: posted.reconcile.nullable(),
  emit: posted.emit.removeDefault().optional().describe('Only of a sync that was posted.'),
  snapshot: posted.snapshot.removeDefault().nullable().optional(),
  max_missing: posted.max_missing.removeDefault().nullable().optional(),
  confirm: posted.confirm.nullable(),
});

const modeText = {
  mode: z
    .enum(runModes)
    .default('incremental')
    .describe(
      '`incremental`: what has changed. `full`: everything, as in a first run. `reconcile`: a complete listing, compared with what is known; it finds deletes. `backfill`: what has changed between `since` and `until`; cursors stay.',
    ),
  since: instant.optional().describe('Of a backfill. Default: everything.'),
  until: instant.optional().describe('Of a backfill. Default: now.'),
  resource: z.string().max(128).optional().describe('Only this resource, and what depends on it.'),
};

const runRequest = z
  .strictObject(modeText)
  .superRefine(({ mode, since, until }, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    for (const [name, value] of Object.entries({ since, until }))
      if (value !== undefined && mode !== 'backfill') fault(name, 'expected only with the mode backfill');
    if (since !== undefined && until !== undefined && since >= until) fault('until', 'expected a time after since');
  })
  .transform(({ since, until, ...rest }) => ({
    ...rest,
    since: since === undefined ? undefined : new Date(since).toISOString(),
    until: until === undefined ? undefined : new Date(until).toISOString(),
  }));

const ofAccount = { id: 'acc_zendesk_acme' };
const ofSync = { ...ofAccount, sync: syncExample.id };
const paused = '`reason` is `sync-paused`: resume it first.';
const undeclared = '`reason` is `not-supported`: the definition of the integration no longer declares the sync.';

/** Syncs of an account: scheduled polls of its provider. */
export const syncOperations = {
  listAllSyncs: operation({
    method: 'GET',
    path: '/v1/syncs',
    tag: 'Syncs',
    summary: 'List the syncs of all accounts',
    description: 'By pages of accounts: `limit` is a number of accounts, and a page may be empty and not be the last.',
    access: 'accounts:read',
    query: listQuery.extend({
      limit: z.coerce.number().int().min(1).max(50).default(20).describe('Maximum number of accounts in a page.'),
      tenant: tenantName.optional().describe('Only accounts of this tenant.'),
    }),
    answers: {
      200: {
        description: 'A page of syncs with their accounts.',
        body: pageOf(
          sync.extend({ account: z.string(), tenant: z.string(), integration: z.string() }).meta({ id: 'AccountSync' }),
        ),
      },
    },
    example: {
      query: { tenant: 'acme' },
      answer: {
        data: [{ ...syncExample, account: ofAccount.id, tenant: 'acme', integration: 'zendesk' }],
        next_cursor: null,
      },
    },
  }),
  listSyncs: operation({
    method: 'GET',
    path: '/v1/accounts/{id}/syncs',
    tag: 'Syncs',
    summary: 'List the syncs of an account',
    access: 'accounts:read',
    answers: {
      200: {
        description: 'All syncs, sorted by id: those that the integration declares, and those that were posted.',
        body: z.object({ data: z.array(sync), next_cursor: z.null() }),
      },
    },
    example: { params: ofAccount, answer: { data: [syncExample], next_cursor: null } },
  }),
  createSync: operation({
    method: 'POST',
    path: '/v1/accounts/{id}/syncs',
    tag: 'Syncs',
    summary: 'Add a sync to an account',
    description:
      'The first run begins at once, and reads everything. Each fault of the job is told with its path. An account has at most 50 syncs.',
    access: 'accounts:write',
    body: postedSync,
    answers: { 201: { description: 'The sync.', body: sync } },
    problems: {
      409: "The account has a sync with this id, or its integration declares one, or the tenant's data is being erased.",
      422: '`reason` is `not-supported`: the integration calls no API; or `quota-exceeded`: the account has the maximum number of syncs.',
    },
    example: {
      params: ofAccount,
      body: jobExample,
      answer: { ...syncExample, id: 'sync_4f1d2c3b4a59', declared: false, reconcile: null },
    },
  }),
  getSync: operation({
    method: 'GET',
    path: '/v1/accounts/{id}/syncs/{sync}',
    tag: 'Syncs',
    summary: 'Get a sync, and what it does',
    access: 'accounts:read',
    answers: { 200: { description: 'The sync.', body: sync } },
    example: { params: ofSync, answer: syncExample },
  }),
  updateSync: operation({
    method: 'PATCH',
    path: '/v1/accounts/{id}/syncs/{sync}',
    tag: 'Syncs',
    summary: 'Change when a sync runs',
    description:
      'Omitted members stay unchanged; null clears one: then the definition or the default holds. `every`, `between` and `cron` are one schedule: naming one of them replaces all three. What a sync reads does not change: post another one.',
    access: 'accounts:write',
    body: syncPatch,
    answers: { 200: { description: 'The sync.', body: sync } },
    problems: { 422: undeclared },
    example: { params: ofSync, body: { every: '15m' }, answer: { ...syncExample, every: '15m' } },
  }),
  deleteSync: operation({
    method: 'DELETE',
    path: '/v1/accounts/{id}/syncs/{sync}',
    tag: 'Syncs',
    summary: 'Remove a sync',
    description:
      'Its cursors are removed with it. Its runs stay for 30 days, and the records that it found stay known.',
    access: 'accounts:write',
    answers: { 204: { description: 'The sync is removed.' } },
    problems: {
      409: '`reason` is `sync-declared`: the integration declares the sync, so it would come again. Pause it, or set `"syncs": "off"` on the account.',
    },
    example: { params: ofSync },
  }),
  runSync: operation({
    method: 'POST',
    path: '/v1/accounts/{id}/syncs/{sync}/run',
    tag: 'Syncs',
    summary: 'Run a sync now',
    description: 'It runs besides its schedule. While the same run waits already, the answer has the id of that one.',
    access: 'accounts:write',
    body: runRequest,
    hasOptionalBody: true,
    answers: {
      202: {
        description: 'The run that waits to begin.',
        body: z.object({ run: z.string() }).meta({ id: 'AskedRun' }),
      },
    },
    problems: { 409: `${paused} Or \`too-many-runs\`: ten other runs wait.`, 422: undeclared },
    example: {
      params: ofSync,
      body: { mode: 'backfill', since: '2026-11-01T00:00:00Z' },
      answer: { run: runExample.id },
    },
  }),
  pauseSync: operation({
    method: 'POST',
    path: '/v1/accounts/{id}/syncs/{sync}/pause',
    tag: 'Syncs',
    summary: 'Pause a sync',
    description: 'A run that goes on stops at its next page, and continues there once the sync is resumed.',
    access: 'accounts:write',
    body: emptyBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The sync.', body: sync } },
    example: {
      params: ofSync,
      answer: { ...syncExample, status: 'paused', next_run_at: null, next_reconcile_at: null },
    },
  }),
  resumeSync: operation({
    method: 'POST',
    path: '/v1/accounts/{id}/syncs/{sync}/resume',
    tag: 'Syncs',
    summary: 'Resume a paused sync, at once',
    access: 'accounts:write',
    body: emptyBody,
    hasOptionalBody: true,
    answers: { 200: { description: 'The sync.', body: sync } },
    example: { params: ofSync, answer: syncExample },
  }),
  resetSync: operation({
    method: 'POST',
    path: '/v1/accounts/{id}/syncs/{sync}/reset',
    tag: 'Syncs',
    summary: 'Forget where a sync is',
    description:
      'Its cursors are forgotten, runs that wait or go on are cancelled, and the next run, which is due at once, reads everything again. Of records that are known it publishes only what differs. Without `"confirm": true`, the answer is a 409 that says this.',
    access: 'accounts:write',
    body: z.strictObject({ confirm: z.boolean().default(false) }),
    hasOptionalBody: true,
    answers: { 200: { description: 'The sync.', body: sync } },
    problems: { 409: '`reason` is `confirmation-required`: send `{"confirm": true}`.' },
    example: { params: ofSync, body: { confirm: true }, answer: { ...syncExample, cursor: null, lag_seconds: null } },
  }),
  listSyncRuns: operation({
    method: 'GET',
    path: '/v1/accounts/{id}/syncs/{sync}/runs',
    tag: 'Syncs',
    summary: 'List the runs of a sync that have ended, newest first',
    description: 'Runs are kept for 30 days. Those that wait or go on are in the sync itself.',
    access: 'accounts:read',
    query: listQuery,
    answers: { 200: { description: 'A page of runs.', body: pageOf(syncRun) } },
    example: { params: ofSync, answer: { data: [runExample], next_cursor: null } },
  }),
  getSyncRun: operation({
    method: 'GET',
    path: '/v1/accounts/{id}/syncs/{sync}/runs/{run}',
    tag: 'Syncs',
    summary: 'Get a run: one that waits, goes on, or has ended',
    access: 'accounts:read',
    answers: { 200: { description: 'The run.', body: syncRun } },
    example: { params: { ...ofSync, run: runExample.id }, answer: runExample },
  }),
  syncAccount: operation({
    method: 'POST',
    path: '/v1/accounts/{id}/sync',
    tag: 'Syncs',
    summary: 'Run all syncs of an account now',
    description: 'With `resource`: those that read it.',
    access: 'accounts:write',
    body: runRequest,
    hasOptionalBody: true,
    answers: {
      202: {
        description: 'The runs that wait to begin.',
        body: z
          .object({
            runs: z.array(z.object({ sync: z.string(), run: z.string() })),
            skipped: z
              .array(z.object({ sync: z.string(), reason: z.enum(['sync-paused', 'too-many-runs']) }))
              .describe('Syncs that do not run.'),
          })
          .meta({ id: 'AskedRuns' }),
      },
    },
    problems: {
      409: 'No sync can run: `reason` is `sync-paused` or `too-many-runs`.',
      422: 'The account has no sync, or none that reads the resource.',
    },
    example: {
      params: ofAccount,
      body: { mode: 'incremental' },
      answer: { runs: [{ sync: 'tickets', run: runExample.id }], skipped: [] },
    },
  }),
} as const;
