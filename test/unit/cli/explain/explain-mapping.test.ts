import { describe, expect, test } from 'vitest';
import { collapseRepeated } from '../../../../lib/cli/explain/explain-mapping.ts';
import { useIntegrationsFolder, writeIntegration, writeResource } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();

/** The report of `test` about the one sample of a mapping. */
async function faultsOf(mapping: string, sample?: object): Promise<readonly string[]> {
  writeIntegration(folder, sample === undefined ? {} : { sample });
  folder.write('integrations/staff/mapping.jsonata', mapping);
  const { output } = await folder.run(['test', 'staff']);
  return output.split('\n').flatMap((line) => /^ {9}\w+: (.*)$/.exec(line)?.[1] ?? []);
}

const event = (members: string) =>
  `{ "event_type": "created", "raw_event_type": "c", "resource": "hris/employees", "record_id": "7", ${members} }`;

describe('describes the fault of a failing mapping with its place:', () => {
  test.each([
    [
      'an unknown function',
      '(\n  $x := 1;\n  $lowercse(body.verb)\n)',
      /^mapping failed: line 3, column \d+: there is no function "\$lowercse"; did you mean "\$lowercase"\?$/,
    ],
    [
      'an unknown function of the engine',
      '$parsJson("1")',
      /there is no function "\$parsJson"; did you mean "\$parseJson"\?$/,
    ],
    ['an unknown function unlike any other', '$frobnicate(1)', /there is no function "\$frobnicate"$/],
    [
      'an invalid number',
      '\n$number(body.verb)',
      /^mapping failed: line 2, column \d+: Unable to cast value to a number: "created"/,
    ],
    ['an operator', 'body.verb - 1', /The left side of the "-" operator must evaluate to a number/],
  ])('%s', async (_, mapping, fault) => {
    expect(await faultsOf(mapping)).toEqual([expect.stringMatching(fault)]);
  });
});

describe('describes the invalid member of an event with its value and the expectation:', () => {
  const bad = 'mapping gave a bad event (0): ';
  test.each([
    [
      'a verb',
      event('"id": "1"').replace('"created"', '"create"'),
      'event_type: got "create", expected "created", "updated" or "deleted"',
    ],
    [
      'a resource',
      event('"id": "1"').replace('hris/employees', 'employees'),
      'resource: got "employees", expected <model>/<plural>, for example "hris/employees"',
    ],
    [
      'a time',
      event('"occurred_at": "22.11.2026"'),
      'occurred_at: got "22.11.2026", expected ISO 8601, for example "2026-11-22T12:00:00Z", or epoch milliseconds as a number',
    ],
    ['an id', event('"id": 5'), 'id: got 5, expected string'],
    [
      'a member',
      event('"recordid": "8"'),
      'got "recordid", which is not a member of an event; did you mean "record_id"?',
    ],
    [
      'a missing member',
      '{ "event_type": "created", "resource": "a/b", "record_id": "7" }',
      'raw_event_type: got nothing, expected string',
    ],
  ])('%s', async (_, mapping, fault) => {
    expect(await faultsOf(mapping)).toEqual([bad + fault]);
  });
});

describe('invalid data', () => {
  const dated = { type: ['string', 'null'], description: 'A day.' };
  const properties = {
    id: { type: 'string', description: 'Id of the record.' },
    hire_date: { ...dated, format: 'date' },
    created_at: { ...dated, format: 'date-time' },
    remote: { description: 'The record of the provider.' },
    custom_fields: { type: ['object', 'null'], description: 'Anything else.', additionalProperties: true },
  };

  test('is reported with the form of a date and with the most likely property', async () => {
    writeResource(folder, 'hris/employees', { properties });
    const faults = await faultsOf(event('"data": { "id": "7", "hire_date": "1.2.2026", "creatd_at": "x" }'));
    expect(faults.filter((fault) => fault.startsWith('events[0].data')).sort()).toEqual([
      'events[0].data.creatd_at: expected no such property (hris/employees); did you mean "created_at"?',
      'events[0].data.hire_date: expected date, YYYY-MM-DD (hris/employees)',
    ]);
  });

  test('is reported once for all events with the same fault', async () => {
    writeResource(folder, 'hris/employees', { properties });
    const faults = await faultsOf(`[[1..5].${event('"data": { "id": 7 }')}]`);
    expect(faults.filter((fault) => fault.startsWith('events[0].data'))).toEqual([
      'events[0].data.id: expected string (hris/employees) (and 4 more like it)',
    ]);
  });
});

test('lines that differ in more than an index stay separate', () => {
  expect(collapseRepeated(['a[0].b: x', 'a[1].b: x', 'a[0].b: y'])).toEqual([
    'a[0].b: x (and 1 more like it)',
    'a[0].b: y',
  ]);
});
