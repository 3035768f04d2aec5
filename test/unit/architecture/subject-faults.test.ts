import { expect, test } from 'vitest';
import { subjectFaults } from '../../architecture/subject-faults.ts';

test.each([
  'Retry a claim that lost its answer',
  'Pass the hop count on',
  'Feed the sampler',
  'Measure, refuse and note what strangers send',
  'Merge the front page and the documentation rooms',
])('accepts "%s"', (subject) => {
  expect(subjectFaults(subject)).toEqual([]);
});

test.each([
  ['Added a retry', 'begins with "Added"'],
  ['Adding a retry', 'begins with "Adding"'],
  ['Adds a retry', 'begins with "Adds"'],
  ['retry a claim', 'begins with "retry"'],
  ['fix: retry a claim', 'begins with "fix:"'],
  ['WIP', 'begins with "WIP"'],
  ['Retry a claim.', 'full stop'],
  [`Retry ${'a'.repeat(70)}`, '76 characters'],
])('fails for "%s"', (subject, fault) => {
  expect(subjectFaults(subject).join('; ')).toContain(fault);
});
