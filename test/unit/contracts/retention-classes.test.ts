import { expect, test } from 'vitest';
import { retentionClassesDays, retentionClassOf } from '../../../lambdas/contracts/retention-classes.ts';

test('the class of a retention is the shortest one that keeps an object that long', () => {
  expect([1, 2, 3, 4, 30, 31, 365].map(retentionClassOf)).toEqual([1, 3, 3, 7, 30, 60, 365]);
});

test('a retention longer than every class has no class', () => {
  expect(retentionClassOf(366)).toBeUndefined();
});

test('the classes are in ascending order', () => {
  expect([...retentionClassesDays].sort((a, b) => a - b)).toEqual([...retentionClassesDays]);
});
