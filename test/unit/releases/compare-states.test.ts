import { expect, test } from 'vitest';
import { compareStates } from '../../../lib/releases/compare-states.ts';
import type { StackState } from '../../../lib/releases/describe-state.ts';

const table = (indexes: Readonly<Record<string, string>> = {}, keys = 'id (S, HASH)') => ({
  type: 'AWS::DynamoDB::Table',
  identity: { keys },
  indexes,
});
const queue = { type: 'AWS::SQS::Queue', identity: {} };
const compare = (before: StackState, after: StackState) => compareStates({ version: '0.1.0', state: before }, after);

test('accepts an equal state, a new resource, and one index more or less', () => {
  const before = { 'Events/Table': table({ a: 'x' }), 'Raw/Queue': queue };
  expect(compare(before, before)).toEqual([]);
  expect(compare(before, { ...before, 'New/Table': table({ a: 'x', b: 'y' }) })).toEqual([]);
  expect(compare(before, { ...before, 'Events/Table': table({ a: 'x', b: 'y' }) })).toEqual([]);
  expect(compare(before, { ...before, 'Events/Table': table() })).toEqual([]);
});

test('fails when a resource has another id or is gone, because its data would stay behind', () => {
  const faults = compare({ 'Events/Table': table() }, { 'AllEvents/Table': table() });
  expect(faults).toEqual([
    expect.stringMatching(/^Events\/Table \(AWS::DynamoDB::Table\): is in 0\.1\.0 and not here\./),
  ]);
  expect(faults[0]).toMatch(/Give the construct its id back.* 1\. .* 2\. /);
});

test('fails when a change replaces a resource, with what was and what is', () => {
  const [fault] = compare({ 'Events/Table': table() }, { 'Events/Table': table({}, 'tenant (S, HASH)') });
  expect(fault).toContain('keys was id (S, HASH) in 0.1.0, is tenant (S, HASH)');
  expect(fault).toMatch(/replace it by an empty one.* 1\. .* 2\. .* 3\. .* 4\. /);
  const named = { type: 'AWS::SQS::Queue', identity: { queueName: 'raw' } };
  expect(compare({ 'Raw/Queue': queue }, { 'Raw/Queue': named })).toEqual([
    expect.stringContaining('queueName was not set in 0.1.0, is raw'),
  ]);
});

test.each([
  ['two new indexes', {}, { a: 'x', b: 'y' }, '1. add a; 2. add b.'],
  ['a new one and one that goes', { a: 'x' }, { b: 'y' }, '1. add b; 2. remove a.'],
  ['two that go', { a: 'x', b: 'y' }, {}, '1. remove a; 2. remove b.'],
])('fails when one update would have %s, and lists the steps', (_case, before, after, steps) => {
  const [fault, ...others] = compare({ 'Limits/Table': table(before) }, { 'Limits/Table': table(after) });
  expect(others).toEqual([]);
  expect(fault).toMatch(/^Limits\/Table .*DynamoDB creates or deletes one index of a table in an update\./);
  expect(fault).toContain(steps);
});

test('fails when an index has other keys or attributes under its name', () => {
  expect(compare({ 'Limits/Table': table({ due: 'x' }) }, { 'Limits/Table': table({ due: 'y' }) })).toEqual([
    expect.stringMatching(/the index due was x in 0\.1\.0, is y\. .* 1\. .* 2\. .* 3\. remove due\./),
  ]);
});
