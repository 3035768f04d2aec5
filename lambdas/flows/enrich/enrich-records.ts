import { limits } from '../../contracts/limits.ts';
import { callOf } from '../../engine/definition/plan-answer.ts';
import { recordTraitsOf } from '../../engine/definition/record-traits.ts';
import { eventId, type UnsequencedEvent } from '../../engine/event/canonical-event.ts';
import { type PreparedResources, schemaVersionOf } from '../../engine/mapping/check-resource.ts';
import { durationMs } from '../../engine/provider/request/call-transforms.ts';
import type { SpanLink } from '../../engine/trace/span.ts';
import { normalizeSpan, readSpan } from '../../engine/trace/trace-ids.ts';
import type { FetchStore, WaitingFetch } from '../../ports/provider/fetch-store.ts';
import type { Caller, ProviderPorts } from '../provider/provider-ports.ts';
import { type CallCause, traceCalls } from '../provider/trace-calls.ts';
import type { Candidate, Publication, PublishPorts } from '../publish/publication.ts';
import { publishEvents } from '../publish/publish-events.ts';
import { batchSizeOf, type RecordRead, readRecords } from '../read/read-records.ts';

export interface EnrichPorts extends PublishPorts {
  readonly provider: ProviderPorts;
  readonly fetches: FetchStore;
  readonly schemas: PreparedResources;
  /**
   * Told how fetches ended, before they are removed: a run that dies in between has told it, and the next tells it again.
   *
   * @default - nobody counts
   */
  readonly onPublished?: ((published: EnrichedRound['published']) => Promise<void>) | undefined;
}

/** How the fetches of one round ended. */
export interface EnrichedRound {
  /** How each fetch was published; those that wait are left out. */
  readonly published: readonly {
    readonly fetch: WaitingFetch;
    readonly publication: Publication;
    readonly isThin: boolean;
  }[];
  /** Why the queue cannot go on now; undefined where it can. */
  readonly stop?: RoundStop | undefined;
}

export type RoundStop =
  | { readonly kind: 'wait'; readonly untilMs: number; readonly stoppedBy: string }
  /** The work waits for other credentials. */
  | { readonly kind: 'auth-failed'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly untilMs: number; readonly reason: string };

/** Calls at the same time, where each reads one record. */
export const callsAtATime = 10;
/** How long a run waits for a budget before it ends and comes back. */
const waitInRunMs = 1_500;
/** A round's calls have ended by then. The last round of a run begins before `enrichRunMs` have passed. */
const roundMs = limits.enrichTimeoutSeconds * 1000 - limits.enrichRunMs - 20_000;
const firstRetryMs = 2_000;
const maxRetryMs = 15 * 60_000;
/** A record that no read brings is published as the webhook told it, after this time. */
const maxWaitMs = 3 * 86_400_000;
/** Another record of the same call may have been at fault. */
const maxUnreadableAttempts = 3;

/** The most fetches of one round. */
export function roundSize(caller: Caller, resource: string): number {
  const batch = batchSizeOf(caller, resource);
  return batch > 1 ? batch : callsAtATime;
}

/**
 * Read the records of thin events, and publish what they are.
 *
 * What a fetch becomes is decided by its own read alone; it is removed once its event is published, so a run that dies
 * leaves it, and the next reads again: the state of the record knows what was published.
 */
