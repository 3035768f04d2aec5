import { expect, test } from 'vitest';
import { decideObservation } from '../../../../lambdas/engine/records/decide-observation.ts';
import { decisionCases, failedCases } from './decision-cases.ts';

test.each(decisionCases)('$name', ({ decide, expected }) => {
  expect(decide(decideObservation)).toMatchObject(expected);
});

test('the cases fail where a decision is another', () => {
  expect(failedCases(decideObservation)).toEqual([]);
  expect(failedCases(() => ({ kind: 'stale' })).length).toBeGreaterThan(decisionCases.length / 2);
});
