import { createHash } from 'node:crypto';
import type jsonata from 'jsonata';
import { limits } from '../../contracts/limits.ts';
import { type EventType, eventId, type UnsequencedEvent } from '../event/canonical-event.ts';
import { recordIdText } from '../event/record-id.ts';
import { compileJsonata } from '../expression/compile-jsonata.ts';
import { ExpressionFault } from '../provider/answer/evaluate.ts';
import { type CarriedRecordPlans, type FilledItem, fillFromRecord } from './carried-record.ts';
import { noResources, type PreparedResources, schemaVersionOf } from './check-resource.ts';
import { type MappedEvent, mappedEvent } from './mapped-event.ts';

/** JSONata's error codes for a mapping that exceeds a bound. */
const timeoutCode = 'D1012';
const bounds: Readonly<Record<string, string>> = { D1011: 'stack overflow', [timeoutCode]: 'timeout' };
const raisedByAuthor = 'D3137';

const verbs: Readonly<Record<string, EventType>> = {
  created: 'record:created',
  updated: 'record:updated',
  deleted: 'record:deleted',
};

/** A compiled mapping, reusable over requests. */
export interface PreparedMapping {
  readonly expression: jsonata.Expression;
  /** The resources that it may map to. */
  readonly resources: PreparedResources;
  /** How records that requests carry are read. */
  readonly records: CarriedRecordPlans;
  readonly timeoutMs: number | undefined;
}

/** Input of a mapping: `body`, `headers` (lower-case names), `query`, `method`, `path`. */
export interface MappingInput {
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly method: string;
  readonly path: string;
}

/** Where a request came from, and how it is named. */
export interface MappingContext {
  readonly tenant: string;
  readonly account: string;
  readonly integration: string;
  /** ISO 8601. */
  readonly receivedAt: string;
  /** The account's context, for the mappings of resources. */
  readonly accountContext?: Readonly<Record<string, unknown>>;
  /** The provider's id of the delivery; undefined if it sends none. */
  readonly deliveryId: string | undefined;
  /** Id of this acceptance. It names a change that nothing in the request names. @default a digest of the body */
  readonly acceptanceId?: string | undefined;
  readonly rawBody: Buffer;
}

/** Where a request came from, with the name that {@link deliveryNameOf} has found. */
export interface NamedMappingContext extends Omit<MappingContext, 'deliveryId' | 'acceptanceId' | 'rawBody'> {
  readonly deliveryId: string;
  /** Set only if `deliveryId` is a digest of the body: names the change of a thin event without a time. */
  readonly acceptanceId?: string;
}

/**
 * Name of a delivery: the provider's id of it, or a digest of its body.
 *
 * A thin event says which record changed, not how. Two changes of a record may have the same body, and the second
 * must not look like a repetition of the first. So a digest comes with the id of the acceptance, which names a thin
 * event instead.
 */
export function deliveryNameOf({
  deliveryId,
  acceptanceId,
  rawBody,
}: Pick<MappingContext, 'deliveryId' | 'acceptanceId' | 'rawBody'>): Pick<
  NamedMappingContext,
  'deliveryId' | 'acceptanceId'
> {
  if (deliveryId !== undefined) return { deliveryId };
  const digest = createHash('sha256').update(rawBody).digest('hex');
  return { deliveryId: digest, ...(acceptanceId === undefined ? {} : { acceptanceId }) };
}

/** What one event of a mapping says of its record. */
export interface MappedChange {
  readonly change: 'created' | 'updated' | 'deleted';
  /** The record's version, as the provider writes it. */
  readonly version?: string | undefined;
  /** The provider's name of the change, the same when it sends the change again. */
  readonly name: string;
  /** Whether it only says that the record is not one of the resource: of an unknown record, it says nothing. */
  readonly isAbsence?: true;
  /** What a read of the full record needs besides its id; undefined where the event is not thin. */
  readonly address?: Readonly<Record<string, unknown>>;
}

export type MappingResult =
  /** Without events, the mapping returned nothing and the request is ignored. */
  | {
      readonly kind: 'mapped';
      readonly events: readonly UnsequencedEvent[];
      /** The context that each event names; undefined for an event that names none. */
      readonly contexts: readonly (string | undefined)[];
      /** What each event says of its record. */
      readonly changes: readonly MappedChange[];
    }
  /** `retryable` after a timeout: the next run may be faster. */
  | { readonly kind: 'failed'; readonly reason: string; readonly retryable: boolean };