export async function enrichRound(
  ports: EnrichPorts,
  caller: Caller,
  fetches: readonly WaitingFetch[],
): Promise<EnrichedRound> {
  const [first] = fetches;
  if (first === undefined) return { published: [] };
  const { clock, randomness } = ports.provider;
  const startedAtMs = clock.nowMs();
  const provider = traceCalls(ports.provider, ports.spans, () => causeOf(fetches));
  const reads = await readRecords(provider, caller, first.resource, fetches, {
    priority: 'webhook',
    deadlineMs: clock.nowMs() + waitInRunMs,
    endsByMs: clock.nowMs() + roundMs,
    callsAtATime,
  });
  const nowMs = clock.nowMs();
  const ready: { fetch: WaitingFetch; candidate: Candidate; isThin: boolean }[] = [];
  const later = new Map<number, WaitingFetch[]>();
  let stop: RoundStop | undefined;
  for (const [place, fetch] of fetches.entries()) {
    const read = reads[place] as RecordRead;
    const isOld = nowMs - fetch.firstAtMs > maxWaitMs;
    const decision = decide(caller, fetch, read, nowMs, isOld);
    if (decision.kind === 'publish')
      ready.push({
        fetch,
        candidate: candidateOf(ports, caller, fetch, decision.read),
        isThin: decision.read === undefined,
      });
    else if (decision.kind === 'stop') stop ??= decision.stop;
    else {
      const pauseMs = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(fetch.attempts, 12));
      const dueAtMs = Math.max(decision.notBeforeMs, nowMs + pauseMs * (0.75 + 0.5 * randomness.fraction()));
      later.set(dueAtMs, [...(later.get(dueAtMs) ?? []), fetch]);
    }
  }
  const publications = await publishEvents(
    ports,
    ready.map(({ candidate }) => candidate),
  );
  const published = ready.map(({ fetch, isThin }, place) => ({
    fetch,
    publication: publications[place] as Publication,
    isThin,
  }));
  for (const { fetch, publication, isThin } of published)
    recordRead(ports, fetch, publication, { startedAtMs, isThin });
  await ports.onPublished?.(published);
  await ports.fetches.finish(
    published.flatMap(({ fetch, publication }) => (publication.kind === 'failed' ? [] : fetch)),
  );
  for (const [dueAtMs, left] of later) await ports.fetches.postpone(left, Math.round(dueAtMs));
  return { published, stop };
}

type Decision =
  /** `read` is undefined where the webhook's own data is published. */
  | { readonly kind: 'publish'; readonly read: Extract<RecordRead, { kind: 'record' | 'gone' }> | undefined }
  | { readonly kind: 'later'; readonly notBeforeMs: number }
  | { readonly kind: 'stop'; readonly stop: RoundStop };

function decide(caller: Caller, fetch: WaitingFetch, read: RecordRead, nowMs: number, isOld: boolean): Decision {
  switch (read.kind) {
    case 'record':
      return { kind: 'publish', read };
    case 'gone': {
      const notBefore = callOf(caller.definition, fetch.resource, 'get')?.spec.not_before;
      const readableAtMs = fetch.firstAtMs + (notBefore === undefined ? 0 : (durationMs(notBefore) ?? 0));
      return nowMs < readableAtMs ? { kind: 'later', notBeforeMs: nowMs } : { kind: 'publish', read };
    }
    case 'no-call':
    case 'forbidden':
      return { kind: 'publish', read: undefined };
    case 'unreadable':
    case 'unusable':
      return isOld || fetch.attempts + 1 >= maxUnreadableAttempts
        ? { kind: 'publish', read: undefined }
        : { kind: 'later', notBeforeMs: nowMs };
    case 'auth-failed':
      return isOld ? { kind: 'publish', read: undefined } : { kind: 'stop', stop: read };
    case 'wait':
      return isOld ? { kind: 'publish', read: undefined } : { kind: 'stop', stop: read };
    case 'unavailable':
      return isOld ? { kind: 'publish', read: undefined } : { kind: 'later', notBeforeMs: read.notBeforeMs ?? nowMs };
  }
}

