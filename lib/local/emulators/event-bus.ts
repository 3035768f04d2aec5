import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AccessGuard, type AccessRules, createAccessGuard } from '../iam/access-guard.ts';
import { eventbridgeCalls } from '../iam/eventbridge-calls.ts';

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

/** The part of EventBridge that functions use: it accepts events and keeps them for inspection. */
export interface EventBus {
  readonly endpoint: string;
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
  const put = (entry: Entry): EntryResult => {
    const event = readEntry(entry, nowMs());
    if ('ErrorCode' in event) return event;
    kept.push(event);
    if (kept.length > maxKept) kept.shift();
    onEvent(event);
    return { EventId: event.id };
  };
  const server = createServer((request, response) => {
    answer(request, guard, put).then(
      ({ status, body }) => send(response, status, body),
      () => response.destroy(),
    );
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    enforce: (rules) => guard.enforce(rules),
    events: () => [...kept],
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Entry {
  readonly Source?: unknown;
  readonly DetailType?: unknown;
  readonly Detail?: unknown;
  readonly EventBusName?: unknown;
}

type EntryResult = { readonly EventId: string } | { readonly ErrorCode: string; readonly ErrorMessage: string };

async function answer(
  request: IncomingMessage,
  guard: AccessGuard,
  put: (entry: Entry) => EntryResult,
): Promise<{ readonly status: number; readonly body: object }> {
  const { method = '', url = '/', headers } = request;
  const target = String(headers['x-amz-target'] ?? '');
  const text = await readText(request);
  const refused = (type: string, message: string) => ({ status: 400, body: { __type: type, message } });
  const body = parseJson(text);
  const signed = { authorization: headers.authorization, url };
  if (guard.restricts(signed)) {
    const refusal = guard.refuse(signed, () => eventbridgeCalls(target, body));
    if (refusal?.kind === 'access-denied') return refused('AccessDeniedException', refusal.message);
    if (refusal !== undefined) return refused('UnrecognizedClientException', refusal.message);
  }
  if (method !== 'POST' || target !== 'AWSEvents.PutEvents')
    return refused('UnknownOperationException', `the local runner does not know ${method} ${target}`);
  const { Entries: entries } = (body ?? {}) as { readonly Entries?: unknown };
  if (!Array.isArray(entries) || entries.length === 0 || entries.length > maxEntries)
    return refused('ValidationException', `Entries must be a list of 1 to ${maxEntries}`);
  if (Buffer.byteLength(text) > maxRequestBytes)
    return refused('ValidationException', 'Total size of the entries in the request is over the limit.');
  const results = entries.map((entry) => put(entry as Entry));
  const failed = results.filter((result) => 'ErrorCode' in result);
  return { status: 200, body: { FailedEntryCount: failed.length, Entries: results } };
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

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() });
  response.end(JSON.stringify(body));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
