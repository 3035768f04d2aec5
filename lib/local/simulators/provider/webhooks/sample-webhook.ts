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

/** The sample that tells best of a change: of the same kind, thin, and with one event. One that tells something else is none. */
export function sampleOf(samples: readonly Sample[], change: SampleChange): Sample | undefined {
  const fitting = samples.flatMap((sample) => {
    const event = eventOf(sample, change);
    if (event === undefined) return [];
    const isThin = event['thin'] === true || event['method'] === 'get';
    const isKind = event['type'] === `record:${change.kind}`;
    // A thin event tells only that there was a change; the read tells which.
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
 * The request of a sample, about another record: with its id, its address and its state where the sample carries one, the
 * time of the change, and an own id of the delivery.
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
  // A form or XML: only the id is another one.
  if (body === undefined)
    return { ...request, body: Buffer.from(withOtherId(text, String(event['record_id']), change.record.id)) };
  const carried = event['thin'] === true ? body : withRecord(definition, body, event, change);
  const told = withTimes(withIds(carried, event, change), event, nowMs);
  return withDeliveryId(definition, { ...request, body: Buffer.from(JSON.stringify(told)) }, deliveryId);
}

/** Put the record in the place of the sample's own, where the body has one in the form of the API. */
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

/** A text with another id where it has the former one as a whole word. */
function withOtherId(text: string, before: string, id: string): string {
  return text.replaceAll(new RegExp(`(?<![\\w-])${escapeRegex(before)}(?![\\w-])`, 'g'), () => id);
}

/** Move the time of the event to now. Its other times, such as that of a creation, stay. */
function withTimes(body: unknown, event: Expected, nowMs: number): unknown {
  const beforeMs = readTime(event['occurred_at']);
  if (beforeMs === undefined) return body;
  return [...leavesOf(body)].reduce<unknown>((told, path) => {
    const value = valueAt(body, path);
    const ms = readTime(value);
    // A time of a coarser form is the same time.
    const isSame = ms !== undefined && Math.abs(ms - beforeMs) < 1000;
    return isSame ? withValueAt(told, path, writeTimeLike(value, nowMs)) : told;
  }, body);
}

/** Two deliveries with one id are one delivery, so each gets its own. */
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
