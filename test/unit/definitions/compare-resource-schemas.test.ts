import { describe, expect, test } from 'vitest';
import { compareSchemas, versionFaults } from '../../../lib/definitions/compare-resource-schemas.ts';
import type { ResourceNode, SchemaNode } from '../../../lib/definitions/resource-schema.ts';

const text: SchemaNode = { type: ['string', 'null'] };

/** The kind and the place of each change, as `kind path`. */
function changes(before: SchemaNode, now: SchemaNode): readonly string[] {
  return compareSchemas(before, now).map(({ kind, path }) => `${kind} ${path.join('.')}`);
}

describe('a change of one property', () => {
  test.each<[string, SchemaNode, SchemaNode, readonly string[]]>([
    ['nothing', text, { type: ['null', 'string'] }, []],
    ['its texts', { ...text, description: 'A' }, { ...text, description: 'B' }, ['patch description']],
    ['that it is deprecated', text, { ...text, deprecated: true }, ['minor deprecated']],
    ['another type', text, { type: ['integer', 'null'] }, ['major type']],
    ['a wider type', { type: 'string' }, text, ['major type']],
    ['any type', text, {}, ['major type']],
    ['a narrower type', text, { type: 'string' }, ['minor type']],
    ['a type for any type', {}, text, ['minor type']],
    ['numbers for integers', { type: 'integer' }, { type: 'number' }, ['major type']],
    ['integers for numbers', { type: 'number' }, { type: 'integer' }, ['minor type']],
    ['a format', text, { ...text, format: 'date' }, ['minor format']],
    ['another format', { ...text, format: 'date' }, { ...text, format: 'date-time' }, ['major format']],
    ['no format', { ...text, format: 'date' }, text, ['major format']],
    ['one more value', { ...text, enum: ['a', null] }, { ...text, enum: ['a', 'b', null] }, ['major enum']],
    ['another value', { ...text, enum: ['a'] }, { ...text, enum: ['b'] }, ['major enum']],
    ['one value fewer', { ...text, enum: ['a', 'b'] }, { ...text, enum: ['a'] }, ['minor enum']],
    ['its values in another order', { ...text, enum: ['a', 'b'] }, { ...text, enum: ['b', 'a'] }, []],
    ['any value', { ...text, enum: ['a'] }, text, ['major enum']],
    ['a list of values', text, { ...text, enum: ['a'] }, ['minor enum']],
    [
      'other items',
      { type: 'array', items: text },
      { type: 'array', items: { type: 'integer' } },
      ['major items.type'],
    ],
    ['any items', { type: 'array', items: text }, { type: 'array' }, ['major items']],
    ['items that are known', { type: 'array' }, { type: 'array', items: text }, ['minor items']],
  ])('%s', (_, before, now, expected) => {
    expect(changes(before, now)).toEqual(expected);
  });
});

describe('a change of an object', () => {
  const closed = (properties: Readonly<Record<string, SchemaNode>>, more: SchemaNode = {}): SchemaNode => ({
    type: 'object',
    properties,
    additionalProperties: false,
    ...more,
  });
  const open: SchemaNode = { type: 'object', additionalProperties: true };

  test.each<[string, SchemaNode, SchemaNode, readonly string[]]>([
    ['a new property', closed({ a: text }), closed({ a: text, b: text }), ['minor properties.b']],
    ['a removed property', closed({ a: text, b: text }), closed({ a: text }), ['major properties.b']],
    [
      'a property with another name',
      closed({ a: text }),
      closed({ b: text }),
      ['major properties.a', 'minor properties.b'],
    ],
    [
      'a required property becomes optional',
      closed({ a: text }, { required: ['a'] }),
      closed({ a: text }, { required: [] }),
      ['major required'],
    ],
    ['a property becomes required', closed({ a: text }), closed({ a: text }, { required: ['a'] }), ['minor required']],
    ['it becomes open', closed({}), closed({}, { additionalProperties: true }), ['major additionalProperties']],
    ['it becomes closed', open, closed({}), ['major additionalProperties']],
    [
      'a property of a property',
      closed({ a: closed({ b: text }) }),
      closed({ a: closed({ b: { type: 'integer' } }) }),
      ['major properties.a.properties.b.type'],
    ],
    [
      'a property of items',
      closed({ a: { type: 'array', items: closed({ b: text }) } }),
      closed({ a: { type: 'array', items: closed({}) } }),
      ['major properties.a.items.properties.b'],
    ],
    ['a property by the name of a method', closed({}), closed({ constructor: text }), ['minor properties.constructor']],
  ])('%s', (_, before, now, expected) => {
    expect(changes(before, now)).toEqual(expected);
  });
});

