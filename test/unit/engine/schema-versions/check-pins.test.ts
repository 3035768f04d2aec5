import { expect, test } from 'vitest';
import { checkPins } from '../../../../lambdas/engine/schema-versions/check-pins.ts';
import { servedMajors, type VersionedResource } from '../../../../lambdas/engine/schema-versions/versioned-resource.ts';
import { olderMajors, threeMajors } from '../../../fakes/three-majors.ts';

const beforeSunset = Date.UTC(2026, 10, 22);
const atSunset = Date.UTC(2027, 2, 1);

test('a resource is served in its current major version and in older deprecated ones', () => {
  const employees = threeMajors.get('hris/employees') as VersionedResource;
  expect(servedMajors('hris/employees', employees)).toMatchObject([
    { major: 3, schema: { version: '3.1.0' }, deprecation: undefined },
    { major: 2, schema: { version: '2.4.0' }, deprecation: { deprecatedAt: '2026-10-01T00:00:00Z', sunsetAt: null } },
    { major: 1, schema: { version: '1.9.2' }, deprecation: { sunsetAt: '2027-03-01T00:00:00Z' } },
  ]);
});

test('a served version can be pinned', () => {
  expect(checkPins(threeMajors, {}, atSunset)).toEqual([]);
  for (const major of [1, 2, 3])
    expect(checkPins(threeMajors, { 'hris/employees': major, 'crm/contacts': 1 }, beforeSunset)).toEqual([]);
  expect(checkPins(threeMajors, { 'hris/employees': 1 }, atSunset - 1)).toEqual([]);
});

test('fails when a pinned version is unavailable, and lists the available versions', () => {
  const pins = { 'hris/employees': 4, 'crm/contacts': 2, 'crm/deals': 1 };
  expect(checkPins(threeMajors, pins, beforeSunset)).toEqual([
    { kind: 'too-new', resource: 'hris/employees', reason: 'major version 4 does not exist yet, expected 3 or 2 or 1' },
    { kind: 'too-new', resource: 'crm/contacts', reason: 'major version 2 does not exist yet, expected 1' },
    { kind: 'unknown-resource', resource: 'crm/deals', reason: 'unknown resource, expected one that has a schema' },
  ]);
});

test('fails when the major version is no longer served', () => {
  const employees = threeMajors.get('hris/employees') as VersionedResource;
  const without1 = new Map([['hris/employees', { ...employees, older: olderMajors.slice(0, 1) }]]);
  expect(checkPins(without1, { 'hris/employees': 1 }, beforeSunset)).toEqual([
    {
      kind: 'not-served',
      resource: 'hris/employees',
      reason: 'major version 1 is no longer served, expected 3 or 2',
    },
  ]);
});

test('fails when the major version reached its sunset', () => {
  expect(checkPins(threeMajors, { 'hris/employees': 1 }, atSunset)).toEqual([
    {
      kind: 'sunset',
      resource: 'hris/employees',
      reason: 'major version 1 reached its sunset at 2027-03-01T00:00:00Z, expected 3 or 2',
    },
  ]);
});
