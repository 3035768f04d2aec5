import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { drawSample } from './draw-sample.ts';
import { describeResult } from './report.ts';
import { scenarios } from './scenarios.ts';
import { runNamesOf } from './sweep.ts';
import { type SweepPool, startSweepPool } from './sweep-pool.ts';

/** Runs that fit into the time of the tests; `npm run test:faults` plays all. */
const sampleSize = 120;
const dayMs = 86_400_000;
/** Another sample each day. TRIBUTARY_FAULTS_SEED repeats one. */
const seed = Number(process.env['TRIBUTARY_FAULTS_SEED'] ?? Math.floor(Date.now() / dayMs));

let pool: SweepPool;
beforeAll(async () => {
  pool = await startSweepPool(inject('assembly'), 2);
});
afterAll(async () => pool.stop());

test(`every path keeps the invariants, with and without a failing call: a sample with seed ${seed} (invariants 1, 2, 3, 8 and 9)`, async () => {
  const counted = await pool.playAll(Object.keys(scenarios));
  expect(counted.flatMap((result) => describeResult(result) ?? [])).toEqual([]);
  const all = counted.flatMap(({ name, calls }) => runNamesOf(name, calls));
  expect(all.length).toBeGreaterThan(2_000);
  const results = await pool.playAll(drawSample(all, sampleSize, seed));
  expect(results).toHaveLength(sampleSize);
  const violated = results.filter(({ violations }) => violations.length > 0);
  expect(violated.flatMap((result) => describeResult(result) ?? [])).toEqual([]);
  // Some calls are made only when functions interleave in a certain way.
  expect(results.filter(({ isStruck }) => !isStruck).length).toBeLessThanOrEqual(sampleSize / 20);
});

test('a seed always draws the same sample, and other seeds draw others', () => {
  const all = Array.from({ length: 1_000 }, (_, index) => index);
  const sample = drawSample(all, 50, 7);
  expect(new Set(sample).size).toBe(50);
  expect(drawSample(all, 50, 7)).toEqual(sample);
  expect(drawSample(all, 50, 8)).not.toEqual(sample);
  expect(drawSample(all, 2_000, 7)).toEqual(all);
});
