import { describe, expect, test } from 'vitest';
import { eventTypes } from '../../../../lambdas/engine/event/canonical-event.ts';
import { toCloudEvent } from '../../../../lambdas/engine/shaping/cloud-event.ts';
import { publishSpan, traceOfEvent } from '../../../../lambdas/engine/trace/trace-ids.ts';
import { event } from './any-event.ts';

test('is a CloudEvent 1.0 with all members of the event', () => {
  const full = { ...event, occurred_at: '2026-11-21T11:59:00.000Z', thin: true, snapshot: true } as const;
  expect(toCloudEvent(full, { id: '123' }, false)).toEqual({
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
    correlationid: traceOfEvent(event),
    traceparent: `00-${traceOfEvent(event)}-${publishSpan(event.id)}-01`,
    thin: true,
    snapshot: true,
    data: { id: '123' },
  });
});

test('has the recording time as its time when the provider gives none', () => {
  expect(toCloudEvent(event, {}, true)).toMatchObject({ time: event.timestamp, recordedtime: event.timestamp });
  for (const absent of ['thin', 'snapshot']) expect(toCloudEvent(event, {}, true)).not.toHaveProperty(absent);
});

// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#attribute-naming-convention
test.each(eventTypes)('has attribute names that follow the specification: %s', (type) => {
  const { data: _, ...attributes } = toCloudEvent({ ...event, type }, {}, true);
  for (const name of Object.keys(attributes)) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
  expect(attributes['type']).toMatch(/^com\.tributary\.record\.(created|updated|deleted)$/);
});

test('has sequence numbers that sort as strings', () => {
  const sequences = [1, 9, 10, 4211, 2 ** 31, Number.MAX_SAFE_INTEGER];
  const texts = sequences.map((sequence) => String(toCloudEvent({ ...event, sequence }, {}, true)['sequence']));
  expect([...texts].sort()).toEqual(texts);
  expect(texts.map(Number)).toEqual(sequences);
});

test("escapes a provider's unusual ids so that attributes can hold them", () => {
  const written = (record_id: string) => toCloudEvent({ ...event, record_id }, {}, true);
  expect(written('a/b c é 😀')).toMatchObject({ subject: 'hris/employees/a/b c é 😀', recordid: 'a/b c é 😀' });
  expect(written('a\nb\u007f\ufffe')).toMatchObject({ recordid: 'a%0Ab%7F%EF%BF%BE' });
  expect(written('\ud800')).toMatchObject({ recordid: '\ufffd' });
  expect(toCloudEvent({ ...event, tenant: 'a/b', account: 'c d' }, {}, true)).toMatchObject({
    source: '/tributary/a%2Fb/c%20d',
  });
});

describe('the schema of the data', () => {
  const publicUrl = 'https://hooks.example.com';

  test('is named by the URL at which the API serves its major version', () => {
    expect(toCloudEvent(event, event.data, true, { publicUrl })).toMatchObject({
      dataschema: 'https://hooks.example.com/v1/schemas/hris/employees?major=1',
      schemaversion: '1.0.0',
    });
  });

  test.each([
    ['that a subscription has changed', event, false],
    ['of a resource without a schema', { ...event, schema_version: '0.0.0' }, true],
    ['of an event about the engine itself', { ...event, type: 'subscription.disabled' as const }, true],
  ])('is not named for data %s', (_, one, isPlain) => {
    expect(toCloudEvent(one, one.data, isPlain, { publicUrl })).not.toHaveProperty('dataschema');
  });
});

test('carries the trace of what brought it, and says whether it is sampled', () => {
  const one = { ...event, correlation_id: '019abc3f2c005e2f0c1b7a9d4e6f8a0b' };
  expect(toCloudEvent(one, {}, true, { traceSampleRatio: 0 })).toMatchObject({
    correlationid: one.correlation_id,
    traceparent: `00-${one.correlation_id}-${publishSpan(one.id)}-00`,
  });
});
