import { limits } from '../../lambdas/contracts/limits.ts';
import { prepareRouting } from '../../lambdas/engine/mapping/lookup-context.ts';
import { prepareMapping } from '../../lambdas/engine/mapping/map-request.ts';
import { defaultRetryPolicy } from '../../lambdas/engine/retry/next-attempt.ts';
import { prepareWebhook } from '../../lambdas/engine/verification/prepare-webhook.ts';
import type { DeliverPorts } from '../../lambdas/flows/deliver-events.ts';
import type { NormalizePorts } from '../../lambdas/flows/normalize-webhooks.ts';
import type { PublishPorts } from '../../lambdas/flows/publish-events.ts';
import type { FeedPorts } from '../../lambdas/flows/read-feed.ts';
import type { ReceivePorts } from '../../lambdas/flows/receive-webhook.ts';
import { createInMemoryAccounts } from './in-memory-accounts.ts';
import { createInMemoryClaimStore } from './in-memory-claim-store.ts';
import { createInMemoryDeliveries } from './in-memory-deliveries.ts';
import { createInMemoryEvents } from './in-memory-events.ts';
import { createInMemoryQueue, deadLetterQueueOn, deliveryQueueOn, rawQueueOn } from './in-memory-queue.ts';
import { createInMemoryContexts, createInMemoryParking, createInMemorySettings } from './in-memory-routing.ts';
import { createInMemorySubscriptions } from './in-memory-subscriptions.ts';
import { createManualClock } from './manual-clock.ts';
import { createProgrammableCallbacks } from './programmable-callbacks.ts';
import { staff } from './samples.ts';
import { createSeededRandomness } from './seeded-randomness.ts';

export type FakeEngine = ReturnType<typeof createFakeEngine>;

/** All stores and queues of one engine, in memory, and the ports of each flow on them. */
export function createFakeEngine() {
  const clock = createManualClock();
  const randomness = createSeededRandomness();
  const accounts = createInMemoryAccounts();
  const subscriptions = createInMemorySubscriptions();
  const events = createInMemoryEvents(clock);
  const payloads = createInMemoryClaimStore();
  const rawBodies = createInMemoryClaimStore();
  const deliveries = createInMemoryDeliveries(clock);
  const callbacks = createProgrammableCallbacks();
  const rawQueue = createInMemoryQueue(clock);
  const rawDeadLetters = createInMemoryQueue(clock);
  const deliveryQueue = createInMemoryQueue(clock);
  const deliveryDeadLetters = createInMemoryQueue(clock);
  const { claimThresholdBytes } = limits;
  const webhook = prepareWebhook(staff);
  const mapping = prepareMapping(staff.mapping);
  const routing = staff.routing === undefined ? undefined : prepareRouting(staff.routing);
  const contexts = createInMemoryContexts();
  const parking = createInMemoryParking();
  const settings = createInMemorySettings();

  const publishPorts: PublishPorts = {
    events,
    payloads,
    subscriptions,
    deliveryQueue: deliveryQueueOn(deliveryQueue),
    clock,
    claimThresholdBytes,
  };
  return {
    clock,
    accounts,
    subscriptions,
    events,
    payloads,
    rawBodies,
    deliveries,
    callbacks,
    rawQueue,
    rawDeadLetters,
    deliveryQueue,
    deliveryDeadLetters,
    contexts,
    parking,
    settings,
    publishPorts,
    feedPorts: { events, payloads, clock } satisfies FeedPorts,
    receivePorts: {
      accounts: accounts.reader(clock),
      settings,
      webhook: async (name) => (name === staff.name ? webhook : undefined),
      rawBodies,
      rawQueue: rawQueueOn(rawQueue),
      clock,
      randomness,
      claimThresholdBytes,
    } satisfies ReceivePorts,
    normalizePorts: {
      ...publishPorts,
      accounts: accounts.reader(clock),
      integration: async (name) => (name === staff.name ? { webhook, mapping, routing } : undefined),
      contexts,
      parking,
      rawBodies,
      rawDeadLetters: deadLetterQueueOn(rawDeadLetters),
    } satisfies NormalizePorts,
    deliverPorts: {
      events,
      payloads,
      subscriptions,
      deliveries,
      deliveryQueue: deliveryQueueOn(deliveryQueue),
      deadLetters: deadLetterQueueOn(deliveryDeadLetters),
      callbacks,
      clock,
      randomness,
      retryPolicy: defaultRetryPolicy,
    } satisfies DeliverPorts,
  };
}
