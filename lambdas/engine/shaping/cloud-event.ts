import type { CanonicalEvent } from '../event/canonical-event.ts';

/**
 * Media types of one event, and of several events in a JSON array.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export const cloudEventTypes = {
  one: 'application/cloudevents+json',
  batch: 'application/cloudevents-batch+json',
} as const;

/** Digits of 2^53 - 1, the largest possible sequence number. */
const sequenceDigits = 16;

/**
 * Convert an event to a CloudEvent 1.0 in structured JSON. `time` is when the event happened, if the provider
 * says so; `recordedtime` is when Tributary recorded it.
 *
 * @param data - The event's data, or the output of a transform.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#context-attributes
 */
export function toCloudEvent(event: CanonicalEvent, data: unknown): Readonly<Record<string, unknown>> {
  const recordId = printable(event.record_id);
  return {
    specversion: '1.0',
    id: event.id,
    source: `/tributary/${encodeURIComponent(event.tenant)}/${encodeURIComponent(event.account)}`,
    type: `com.tributary.${event.type.replace(':', '.')}`,
    subject: `${event.resource}/${recordId}`,
    time: event.occurred_at ?? event.timestamp,
    datacontenttype: 'application/json',
    tenant: event.tenant,
    account: event.account,
    integration: event.integration,
    resource: event.resource,
    recordid: recordId,
    // A string that sorts like the numbers: integers of CloudEvents have 32 bits only.
    // https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/sequence.md
    sequence: String(event.sequence).padStart(sequenceDigits, '0'),
    origin: event.origin,
    raweventtype: printable(event.raw_event_type),
    schemaversion: event.schema_version,
    recordedtime: event.timestamp,
    ...(event.thin === undefined ? {} : { thin: event.thin }),
    data,
  };
}

/**
 * Percent-encode control characters and noncharacters, which attributes must not hold.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system
 */
function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Noncharacter_Code_Point}]/gu, encodeURIComponent);
}
