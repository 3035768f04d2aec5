import { type DeliveryStatistics, deliveryStatistics } from '../../engine/statistics/delivery-statistics.ts';
import { hourOf } from '../../engine/statistics/hour.ts';
import { type IntegrationStatistics, integrationStatistics } from '../../engine/statistics/integration-statistics.ts';
import type { DeliveryKey, DeliveryLog, DeliveryStore } from '../../ports/delivery/delivery-store.ts';
import type { Subscription } from '../../ports/delivery/subscription-store.ts';
import type { StatisticsReader } from '../../ports/runtime/statistics-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';

export interface ReadStatisticsPorts {
  readonly deliveries: Pick<DeliveryLog, 'listNewest' | 'countBacklog'> &
    Pick<DeliveryStore, 'listBacklog' | 'getMany'>;
  readonly statistics: StatisticsReader;
}

export interface StatisticsQuery {
  /** Undefined for all tenants; the calling code checks the permission. */
  readonly tenant: string | undefined;
  /** The subscriptions to report on: one page. */
  readonly subscriptions: readonly Subscription[];
  /** Epoch milliseconds, included. */
  readonly sinceMs: number;
  /** Epoch milliseconds, not included. */
  readonly untilMs: number;
}

/** Statistics of one subscription: deliveries of events in the window, and waiting deliveries of any time. */
export interface SubscriptionStatistics extends Omit<DeliveryStatistics, 'oldestWaitingAt'> {
  readonly subscription: Subscription;
  /** The deliveries behind all numbers except the backlog. Incomplete if only the newest were read. */
  readonly sample: {
    readonly deliveries: number;
    /** ISO 8601; later than requested if the sample is incomplete. */
    readonly since: string;
    readonly until: string;
    readonly isComplete: boolean;
  };
  /** Deliveries that wait for their endpoint. Incomplete if there are more than were counted. */
  readonly backlog: { readonly count: number; readonly isComplete: boolean };
  /** ISO 8601; the oldest event that waits in the backlog, at any time, or for a retry within the sample. */
  readonly oldestWaitingAt: string | undefined;
}

export interface Statistics {
  /** ISO 8601. */
  readonly window: { readonly since: string; readonly until: string };
  readonly subscriptions: readonly SubscriptionStatistics[];
  readonly integrations: {
    /** The window extended to full hours, since requests are counted by the hour. */
    readonly window: { readonly since: string; readonly until: string };
    /** False if there was too much to read; then only the newest hours are counted. */
    readonly isComplete: boolean;
    /** By name. `*` holds requests that named no deployed integration. */
    readonly items: readonly IntegrationStatistics[];
  };
}

/** Deliveries read per subscription. */
const maxDeliveries = 1_000;
/** Counting of a backlog stops at this number of entries. */
const maxBacklog = 10_000;
/** Subscriptions read concurrently: each may take some megabytes. */
const maxSubscriptionsAtATime = 8;

const msPerHour = 3_600_000;

/**
 * Statistics of deliveries by subscription, and of requests by integration.
 *
 * Delivery statistics are computed on demand from the stored deliveries, so delivering needs no extra writes. Requests
 * are counted as they end, since rejected requests leave no rows.
 */
export async function readStatistics(
  ports: ReadStatisticsPorts,
  { tenant, subscriptions, sinceMs, untilMs }: StatisticsQuery,
): Promise<Statistics> {
  const window = { since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString() };
  const bySubscription = new Map<string, SubscriptionStatistics>();
  const [integrations] = await Promise.all([
    readIntegrations(ports, tenant, sinceMs, untilMs),
    forEachAtMost(maxSubscriptionsAtATime, subscriptions, async (subscription) => {
      bySubscription.set(subscription.id, await readSubscription(ports, subscription, window));
    }),
  ]);
  return {
    window,
    subscriptions: subscriptions.flatMap(({ id }) => bySubscription.get(id) ?? []),
    integrations,
  };
}

async function readSubscription(
  { deliveries }: ReadStatisticsPorts,
  subscription: Subscription,
  window: Statistics['window'],
): Promise<SubscriptionStatistics> {
  const { id } = subscription;
  const [newest, backlog, firstInBacklog] = await Promise.all([
    deliveries.listNewest(id, window, maxDeliveries),
    deliveries.countBacklog(id, maxBacklog),
    firstWaiting(deliveries, id),
  ]);
  const { oldestWaitingAt, ...statistics } = deliveryStatistics(newest.items);
  const oldestRead = newest.items.at(-1)?.timestamp;
  const waitingSince = [oldestWaitingAt, firstInBacklog?.timestamp].filter((time) => time !== undefined);
  return {
    subscription,
    ...statistics,
    sample: {
      deliveries: newest.items.length,
      since: newest.isComplete || oldestRead === undefined ? window.since : oldestRead,
      until: window.until,
      isComplete: newest.isComplete,
    },
    backlog,
    oldestWaitingAt: waitingSince.sort()[0],
  };
}

/** Backlog entries searched for one that is not a leftover. */
const maxEntries = 100;

/** The first backlog entry whose delivery still waits: entries outlive expired deliveries. */
async function firstWaiting(
  deliveries: ReadStatisticsPorts['deliveries'],
  subscription: string,
): Promise<DeliveryKey | undefined> {
  const entries = await deliveries.listBacklog(subscription, maxEntries, undefined);
  const waiting = (await deliveries.getMany(entries)).filter(({ waitsIn }) => waitsIn === 'backlog');
  const events = new Set(waiting.map(({ event }) => event));
  return entries.find(({ event }) => events.has(event));
}

async function readIntegrations(
  { statistics }: ReadStatisticsPorts,
  tenant: string | undefined,
  sinceMs: number,
  untilMs: number,
): Promise<Statistics['integrations']> {
  // An hour that begins at the end of the window does not belong to it.
  const last = Math.max(sinceMs, untilMs - 1);
  const { hours, isComplete } = await statistics.read(tenant, hourOf(sinceMs), hourOf(last));
  return {
    window: {
      since: new Date(Math.floor(sinceMs / msPerHour) * msPerHour).toISOString(),
      until: new Date((Math.floor(last / msPerHour) + 1) * msPerHour).toISOString(),
    },
    isComplete,
    items: integrationStatistics(hours),
  };
}
