import type { CanonicalEvent } from '../event/canonical-event.ts';
import { publishSpan, traceOfEvent } from '../trace/trace-ids.ts';
import { isSampled, writeTraceparent } from '../trace/traceparent.ts';

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

/** What a CloudEvent says besides its event. */
export interface CloudEventContext {
  /**
   * Origin of the API, without a trailing slash.
   * @default - none: the event names no schema
   */
  readonly publicUrl?: string | undefined;
  /** Share of the traces that are sampled, from 0 to 1. @default 1 */
  readonly traceSampleRatio?: number | undefined;
}

/**
 * Convert an event to a CloudEvent 1.0 in structured JSON. `time` is when the event happened, if the provider
 * says so; `recordedtime` is when Tributary recorded it. `traceparent` is the event's publication, so it is the same on
 * every attempt; the attempt itself is in the header of that name.
 *
 * @param data - The event's data, or the output of a transform.
 * @param isPlain - Whether `data` is what the schema of the resource describes: no subscription has changed it.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#context-attributes
 * @see https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md
 */
export function toCloudEvent(
  event: CanonicalEvent,
  data: unknown,
  isPlain: boolean,
  { publicUrl, traceSampleRatio = 1 }: CloudEventContext = {},
): Readonly<Record<string, unknown>> {
  const recordId = printable(event.record_id);
  const traceId = traceOfEvent(event);
  const dataSchema = isPlain && publicUrl !== undefined ? schemaUrl(publicUrl, event) : undefined;
  return {
    specversion: '1.0',
    id: event.id,
    source: `/tributary/${encodeURIComponent(event.tenant)}/${encodeURIComponent(event.account)}`,
    type: `com.tributary.${event.type.replace(':', '.')}`,
    subject: `${event.resource}/${recordId}`,
    time: event.occurred_at ?? event.timestamp,
    datacontenttype: 'application/json',
    ...(dataSchema === undefined ? {} : { dataschema: dataSchema }),
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
    correlationid: traceId,
    traceparent: writeTraceparent({
      traceId,
      spanId: publishSpan(event.id),
      isSampled: isSampled(traceId, traceSampleRatio),
    }),
    ...(event.thin === undefined ? {} : { thin: event.thin }),
    ...(event.snapshot === undefined ? {} : { snapshot: event.snapshot }),
    data,
  };
}

/** Where the API serves the schema of an event's data; undefined for events whose data has none. */
function schemaUrl(publicUrl: string, { type, resource, schema_version: version }: CanonicalEvent): string | undefined {
  const [major = '0'] = version.split('.');
  // Versions of one major differ in optional members only, so the newest of them describes the data.
  return type.startsWith('record:') && major !== '0' ? `${publicUrl}/v1/schemas/${resource}?major=${major}` : undefined;
}

/**
 * Percent-encode control characters and noncharacters, which attributes must not hold.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system
 */
function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Noncharacter_Code_Point}]/gu, encodeURIComponent);
}
