import { describe, expect, test } from 'vitest';
import { boundedFaults, declaredLagMs, declaredStepMs } from '../../../lib/cli/provider/converge/survivable-faults.ts';
import { survivableFaultNames } from '../../../lib/local/simulators/provider/faults/named-faults.ts';
import { convergingFeeds, kinds } from '../../flow/sync/converging-feeds.ts';

const definition = convergingFeeds();
const lagOf = (...names: readonly (keyof typeof kinds)[]) =>
  declaredLagMs(
    definition,
    names.map((name) => ({ resource: kinds[name].resource, method: 'list', query: {} })),
  );

describe('what a provider may be late by', () => {
  test('is the shortest lag of the feeds, less the precision of their times', () => {
    expect(lagOf('time by pages')).toBe(100_000);
    expect(lagOf('time in whole seconds')).toBe(99_000);
    expect(lagOf('time by pages', 'time, its own second left out')).toBe(0);
  });

  test('has no bound where nothing goes on from a time', () => {
    expect(lagOf('token', 'complete listing')).toBe(Number.POSITIVE_INFINITY);
  });

  test('does not cut the times of rows without records below their precision', () => {
    const { resource } = kinds['time in whole seconds'];
    const steps = [{ resource, method: 'list' as const, query: {} }];
    const thin = structuredClone(definition);
    Object.assign(thin.resources?.[resource]?.changes ?? {}, { thin: true });
    expect(declaredStepMs(definition, steps)).toBe(Number.POSITIVE_INFINITY);
    expect(declaredStepMs(thin, steps)).toBe(1_000);
    expect(boundedFaults(['equal-timestamps'], 3_600_000, 1_000).timeStepMs).toBe(1_000);
  });

  test.each([0, 1_000, 40_000, 120_000, 3_600_000])('is not passed by the faults together: %d ms', (lagMs) => {
    const { lateMs = 0, timeStepMs = 0, rowSkewMs = 0, dateSkewMs = 0 } = boundedFaults(survivableFaultNames, lagMs);
    expect(lateMs + timeStepMs + 2 * rowSkewMs + dateSkewMs).toBeLessThanOrEqual(lagMs);
  });

  test('has the usual faults where the lag is long enough, and of those only the drawn ones', () => {
    expect(boundedFaults(['late-commits', 'clock-skew'], 3_600_000)).toMatchObject({
      latePercent: 30,
      lateMs: 30_000,
      dateSkewMs: 5_000,
      rowSkewMs: 5_000,
      timeStepMs: 0,
    });
  });
});
