import { z } from 'zod';
import { runModes, syncStatuses } from '../sync/sync-state.ts';
import { time } from './shared-schema.ts';

const count = z.int();

/** A run, in answers. */
export const syncRun = z
  .object({
    id: z.string(),
    mode: z.enum(runModes),
    outcome: z
      .enum(['waiting', 'running', 'succeeded', 'failed', 'cancelled'])
      .describe('`waiting`: it was asked for, and has not begun. `cancelled`: a reset ended it.'),
    reason: z.string().nullable().describe('Why it failed, or which parts could not be read.'),
    phase: z
      .enum(['read', 'publish', 'compare', 'suspended'])
      .nullable()
      .describe(
        'Of a running one. `compare`: it looks for records that a complete listing lacks. `suspended`: a run of everything gives way to live changes.',
      ),
    reading: z.string().nullable().describe('The resource that a running one works on.'),
    started_at: time.nullable(),
    ended_at: time.nullable(),
    calls: count.describe('Answers of the provider.'),
    pages: count,
    records: count.describe('Rows that the provider gave.'),
    created: count,
    updated: count,
    deleted: count,
    unchanged: count,
    unreadable: count.describe('Rows that the definition could not read.'),
    drift: z
      .record(z.string(), count)
      .describe(
        'By cause, of a reconciliation: what neither webhooks nor polls had told. `missed-webhook`, `missed-poll`, `silent-delete`, `mapping-changed`.',
      ),
  })
  .meta({ id: 'SyncRun' });

/** A sync, in answers. */
export const sync = z
  .object({
    id: z.string(),
    declared: z.boolean().describe('Whether the integration declares it; otherwise a caller has posted it.'),
    resources: z.array(z.string()),
    every: z.string().nullable(),
    between: z.array(z.string()).nullable(),
    cron: z.string().nullable(),
    time_zone: z.string().nullable(),
    reconcile: z.string().nullable().describe('Null: once a day.'),
    emit: z.enum(['records', 'combined']),
    snapshot: z.enum(['events', 'silent']),
    max_missing: z.number().nullable(),
    confirm: z.string().nullable(),
    status: z
      .enum(syncStatuses)
      .describe(
        '`backing-off`: the provider fails, and is tried again later. `rate-limited`: it said when to come back, or the limits are used up. `failing`: it has failed several times, its credentials are refused, or its reconciliation came to no end.',
      ),
    reason: z.string().nullable().describe('Why it does not work as it should.'),
    next_run_at: time.nullable().describe('Null while it is paused.'),
    next_reconcile_at: time.nullable(),
    retry_at: time.nullable().describe('When it goes on, where it has stopped.'),
    lag_seconds: z
      .int()
      .nullable()
      .describe(
        'Age of what is known: what has changed at the provider since then may be unknown. Null before the first run.',
      ),
    failures: count.describe('Failures in a row.'),
    failing_since: time.nullable(),
    cursor: z
      .record(
        z.string(),
        z.object({
          kind: z.enum(['time', 'id', 'token', 'none']),
          value: z.string().nullable().describe("In the provider's form. Null for tokens."),
          digest: z.string().nullable().describe('Of a token: another digest is another token.'),
          read_at: time,
        }),
      )
      .nullable()
      .describe('Where the next run goes on, by resource, or by `<resource>#<part>`; the first 100 parts.'),
    current_run: syncRun.nullable(),
    waiting_runs: z.array(syncRun).describe('Runs that were asked for, and one that gives way to live changes.'),
    last_run: syncRun.nullable(),
  })
  .meta({ id: 'Sync' });

const counts = {
  calls: 3,
  pages: 2,
  records: 120,
  created: 4,
  updated: 17,
  deleted: 1,
  unchanged: 98,
  unreadable: 0,
  drift: {},
};

export const runExample = {
  id: 'run_0mvk2j1x4a1b2c3d4e5f6',
  mode: 'incremental' as const,
  outcome: 'succeeded' as const,
  reason: null,
  phase: null,
  reading: null,
  started_at: '2026-11-29T12:00:00.000Z',
  ended_at: '2026-11-29T12:00:02.000Z',
  ...counts,
};

export const syncExample = {
  id: 'tickets',
  declared: true,
  resources: ['ticketing/tickets', 'ticketing/comments'],
  every: '5m',
  between: null,
  cron: null,
  time_zone: null,
  reconcile: '0 3 * * 0',
  emit: 'records' as const,
  snapshot: 'events' as const,
  max_missing: 0.1,
  confirm: null,
  status: 'idle' as const,
  reason: null,
  next_run_at: '2026-11-29T12:05:00.000Z',
  next_reconcile_at: '2026-12-06T03:00:00.000Z',
  retry_at: null,
  lag_seconds: 41,
  failures: 0,
  failing_since: null,
  cursor: {
    'ticketing/tickets': {
      kind: 'token' as const,
      value: null,
      digest: 'b1Xq0nT5zKfe',
      read_at: '2026-11-29T12:00:00.000Z',
    },
  },
  current_run: null,
  waiting_runs: [],
  last_run: runExample,
};
