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
    /** Let time pass in which two cores were idle for a share of it. */
    pass: (ms: number, idleShare: number) => {
      nowMs += ms;
      times = { idleMs: times.idleMs + 2 * ms * idleShare, totalMs: times.totalMs + 2 * ms };
    },
  };
}

test('cores that were hardly idle since they were looked at last are busy, and are not when they are again', () => {
  const { load, pass } = aMachine();
  expect(load.isBusy()).toBe(false);
  pass(500, 0.1);
  expect(load.isBusy()).toBe(true);
  pass(500, 0.5);
  expect(load.isBusy()).toBe(false);
});

test('a moment says nothing: what was known stands', () => {
  const { load, pass } = aMachine();
  pass(500, 0);
  expect(load.isBusy()).toBe(true);
  pass(100, 1);
  expect(load.isBusy()).toBe(true);
  pass(200, 1);
  expect(load.isBusy()).toBe(false);
});
