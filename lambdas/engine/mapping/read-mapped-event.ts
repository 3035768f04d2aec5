import { limits } from '../../contracts/limits.ts';
import { type EventType, eventId, type UnsequencedEvent } from '../event/canonical-event.ts';
import { recordIdText } from '../event/record-id.ts';
import { type PreparedResources, schemaVersionOf } from './check-resource.ts';
import { faultsOf, type MappedEvent, mappedEvent } from './mapped-event.ts';
import type { MappedChange, NamedMappingContext } from './mapping-context.ts';

const verbs: Readonly<Record<string, EventType>> = {
  created: 'record:created',
  updated: 'record:updated',
  deleted: 'record:deleted',
};

export interface ItemContext {
  /** Position in the mapping's result, from 0. */
  readonly index: number;
  readonly context: NamedMappingContext;
  readonly resources: PreparedResources;
}

export type ReadEvent =
  | {
      readonly kind: 'event';
      readonly event: UnsequencedEvent;
      readonly context: string | undefined;
      readonly change: MappedChange;
    }
  | { readonly kind: 'fault'; readonly fault: string };

/** Check one item of a mapping's result, and make an event of it. */
export function readMappedEvent(item: unknown, { index, context, resources }: ItemContext): ReadEvent {
  const parsed = mappedEvent.safeParse(item);
  if (!parsed.success) return { kind: 'fault', fault: faultsOf(parsed.error) };
  const { event_type: verb, occurred_at: occurredAt, ...mapped } = parsed.data;
  const recordId = recordIdOf(mapped);
  if (recordId === undefined) return { kind: 'fault', fault: 'record_id: expected text or a number' };
  const data = mapped.raw_payload === undefined ? mapped.data : { ...mapped.data, remote: mapped.raw_payload };
  const answerBytes = sizeInAnswer(data);
  if (answerBytes > limits.maxEventBytes)
    return { kind: 'fault', fault: `data: ${answerBytes} bytes, expected at most ${limits.maxEventBytes}` };
  const type = verbs[verb.replace('record:', '')] as EventType;
  const isThin = mapped.method_config !== undefined;
  const { tenant, account, integration, receivedAt } = context;
  const { resource } = mapped;
  const name = mapped.id ?? `${placeOf(parsed.data, context)}#${index}`;
  const version = mapped.version === undefined ? undefined : String(mapped.version);
  const event: UnsequencedEvent = {
    id: eventId({ tenant, account, resource, recordId, type, change: changeOf(mapped.id, version, name) }),
    type,
    timestamp: receivedAt,
    tenant,
    account,
    integration,
    resource,
    record_id: recordId,
    origin: 'webhook',
    raw_event_type: mapped.raw_event_type,
    schema_version: schemaVersionOf(resources, resource),
    ...(occurredAt === undefined ? {} : { occurred_at: toIso(occurredAt) }),
    ...(isThin ? { thin: true as const } : {}),
    data,
  };
  const change = verb.replace('record:', '') as MappedChange['change'];
  const { method_config: address } = mapped;
  return {
    kind: 'event',
    event,
    context: mapped.context,
    change: { change, version, name, ...(address === undefined ? {} : { address }) },
  };
}

/**
 * Name the delivery that brought a change. Only a thin event in a delivery without a provider's id needs more: its
 * time tells two changes of a record apart, and without a time the acceptance does.
 */
function placeOf(
  { method_config: fetch, occurred_at: occurredAt }: Pick<MappedEvent, 'method_config' | 'occurred_at'>,
  { deliveryId, acceptanceId }: NamedMappingContext,
): string {
  if (fetch === undefined || acceptanceId === undefined) return deliveryId;
  return occurredAt === undefined ? acceptanceId : `${deliveryId} at ${toIso(occurredAt)}`;
}

/** The record's id. A mapping may leave it out where `method_config` or the record itself has it. */
function recordIdOf(mapped: Pick<MappedEvent, 'record_id' | 'method_config' | 'data'>): string | undefined {
  if (mapped.record_id !== undefined) return mapped.record_id;
  const found = recordIdText.safeParse(mapped.method_config?.['id'] ?? mapped.data['id']);
  return found.success ? found.data : undefined;
}

/**
 * Identity of a change: the provider's id of it; else the record's version, which every path reports alike; else the
 * place in the delivery that brought it.
 */
function changeOf(id: string | undefined, version: string | undefined, name: string): string {
  return id ?? (version === undefined ? name : `version ${version}`);
}

/** Bytes of the data in a function's answer: JSON text, escaped a second time. */
function sizeInAnswer(data: object): number {
  const text = JSON.stringify(data);
  const bytes = Buffer.byteLength(text);
  return 2 * bytes <= limits.maxEventBytes ? bytes : Buffer.byteLength(JSON.stringify(text));
}

/** Providers send times with an offset, local times (read as UTC) or epoch milliseconds. */
function toIso(value: string | number): string {
  if (typeof value === 'number') return new Date(value).toISOString();
  return new Date(/(Z|[+-]\d{2}:?\d{2})$/.test(value) ? value : `${value}Z`).toISOString();
}
