import { expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { createFakeEngine } from '../../fakes/fake-engine.ts';
import { expectExactlyOnce, runFeedLoad } from '../../fakes/feed-load.ts';
import { createVirtualTime } from '../../fakes/virtual-time.ts';

/** About 5,000 writer runs over 20 virtual minutes take seconds. */
const timeout = 60_000;

test('3 readers see each of 50,000 events of 8 writers once and in order, although every tenth run dies, and no reader lags longer than documented (invariant 8)', {
  timeout,
}, async () => {
  const engine = createFakeEngine();
  const report = await runFeedLoad({
    seed: 'feed under load',
    events: 50_000,
    writers: 8,
    killed: 0.1,
    callMs: 10,
    lookMs: limits.feedLookMs,
    waits: 0.5,
    ports: engine.publishPorts,
    store: engine.events,
    clock: engine.clock,
    time: createVirtualTime(engine.clock),
  });
  expectExactlyOnce(report);
  const runs = Object.values(report.runs).reduce((sum, count) => sum + count, 0);
  expect(report.runs.killed / runs).toBeGreaterThan(0.08);
  expect(Math.min(report.runs.torn, report.runs.slow, report.runs.hung)).toBeGreaterThan(20);
  expect(report.readers.map(({ restarts }) => restarts > 0)).toEqual([false, false, true]);
  for (const { maxLagMs } of report.readers) {
    // Gaps delayed the readers, but no longer than a gap may last.
    expect(maxLagMs).toBeGreaterThan(limits.sequenceHoleLifetimeMs - limits.clockSkewMs);
    expect(maxLagMs).toBeLessThanOrEqual(limits.feedMaxLagMs);
  }
});
