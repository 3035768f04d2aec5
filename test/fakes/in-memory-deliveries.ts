import { shardOf } from '../../lambdas/contracts/shards.ts';
import type { Delivery } from '../../lambdas/engine/delivery/delivery.ts';
import {
  type BacklogEntry,
  type DeliveryKey,
  type DeliveryLog,
  type DeliveryStore,
  type DueEntry,
  type DueIndex,
  isReplayed,
} from '../../lambdas/ports/delivery/delivery-store.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { DeliveryEraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import type { TenantPolicies } from '../../lambdas/ports/tenants/tenant-store.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

const msPerDay = 86_400_000;
const waitingSlackMs = 2 * msPerDay;

interface Expiring<T> {
  readonly value: T;
  readonly expiresAtMs: number;
}

export interface InMemoryDeliveries extends DeliveryStore, DueIndex, DeliveryLog, DeliveryEraser, Dumpable {
  /** The first of the two writes of `putMany`: the deliveries without their index entries. */
  putRows(deliveries: readonly Delivery[]): void;
  /** The last of the two writes of `replace`: the delivery without its index entry. */
  replaceRow(delivery: Delivery, opensAgain?: boolean): boolean;
}

/**
 * The deliveries table: rows, and the pointers to them from backlogs and from the due index. As in DynamoDB, an expired
 * row is still stored, and still takes a place in pages.
 */
