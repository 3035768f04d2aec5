import type { ShadowMessage } from '../../../contracts/messages.ts';
import type { SubscriptionStore } from '../../../ports/delivery/subscription-store.ts';
import type { EventReader, EventRow } from '../../../ports/events/event-store.ts';
import type { TenantPolicies } from '../../../ports/tenants/tenant-store.ts';
import { createByteBudget } from '../../concurrency/byte-budget.ts';
import { forEachAtMost } from '../../concurrency/for-each-at-most.ts';
import { type EventPayloads, toEvent } from '../../feed/read-event.ts';
import { type AttemptPorts, isMine, post } from '../attempt/attempt-delivery.ts';
import { judge } from '../attempt/judge-events.ts';
import type { PreparedSubscription } from '../attempt/prepare-subscription.ts';
import { readPrevious } from '../attempt/read-previous.ts';
import type { ShadowHealth } from './shadow-health.ts';

export interface ShadowPorts extends AttemptPorts, EventPayloads {
  readonly events: Pick<EventReader, 'getMany'>;
  readonly subscriptions: Pick<SubscriptionStore, 'getMany'>;
  readonly tenantPolicies: TenantPolicies;
  readonly prepare: (subscription: PreparedSubscription['subscription']) => PreparedSubscription;
  readonly shadowHealth: ShadowHealth;
}

/** How one post to a second endpoint ended. Nothing but a metric and a log line follows from it. */
export type ShadowOutcome = 'shadow-delivered' | 'shadow-failed' | 'shadow-skipped';

/** Concurrent posts of a message, and how long one may take: a second endpoint holds an invocation for seconds only. */
const postsTogether = 10;
const timeoutSeconds = 5;
/** After this time, a message begins no further post. */
const beginPostsMs = 10_000;
/** Data that the concurrent posts may hold; see `maxHeldBytes` of deliver. */
const maxHeldBytes = 16 * 1024 * 1024;

/**
 * Post new deliveries to their tenant's second endpoint: the callback that the first endpoint gets, signed with the same
 * secrets, without the subscription's own credentials. Each is posted once, in no order; no state of the subscription,
 * of its endpoint or of the delivery changes, and the message never comes again.
 */
export async function sendShadows(ports: ShadowPorts, message: ShadowMessage): Promise<readonly ShadowOutcome[]> {
  const outcomes: ShadowOutcome[] = [];
  const found = await findShadowed(ports, message);
  if (found === undefined) return message.events.map(() => 'shadow-skipped');
  const { shadowed, url, rows } = found;
  const untilMs = ports.clock.nowMs() + beginPostsMs;
  const memory = createByteBudget(maxHeldBytes);
  await forEachAtMost(postsTogether, rows, async (row) => {
    if (ports.clock.nowMs() >= untilMs || ports.shadowHealth.isResting(url, ports.clock.nowMs())) return;
    const outcome = await memory
      .hold(row.dataBytes, () => postShadow(ports, shadowed, row))
      .catch((): ShadowOutcome => 'shadow-failed');
    outcomes.push(outcome);
    if (outcome !== 'shadow-skipped') ports.shadowHealth.note(url, outcome === 'shadow-delivered', ports.clock.nowMs());
  });
  // Events that are gone, and those for which there was no time.
  const skipped = message.events.length - outcomes.length;
  return [...outcomes, ...Array.from({ length: skipped }, (): ShadowOutcome => 'shadow-skipped')];
}

interface Shadowed {
  readonly shadowed: PreparedSubscription;
  readonly url: string;
  readonly rows: readonly EventRow[];
}

/** @returns Undefined where nothing is to be posted any more. */
async function findShadowed(ports: ShadowPorts, message: ShadowMessage): Promise<Shadowed | undefined> {
  const { tenant, scope, subscription: id, events } = message;
  const policy = (await ports.tenantPolicies.getMany([tenant])).get(tenant);
  const { mode, shadowUrl: url } = policy?.delivery ?? {};
  if (mode !== 'shadow' || url === undefined || policy?.isErasing === true) return undefined;
  const [subscription] = await ports.subscriptions.getMany([{ scope, id }]);
  if (subscription?.status !== 'enabled') return undefined;
  const prepared = ports.prepare(subscription);
  // Headers, tokens and client certificates authenticate the engine at the first endpoint: no other may see them.
  const shadowed = {
    ...prepared,
    // Without its destination in AWS, whose queue would otherwise get the message twice.
    subscription: {
      ...subscription,
      url,
      destination: undefined,
      endpoint: { headers: {}, timeout_seconds: timeoutSeconds },
    },
  };
  const ids = new Set(events.map((event) => event.id));
  const rows = await ports.events.getMany(
    events.map(({ sequence }) => ({ tenant, sequence })),
    true,
  );
  // The message only names places: a subscription of another tenant must never see their events.
  const own = rows.filter((row) => ids.has(row.id) && isMine(prepared, row));
  return { shadowed, url, rows: own.sort((one, other) => one.sequence - other.sequence) };
}

async function postShadow(ports: ShadowPorts, shadowed: PreparedSubscription, row: EventRow): Promise<ShadowOutcome> {
  const event = await toEvent(ports, row);
  const judgement = await judge(ports, shadowed, event);
  if (judgement.kind === 'unwanted') return 'shadow-skipped';
  if (judgement.kind !== 'wanted') return 'shadow-failed';
  const previous = await readPrevious(ports, shadowed.subscription, [row]);
  const options = { isReplay: false, hops: row.hops ?? 1, previous, isShadow: true };
  const outcome = await post(ports, shadowed, row.id, [event], options);
  const isTaken = outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300;
  return isTaken ? 'shadow-delivered' : 'shadow-failed';
}
