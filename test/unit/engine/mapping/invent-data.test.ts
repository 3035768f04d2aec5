import { expect, test } from 'vitest';
import { checkResource, prepareResources } from '../../../../lambdas/engine/mapping/check-resource.ts';
import { inventData } from '../../../../lambdas/engine/mapping/invent-data.ts';
import { compileResources } from '../../../../lib/definitions/compile-resources.ts';

const schemas = compileResources(new URL('../../../../integrations/', import.meta.url));
const resources = prepareResources(schemas, { everyFault: true });

test.each([...schemas])('invented data of %s fits its schema and has every typed property', (name, schema) => {
  const data = inventData(schema, 'test_1');
  expect(checkResource(resources, name, data)).toEqual([]);
  expect(data.id).toBe('test_1');
  const typed = Object.entries(schema.properties).filter(([, node]) => 'type' in (node as object));
  expect(Object.keys(data).sort()).toEqual(typed.map(([property]) => property).sort());
});

test('invents every type of value, and leaves out properties that allow any value', () => {
  const properties = {
    id: { type: 'string' },
    first_name: { type: ['string', 'null'] },
    born: { type: ['string', 'null'], format: 'date' },
    kind: { type: ['string', 'null'], enum: ['inbound', 'outbound', null] },
    count: { type: ['integer', 'null'] },
    share: { type: ['number', 'null'] },
    active: { type: ['boolean', 'null'] },
    emails: {
      type: ['array', 'null'],
      items: { type: 'object', properties: { value: { type: 'string', format: 'email' } } },
    },
    anything: { type: ['array', 'null'], items: {} },
    custom_fields: { type: ['object', 'null'], additionalProperties: true },
    remote: {},
  };
  expect(inventData({ properties }, 'test_1')).toEqual({
    id: 'test_1',
    first_name: 'Test first name',
    born: '2026-01-15',
    kind: 'inbound',
    count: 1,
    share: 1.5,
    active: true,
    emails: [{ value: 'test@example.com' }],
    anything: [],
    custom_fields: {},
  });
});

test('invents other enum values and more items on request', () => {
  const properties = {
    id: { type: 'string' },
    kind: { type: ['string', 'null'], enum: ['inbound', 'outbound', null] },
    labels: { type: ['array', 'null'], items: { type: 'object', properties: { side: { enum: ['left', 'right'] } } } },
  };
  const kinds = [0, 1, 2, 3].map((value) => inventData({ properties }, 'test_1', { value, items: 0 }));
  expect(kinds).toMatchObject(['inbound', 'outbound', null, 'inbound'].map((kind) => ({ kind, labels: [] })));
  expect(inventData({ properties }, 'test_1', { value: 1, items: 2 })).toMatchObject({
    labels: [{ side: 'right' }, { side: 'right' }],
  });
});
