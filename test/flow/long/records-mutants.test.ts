import { expect, inject, test } from 'vitest';
import type { decideObservation } from '../../../lambdas/engine/records/decide-observation.ts';
import { loadMutant, mutantsOf } from './mutants.ts';

/*
 * Each comparison of the decision is turned round in turn: the histories of the model or the table of cases must fail.
 * A decision that no test distinguishes from its opposite is not tested.
 */

const histories = inject('isExploring') ? 1_000 : 60;
const mutants = mutantsOf('lambdas/engine/records/decide-observation.ts').concat(
  mutantsOf('lambdas/engine/records/rank.ts').filter(({ text }) => text.includes('version')),
);

test('there are as many comparisons as the decision has', () => {
  expect(mutants.length).toBeGreaterThan(40);
});

test.each(mutants)('a turned comparison is caught: $file:$line $text', { timeout: 120_000 }, async (mutant) => {
  const { failedCases, playHistory, faultsOf, decide } = await loadMutant(mutant);
  let isCaught = failedCases(decide as typeof decideObservation).length > 0;
  for (let index = 0; index < histories && !isCaught; index += 1) {
    const faults = await playHistory(`mutant ${index}`).then(faultsOf, (error: unknown) => [String(error)]);
    isCaught = faults.length > 0;
  }
  expect(isCaught).toBe(true);
});
