import { limits } from '../../contracts/limits.ts';
import type { Delivery } from '../../engine/delivery/delivery.ts';
import type { Account, AccountDirectory } from '../../ports/accounts/account-store.ts';
import type { DeliveryLog } from '../../ports/delivery/delivery-store.ts';
import type { Subscription, SubscriptionDirectory } from '../../ports/delivery/subscription-store.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { ConsumerStore, FeedConsumer } from '../../ports/events/consumer-store.ts';
import type { EventReader, EventRow } from '../../ports/events/event-store.ts';
import type { ListedRecord, RecordDirectory } from '../../ports/events/record-states.ts';
import type { RunRow, SyncRow, SyncStore } from '../../ports/sync/sync-store.ts';
import type { ApiKey, ApiKeyDirectory } from '../../ports/tenants/api-key-store.ts';
import type { Tenant, TenantStore } from '../../ports/tenants/tenant-store.ts';
import { tryToEvent } from '../feed/read-event.ts';
import { getTenant } from './manage-tenant.ts';

export interface ExportPorts {
  readonly tenants: TenantStore;
  readonly accounts: Pick<AccountDirectory, 'find' | 'list'>;
  readonly subscriptions: Pick<SubscriptionDirectory, 'find' | 'list'>;
  readonly consumers: Pick<ConsumerStore, 'list'>;
  readonly keys: Pick<ApiKeyDirectory, 'list'>;
  readonly deliveries: Pick<DeliveryLog, 'list'>;
  readonly records: RecordDirectory;
  readonly syncs: Pick<SyncStore, 'list' | 'listRuns'>;
  readonly events: Pick<EventReader, 'listAfter'>;
  readonly payloads: Pick<ClaimStore, 'get'>;
}

/** Views of the stored objects, as in the rest of the API: without secrets. */
export interface ExportViews {
  readonly tenant: (tenant: Tenant) => unknown;
  readonly account: (account: Account) => unknown;
  readonly subscription: (subscription: Subscription) => unknown;
  readonly consumer: (consumer: FeedConsumer) => unknown;
  readonly key: (key: ApiKey) => unknown;
  readonly delivery: (delivery: Delivery) => unknown;
  readonly record: (account: string, record: Omit<ListedRecord, 'next'>) => unknown;
  readonly sync: (account: Account, row: SyncRow) => Promise<unknown>;
  readonly syncRun: (row: RunRow) => unknown;
}

export interface ExportEntry {
  readonly kind:
    | 'tenant'
    | 'account'
    | 'subscription'
    | 'consumer'
    | 'key'
    | 'delivery'
    | 'record'
    | 'sync'
    | 'sync_run'
    | 'event';
  readonly value: unknown;
}

/** One entry, and the place in its section after which reading continues. */
interface Found {
  readonly entry: ExportEntry;
  readonly place: string;
  /** Upper bound of the entry's bytes in the function's answer. */
  readonly sizeBytes: number;
}

interface FoundPage {
  readonly found: readonly Found[];
  /** Where the section continues; undefined at its end. */
  readonly next: string | undefined;
}

interface Section {
  readonly name: string;
  /** Format of its places: an invalid place is refused before it reaches a store. */
  readonly place: RegExp;
  readonly read: (
    ports: ExportPorts,
    views: ExportViews,
    tenant: string,
    limit: number,
    after: string | undefined,
  ) => Promise<FoundPage>;
}

/** An id or a name. */
const oneName = /^[^ ]{1,512}$/;

/** All stores in order. Each new store needs an entry. */
export const sections: readonly Section[] = [
  {
    name: 'tenant',
    place: /^$/,
    async read(ports, views, tenant) {
      const value = views.tenant(await getTenant(ports, tenant));
      return { found: [toFound('tenant', value, '')], next: undefined };
    },
  },
  {
    name: 'accounts',
    place: oneName,
    async read({ accounts }, views, tenant, limit, after) {
      const { items, next } = await accounts.list(tenant, limit, after);
      return { found: items.map((one) => toFound('account', views.account(one), one.id)), next };
    },
  },
  {
    name: 'subscriptions',
    place: oneName,
    async read({ subscriptions }, views, tenant, limit, after) {
      const { items, next } = await subscriptions.list(tenant, limit, after);
      return { found: items.map((one) => toFound('subscription', views.subscription(one), one.id)), next };
    },
  },
  {
    name: 'consumers',
    place: oneName,
    async read({ consumers }, views, tenant, limit, after) {
      const { items, next } = await consumers.list(tenant, limit, after);
      return { found: items.map((one) => toFound('consumer', views.consumer(one), one.name)), next };
    },
  },
  {
    name: 'keys',
    place: oneName,
    async read({ keys }, views, tenant, limit, after) {
      const { items, next } = await keys.list(tenant, limit, after);
      return { found: items.map((one) => toFound('key', views.key(one), one.id)), next };
    },
  },
  { name: 'deliveries', place: /^[^ ]{1,128}( [^ ]{0,512})?$/, read: readDeliveries },
  // An account, one of its 16 shards, and a sort key of at most 1,024 bytes.
  { name: 'records', place: /^[^ ]{1,512}( ((\d|1[0-5])( .{1,1024})?)?)?$/s, read: readRecords },
  // An account, one of its syncs, and a run of it or the cursor behind a page.
  { name: 'syncs', place: /^[^ ]{1,512}( ([^ ]{1,512}( [^ ]{0,512})?)?)?$/, read: readSyncs },
  { name: 'events', place: /^\d{1,15}$/, read: readEvents },
];

