import type { ResourceSchema } from '../../lambdas/engine/mapping/check-resource.ts';
import type { OlderMajor, VersionedResources } from '../../lambdas/engine/schema-versions/versioned-resource.ts';

const text = { type: ['string', 'null'], description: 'A text.' };

function employees(version: string, properties: object): ResourceSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:tributary:resource:hris/employees',
    title: 'Employee',
    description: 'A person who works for a company.',
    version,
    type: 'object',
    properties: {
      id: { type: 'string', description: 'Id of the record.' },
      ...properties,
      custom_fields: { type: ['object', 'null'], description: 'Anything else.', additionalProperties: true },
      remote: { description: 'The record of the provider.' },
    },
    required: ['id'],
    additionalProperties: false,
  } as ResourceSchema;
}

/** `{ "person": { "display_name" } }` in version 3 is `full_name` in 2, and `name` in 1. */
export const employeesInMajors = {
  3: employees('3.1.0', {
    person: {
      type: ['object', 'null'],
      description: 'Who it is.',
      properties: { display_name: text },
      additionalProperties: false,
    },
  }),
  2: employees('2.4.0', { full_name: text }),
  1: employees('1.9.2', { name: text }),
} as const;

export const olderMajors: readonly [OlderMajor, OlderMajor] = [
  {
    schema: employeesInMajors[2],
    down: '$ ~> |$| { "full_name": person.display_name }, ["person"] |',
    deprecated_at: '2026-10-01T00:00:00Z',
    sunset_at: null,
  },
  {
    schema: employeesInMajors[1],
    down: '$ ~> |$| { "name": full_name }, ["full_name"] |',
    deprecated_at: '2026-03-01T00:00:00Z',
    sunset_at: '2027-03-01T00:00:00Z',
    link: 'https://docs.example.com/employees-2',
  },
];

/** `hris/employees` in three served majors, and `crm/contacts` in one. */
export const threeMajors: VersionedResources = new Map([
  ['crm/contacts', { schema: { ...employees('1.0.0', {}), $id: 'urn:tributary:resource:crm/contacts' }, older: [] }],
  ['hris/employees', { schema: employeesInMajors[3], older: olderMajors }],
]);
