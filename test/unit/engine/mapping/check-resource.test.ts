import { describe, expect, test } from 'vitest';
import {
  checkResource,
  driftsOf,
  noResources,
  prepareResources,
  type ResourceSchema,
  schemaVersionOf,
} from '../../../../lambdas/engine/mapping/check-resource.ts';

const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:tributary:resource:hris/employees',
  title: 'Employee',
  description: 'A person who works for a company.',
  version: '1.4.2',
  type: 'object',
  properties: {
    id: { type: 'string' },
    name: { type: ['string', 'null'] },
    status: { type: ['string', 'null'], enum: ['active', 'gone', null] },
    hired_at: { type: ['string', 'null'], format: 'date-time' },
    born: { type: ['string', 'null'], format: 'date' },
    email: { type: ['string', 'null'], format: 'email' },
    url: { type: ['string', 'null'], format: 'uri' },
    salary: { type: ['integer', 'null'] },
    manager: {
      type: ['object', 'null'],
      properties: { id: { type: ['string', 'null'] } },
      additionalProperties: false,
    },
    labels: { type: ['array', 'null'], items: { type: 'string' } },
    custom_fields: { type: ['object', 'null'], additionalProperties: true },
    remote: {},
  },
  required: ['id'],
  additionalProperties: false,
} satisfies ResourceSchema & Record<string, unknown>;

const resources = prepareResources(new Map([['hris/employees', schema]]), { everyFault: true });

/** The faults of data as `path: expected`. */
function faultsOf(data: unknown): readonly string[] | undefined {
  return checkResource(resources, 'hris/employees', data)?.map(({ path, expected }) => `${path}: ${expected}`);
}

test.each<[string, object]>([
  ['a delete or a thin event, which has only an id', { id: '7' }],
  [
    'null in every other property',
    Object.fromEntries(Object.keys(schema.properties).map((name) => [name, name === 'id' ? '7' : null])),
  ],
  [
    'every property',
    {
      id: '7',
      name: 'Ada',
      status: 'active',
      hired_at: '2026-11-20T09:00:00.123456+05:30',
      born: '2000-02-29',
      email: 'ada@northwind.example',
      url: 'https://northwind.example/ada?a=b',
      salary: 1_000_000,
      manager: { id: '8' },
      labels: [],
      custom_fields: { anything: [{ at: 'all' }] },
      remote: [1, 'two', null],
    },
  ],
])('accepts %s', (_, data) => {
  expect(faultsOf(data)).toEqual([]);
});

describe('fails when', () => {
  test.each<[string, unknown, readonly string[]]>([
    ['the id is missing', {}, ['id: a value']],
    ['the id is a number', { id: 7 }, ['id: string']],
    ['the data is not an object', 'an employee', [': object']],
    ['a value has the wrong type', { id: '7', name: 7 }, ['name: string or null']],
    ['an integer has a fraction', { id: '7', salary: 0.5 }, ['salary: integer or null']],
    ['a value is not in the enum', { id: '7', status: 'retired' }, ['status: one of active, gone, null']],
    ['a property is unknown', { id: '7', wage: 1 }, ['wage: no such property']],
    ['a nested property is unknown', { id: '7', manager: { name: 'Bo' } }, ['manager.name: no such property']],
    [
      'items are wrong: one fault for each',
      { id: '7', labels: ['a', 1, null] },
      ['labels[1]: string', 'labels[2]: string'],
    ],
    ['a time has no offset', { id: '7', hired_at: '2026-11-20T09:00:00' }, ['hired_at: date-time']],
    ['a time is a date', { id: '7', hired_at: '2026-11-20' }, ['hired_at: date-time']],
    ['a time does not exist', { id: '7', hired_at: '2026-11-20T25:00:00Z' }, ['hired_at: date-time']],
    ['a day does not exist', { id: '7', born: '2026-02-30' }, ['born: date']],
    ['a date is a time', { id: '7', born: '2026-02-03T00:00:00Z' }, ['born: date']],
    ['an e-mail address is invalid', { id: '7', email: 'Ada' }, ['email: email']],
    ['a URL is a path', { id: '7', url: '//northwind.example' }, ['url: uri']],
  ])('%s', (_, data, expected) => {
    expect(faultsOf(data)).toEqual(expected);
  });
});

test('a fault never contains a value from the data, nor a property name that may be a value', () => {
  const faults = JSON.stringify([
    faultsOf({ id: '7', name: ['s3cret'], status: 's3cret' }),
    faultsOf({ id: '7', 's3cret@northwind.example': 1, ['s3cret'.repeat(20)]: 1 }),
  ]);
  expect(faults).not.toContain('s3cret');
  expect(faults).toContain('*: no such property');
});

test('reports only the first fault by default', () => {
  const first = prepareResources(new Map([['hris/employees', schema]]));
  expect(checkResource(first, 'hris/employees', { id: '7', labels: Array(1000).fill(0) })).toHaveLength(1);
});

test('a resource without a schema is not checked and has version 0.0.0', () => {
  expect(checkResource(resources, 'crm/contacts', { id: 7 })).toBeUndefined();
  expect(checkResource(noResources, 'hris/employees', { id: 7 })).toBeUndefined();
  expect(schemaVersionOf(resources, 'crm/contacts')).toBe('0.0.0');
  expect(schemaVersionOf(resources, 'hris/employees')).toBe('1.4.2');
});

test('reports one drift for each event that violates its schema', () => {
  const events = [
    { resource: 'hris/employees', data: { id: '7' } },
    { resource: 'hris/employees', data: { id: '7', name: 1, salary: '1' } },
    { resource: 'crm/contacts', data: { id: 7 } },
  ];
  expect(driftsOf(resources, events)).toEqual([
    { resource: 'hris/employees', path: 'name', expected: 'string or null' },
  ]);
});
