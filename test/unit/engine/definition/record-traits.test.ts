import { expect, test } from 'vitest';
import { recordTraitsOf } from '../../../../lambdas/engine/definition/record-traits.ts';

const resource = 'hris/employees';

test('a resource that says nothing has states, ordered by time', () => {
  expect(recordTraitsOf({}, resource, undefined)).toEqual({ versionKind: 'opaque', isPartial: false, volatile: [] });
});

test('a definition says how versions are written, and what is volatile beyond the canonical resource', () => {
  const resources = { [resource]: { version: { as: 'time' as const }, volatile: ['seen'], whole: false } };
  expect(recordTraitsOf({ resources }, resource, { volatile: ['score'] })).toEqual({
    versionKind: 'time',
    isPartial: true,
    volatile: ['score', 'seen'],
  });
  expect(recordTraitsOf({ resources }, 'crm/contacts', undefined)).toMatchObject({ versionKind: 'opaque' });
});

test('facts have none: as the canonical resource says, unless the definition says otherwise', () => {
  expect(recordTraitsOf({}, resource, { state: 'none' })).toBeUndefined();
  expect(recordTraitsOf({ resources: { [resource]: { state: 'none' } } }, resource, undefined)).toBeUndefined();
  expect(recordTraitsOf({ resources: { [resource]: { state: 'record' } } }, resource, { state: 'none' })).toBeDefined();
});

test('a resource named as a member of all objects is no mistake', () => {
  expect(recordTraitsOf({ resources: {} }, 'constructor', undefined)).toMatchObject({ versionKind: 'opaque' });
});
