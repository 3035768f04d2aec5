import { expect, test } from 'vitest';
import { changeTiming, type TimingChange } from '../../../../lambdas/engine/sync/change-timing.ts';
import { type SyncJob, type SyncTiming, withTiming } from '../../../../lambdas/engine/sync/sync-job.ts';

test.each<[string, Partial<SyncTiming>, TimingChange, Partial<SyncTiming>]>([
  ['one interval for another', { every: '5m' }, { every: '1h' }, { every: '1h' }],
  [
    'times for an interval',
    { every: '5m', reconcile: 'off' },
    { cron: '0 3 * * *' },
    { cron: '0 3 * * *', reconcile: 'off' },
  ],
  [
    'an interval for times',
    { cron: '0 3 * * *', time_zone: 'Europe/Berlin' },
    { every: '5m' },
    { every: '5m', time_zone: 'Europe/Berlin' },
  ],
  ['bounds for an interval', { every: '5m' }, { between: ['1m', '1h'] }, { between: ['1m', '1h'] }],
  ['nothing for a schedule', { every: '5m', between: ['1m', '1h'] }, { every: null }, {}],
  ['nothing for a reconciliation', { every: '5m', reconcile: 'off' }, { reconcile: null }, { every: '5m' }],
  ['nothing where nothing is named', { every: '5m' }, { cron: undefined }, { every: '5m' }],
])('puts %s', (_, before, change, after) => {
  expect(changeTiming(before, change)).toEqual(after);
});

test('a caller replaces the whole schedule of a job, and nothing else', () => {
  const declared: SyncJob = {
    resources: [],
    every: '5m',
    between: ['1m', '1h'],
    emit: 'records',
    snapshot: 'events',
    max_missing: 0.1,
  };
  const { every: _, between: __, ...rest } = declared;
  expect(withTiming(declared, { cron: '0 3 * * *' })).toEqual({ ...rest, cron: '0 3 * * *' });
  expect(withTiming(declared, { reconcile: 'off' })).toEqual({ ...declared, reconcile: 'off' });
});
