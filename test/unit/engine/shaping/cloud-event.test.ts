import { expect, test } from 'vitest';
import { eventTypes } from '../../../../lambdas/engine/event/canonical-event.ts';
import { toCloudEvent } from '../../../../lambdas/engine/shaping/cloud-event.ts';
import { event } from './any-event.ts';

test('is a CloudEvent 1.0 with all members of the event', () => {
  expect(toCloudEvent({ ...event, occurred_at: '2026-11-21T11:59:00.000Z', thin: true }, { id: '123' })).toEqual({
    specversion: '1.0',
    id: event.id,
    source: '/tributary/acme/acc_hibob_acme',
    type: 'com.tributary.record.updated',
    subject: 'hris/employees/123',
    time: '2026-11-21T11:59:00.000Z',
    datacontenttype: 'application/json',
    tenant: 'acme',
    account: 'acc_hibob_acme',
    integration: 'hibob',
    resource: 'hris/employees',
    recordid: '123',
    sequence: '0000000000004211',
    origin: 'webhook',
    raweventtype: 'employee.updated',
    schemaversion: '1.0.0',
    recordedtime: '2026-11-21T12:00:00.000Z',
    thin: true,
    data: { id: '123' },
  });
});

test('has the recording time as its time when the provider gives none', () => {
  expect(toCloudEvent(event, {})).toMatchObject({ time: event.timestamp, recordedtime: event.timestamp });
  expect(toCloudEvent(event, {})).not.toHaveProperty('thin');
});

// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#attribute-naming-convention
test.each(eventTypes)('has attribute names that follow the specification: %s', (type) => {
  const { data: _, ...attributes } = toCloudEvent({ ...event, type }, {});
  for (const name of Object.keys(attributes)) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
  expect(attributes['type']).toMatch(/^com\.tributary\.record\.(created|updated|deleted)$/);
});

test('has sequence numbers that sort as strings', () => {
  const sequences = [1, 9, 10, 4211, 2 ** 31, Number.MAX_SAFE_INTEGER];
  const texts = sequences.map((sequence) => String(toCloudEvent({ ...event, sequence }, {})['sequence']));
  expect([...texts].sort()).toEqual(texts);
  expect(texts.map(Number)).toEqual(sequences);
});

test("escapes a provider's unusual ids so that attributes can hold them", () => {
  const written = (record_id: string) => toCloudEvent({ ...event, record_id }, {});
  expect(written('a/b c é 😀')).toMatchObject({ subject: 'hris/employees/a/b c é 😀', recordid: 'a/b c é 😀' });
  expect(written('a\nb\u007f\ufffe')).toMatchObject({ recordid: 'a%0Ab%7F%EF%BF%BE' });
  expect(written('\ud800')).toMatchObject({ recordid: '\ufffd' });
  expect(toCloudEvent({ ...event, tenant: 'a/b', account: 'c d' }, {})).toMatchObject({
    source: '/tributary/a%2Fb/c%20d',
  });
});
