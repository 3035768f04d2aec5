import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { schemaPins, schemaPinsText } from '../../../../lambdas/engine/schema-versions/schema-pins-schema.ts';

const many = (count: number) =>
  Object.fromEntries([...Array(count).keys()].map((number) => [`m/${'a'.repeat(number + 1)}`, 1]));

describe('pins', () => {
  test('map resources to major versions', () => {
    const pins = { 'hris/employees': 1, 'crm/contacts': 12 };
    expect(schemaPins.parse(pins)).toEqual(pins);
    expect(schemaPins.parse({})).toEqual({});
    expect(Object.keys(schemaPins.parse(many(100)))).toHaveLength(100);
    expect(z.toJSONSchema(schemaPins)).toMatchObject({ type: 'object' });
  });

  test.each<[string, unknown]>([
    ['there are too many', many(101)],
    ['a resource is a pattern', { 'hris/*': 1 }],
    ['a resource has no model', { employees: 1 }],
    ['a version is 0', { 'hris/employees': 0 }],
    ['a version is not a whole number', { 'hris/employees': 1.5 }],
    ['a version is a string', { 'hris/employees': '1.0.0' }],
    ['it is a list', ['hris/employees']],
  ])('fails when %s', (_, pins) => {
    expect(schemaPins.safeParse(pins).success).toBe(false);
  });
});

describe('pins in a query', () => {
  test('are separated by commas', () => {
    expect(schemaPinsText.parse('hris/employees@1,crm/contacts@12')).toEqual({
      'hris/employees': 1,
      'crm/contacts': 12,
    });
  });

  test.each([
    '',
    'hris/employees',
    'hris/employees@',
    'hris/employees@0',
    'hris/employees@1.0',
    'hris/*@1',
    '@1',
    'a/b@1,',
  ])('fails when it is "%s"', (text) => {
    expect(schemaPinsText.safeParse(text).success).toBe(false);
  });

  test('fails when a resource is given twice', () => {
    expect(schemaPinsText.safeParse('a/b@1,a/b@2').error?.issues).toMatchObject([{ message: 'a/b is given twice' }]);
  });
});
