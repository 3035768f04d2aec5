import type { Delivery } from '../../engine/delivery/delivery.ts';
import { wantsEvent } from '../../engine/feed/wants-event.ts';
import type { Page } from '../../ports/accounts/account-store.ts';
import type { DeliveryLog, DeliveryStore } from '../../ports/delivery/delivery-store.ts';
import type { EventReader, EventRow } from '../../ports/events/event-store.ts';
import { type EventPlaces, findEventRow } from '../feed/read-event.ts';

export interface SearchPorts extends EventPlaces {
  readonly deliveries: Pick<DeliveryLog, 'search' | 'placeOf'> & Pick<DeliveryStore, 'getMany'>;
  readonly events: EventReader;
}

export interface DeliverySearch {
  /** Whose events; undefined for those of all tenants. */
  readonly tenant: string | undefined;
  /** Ids; the caller checks that it may see them. */
  readonly subscriptions: readonly string[];
  readonly states: readonly Delivery['state'][];
  /** Statuses such as `503`, classes such as `5xx`, or `none`. */
  readonly statuses: readonly string[];
  readonly types: readonly string[];
  readonly resources: readonly string[];
  readonly integrations: readonly string[];
  readonly accounts: readonly string[];
  readonly recordId: string | undefined;
  readonly event: string | undefined;
  /** Epoch milliseconds of the event: `since` included, `until` not. */
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
}

export interface FoundDelivery {
  readonly delivery: Delivery;
  /** Undefined where the event is no longer kept. */
  readonly event: EventRow | undefined;
}

/** Rows of one read where a filter may leave most of them out, and reads of one call. */
const readTogether = 200;
const maxReads = 6;

/**
 * Deliveries to these subscriptions, newest first. The store has them in the order of time only, so a page of a filtered
 * search may be short or empty: only `next` says whether more follow.
 */
export async function searchDeliveries(
  ports: SearchPorts,
  search: DeliverySearch,
  limit: number,
  after: string | undefined,
): Promise<Page<FoundDelivery>> {
  if (search.event !== undefined) return { items: await ofOneEvent(ports, search, search.event), next: undefined };
  const isOfEvents = asksForEvents(search);
  const isFiltered = isOfEvents || search.states.length > 0 || search.statuses.length > 0;
  const range = { since: isoOf(search.sinceMs), until: isoOf(search.untilMs) };
  const items: FoundDelivery[] = [];
  let next = after;
  for (let read = 0; read < maxReads; read += 1) {
    const page = await ports.deliveries.search(search.subscriptions, range, isFiltered ? readTogether : limit, next);
    const candidates = page.items.filter((delivery) => matchesDelivery(search, delivery));
    const found = (await withEvents(ports, candidates)).filter(
      ({ event }) => !isOfEvents || matchesEvent(search, event),
    );
    const room = limit - items.length;
    if (found.length > room) {
      // The next page begins behind the last delivery that this one shows.
      items.push(...found.slice(0, room));
      const last = items.at(-1)?.delivery;
      return { items, next: last === undefined ? next : ports.deliveries.placeOf(last) };
    }
    items.push(...found);
    next = page.next;
    if (next === undefined || items.length === limit) break;
  }
  return { items, next };
}

async function ofOneEvent(ports: SearchPorts, search: DeliverySearch, id: string): Promise<readonly FoundDelivery[]> {
  const event = await findEventRow(ports, id);
  if (event === undefined || !matchesEvent(search, event)) return [];
  const deliveries = await deliveriesOf(ports, search.subscriptions, event);
  return deliveries.filter((delivery) => matchesDelivery(search, delivery)).map((delivery) => ({ delivery, event }));
}

/** The deliveries of an event to these subscriptions. */
export async function deliveriesOf(
  { deliveries }: { readonly deliveries: Pick<DeliveryStore, 'getMany'> },
  subscriptions: readonly string[],
  { id, timestamp }: Pick<EventRow, 'id' | 'timestamp'>,
): Promise<readonly Delivery[]> {
  if (subscriptions.length === 0) return [];
  return deliveries.getMany(subscriptions.map((subscription) => ({ subscription, event: id, timestamp })));
}

async function withEvents(
  { events }: Pick<SearchPorts, 'events'>,
  deliveries: readonly Delivery[],
): Promise<readonly FoundDelivery[]> {
  if (deliveries.length === 0) return [];
  const rows = await events.getMany(
    deliveries.map(({ tenant, sequence }) => ({ tenant, sequence })),
    true,
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  return deliveries.map((delivery) => ({ delivery, event: byId.get(delivery.event) }));
}

function asksForEvents({ types, resources, integrations, accounts, recordId }: DeliverySearch): boolean {
  return [types, resources, integrations, accounts].some((list) => list.length > 0) || recordId !== undefined;
}

function matchesDelivery({ tenant, states, statuses, sinceMs, untilMs }: DeliverySearch, delivery: Delivery): boolean {
  if (tenant !== undefined && delivery.tenant !== tenant) return false;
  if (states.length > 0 && !states.includes(delivery.state)) return false;
  const atMs = Date.parse(delivery.timestamp);
  if ((sinceMs !== undefined && atMs < sinceMs) || (untilMs !== undefined && atMs >= untilMs)) return false;
  if (statuses.length === 0) return true;
  const last = delivery.attempts.at(-1);
  if (last === undefined) return false;
  const status = last.status === undefined ? 'none' : String(last.status);
  return statuses.includes(status) || statuses.includes(`${status[0]}xx`);
}

function matchesEvent(search: DeliverySearch, event: EventRow | undefined): boolean {
  if (event === undefined) return false;
  const { types, resources, integrations, accounts, recordId } = search;
  if (recordId !== undefined && event.record_id !== recordId) return false;
  const anyTypes = types.length === 0 ? [event.type] : types;
  return wantsEvent({ tenant: null, types: anyTypes, resources, integrations, accounts }, event);
}

const isoOf = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
