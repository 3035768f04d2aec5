import { z } from 'zod';
import { combinedType, eventTypes, origins } from '../event/canonical-event.ts';
import { operationalTypes } from '../event/operational-types.ts';
import { time } from './shared-schema.ts';

/** An event, in the feed and as the body of a callback. */
export const event = z
  .object({
    id: z
      .string()
      .describe('Id of the event. The same change has the same id on every retry, in callbacks and in the feed.'),
    type: z.enum([
      ...eventTypes,
      combinedType,
      ...(Object.keys(operationalTypes) as (keyof typeof operationalTypes)[]),
    ]),
    timestamp: time.describe('When Tributary learned of the change.'),
    tenant: z.string(),
    account: z.string(),
    integration: z.string(),
    resource: z.string().describe('`<model>/<plural>`, for example `hris/employees`.'),
    record_id: z.string(),
    sequence: z.int().describe('Number of the event. Rises within a tenant.'),
    origin: z.enum(origins).describe('How Tributary learned of the change.'),
    raw_event_type: z.string(),
    schema_version: z.string().describe('Version of the schema of `data`. See `GET /v1/schemas/{model}/{plural}`.'),
    occurred_at: time.optional().describe("The provider's time of the change, if known."),
    thin: z.literal(true).optional().describe('Present if the provider sent a notice without the record.'),
    snapshot: z
      .literal(true)
      .optional()
      .describe('Present if the first run of a sync found the record, which may be much older.'),
    correlation_id: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional()
      .describe(
        'What brought the event: all events of one webhook, and of one run of a sync, have the same. It is the trace id of the `traceparent` of callbacks, and names the event in every log line.',
      ),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });

export const eventExample = {
  id: 'evt_5e2f0c1b7a9d4e6f8a0b2c4d6e8f0a1b',
  type: 'record:updated',
  timestamp: '2026-11-27T12:00:00.000Z',
  tenant: 'acme',
  account: 'acc_hibob_acme',
  integration: 'hibob',
  resource: 'hris/employees',
  record_id: '123',
  sequence: 4211,
  origin: 'webhook',
  raw_event_type: 'employee.updated',
  schema_version: '1.0.0',
  correlation_id: '019abc3f2c005e2f0c1b7a9d4e6f8a0b',
  data: { id: '123' },
};
