import { expect, test } from 'vitest';
import { type CpuTimes, createMachineLoad } from '../../../../lib/local/sandbox/machine-load.ts';

function aMachine() {
  let nowMs = 0;
  let times: CpuTimes = { idleMs: 0, totalMs: 0 };
  const load = createMachineLoad(
    () => times,
    () => nowMs,
  );
  return {
    load,
    /** Let time pass in which two cores are idle for a share of it. */
    pass: (ms: number, idleShare: number) => {
      nowMs += ms;
      times = { idleMs: times.idleMs + 2 * ms * idleShare, totalMs: times.totalMs + 2 * ms };
    },
  };
}

test('cores count as busy if they were hardly idle since the last check, and as free when they are idle again', () => {
  const { load, pass } = aMachine();
  expect(load.isBusy()).toBe(false);
  pass(500, 0.1);
  expect(load.isBusy()).toBe(true);
  pass(500, 0.5);
  expect(load.isBusy()).toBe(false);
});

test('a check within the minimum period repeats the previous result', () => {
  const { load, pass } = aMachine();
  pass(500, 0);
  expect(load.isBusy()).toBe(true);
  pass(100, 1);
  expect(load.isBusy()).toBe(true);
  pass(200, 1);
  expect(load.isBusy()).toBe(false);
});
