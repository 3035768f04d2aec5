import { createHash } from 'node:crypto';
import type jsonata from 'jsonata';
import { z } from 'zod';
import { limits } from '../../contracts/limits.ts';
import { type EventType, eventId, type UnsequencedEvent } from '../event/canonical-event.ts';
import { noResources, type PreparedResources, schemaVersionOf } from './check-resource.ts';
import { compileMapping } from './compile-mapping.ts';

/** JSONata's codes for what ran into these bounds. */
const timeoutCode = 'D1012';
const bounds: Readonly<Record<string, string>> = { D1011: 'stack overflow', [timeoutCode]: 'timeout' };
const raisedByAuthor = 'D3137';

const verbs: Readonly<Record<string, EventType>> = {
  created: 'record:created',
  updated: 'record:updated',
  deleted: 'record:deleted',
};

/** Years 0 to 9999: the instants that ISO 8601 writes with four digits. Microseconds are not meant for milliseconds. */
const minEpochMs = Date.parse('0000-01-01T00:00:00Z');
const maxEpochMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const timestamp = z.union([
  z.iso.datetime({ offset: true }),
  z.iso.datetime({ local: true }),
  z.number().min(minEpochMs).max(maxEpochMs),
]);

/** Ids and names go into a row beside the data; no provider's are longer. */
const maxNameCharacters = 512;

/** Levels of `data`: serializers recurse, so what is deeper could be mapped but never be stored. */
const maxDataDepth = 100;

/** Providers give text or numbers; the world sees text. */
const recordId = z.union([z.string().min(1).max(maxNameCharacters), z.number()]).transform(String);

/** What a mapping gives for one event. */
const mappedEvent = z.strictObject({
  event_type: z.string().regex(/^(record:)?(created|updated|deleted)$/, 'expected created, updated or deleted'),
  resource: z
    .string()
    .max(128)
    .regex(/^[a-z][a-z_]*\/[a-z][a-z_]*$/, 'expected <model>/<plural>, for example hris/employees'),
  record_id: recordId.optional(),
  raw_event_type: z.string().min(1).max(maxNameCharacters),
  occurred_at: timestamp.optional(),
  id: z.string().min(1).max(maxNameCharacters).optional(),
  method: z.string().min(1).optional(),
  method_config: z.record(z.string(), z.unknown()).optional(),
  context: z
    .union([z.string().min(1), z.number()])
    .transform(String)
    .optional(),
  version: z.union([z.string().min(1).max(maxNameCharacters), z.number()]).optional(),
  raw_payload: z
    .unknown()
    .refine((payload) => isJson(payload, maxDataDepth), 'expected JSON values only')
    .optional(),
  data: z
    .record(z.string(), z.unknown())
    .default({})
    .refine((data) => isJson(data, maxDataDepth), `expected JSON values only, at most ${maxDataDepth} levels deep`),
});

type MappedEvent = z.infer<typeof mappedEvent>;

/** A compiled mapping, reusable over requests. */
export interface PreparedMapping {
  readonly expression: jsonata.Expression;
  /** What it maps to. */
  readonly resources: PreparedResources;
}

/** What a mapping sees: `body`, `headers` (lower-case names), `query`, `method`, `path`. */
export interface MappingInput {
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly method: string;
  readonly path: string;
}

/** Where the request came from and how it is named. */
export interface MappingContext {
  readonly tenant: string;
  readonly account: string;
  readonly integration: string;
  /** ISO 8601. */
  readonly receivedAt: string;
  /** The provider's id of the delivery; undefined where it has none. */
  readonly deliveryId: string | undefined;
  /** Id of this acceptance: names a change that nothing in the request names. @default a digest of the body */
  readonly acceptanceId?: string | undefined;
  readonly rawBody: Buffer;
}

/** Where a request came from, with a name that is found already: {@link deliveryNameOf}. */
export interface NamedMappingContext extends Omit<MappingContext, 'deliveryId' | 'acceptanceId' | 'rawBody'> {
  readonly deliveryId: string;
  /** Only where `deliveryId` is a digest of the body: names the change of a thin event without a time. */
  readonly acceptanceId?: string;
}

/**
 * What a delivery is known by: the provider's id of it, or a digest of its body.
 *
 * A thin event says which record changed, not how: two changes of a record may have the same body, and the second
 * must not pass for a repetition of the first. So a digest comes with the id of the acceptance, which names such an
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

export type MappingResult =
  /** No event: the mapping gave nothing, so the request is ignored. */
  | {
      readonly kind: 'mapped';
      readonly events: readonly UnsequencedEvent[];
      /** For each event, the context that it names; undefined where it names none. */
      readonly contexts: readonly (string | undefined)[];
    }
  /** `retryable` where it took too long, which at another time it may not. */
  | { readonly kind: 'failed'; readonly reason: string; readonly retryable: boolean };

/** Mappings by their text, the one used longest ago first. They hold nothing of what they mapped. */
const compiled = new Map<string, jsonata.Expression>();
const maxCompiled = 500;

/**
 * Compile a mapping, once for each text. Its events name the versions of the resources' schemas.
 *
 * @param timeoutMs - By the wall clock. @default 2 s
 */
