import { expect, test } from 'vitest';
import { retentionClassesDays, retentionClassOf } from '../../../lambdas/contracts/retention-classes.ts';

test('the class of a retention is the shortest that keeps an object for as long', () => {
  expect([1, 2, 3, 4, 30, 31, 365].map(retentionClassOf)).toEqual([1, 3, 3, 7, 30, 60, 365]);
});

test('what is longer than every class falls under the rule that all objects have', () => {
  expect(retentionClassOf(366)).toBeUndefined();
});

test('the classes rise', () => {
  expect([...retentionClassesDays].sort((a, b) => a - b)).toEqual([...retentionClassesDays]);
});
