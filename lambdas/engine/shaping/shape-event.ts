import type { CanonicalEvent } from '../event/canonical-event.ts';
import type { Transformed } from '../expression/run-expression.ts';
import { type CloudEventContext, cloudEventTypes, toCloudEvent } from './cloud-event.ts';
import { type Encryption, encryptFields } from './encrypt-fields.ts';
import { type EncryptionKey, readEncryptionKey } from './encryption-key.ts';
import { changeFields, type FieldTree, keepFields, plantPaths } from './field-paths.ts';
import { previousValues } from './previous-values.ts';
import type { ShapingOptions } from './shaping-schema.ts';

/** A subscription's compiled shaping, reusable for all events. */
export interface PreparedShaping {
  /** JSONata. */
  readonly filter: string | undefined;
  readonly include: FieldTree | undefined;
  readonly drop: FieldTree | undefined;
  /** Fields of which the former values are sent; `all` for each that changed. */
  readonly previous: FieldTree | 'all' | undefined;
  readonly encryption: { readonly fields: FieldTree; readonly key: EncryptionKey } | undefined;
  /** JSONata. */
  readonly transform: string | undefined;
  readonly envelope: 'tributary' | 'cloudevents';
  /** Whether callbacks have the form of a batch, even for one event. */
  readonly isBatched: boolean;
}

export type ShapedEvents =
  | { readonly kind: 'body'; readonly contentType: string; readonly body: string }
  /** The events that could not be shaped, in order. */
  | { readonly kind: 'failed'; readonly failures: readonly ShapingFailure[] };

/** `event` is an id. The reason never quotes the event's data, except for text that a transform passes to `$error`. */
interface ShapingFailure {
  readonly event: string;
  readonly reason: string;
}

/**
 * Runs a transform over a reduced event; the caller decides in which process.
 *
 * @returns A failure with `isLast` if the remaining events must not be tried.
 */
export type RunTransform = (
  transform: string,
  event: CanonicalEvent,
) => Promise<Transformed & { readonly isLast?: boolean }>;

/**
 * Prepare options that have passed the schema.
 *
 * @throws {TypeError} for options that `shapingSchema` refuses.
 */
export function prepareShaping(options: ShapingOptions): PreparedShaping {
  return {
    filter: options.filter,
    include: plant(options.fields?.include),
    drop: plant(options.fields?.drop),
    previous: options.include_previous === true ? 'all' : plant(options.include_previous),
    encryption:
      options.encrypt === undefined
        ? undefined
        : { fields: plantPaths(options.encrypt.fields), key: encryptionKey(options.encrypt.jwk) },
    transform: options.transform,
    envelope: options.envelope ?? 'tributary',
    isBatched: options.batch !== undefined,
  };
}

/**
 * Build the body of a callback: reduce fields, encrypt values, transform, and wrap in the envelope.
 * The events themselves do not change.
 *
 * @param events - One event, or with `batch` one or more, in sending order.
 * @param before - By the id of an event: the event of its record before it, where former values are asked for.
 * @param context - What CloudEvents say of the deployment.
 * @returns `failed` if some events cannot be shaped. The caller must not send these events, but may shape the
 *   others again without them.
 */
export async function shapeEvents(
  prepared: PreparedShaping,
  events: readonly CanonicalEvent[],
  runTransform: RunTransform,
  before: ReadonlyMap<string, CanonicalEvent> = new Map(),
  context: CloudEventContext = {},
): Promise<ShapedEvents> {
  if (events.length === 0 || (events.length > 1 && !prepared.isBatched))
    throw new TypeError(
      `got ${events.length} events for one callback, expected ${prepared.isBatched ? 'some' : 'one'}`,
    );
  const texts: string[] = [];
  const failures: ShapingFailure[] = [];
  // In sequence, because each event may use the full time limit of an expression.
  for (const event of events) {
    const shaped = await shapeEvent(prepared, event, runTransform, before.get(event.id), context);
    if (shaped.kind === 'text') texts.push(shaped.text);
    else failures.push({ event: event.id, reason: shaped.reason });
    if (shaped.isLast === true) break;
  }
  if (failures.length > 0) return { kind: 'failed', failures };
  return { kind: 'body', ...joinTexts(prepared, texts) };
}