export function prepareMapping(
  text: string,
  resources: PreparedResources = noResources,
  timeoutMs?: number,
): PreparedMapping {
  const key = `${timeoutMs ?? ''} ${text}`;
  const expression = compiled.get(key) ?? compileMapping(text, timeoutMs);
  compiled.delete(key);
  compiled.set(key, expression);
  const [oldest] = compiled.keys();
  if (compiled.size > maxCompiled && oldest !== undefined) compiled.delete(oldest);
  return { expression, resources };
}

/** Run a mapping over one request: no event, one, or many. A failure says where its author has to look. */
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
  const { deliveryId: delivery, acceptanceId } = 'rawBody' in context ? deliveryNameOf(context) : context;
  const events: UnsequencedEvent[] = [];
  const contexts: (string | undefined)[] = [];
  for (const [index, item] of items.entries()) {
    const parsed = mappedEvent.safeParse(item);
    if (!parsed.success) {
      const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'event'}: ${issue.message}`);
      return badEvent(index, faults.join('; '));
    }
    const { event_type: verb, occurred_at: occurredAt, ...mapped } = parsed.data;
    const named = recordIdOf(mapped);
    if (named === undefined) return badEvent(index, 'record_id: expected text or a number');
    const data = mapped.raw_payload === undefined ? mapped.data : { ...mapped.data, remote: mapped.raw_payload };
    const answerBytes = sizeInAnswer(data);
    if (answerBytes > limits.maxEventBytes)
      return badEvent(index, `data: ${answerBytes} bytes, expected at most ${limits.maxEventBytes}`);
    const type = verbs[verb.replace('record:', '')] as EventType;
    const isThin = mapped.method_config !== undefined;
    // Its time tells two changes of a record apart, wherever in the request it stands.
    const place =
      !isThin || acceptanceId === undefined
        ? delivery
        : occurredAt === undefined
          ? acceptanceId
          : `${delivery} at ${toIso(occurredAt)}`;
    contexts.push(mapped.context);
    events.push({
      id: eventId({
        tenant: context.tenant,
        account: context.account,
        resource: mapped.resource,
        recordId: named,
        type,
        change: changeOf(mapped, `${place}#${index}`),
      }),
      type,
      timestamp: context.receivedAt,
      tenant: context.tenant,
      account: context.account,
      integration: context.integration,
      resource: mapped.resource,
      record_id: named,
      origin: 'webhook',
      raw_event_type: mapped.raw_event_type,
      schema_version: schemaVersionOf(mapping.resources, mapped.resource),
      ...(occurredAt === undefined ? {} : { occurred_at: toIso(occurredAt) }),
      ...(isThin ? { thin: true as const } : {}),
      data,
    });
  }
  return { kind: 'mapped', events, contexts };
}

/** A mapping may leave the record's id to where a fetch, or the record itself, has it. */
function recordIdOf(mapped: Pick<MappedEvent, 'record_id' | 'method_config' | 'data'>): string | undefined {
  if (mapped.record_id !== undefined) return mapped.record_id;
  const found = recordId.safeParse(mapped.method_config?.['id'] ?? mapped.data['id']);
  return found.success ? found.data : undefined;
}

/**
 * What makes the change itself: the provider's id of it; the record's version, which is the same by
 * whichever way it is learnt; or the place in the delivery that brought it.
 */
function changeOf({ id, version }: Pick<MappedEvent, 'id' | 'version'>, place: string): string {
  return id ?? (version === undefined ? place : `version ${version}`);
}

function badEvent(index: number, fault: string): MappingResult {
  return { kind: 'failed', reason: `mapping gave a bad event (${index}): ${fault}`, retryable: false };
}

/** Bytes of the data as a function's answer carries it: JSON text, escaped once more. */
function sizeInAnswer(data: object): number {
  const text = JSON.stringify(data);
  const bytes = Buffer.byteLength(text);
  return 2 * bytes <= limits.maxEventBytes ? bytes : Buffer.byteLength(JSON.stringify(text));
}

/** Where and how an expression failed. JSONata's own messages quote the values at fault, which belong to the tenant. */
function describeFailure(error: unknown): string {
  const { code, position, token, message } = error as Partial<jsonata.JsonataError>;
  if (typeof code !== 'string') return 'the expression threw';
  // The author's own words, given to $error.
  if (code === raisedByAuthor) return message ?? code;
  const meaning = bounds[code] === undefined ? '' : ` (${bounds[code]})`;
  return `JSONata ${code}${meaning}${token === undefined ? '' : ` in "${token}"`} at character ${position ?? 0}`;
}

/** Whether a value is JSON: a mapping can also give functions and regular expressions. */
function isJson(value: unknown, levelsLeft: number): boolean {
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') return false;
  if (typeof value !== 'object' || value === null) return true;
  // A list that JSONata made has members of JSONata's own beside its items; JSON has the items alone.
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return levelsLeft > 0 && items.every((item) => isJson(item, levelsLeft - 1));
}

/** Providers give offsets, local times (which are taken as UTC) or epoch milliseconds. */
function toIso(value: string | number): string {
  if (typeof value === 'number') return new Date(value).toISOString();
  return new Date(/(Z|[+-]\d{2}:?\d{2})$/.test(value) ? value : `${value}Z`).toISOString();
}