describe('a version', () => {
  const schema = (version: string, change: Partial<ResourceNode> = {}): ResourceNode => ({
    $id: 'urn:tributary:resource:hris/employees',
    title: 'Employee',
    description: 'Somebody who works.',
    version,
    type: 'object',
    properties: { id: { type: 'string' }, name: text },
    required: ['id'],
    additionalProperties: false,
    ...change,
  });
  const words = { title: 'Worker' };
  const addition = { properties: { id: { type: 'string' }, name: text, email: text } };
  const breach = { properties: { id: { type: 'string' } } };
  const faults = (released: readonly ResourceNode[], current: ResourceNode) =>
    versionFaults(released, current).map(
      ({ path, got, expected }) => `${path.join('.')}: got ${got}, expected ${expected}`,
    );

  test.each<[string, readonly ResourceNode[], ResourceNode]>([
    ['1.0.0 of what is new', [], schema('1.0.0')],
    ['the same if nothing has changed', [schema('1.0.0')], schema('1.0.0')],
    ['a patch for texts', [schema('1.0.0')], schema('1.0.1', words)],
    ['a minor version for a new property', [schema('1.0.0')], schema('1.1.0', addition)],
    ['a major version for a removed property', [schema('1.0.0')], schema('2.0.0', breach)],
    ['more than is needed: what a property means may have changed', [schema('1.0.0')], schema('2.0.0', words)],
    ['after the highest released one', [schema('1.10.0'), schema('1.9.0', breach)], schema('1.10.1', words)],
  ])('may be %s', (_, released, current) => {
    expect(versionFaults(released, current)).toEqual([]);
  });

  test.each<[string, readonly ResourceNode[], ResourceNode, readonly string[]]>([
    [
      'a new resource does not begin at 1.0.0',
      [],
      schema('0.1.0'),
      ['version: got "0.1.0", expected "1.0.0": no version of it is released'],
    ],
    [
      'texts change without a new version',
      [schema('1.0.0')],
      schema('1.0.0', words),
      [
        'title: got "title": "Worker" in version "1.0.0", expected "title": "Employee", as in the released "1.0.0"; or version "1.0.1": this changes only the texts',
      ],
    ],
    [
      'a property is new and the version only a patch',
      [schema('1.0.0')],
      schema('1.0.1', addition),
      [
        'properties.email: got the property "email" in version "1.0.1", expected no such property, as in the released "1.0.0"; or version "1.1.0": this changes the data without breaking readers',
      ],
    ],
    [
      'readers break without a major version',
      [schema('1.2.3')],
      schema('1.3.0', breach),
      [
        'properties.name: got no property "name" in version "1.3.0", expected the property, as in the released "1.2.3"; or version "2.0.0": this breaks readers of the data',
      ],
    ],
    [
      'it decreases',
      [schema('1.1.0')],
      schema('1.0.9', words),
      ['version: got "1.0.9", expected "1.1.1" or "1.2.0" or "2.0.0", since "1.1.0" is released'],
    ],
    [
      'it skips a version',
      [schema('1.1.0')],
      schema('1.3.0', words),
      ['version: got "1.3.0", expected "1.1.1" or "1.2.0" or "2.0.0", since "1.1.0" is released'],
    ],
    [
      'nothing has changed',
      [schema('1.1.0')],
      schema('1.1.1'),
      ['version: got "1.1.1", expected "1.1.0": nothing has changed since that was released'],
    ],
  ])('fails when %s', (_, released, current, expected) => {
    expect(faults(released, current)).toEqual(expected);
  });
});
