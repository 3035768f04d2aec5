import { expect, test } from 'vitest';
import { latenessOf } from '../../../../lambdas/engine/sync/lateness.ts';
import type { SyncState } from '../../../../lambdas/engine/sync/sync-state.ts';

const now = 1_000_000;
const state = (change: Partial<SyncState>): SyncState => ({
  isPaused: false,
  wanted: [],
  nextAtMs: now,
  failures: 0,
  ...change,
});

test.each([
  ['a first run knows nothing yet', {}, { freshnessMs: undefined, lagMs: 0 }],
  ['a run that was asked for early', { freshAtMs: now - 5, nextAtMs: now + 60 }, { freshnessMs: 5, lagMs: 0 }],
  ['a run that began late', { freshAtMs: now - 90, nextAtMs: now - 30 }, { freshnessMs: 90, lagMs: 30 }],
  [
    'failures move the next run, but not the time since the first of them',
    { freshAtMs: now - 9_000, nextAtMs: now - 10, failingSinceMs: now - 8_000 },
    { freshnessMs: 9_000, lagMs: 8_000 },
  ],
  ['a clock that is behind', { freshAtMs: now + 50 }, { freshnessMs: 0, lagMs: 0 }],
])('%s', (_, change, expected) => {
  expect(latenessOf(state(change), now)).toEqual(expected);
});
