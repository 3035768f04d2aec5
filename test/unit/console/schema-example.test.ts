import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { exampleOf, type JsonSchema } from '../../../console/pages/catalogue/catalogue-schema-shape.ts';

const folder = fileURLToPath(new URL('../../../integrations/resources/', import.meta.url));
const schemas = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.json'))
  .map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8')) as JsonSchema] as const);
const formats = { 'date-time': /T.*Z$/, date: /^\d{4}-\d\d-\d\d$/, email: /^\S+@\S+$/, uri: /^https:/ };

describe('the example that the catalogue makes of a schema', () => {
  test.each(schemas)('of %s is what the schema allows', (_, schema) => {
    const isValid = new Ajv2020({ strict: false, formats }).compile(schema);
    expect([isValid(exampleOf(schema)), isValid.errors]).toEqual([true, null]);
  });

  test('has values that read like those of a provider', () => {
    const [, employees] = schemas.find(([name]) => name === join('hris', 'employees.json')) ?? [];
    expect(exampleOf(employees ?? {})).toMatchObject({
      id: '42',
      first_name: 'Ada',
      last_name: 'Lovelace',
      name: 'Ada Lovelace',
      work_email: 'ada@example.com',
      mobile_phone: '+1 555 0100',
      department: 'department',
      company: { id: '42', name: 'Example Ltd' },
      manager: { name: 'Ada Lovelace' },
      hire_date: '2026-11-29',
    });
  });

  test('is the one of the schema, where it has one', () => {
    expect(
      exampleOf({ type: 'object', properties: { state: { type: 'string', examples: ['open', 'closed'] } } }),
    ).toEqual({
      state: 'open',
    });
  });
});
