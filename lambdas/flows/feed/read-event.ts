import { EngineError } from '../../contracts/engine-error.ts';
import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';
import { type SubscriptionFilter, wantsEvent } from '../../engine/feed/wants-event.ts';
import { traceOfEvent } from '../../engine/trace/trace-ids.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { EventLocator, EventReader, EventRow } from '../../ports/events/event-store.ts';

export interface EventPayloads {
  readonly payloads: Pick<ClaimStore, 'get'>;
}

/**
 * The event as receivers get it, with its data from the row or through its claim check.
 *
 * The members always have the order of the contract, whatever order the store returns, so every attempt at a callback
 * sends the same bytes.
 *
 * @throws {corrupt-state} when the row or the claimed object cannot be parsed.
 */
export async function toEvent(ports: EventPayloads, row: EventRow): Promise<CanonicalEvent> {
  if (row.unreadable !== undefined) throw new EngineError('corrupt-state', row.unreadable, { retryable: false });
  const text =
    row.inlineData ?? (row.claimKey === undefined ? '{}' : (await ports.payloads.get(row.claimKey)).toString('utf8'));
  return {
    id: row.id,
    type: row.type,
    timestamp: row.timestamp,
    tenant: row.tenant,
    account: row.account,
    integration: row.integration,
    resource: row.resource,
    record_id: row.record_id,
    sequence: row.sequence,
    origin: row.origin,
    raw_event_type: row.raw_event_type,
    schema_version: row.schema_version,
    ...(row.occurred_at === undefined ? {} : { occurred_at: row.occurred_at }),
    ...(row.thin === undefined ? {} : { thin: row.thin }),
    ...(row.snapshot === undefined ? {} : { snapshot: row.snapshot }),
    correlation_id: traceOfEvent(row),
    data: JSON.parse(text),
  };
}

/**
 * Like {@link toEvent}, but an unreadable event is returned as a failure of the engine, so it does not block others.
 *
 * @param isCaught - Whether an error becomes such a failure; other errors are thrown.
 */
export async function tryToEvent(
  ports: EventPayloads,
  row: EventRow,
  isCaught: (error: unknown) => boolean = () => true,
): Promise<CanonicalEvent | UnreadableEvent> {
  try {
    return await toEvent(ports, row);
  } catch (error) {
    if (!isCaught(error)) throw error;
    const reason = error instanceof Error ? error.message : 'of unknown cause';
    return { kind: 'failed', error: `the event cannot be read: ${reason}`, durationMs: 0, isOwn: true };
  }
}

/**
 * Whether a retry would fail, too: the engine marks the error as not retryable, or it is a programming error. Errors of
 * AWS and the network are neither.
 */
export function isForGood(error: unknown): boolean {
  if (error instanceof EngineError) return !error.retryable;
  const isFault = [TypeError, RangeError, SyntaxError].some((kind) => error instanceof kind);
  // `fetch` reports a failed request as a TypeError with a cause.
  return isFault && (error as Error).cause === undefined;
}

/**
 * Whether a subscription may want a row. True for an unreadable row, so that its delivery attempt reports the fault.
 */
export function mayWant(filter: SubscriptionFilter, row: EventRow): boolean {
  return row.unreadable !== undefined || wantsEvent(filter, row);
}

/** The outcome of a callback that is never sent. */
export interface UnreadableEvent {
  readonly kind: 'failed';
  readonly error: string;
  readonly durationMs: 0;
  readonly isOwn: true;
}

export interface EventPlaces {
  readonly events: Pick<EventReader, 'getMany'>;
  readonly locator: EventLocator;
}

/** A stored event by its id, of any tenant: the caller checks the tenant. */
export async function findEventRow({ events, locator }: EventPlaces, id: string): Promise<EventRow | undefined> {
  const place = await locator.locate(id);
  if (place === undefined) return undefined;
  const [row] = await events.getMany([place]);
  // The locator may be written before the row, and another event may have taken the number since.
  return row?.id === id ? row : undefined;
}

/** An event by its id, with its data: see {@link findEventRow}. */
export async function findEvent(ports: EventPayloads & EventPlaces, id: string): Promise<CanonicalEvent | undefined> {
  const row = await findEventRow(ports, id);
  return row === undefined ? undefined : toEvent(ports, row);
}
