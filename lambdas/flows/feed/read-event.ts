import { EngineError } from '../../contracts/engine-error.ts';
import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';
import { type SubscriptionFilter, wantsEvent } from '../../engine/feed/wants-event.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { EventLocator, EventReader, EventRow } from '../../ports/events/event-store.ts';

export interface EventPayloads {
  readonly payloads: Pick<ClaimStore, 'get'>;
}

/**
 * The event as the world sees it, its data read from its row or by its claim.
 *
 * The members always come in the order of the contract, whatever order the store gives them in, so
 * that every attempt at a callback sends the same bytes.
 *
 * @throws {corrupt-state} where the row, or what it claims, cannot be understood.
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
    data: JSON.parse(text),
  };
}

/**
 * As {@link toEvent}; an event that cannot be read is a failure of the engine's own, which holds up no other.
 *
 * @param isCaught - Which errors are that; others are thrown.
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
 * Whether what failed now fails always: the engine says so, or the code met what it cannot deal with. What AWS and
 * the network fail with is neither.
 */
export function isForGood(error: unknown): boolean {
  if (error instanceof EngineError) return !error.retryable;
  const isFault = [TypeError, RangeError, SyntaxError].some((kind) => error instanceof kind);
  // A TypeError with a cause is what a request that failed is reported as.
  return isFault && (error as Error).cause === undefined;
}

/** Whether a row is to be looked at for a subscription: where that cannot be known, its attempt says why. */
export function mayWant(filter: SubscriptionFilter, row: EventRow): boolean {
  return row.unreadable !== undefined || wantsEvent(filter, row);
}

/** The outcome of a callback that is not made. */
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

/** One event by its id, as it is stored, of any tenant: the caller compares the tenant. */
export async function findEventRow({ events, locator }: EventPlaces, id: string): Promise<EventRow | undefined> {
  const place = await locator.locate(id);
  if (place === undefined) return undefined;
  const [row] = await events.getMany([place]);
  // A claim may stand before its row does, and its number may be another's by then.
  return row?.id === id ? row : undefined;
}

/** One event by its id, with its data: see {@link findEventRow}. */
export async function findEvent(ports: EventPayloads & EventPlaces, id: string): Promise<CanonicalEvent | undefined> {
  const row = await findEventRow(ports, id);
  return row === undefined ? undefined : toEvent(ports, row);
}
