import { recordPlanOf } from '../../../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition, WebhookDefinition } from '../../../../../lambdas/engine/definition/schema.ts';
import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import type { WebhookRequest } from '../../../../../lambdas/engine/request/webhook-request.ts';
import { parseSource } from '../../../../../lambdas/engine/template/template.ts';
import type { Sample } from '../../../../definitions/samples.ts';
import { leavesOf, type Step, valueAt, withValueAt } from '../expressions/expression-place.ts';
import { escapeRegex, readTime, writeTimeLike } from '../expressions/time-texts.ts';
import { scalarLike } from '../records/record-form.ts';
import type { StoredRecord } from '../records/record-store.ts';

/** A change of which a webhook tells. */
export interface SampleChange {
  /** The resources that take the record. */
  readonly resources: readonly string[];
  readonly kind: 'created' | 'updated' | 'deleted';
  readonly record: StoredRecord;
  readonly addressPaths: Readonly<Record<string, readonly Step[]>>;
}

type Expected = NonNullable<Sample['expected']>[number];

/**
 * Choose the sample that fits a change best: the same kind, a thin event, one event.
 *
 * @returns Undefined if every sample would tell something false.
 */
export function sampleOf(samples: readonly Sample[], change: SampleChange): Sample | undefined {
  const fitting = samples.flatMap((sample) => {
    const event = eventOf(sample, change);
    if (event === undefined) return [];
    const isThin = event['thin'] === true || event['method'] === 'get';
    const isKind = event['type'] === `record:${change.kind}`;
    // A thin event says only that the record changed: the engine reads the rest.
    const isOfDeletion = event['type'] === 'record:deleted';
    if (!isThin && isOfDeletion !== (change.kind === 'deleted')) return [];
    return [{ sample, score: (isKind ? 4 : 0) + (isThin ? 2 : 0) + (sample.expected?.length === 1 ? 1 : 0) }];
  });
  return fitting.sort((a, b) => b.score - a.score)[0]?.sample;
}

function eventOf({ expected }: Sample, { resources }: SampleChange): Expected | undefined {
  return expected?.find(({ resource }) => resources.includes(String(resource)));
}

/**
 * Make the request of a sample tell of another record: replace the id, the address, the record if the sample carries it,
 * the time of the event, and the id of the delivery.
 */
export function webhookOf(
  definition: WebhookDefinition,
  sample: Sample,
  change: SampleChange,
  deliveryId: string,
  nowMs: number,
): WebhookRequest {
  const { request } = sample;
  const event = eventOf(sample, change);
  const text = request.body.toString('utf8');
  const body = parsed(text);
  if (event === undefined) return request;
  // In a form or XML, replace the id only.
  if (body === undefined)
    return { ...request, body: Buffer.from(withOtherId(text, String(event['record_id']), change.record.id)) };
  const carried = event['thin'] === true ? body : withRecord(definition, body, event, change);
  const told = withTimes(withIds(carried, event, change), event, nowMs);
  return withDeliveryId(definition, { ...request, body: Buffer.from(JSON.stringify(told)) }, deliveryId);
}

/** Replace the sample's record, if the body has it in the form of the API. */
function withRecord(definition: Definition, body: unknown, event: Expected, { record }: SampleChange): unknown {
  const plan = recordPlanOf(definition, String(event['resource']));
  if (plan === undefined || definition.resources?.[String(event['resource'])]?.adapt !== undefined) return body;
  const own = Object.keys(record.raw ?? {});
  for (const path of objectsOf(body)) {
    const members = valueAt(body, path) as Readonly<Record<string, unknown>>;
    const shared = own.filter((name) => Object.hasOwn(members, name));
    const hasId = [...leavesOf(members)].some((leaf) => String(valueAt(members, leaf)) === event['record_id']);
    if (hasId && shared.length > 2 && shared.length * 2 > own.length)
      return withValueAt(body, path, { ...members, ...(record.raw as object) });
  }
  return body;
}

/** Replace the id of the sample's record, alone or in a URL, and the members of its address. */
function withIds(body: unknown, event: Expected, { record, addressPaths }: SampleChange): unknown {
  const before = String(event['record_id']);
  const data = (event['data'] ?? {}) as Readonly<Record<string, unknown>>;
  const address = Object.entries(addressPaths).flatMap(([name, path]) => {
    const [old, next] = [textOf(data[name]), textOf(valueAt(record.raw, path))];
    return old === undefined || next === undefined ? [] : [{ name, old, next }];
  });
  let told = body;
  for (const path of leavesOf(body)) {
    const value = valueAt(body, path);
    const text = String(value);
    const named = address.find(({ name, old }) => path.at(-1) === name && text === old);
    if (text === before) told = withValueAt(told, path, scalarLike(value, record.id));
    else if (named !== undefined) told = withValueAt(told, path, scalarLike(value, named.next));
    else if (typeof value === 'string' && text.includes(before))
      told = withValueAt(told, path, withOtherId(text, before, record.id));
  }
  return told;
}

/** Replace an id that is a whole word of a text. */
function withOtherId(text: string, before: string, id: string): string {
  return text.replaceAll(new RegExp(`(?<![\\w-])${escapeRegex(before)}(?![\\w-])`, 'g'), () => id);
}

/** Move the time of the event to now. Keep other times, such as that of the creation. */
function withTimes(body: unknown, event: Expected, nowMs: number): unknown {
  const beforeMs = readTime(event['occurred_at']);
  if (beforeMs === undefined) return body;
  return [...leavesOf(body)].reduce<unknown>((told, path) => {
    const value = valueAt(body, path);
    const ms = readTime(value);
    // A coarser form of the time is the same time.
    const isSame = ms !== undefined && Math.abs(ms - beforeMs) < 1000;
    return isSame ? withValueAt(told, path, writeTimeLike(value, nowMs)) : told;
  }, body);
}

/** Give each delivery its own id: the engine drops a second delivery with the same id. */
function withDeliveryId(
  { webhook: { delivery_id: declared } }: WebhookDefinition,
  request: WebhookRequest,
  deliveryId: string,
): WebhookRequest {
  if (declared === undefined || declared === 'none') return request;
  return [declared].flat().reduce((written, template) => {
    const source = parseSource(/^\{([^{}|?]+)\??\}$/.exec(template)?.[1]?.trim() ?? '');
    if (source?.from === 'header' && written.headers[source.name] !== undefined)
      return { ...written, headers: { ...written.headers, [source.name]: deliveryId } };
    if (source?.from !== 'json') return written;
    const body = parsed(written.body.toString('utf8'));
    return valueAt(body, source.path) === undefined
      ? written
      : { ...written, body: Buffer.from(JSON.stringify(withValueAt(body, source.path, deliveryId))) };
  }, request);
}

/** Paths of the objects of a value, the inner ones first. */
function objectsOf(value: unknown, path: readonly Step[] = []): readonly (readonly Step[])[] {
  if (typeof value !== 'object' || value === null) return [];
  const isList = Array.isArray(value);
  const inner = Object.entries(value).flatMap(([name, member]) =>
    objectsOf(member, [...path, isList ? Number(name) : name]),
  );
  return isList ? inner : [...inner, path];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