async function shapeEvent(
  prepared: PreparedShaping,
  event: CanonicalEvent,
  runTransform: RunTransform,
  before: CanonicalEvent | undefined,
  context: CloudEventContext,
): ReturnType<RunTransform> {
  const reduction = await reduceData(prepared, event.data);
  if (reduction.kind === 'failed') return { kind: 'failed', reason: `encryption failed: ${reduction.reason}` };
  const previous = await reducePrevious(prepared, event, before);
  if (previous.kind === 'failed') return { kind: 'failed', reason: `encryption failed: ${previous.reason}` };
  const reduced: ShapedEvent = {
    ...event,
    data: reduction.data,
    ...(previous.data === undefined ? {} : { previous: { data: previous.data } }),
  };
  const isWrapped = prepared.envelope === 'cloudevents';
  if (prepared.transform === undefined) {
    const isPlain = [prepared.include, prepared.drop, prepared.encryption].every((change) => change === undefined);
    const sent = isWrapped ? toCloudEvent(reduced, reduced.data, isPlain, context) : reduced;
    return { kind: 'text', text: JSON.stringify(sent) };
  }

  const transformed = await runTransform(prepared.transform, reduced);
  if (transformed.kind === 'failed' || !isWrapped) return transformed;
  return { kind: 'text', text: JSON.stringify(toCloudEvent(reduced, JSON.parse(transformed.text), false, context)) };
}

/** An event as it is sent. */
type ShapedEvent = CanonicalEvent & { readonly previous?: { readonly data: CanonicalEvent['data'] } };

/** Former values, reduced as the data is: what is dropped or encrypted there is not shown here. */
async function reducePrevious(
  prepared: PreparedShaping,
  event: CanonicalEvent,
  before: CanonicalEvent | undefined,
): Promise<Encryption<CanonicalEvent['data'] | undefined>> {
  const { previous } = prepared;
  if (previous === undefined || before === undefined || before.thin === true || event.thin === true)
    return { kind: 'encrypted', data: undefined };
  const changed = previousValues(before.data, event.data);
  const asked = changed === undefined || previous === 'all' ? changed : keepFields(changed, previous);
  if (asked === undefined || Object.keys(asked).length === 0) return { kind: 'encrypted', data: undefined };
  return reduceData(prepared, asked);
}

async function reduceData(
  { include, drop, encryption }: PreparedShaping,
  data: CanonicalEvent['data'],
): Promise<Encryption<CanonicalEvent['data']>> {
  const kept = include === undefined ? data : keepFields(data, include);
  const left = drop === undefined ? kept : changeFields(kept, drop, () => undefined);
  return encryption === undefined
    ? { kind: 'encrypted', data: left }
    : encryptFields(left, encryption.fields, encryption.key);
}

/** Join JSON texts, one per event, to the body of one callback. */
function joinTexts(
  { envelope, isBatched }: PreparedShaping,
  texts: readonly string[],
): { readonly contentType: string; readonly body: string } {
  const joined = texts.join(',');
  switch (envelope) {
    case 'tributary':
      return { contentType: 'application/json', body: isBatched ? `{"events":[${joined}]}` : joined };
    case 'cloudevents':
      return isBatched
        ? { contentType: cloudEventTypes.batch, body: `[${joined}]` }
        : { contentType: cloudEventTypes.one, body: joined };
  }
}

function plant(paths: readonly string[] | undefined): FieldTree | undefined {
  return paths === undefined ? undefined : plantPaths(paths);
}

function encryptionKey(jwk: Parameters<typeof readEncryptionKey>[0]): EncryptionKey {
  const read = readEncryptionKey(jwk);
  if (read.kind === 'fault') throw new TypeError(read.message);
  return read.key;
}