/** Compiled mappings by text, least recently used first. They keep no data of the requests they mapped. */
const compiled = new Map<string, jsonata.Expression>();
const maxCompiled = 500;

/**
 * Compile a mapping, once for each text. Its events carry the schema versions of their resources.
 *
 * @param timeoutMs - Wall-clock time. @default 2 s
 */
export function prepareMapping(
  text: string,
  resources: PreparedResources = noResources,
  timeoutMs?: number,
  records: CarriedRecordPlans = {},
): PreparedMapping {
  const key = `${timeoutMs ?? ''} ${text}`;
  const expression = compiled.get(key) ?? compileJsonata(text, timeoutMs);
  compiled.delete(key);
  compiled.set(key, expression);
  const [oldest] = compiled.keys();
  if (compiled.size > maxCompiled && oldest !== undefined) compiled.delete(oldest);
  return { expression, resources, records, timeoutMs };
}

/** Run a mapping over one request: no event, one, or many. The reason of a failure says where its author must look. */
export async function mapRequest(
  mapping: PreparedMapping,
  input: MappingInput,
  context: MappingContext | NamedMappingContext,
): Promise<MappingResult> {
  let result: unknown;
  try {
    result = await mapping.expression.evaluate(input);
  } catch (error) {
    const retryable = (error as Partial<jsonata.JsonataError>).code === timeoutCode;
    return { kind: 'failed', reason: `mapping failed: ${describeFailure(error)}`, retryable };
  }
  const items: readonly unknown[] =
    result === undefined || result === null ? [] : Array.isArray(result) ? result : [result];
  const { tenant, account, integration, receivedAt, accountContext = {} } = context;
  const named: NamedMappingContext =
    'rawBody' in context ? { tenant, account, integration, receivedAt, ...deliveryNameOf(context) } : context;
  const events: UnsequencedEvent[] = [];
  const contexts: (string | undefined)[] = [];
  const changes: MappedChange[] = [];
  for (const [index, item] of items.entries()) {
    const filled = await fill(mapping, item, accountContext);
    const read =
      filled.kind === 'fault'
        ? filled
        : readEvent(filled.item, { index, context: named, resources: mapping.resources });
    if (read.kind === 'fault')
      return { kind: 'failed', reason: `mapping gave a bad event (${index}): ${read.fault}`, retryable: false };
    events.push(read.event);
    contexts.push(read.context);
    changes.push(filled.kind === 'item' && filled.isAbsent ? { ...read.change, isAbsence: true } : read.change);
  }
  return { kind: 'mapped', events, contexts, changes };
}

async function fill(
  { records, timeoutMs }: PreparedMapping,
  item: unknown,
  context: Readonly<Record<string, unknown>>,
): Promise<FilledItem> {
  try {
    return await fillFromRecord(item, records, context, timeoutMs);
  } catch (error) {
    return {
      kind: 'fault',
      fault: `record: ${error instanceof ExpressionFault ? error.message : 'the expression threw'}`,
    };
  }
}

interface ItemContext {
  /** Position in the mapping's result, from 0. */
  readonly index: number;
  readonly context: NamedMappingContext;
  readonly resources: PreparedResources;
}

type ReadEvent =
  | {
      readonly kind: 'event';
      readonly event: UnsequencedEvent;
      readonly context: string | undefined;
      readonly change: MappedChange;
    }
  | { readonly kind: 'fault'; readonly fault: string };

/** Check one item of a mapping's result, and make an event of it. */
function readEvent(item: unknown, { index, context, resources }: ItemContext): ReadEvent {
  const parsed = mappedEvent.safeParse(item);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'event'}: ${issue.message}`);
    return { kind: 'fault', fault: faults.join('; ') };
  }
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

/** Where and how an expression failed. JSONata's own messages quote values, which belong to the tenant. */
function describeFailure(error: unknown): string {
  const { code, position, token, message } = error as Partial<jsonata.JsonataError>;
  if (typeof code !== 'string') return 'the expression threw';
  // The mapping's author wrote this message and passed it to $error.
  if (code === raisedByAuthor) return message ?? code;
  const meaning = bounds[code] === undefined ? '' : ` (${bounds[code]})`;
  return `JSONata ${code}${meaning}${token === undefined ? '' : ` in "${token}"`} at character ${position ?? 0}`;
}

/** Providers send times with an offset, local times (read as UTC) or epoch milliseconds. */
function toIso(value: string | number): string {
  if (typeof value === 'number') return new Date(value).toISOString();
  return new Date(/(Z|[+-]\d{2}:?\d{2})$/.test(value) ? value : `${value}Z`).toISOString();
}