export function createInMemoryDeliveries(
  clock: Clock,
  { retentionDays, policies }: { readonly retentionDays: number; readonly policies?: TenantPolicies } = {
    retentionDays: 30,
  },
): InMemoryDeliveries {
  const rows = new Map<string, Expiring<Delivery>>();
  const backlog = new Map<string, Expiring<BacklogEntry>>();
  const due = new Map<string, Expiring<DueEntry>>();
  const sortKey = ({ timestamp, event }: DeliveryKey) => `${timestamp}#${event}`;
  const placeOf = (key: DeliveryKey) => `${sortKey(key)} ${key.subscription}`;
  const isBehind = (delivery: Delivery, place: string) => {
    const [key = '', subscription = ''] = place.split(' ');
    return sortKey(delivery) < key || (sortKey(delivery) === key && delivery.subscription > subscription);
  };
  const rowKey = (key: DeliveryKey) => `${key.subscription} ${sortKey(key)}`;
  const backlogKey = ({ subscription, place }: BacklogEntry) => `${subscription} ${place}`;
  const dueKey = ({ shard, dueAtMs, subscription, event }: DueEntry) => `${shard} ${dueAtMs} ${subscription} ${event}`;
  /** Filled by earlier reads, since the calls that put rows do not wait. */
  const daysByTenant = new Map<string, number>();
  const learn = async (deliveries: readonly Delivery[]) => {
    const known = await policies?.getMany(deliveries.map(({ tenant }) => tenant));
    for (const [tenant, { eventsDays = retentionDays }] of known ?? [])
      daysByTenant.set(tenant, Math.min(eventsDays, retentionDays));
  };
  const expiring = <T>(value: T, { tenant, waitsIn, nextAttemptAt }: Delivery): Expiring<T> => ({
    value: structuredClone(value),
    expiresAtMs: Math.max(
      clock.nowMs() + (daysByTenant.get(tenant) ?? retentionDays) * msPerDay,
      waitsIn === undefined || nextAttemptAt === undefined ? 0 : Date.parse(nextAttemptAt) + waitingSlackMs,
    ),
  });
  const all = <T>(entries: Iterable<Expiring<T>>): T[] => [...entries].map(({ value }) => value);
  const live = <T>(entries: Iterable<Expiring<T> | undefined>): T[] =>
    [...entries].flatMap((entry) => (entry !== undefined && entry.expiresAtMs > clock.nowMs() ? entry.value : []));

  function point(delivery: Delivery): void {
    const { subscription, event, timestamp, scope, sequence, attemptCount, waitsIn, nextAttemptAt } = delivery;
    if (waitsIn === 'backlog') {
      const place = `${isReplayed(delivery) ? 'replay#' : ''}${scope === '*' ? timestamp : String(sequence).padStart(16, '0')}#${event}`;
      const entry: BacklogEntry = { subscription, event, timestamp, place, attempt: attemptCount + 1 };
      backlog.set(backlogKey(entry), { ...expiring(delivery, delivery), value: entry });
    }
    if (waitsIn === 'due-index' && nextAttemptAt !== undefined) {
      const dueAtMs = Date.parse(nextAttemptAt);
      const entry: DueEntry = { subscription, event, timestamp, dueAtMs, shard: shardOf(event) };
      due.set(dueKey(entry), { ...expiring(delivery, delivery), value: entry });
    }
  }

  const putRows = (deliveries: readonly Delivery[]) => {
    for (const delivery of deliveries)
      rows.set(rowKey(delivery), expiring({ ...delivery, revision: delivery.revision + 1 }, delivery));
  };
  const replaceRow = (delivery: Delivery, opensAgain = false) => {
    const stored = rows.get(rowKey(delivery))?.value;
    if ((stored?.revision ?? 0) !== delivery.revision || (opensAgain && stored === undefined)) return false;
    if (stored?.state === 'delivered' && !opensAgain) return false;
    putRows([delivery]);
    return true;
  };

  return {
    dump: () => dumpOf(rows, backlog, due),
    putRows,
    replaceRow,
    async getMany(keys) {
      const wanted = [...new Set(keys.map(rowKey))];
      // Reversed, so that no caller relies on the order.
      return structuredClone(live(wanted.map((key) => rows.get(key)).reverse()));
    },
    async putMany(deliveries, done = []) {
      await learn(deliveries);
      putRows(deliveries);
      for (const delivery of deliveries) point(delivery);
      for (const entry of done) backlog.delete(backlogKey(entry));
    },
    async addMany(deliveries) {
      await learn(deliveries);
      const added = deliveries.filter((delivery) => live([rows.get(rowKey(delivery))]).length === 0);
      putRows(added);
      for (const delivery of added) point(delivery);
      return new Set(added);
    },
    async replace(delivery, opensAgain) {
      await learn([delivery]);
      point(delivery);
      return replaceRow(delivery, opensAgain);
    },
    async remind(deliveries) {
      await learn(deliveries);
      for (const delivery of deliveries) point(delivery);
    },
    async listBacklog(subscription, limit, after) {
      const own = all(backlog.values()).filter((entry) => entry.subscription === subscription);
      return pageOf(own, ({ place }) => place, limit, after).items;
    },
    async listDue(shard, untilMs, limit, after) {
      const own = all(due.values()).filter((entry) => entry.shard === shard && entry.dueAtMs <= untilMs);
      const place = ({ dueAtMs, subscription, event }: DueEntry) =>
        `${String(dueAtMs).padStart(16, '0')}#${subscription}#${event}`;
      return pageOf(own, place, limit, after === undefined ? undefined : place(after)).items;
    },
    async removeDue(entries) {
      for (const entry of entries) due.delete(dueKey(entry));
    },
    async findOf(subscription, tenant, after) {
      const own = [...rows.values()]
        .map(({ value }) => value)
        .filter(
          (delivery) => delivery.subscription === subscription && (tenant ?? delivery.tenant) === delivery.tenant,
        );
      const page = pageOf(own, sortKey, 2, after);
      const isOnPage = (value: DeliveryKey) =>
        page.items.some((one) => one.subscription === value.subscription && one.event === value.event);
      const pointers = [...backlog].filter(
        ([, { value }]) =>
          isOnPage(value) || (tenant === undefined && page.next === undefined && value.subscription === subscription),
      );
      const dues = [...due].filter(([, { value }]) => isOnPage(value));
      return {
        items: [
          ...page.items.map((delivery) => ({ kind: 'deliveries', key: rowKey(delivery) })),
          ...[...pointers, ...dues].map(([key]) => ({ kind: 'delivery_pointers', key })),
        ],
        next: page.next,
      };
    },
    async removeMany(items) {
      for (const { kind, key } of items) {
        if (kind === 'deliveries') rows.delete(key);
        if (kind === 'delivery_pointers' && !backlog.delete(key)) due.delete(key);
      }
    },
    async find(key) {
      return structuredClone(live([rows.get(rowKey(key))])[0]);
    },
    async list(subscription, limit, after) {
      const own = [...rows.values()].filter(({ value }) => value.subscription === subscription);
      const { items, next } = pageOf(own, ({ value }) => sortKey(value), limit, after, 'falling');
      return { items: live(items), next };
    },
    async listNewest(subscription, { since, until }, limit) {
      const own = [...rows.values()].filter(
        ({ value }) => value.subscription === subscription && value.timestamp >= since && value.timestamp < until,
      );
      const { items, next } = pageOf(own, ({ value }) => sortKey(value), limit, undefined, 'falling');
      return { items: live(items), isComplete: next === undefined };
    },
    async search(subscriptions, { since = '', until = '~' }, limit, after) {
      const own = [...rows.values()].filter(
        ({ value }) =>
          subscriptions.includes(value.subscription) && value.timestamp >= since && value.timestamp <= until,
      );
      // Newest first; of one event, in the order of the subscriptions.
      const order = (one: Delivery, other: Delivery) =>
        sortKey(one) === sortKey(other)
          ? one.subscription < other.subscription
            ? -1
            : 1
          : sortKey(one) < sortKey(other)
            ? 1
            : -1;
      const all = own.toSorted((one, other) => order(one.value, other.value));
      const begin = after === undefined ? 0 : all.findIndex(({ value }) => isBehind(value, after));
      const page = begin < 0 ? [] : all.slice(begin, begin + limit);
      const end = page.at(-1);
      const isComplete = end === undefined || all.at(-1) === end;
      return { items: live(page), next: isComplete ? undefined : placeOf(end.value) };
    },
    placeOf,
    async countBacklog(subscription, limit) {
      const own = live(backlog.values()).filter((entry) => entry.subscription === subscription);
      return { count: Math.min(own.length, limit), isComplete: own.length <= limit };
    },
  };
}