/** The function's answer escapes text once more, which at most doubles its length. */
function answerBytes(value: unknown): number {
  return 2 * Buffer.byteLength(JSON.stringify(value) ?? '');
}

function toFound(kind: ExportEntry['kind'], value: unknown, place: string): Found {
  return { entry: { kind, value }, place, sizeBytes: answerBytes(value) };
}

/** Deliveries, one subscription after the other, newest first. */
async function readDeliveries(
  { subscriptions, deliveries }: ExportPorts,
  views: ExportViews,
  tenant: string,
  limit: number,
  after: string | undefined,
): Promise<FoundPage> {
  const [current, place] = after === undefined ? [] : (after.split(' ') as [string, string?]);
  if (current !== undefined && place !== undefined) {
    // The place selects the partition, so check that the subscription is the tenant's (invariant 3).
    if ((await subscriptions.find(current))?.tenant !== tenant) return { found: [], next: current };
    const page = await deliveries.list(current, limit, place === '' ? undefined : place);
    const found = page.items
      .filter((one) => one.tenant === tenant && one.scope === tenant)
      .map((one) => toFound('delivery', views.delivery(one), `${current} ${one.timestamp}#${one.event}`));
    return { found, next: page.next === undefined ? current : `${current} ${page.next}` };
  }
  const [next] = (await subscriptions.list(tenant, 1, current)).items;
  return { found: [], next: next === undefined ? undefined : `${next.id} ` };
}

/** The states of records, one account after the other. */
async function readRecords(
  { accounts, records }: ExportPorts,
  views: ExportViews,
  tenant: string,
  limit: number,
  after: string | undefined,
): Promise<FoundPage> {
  const [, current, place] = /^([^ ]+)(?: (.*))?$/s.exec(after ?? '') ?? [];
  if (current !== undefined && place !== undefined) {
    const account = await accounts.find(current);
    // The place selects the partition, so check that the account is the tenant's (invariant 3).
    if (account?.tenant !== tenant) return { found: [], next: current };
    const key = { tenant, account: current, incarnation: account.createdAt };
    const { items, next } = await records.list(key, limit, place === '' ? undefined : place);
    const found = items.map(({ next: nextPlace, ...one }) =>
      toFound('record', views.record(current, one), `${current} ${nextPlace}`),
    );
    return { found, next: next === undefined ? current : `${current} ${next}` };
  }
  const [next] = (await accounts.list(tenant, 1, current)).items;
  return { found: [], next: next === undefined ? undefined : `${next.id} ` };
}

/** Syncs with their runs, one account after the other. */
async function readSyncs(
  { accounts, syncs }: ExportPorts,
  views: ExportViews,
  tenant: string,
  limit: number,
  after: string | undefined,
): Promise<FoundPage> {
  const [current, sync, run] = after === undefined ? [] : (after.split(' ') as [string, string?, string?]);
  if (current === undefined || sync === undefined) {
    const [next] = (await accounts.list(tenant, 1, current)).items;
    return { found: [], next: next === undefined ? undefined : `${next.id} ` };
  }
  const account = await accounts.find(current);
  // The place selects the partition, so check that the account is the tenant's (invariant 3).
  if (account?.tenant !== tenant) return { found: [], next: current };
  if (run !== undefined) {
    const { items, next } = await syncs.listRuns({ account: current, sync }, limit, run === '' ? undefined : run);
    const found = items
      .filter((one) => one.tenant === tenant)
      .map((one) => toFound('sync_run', views.syncRun(one), `${current} ${sync} ${one.run.id}`));
    return { found, next: next === undefined ? `${current} ${sync}` : `${current} ${sync} ${next}` };
  }
  const rows = (await syncs.list(current)).filter(({ incarnation }) => incarnation === account.createdAt);
  const row = rows.toSorted((a, b) => (a.sync < b.sync ? -1 : 1)).find((one) => one.sync > sync);
  if (row === undefined) return { found: [], next: current };
  const place = `${current} ${row.sync} `;
  return { found: [toFound('sync', await views.sync(account, row), place)], next: place };
}

/** Upper bound of an event's size without its data. */
const metadataBytes = 4096;

async function readEvents(
  ports: ExportPorts,
  _: ExportViews,
  tenant: string,
  limit: number,
  after: string | undefined,
): Promise<FoundPage> {
  const rows = await ports.events.listAfter(tenant, Number(after ?? 0), limit);
  const found: Found[] = [];
  let sizeBytes = 0;
  for (const row of rows) {
    if ('sealed' in row) continue;
    sizeBytes += 2 * (row.dataBytes + metadataBytes);
    // Read only what one answer holds; the next page has the rest.
    if (found.length > 0 && sizeBytes > limits.maxEventBytes) return { found, next: found.at(-1)?.place };
    const value = await readEvent(ports, row);
    found.push({ entry: { kind: 'event', value }, place: String(row.sequence), sizeBytes: answerBytes(value) });
  }
  return { found, next: rows.length < limit ? undefined : String(rows.at(-1)?.sequence) };
}

/** An event whose data cannot be read, because its object is gone, is exported with null data. */
async function readEvent(ports: ExportPorts, row: EventRow): Promise<unknown> {
  const event = await tryToEvent(ports, row);
  if (!('kind' in event)) return event;
  const { inlineData: _, claimKey: __, dataBytes: ___, ...metadata } = row;
  return { ...metadata, data: null };
}
