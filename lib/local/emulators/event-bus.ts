import { randomUUID } from 'node:crypto';
import { type AccessRules, createAccessGuard } from '../iam/access-guard.ts';
import { busArn, eventbridgeCalls } from '../iam/eventbridge-calls.ts';
import { type JsonAnswer, type JsonRequest, parseJson, refuse, startJsonServer } from './json-server.ts';

/** An event as a rule on the bus would receive it. */
export interface BusEvent {
  readonly id: string;
  readonly bus: string;
  readonly source: string;
  readonly detailType: string;
  readonly detail: unknown;
  /** ISO 8601. */
  readonly time: string;
}

/**
 * The part of EventBridge that functions use: it accepts events and keeps them for inspection. Of a bus that does not
 * exist it accepts them, too, and loses them. Each account has a bus `default`.
 *
 * @see https://github.com/aws/aws-cli/issues/9186
 */
export interface EventBus {
  readonly endpoint: string;
  /** Create a bus. One that exists stays as it is. */
  createBus(arn: string): void;
  /** Apply access rules; until then, every caller may do everything. */
  enforce(rules: AccessRules): void;
  /** The latest events, oldest first. */
  events(): readonly BusEvent[];
  stop(): Promise<void>;
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html */
const maxEntries = 10;
const maxRequestBytes = 1024 * 1024;
const maxKept = 10_000;

/**
 * Start an event bus on a free port of 127.0.0.1, in this process, because its load is low.
 *
 * @param nowMs - The engine's clock.
 * @param onEvent - Called with each accepted event.
 */
export async function startEventBus(
  nowMs: () => number,
  onEvent: (event: BusEvent) => void = () => {},
): Promise<EventBus> {
  const guard = createAccessGuard();
  const kept: BusEvent[] = [];
  const created = new Set<string>();
  const exists = (bus: string) => created.has(busArn(bus)) || busArn(bus).endsWith(':event-bus/default');
  const put = (entry: Entry): EntryResult => {
    const event = readEntry(entry, nowMs());
    if ('ErrorCode' in event) return event;
    if (!exists(event.bus)) return { EventId: event.id };
    kept.push(event);
    if (kept.length > maxKept) kept.shift();
    onEvent(event);
    return { EventId: event.id };
  };
  const server = await startJsonServer({
    guard,
    required: ({ target, body }) => eventbridgeCalls(target, body),
    carryOut: (request) =>
      request.target === 'AWSEvents.DescribeEventBus' ? describe(request, exists) : putEvents(request, put),
  });
  return {
    endpoint: server.endpoint,
    createBus: (arn) => void created.add(arn),
    enforce: (rules) => guard.enforce(rules),
    events: () => [...kept],
    stop: () => server.stop(),
  };
}

interface Entry {
  readonly Source?: unknown;
  readonly DetailType?: unknown;
  readonly Detail?: unknown;
  readonly EventBusName?: unknown;
}

type EntryResult = { readonly EventId: string } | { readonly ErrorCode: string; readonly ErrorMessage: string };

function putEvents({ method, target, body, sizeBytes }: JsonRequest, put: (entry: Entry) => EntryResult): JsonAnswer {
  if (method !== 'POST' || target !== 'AWSEvents.PutEvents')
    return refuse('UnknownOperationException', `the local runner does not know ${method} ${target}`);
  const { Entries: entries } = (body ?? {}) as { readonly Entries?: unknown };
  if (!Array.isArray(entries) || entries.length === 0 || entries.length > maxEntries)
    return refuse('ValidationException', `Entries must be a list of 1 to ${maxEntries}`);
  if (sizeBytes > maxRequestBytes)
    return refuse('ValidationException', 'Total size of the entries in the request is over the limit.');
  const results = entries.map((entry) => put(entry as Entry));
  const failed = results.filter((result) => 'ErrorCode' in result);
  return { status: 200, body: { FailedEntryCount: failed.length, Entries: results } };
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeEventBus.html */
function describe({ body }: JsonRequest, exists: (bus: string) => boolean): JsonAnswer {
  const { Name: bus = 'default' } = (body ?? {}) as { readonly Name?: unknown };
  if (typeof bus !== 'string') return refuse('ValidationException', 'Name must be a string');
  const arn = busArn(bus);
  const name = arn.slice(arn.indexOf('/') + 1);
  if (!exists(bus)) return refuse('ResourceNotFoundException', `Event bus ${name} does not exist.`);
  return { status: 200, body: { Name: name, Arn: arn } };
}

/** Like EventBridge, accept or reject each entry on its own. */
function readEntry(
  { Source, DetailType, Detail, EventBusName = 'default' }: Entry,
  nowMs: number,
): BusEvent | Extract<EntryResult, { ErrorCode: string }> {
  const missing = Object.entries({ Source, DetailType, Detail }).find(([, value]) => typeof value !== 'string');
  if (missing !== undefined)
    return { ErrorCode: 'InvalidArgument', ErrorMessage: `Parameter ${missing[0]} is not valid. Reason: missing.` };
  const detail = parseJson(String(Detail));
  if (typeof detail !== 'object' || detail === null || Array.isArray(detail))
    return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
  return {
    id: randomUUID(),
    bus: String(EventBusName),
    source: String(Source),
    detailType: String(DetailType),
    detail,
    time: new Date(nowMs).toISOString(),
  };
}
