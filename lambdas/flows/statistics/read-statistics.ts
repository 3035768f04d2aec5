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
  /** Undefined for all tenants. Whether the caller may ask for it is the caller's to decide. */
  readonly tenant: string | undefined;
  /** Those to be looked at: the caller's page of them. */
  readonly subscriptions: readonly Subscription[];
  /** Epoch milliseconds, included. */
  readonly sinceMs: number;
  /** Epoch milliseconds, not included. */
  readonly untilMs: number;
}

/** How one subscription's deliveries fare: those of events of the window, and what waits, of whatever time. */
export interface SubscriptionStatistics extends Omit<DeliveryStatistics, 'oldestWaitingAt'> {
  readonly subscription: Subscription;
  /** What all but the backlog is of. Not complete where the newest deliveries alone were looked at. */
  readonly sample: {
    readonly deliveries: number;
    /** ISO 8601; later than was asked for where it is not complete. */
    readonly since: string;
    readonly until: string;
    readonly isComplete: boolean;
  };
  /** What waits for its endpoint's turn. Not complete where there is more. */
  readonly backlog: { readonly count: number; readonly isComplete: boolean };
  /**
   * ISO 8601, the oldest event that waits: in the backlog, whatever its time, or for a retry, within the sample.
   */
  readonly oldestWaitingAt: string | undefined;
}

export interface Statistics {
  /** ISO 8601. */
  readonly window: { readonly since: string; readonly until: string };
  readonly subscriptions: readonly SubscriptionStatistics[];
  readonly integrations: {
    /** Requests are counted by the hour: the window's hours from their beginning to their end. */
    readonly window: { readonly since: string; readonly until: string };
    /** False where there was too much to read: the newest hours are counted then. */
    readonly isComplete: boolean;
    /** By name. `*` is what named no integration that is deployed. */
    readonly items: readonly IntegrationStatistics[];
  };
}

/** Deliveries that one subscription's statistics look at. */
const maxDeliveries = 1_000;
/** Entries to which a backlog is counted. */
const maxBacklog = 10_000;
/** Subscriptions that are looked at together: each may be some megabytes. */
const maxSubscriptionsAtATime = 8;

const msPerHour = 3_600_000;

/**
 * How deliveries fare by subscription, and requests by integration.
 *
 * The first is computed from what deliveries say of themselves, whenever it is asked for, so that delivering
 * writes nothing for it. The second is counted as requests end, since rejected ones leave nothing behind.
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

/** Entries of a backlog that are looked at for one that is no leftover. */
const maxEntries = 100;

/** The first of a backlog that still waits: entries outlive deliveries that have expired. */
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
  // An hour that begins where the window ends is none of it.
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
