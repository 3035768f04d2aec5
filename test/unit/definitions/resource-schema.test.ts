import { describe, expect, test } from 'vitest';
import { parseResourceSchema, type SchemaNode } from '../../../lib/definitions/resource-schema.ts';
import { aResource } from '../cli/integrations-folder.ts';

/** The faults of a schema, as `path: got …, expected …`. */
function faultsOf(schema: unknown): readonly string[] {
  const parsed = parseResourceSchema(schema, 'hris/employees');
  if (parsed.kind === 'schema') return [];
  return parsed.faults.map(({ path, got, expected }) => `${path.join('.')}: got ${got}, expected ${expected}`);
}

function withProperty(node: unknown, name = 'extra') {
  const { properties } = aResource();
  return aResource('hris/employees', { properties: { ...properties, [name]: node } });
}

const described = (node: SchemaNode): SchemaNode => ({ description: 'Something.', ...node });

test('accepts a schema with the properties that every resource has', () => {
  expect(faultsOf(aResource())).toEqual([]);
});

describe('a property may be', () => {
  test.each<[string, SchemaNode]>([
    ['text', { type: ['string', 'null'], format: 'date-time' }],
    ['one of a few texts', { type: ['string', 'null'], enum: ['a', 'b', null] }],
    ['a number', { type: ['integer', 'null'] }],
    ['anything', {}],
    ['an open object', { type: ['object', 'null'], additionalProperties: true }],
    [
      'a closed object',
      {
        type: ['object', 'null'],
        properties: { id: described({ type: ['string', 'null'] }) },
        additionalProperties: false,
      },
    ],
    ['a list of text', { type: ['array', 'null'], items: { type: 'string' } }],
    [
      'a list of objects',
      {
        type: ['array', 'null'],
        items: {
          type: 'object',
          properties: { id: described({ type: ['string', 'null'] }) },
          additionalProperties: false,
        },
      },
    ],
    ['deprecated', { type: ['boolean', 'null'], deprecated: true }],
  ])('%s', (_, node) => {
    expect(faultsOf(withProperty(described(node)))).toEqual([]);
  });
});

describe('fails when', () => {
  test.each<[string, unknown, readonly string[]]>([
    ['it is not an object', [], ['got []']],
    ['it names another resource', aResource('crm/contacts'), ['$id: got "urn:tributary:resource:crm/contacts"']],
    [
      'it is of another dialect',
      aResource('hris/employees', { $schema: 'http://json-schema.org/draft-07/schema#' }),
      ['$schema: got'],
    ],
    [
      'its version is malformed',
      aResource('hris/employees', { version: '1.0' }),
      ['version: got "1.0", expected a semantic version'],
    ],
    ['its version has a leading zero', aResource('hris/employees', { version: '1.01.0' }), ['version: got "1.01.0"']],
    [
      'it has no description',
      aResource('hris/employees', { description: '' }),
      ['description: got "", expected a text'],
    ],
    [
      'it requires more than the id',
      aResource('hris/employees', { required: ['id', 'name'] }),
      ['required: got ["id","name"], expected ["id"]'],
    ],
    [
      'it is open',
      aResource('hris/employees', { additionalProperties: true }),
      ['additionalProperties: got true, expected false'],
    ],
    [
      'a keyword is unknown',
      aResource('hris/employees', { anyOf: [] }),
      ['anyOf: got the keyword "anyOf", expected one of $schema, $id'],
    ],
    [
      'it lacks properties that every resource has',
      aResource('hris/employees', { properties: {} }),
      [
        'properties: got no property "id"',
        'properties: got no property "custom_fields"',
        'properties: got no property "remote"',
      ],
    ],
    ['the id may be null', withProperty(described({ type: ['string', 'null'] }), 'id'), ['properties.id: got']],
    [
      'custom fields are closed',
      withProperty(
        described({ type: ['object', 'null'], properties: {}, additionalProperties: false }),
        'custom_fields',
      ),
      ['properties.custom_fields: got'],
    ],
    [
      'the remote record has a type',
      withProperty(described({ type: ['object', 'null'], additionalProperties: true }), 'remote'),
      ['properties.remote: got'],
    ],
    [
      'a property may not be null',
      withProperty(described({ type: 'string' })),
      ['properties.extra.type: got "string", expected ["string", "null"]'],
    ],
    [
      'a property of a property may not be null',
      withProperty(
        described({
          type: ['object', 'null'],
          properties: { a: described({ type: 'string' }) },
          additionalProperties: false,
        }),
      ),
      ['properties.extra.properties.a.type: got "string", expected ["string", "null"]'],
    ],
    [
      'null is not among the values',
      withProperty(described({ type: ['string', 'null'], enum: ['a'] })),
      ['properties.extra.enum: got ["a"], expected null among the values'],
    ],
    [
      'the items of a list may be null',
      withProperty(described({ type: ['array', 'null'], items: { type: ['string', 'null'] } })),
      ['properties.extra.items.type: got ["string","null"], expected "string"'],
    ],
    [
      'a property has no description',
      withProperty({ type: ['string', 'null'] }),
      ['properties.extra: got no description'],
    ],
    [
      'a property name has another form',
      withProperty(described({ type: ['string', 'null'] }), 'hiredAt'),
      ['properties.hiredAt: got "hiredAt", expected lower-case letters'],
    ],
    [
      'a type is unknown',
      withProperty(described({ type: 'text' })),
      ['properties.extra.type: got "text", expected one of string, integer'],
    ],
    [
      'a format is not checked',
      withProperty(described({ type: ['string', 'null'], format: 'phone' })),
      ['properties.extra.format: got "phone"'],
    ],
    [
      'a keyword of a property is unknown',
      withProperty({ ...described({}), pattern: '^a$' }),
      ['properties.extra.pattern: got the keyword "pattern", expected one of type, description'],
    ],
    [
      'a keyword does not fit the type',
      withProperty(described({ type: ['integer', 'null'], format: 'date' })),
      ['properties.extra.format: got "format" beside the type ["integer","null"], expected the type "string"'],
    ],
    [
      'a list does not declare its items',
      withProperty(described({ type: ['array', 'null'] })),
      ['properties.extra: got a list without "items"'],
    ],
    [
      'an object is neither open nor closed',
      withProperty(described({ type: ['object', 'null'], properties: {} })),
      ['properties.extra: got "properties" and "additionalProperties": nothing'],
    ],
    [
      'an object is both',
      withProperty(described({ type: ['object', 'null'], properties: {}, additionalProperties: true })),
      ['properties.extra: got "properties" and "additionalProperties": true'],
    ],
  ])('%s', (_, schema, expected) => {
    const faults = faultsOf(schema);
    expect(faults).toHaveLength(expected.length);
    for (const [index, fault] of expected.entries()) expect(faults[index]).toContain(fault);
  });
});