/** The event of a fetch: of the record as it was read, or of what the webhook carried. */
function candidateOf(
  { schemas }: EnrichPorts,
  caller: Caller,
  fetch: WaitingFetch,
  read: Extract<RecordRead, { kind: 'record' | 'gone' }> | undefined,
): Candidate {
  const { resource, recordId, tenant, account, integration, fact, hops } = fetch;
  const record = read?.kind === 'record' ? read.record : undefined;
  const isGone = read?.kind === 'gone' || record?.isAbsent === true;
  const verb = isGone ? 'deleted' : fetch.change;
  const type = `record:${verb}` as UnsequencedEvent['type'];
  const occurredAt = timeOf(record?.updated) ?? fetch.occurredAt;
  const name = fact ?? `${fetch.receivedAt} ${fetch.count}`;
  const event: UnsequencedEvent = {
    id: eventId({ tenant, account, resource, recordId, type, change: name }),
    type,
    timestamp: fetch.receivedAt,
    tenant,
    account,
    integration,
    resource,
    record_id: recordId,
    origin: 'webhook',
    raw_event_type: fetch.rawEventType,
    schema_version: schemaVersionOf(schemas, resource),
    ...(occurredAt === undefined ? {} : { occurred_at: occurredAt }),
    ...(read === undefined ? { thin: true as const } : {}),
    ...(fetch.trace === undefined ? {} : { correlation_id: fetch.trace }),
    data: isGone
      ? { id: recordId }
      : (record?.data ?? (JSON.parse(fetch.partialData) as Readonly<Record<string, unknown>>)),
  };
  const owner = `fetch ${account} ${resource} ${recordId} ${fact ?? ''} ${fetch.firstAtMs}`;
  const traits = recordTraitsOf(caller.definition, resource, schemas.schemas.get(resource));
  const parentSpanId = spanOfFetch(fetch)?.spanId;
  const base = { event, owner, hops, parentSpanId, isRetry: fetch.attempts > 0 };
  if (traits === undefined) return base;
  return {
    ...base,
    record: {
      incarnation: fetch.incarnation,
      traits,
      by: read === undefined ? 'webhook' : 'read',
      change: verb,
      version: record?.version,
      changeName: read === undefined ? `${verb} ${name}` : undefined,
      seenAtMs: read?.startedAtMs ?? Date.parse(fetch.receivedAt),
      ...(isGone ? { isAbsence: true as const } : {}),
      ...(record?.updated === undefined ? { isTimeOfWebhook: true as const } : {}),
    },
  };
}

/** The span in which the record of a fetch is read; undefined for a fetch of an earlier version. */
function spanOfFetch({ trace, resource, recordId, firstAtMs }: WaitingFetch): SpanLink | undefined {
  return trace === undefined ? undefined : { traceId: trace, spanId: readSpan(trace, resource, recordId, firstAtMs) };
}

/** One call may read the records of many webhooks: its span is in the trace of the first, with links to the others. */
function causeOf(fetches: readonly WaitingFetch[]): CallCause | undefined {
  const [first, ...links] = fetches.flatMap((fetch) => spanOfFetch(fetch) ?? []);
  return first === undefined ? undefined : { traceId: first.traceId, parentSpanId: first.spanId, links };
}

function recordRead(
  { spans, clock }: EnrichPorts,
  fetch: WaitingFetch,
  publication: Publication,
  { startedAtMs, isThin }: { readonly startedAtMs: number; readonly isThin: boolean },
): void {
  const span = spanOfFetch(fetch);
  if (span === undefined) return;
  spans?.record({
    ...span,
    parentSpanId: normalizeSpan(span.traceId),
    name: 'read record',
    kind: 'consumer',
    startedAtMs,
    endedAtMs: clock.nowMs(),
    attributes: {
      'tributary.integration': fetch.integration,
      'tributary.account': fetch.account,
      'tributary.tenant': fetch.tenant,
      'tributary.resource': fetch.resource,
      'tributary.outcome': publication.kind,
      'tributary.thin': isThin,
      'tributary.webhooks': fetch.count,
    },
    ...(publication.kind === 'failed' ? { fault: 'the event could not be published' } : {}),
  });
}

/** ISO 8601 of the time that a record gives for its last change; undefined where it is no time. */
function timeOf(updated: string | number | undefined): string | undefined {
  if (updated === undefined) return undefined;
  const ms = typeof updated === 'number' ? updated : Date.parse(updated);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}
