import { limits } from '../../lambdas/contracts/limits.ts';
import { carriedRecordPlansOf, isRead } from '../../lambdas/engine/definition/plan-answer.ts';
import { recordTraitsOf } from '../../lambdas/engine/definition/record-traits.ts';
import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import { defaultEndpointPolicy } from '../../lambdas/engine/delivery/endpoint-state.ts';
import { noResources } from '../../lambdas/engine/mapping/check-resource.ts';
import { prepareWebhook } from '../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../lambdas/engine/request/read-xml.ts';
import type { VersionedResources } from '../../lambdas/engine/schema-versions/versioned-resource.ts';
import type { Quotas } from '../../lambdas/flows/access/quotas.ts';
import { prepareSubscription } from '../../lambdas/flows/deliver/attempt/prepare-subscription.ts';
import type { DeliverPorts } from '../../lambdas/flows/deliver/deliver-ports.ts';
import type { DispatchPorts } from '../../lambdas/flows/deliver/dispatch-due.ts';
import type { DrainPorts } from '../../lambdas/flows/deliver/drain/drain-run.ts';
import { createKeptLeases } from '../../lambdas/flows/deliver/kept-leases.ts';
import type { RestartPorts } from '../../lambdas/flows/deliver/restart-silent.ts';
import type { ShadowPorts } from '../../lambdas/flows/deliver/shadow/send-shadows.ts';
import { createShadowHealth } from '../../lambdas/flows/deliver/shadow/shadow-health.ts';
import type { DispatchFetchesPorts } from '../../lambdas/flows/enrich/dispatch-fetches.ts';
import type { ConsumerPorts } from '../../lambdas/flows/feed/manage-consumer.ts';
import type { FeedPorts } from '../../lambdas/flows/feed/read-feed.ts';
import type { CountRejectionPorts } from '../../lambdas/flows/ingest/count-rejections.ts';
import type { ReceivePorts } from '../../lambdas/flows/ingest/receive-webhook.ts';
import type { CountNormalizationPorts } from '../../lambdas/flows/normalize/count-normalizations.ts';
import type { NormalizePorts } from '../../lambdas/flows/normalize/normalization.ts';
import type { PublishPorts } from '../../lambdas/flows/publish/publication.ts';
import type { ContinueReplayPorts } from '../../lambdas/flows/subscriptions/continue-replay.ts';
import type { ManageDeliveryPorts } from '../../lambdas/flows/subscriptions/manage-delivery.ts';
import type { ManageSubscriptionPorts } from '../../lambdas/flows/subscriptions/manage-subscription.ts';
import type { DispatchSyncsPorts } from '../../lambdas/flows/sync/dispatch-syncs.ts';
import type { EraseTenantPorts, StartErasurePorts } from '../../lambdas/flows/tenants/erase-tenant.ts';
import type { ExportPorts } from '../../lambdas/flows/tenants/export-sections.ts';
import type { ApiKey } from '../../lambdas/ports/tenants/api-key-store.ts';
import { bothErasers } from './both-erasers.ts';
import { createInMemoryAccounts } from './in-memory-accounts.ts';
import { createInMemoryApiKeys } from './in-memory-api-keys.ts';
import { createInMemoryCallLimits } from './in-memory-call-limits.ts';
import { createInMemoryCanaries } from './in-memory-canaries.ts';
import { createInMemoryCatalog } from './in-memory-catalog.ts';
import { createInMemoryClaimStore } from './in-memory-claim-store.ts';
import { createInMemoryConsumers } from './in-memory-consumers.ts';
import { createInMemoryCredentials } from './in-memory-credentials.ts';
import { createInMemoryDeliveries } from './in-memory-deliveries.ts';
import { createInMemoryEndpoints } from './in-memory-endpoints.ts';
import { createInMemoryEngineKey } from './in-memory-engine-key.ts';
import { createInMemoryEvents } from './in-memory-events.ts';
import { createInMemoryFetches } from './in-memory-fetches.ts';
import { createInMemoryNonces } from './in-memory-nonces.ts';
import { createInMemoryNotices } from './in-memory-notices.ts';
import {
  createInMemoryQueue,
  deadLetterInboxOn,
  deadLetterQueueOn,
  deliveryQueueOn,
  drainQueueOn,
  enrichQueueOn,
  governanceQueueOn,
  pollQueueOn,
  rawQueueOn,
  shadowQueueOn,
} from './in-memory-queue.ts';
import { createInMemoryRawArchive } from './in-memory-raw-archive.ts';
import { createInMemoryRecordStates } from './in-memory-record-states.ts';
import { createInMemoryReplays } from './in-memory-replays.ts';
import { createInMemoryResources } from './in-memory-resources.ts';
import { createInMemoryContexts, createInMemoryParking, createInMemorySettings } from './in-memory-routing.ts';
import { createInMemoryRunningWork } from './in-memory-running-work.ts';
import { createInMemoryStatistics } from './in-memory-statistics.ts';
import { createInMemorySubscriptions } from './in-memory-subscriptions.ts';
import { createInMemorySyncs } from './in-memory-syncs.ts';
import { createInMemoryTenants } from './in-memory-tenants.ts';
import { createManualClock, pauseOn } from './manual-clock.ts';
import { createOutcomeTally } from './outcome-tally.ts';
import { createProgrammableCallbacks } from './programmable-callbacks.ts';
import { createProgrammableEgress } from './programmable-egress.ts';
import { createProgrammableExpressions } from './programmable-expressions.ts';
import { createProgrammableKeys, createProgrammableProvider } from './programmable-provider.ts';
import { createProgrammableTokens } from './programmable-tokens.ts';
import { staff } from './samples.ts';
import { createSeededRandomness } from './seeded-randomness.ts';
import { usualQuotas } from './usual-quotas.ts';

/** Retention of the raw archive in the stage dev. */
const rawRetentionDays = 30;

export type FakeEngine = ReturnType<typeof createFakeEngine>;

/**
 * All stores and queues of one engine, in memory, and the ports of each flow on them.
 *
 * @param definition - Its only integration.
 * @param versioned - The resources with schemas.
 * @param keys - The existing API keys.
 */
export function createFakeEngine(
  definition: WebhookDefinition = staff,
  versioned: VersionedResources = new Map(),
  keys: readonly ApiKey[] = [],
) {
  const clock = createManualClock();
  const randomness = createSeededRandomness();
  const accounts = createInMemoryAccounts();
  const subscriptions = createInMemorySubscriptions();
  const tenants = createInMemoryTenants();
  const tenantPolicies = tenants.policies(clock);
  const retention = { retentionDays: limits.retentionDays, policies: tenantPolicies };
  const events = createInMemoryEvents(clock, retention);
  const records = createInMemoryRecordStates(clock);
  const payloads = createInMemoryClaimStore();
  const rawBodies = createInMemoryClaimStore();
  const archive = createInMemoryRawArchive(rawBodies);
  const consumers = createInMemoryConsumers();
  const deliveries = createInMemoryDeliveries(clock, retention);
  const endpoints = createInMemoryEndpoints();
  const replays = createInMemoryReplays(clock);
  const runningWork = createInMemoryRunningWork();
  const resources = createInMemoryResources(versioned);
  const callbacks = createProgrammableCallbacks();
  const tokens = createProgrammableTokens();
  const engineKey = createInMemoryEngineKey();
  const notices = createInMemoryNotices();
  const operations = createOutcomeTally();
  const egress = createProgrammableEgress();
  const ownAccount = { principal: 'arn:aws:iam::111111111111:root', isAllowed: false };
  const pause = pauseOn(clock);
  const rawQueue = createInMemoryQueue(clock);
  // An inbox hides received messages for a minute.
  const rawDeadLetters = createInMemoryQueue(clock, 60_000);
  const deliveryQueue = createInMemoryQueue(clock);
  // The same visibility timeout as in the stack: six times the consumer's timeout.
  const drainQueue = createInMemoryQueue(clock, 6 * limits.drainTimeoutSeconds * 1000);
  const shadowQueue = createInMemoryQueue(clock, 6 * limits.drainTimeoutSeconds * 1000);
  const governanceQueue = createInMemoryQueue(clock, 6 * limits.governTimeoutSeconds * 1000);
  const enrichQueue = createInMemoryQueue(clock, 6 * limits.enrichTimeoutSeconds * 1000);
  const fetches = createInMemoryFetches(clock);
  const pollQueue = createInMemoryQueue(clock, 6 * limits.pollTimeoutSeconds * 1000);
  const syncs = createInMemorySyncs(clock);
  const credentials = createInMemoryCredentials();
  const apiKeys = createInMemoryApiKeys(keys);
  const { claimThresholdBytes } = limits;
  const callLimits = createInMemoryCallLimits(clock);
  // As in the stage local: too high to affect tests of other things.
  const perMinute = { calls: 1_000_000, windowMs: 60_000 };
  const admission = { perAccount: perMinute, perTenant: perMinute, allowances: new Map() };
  const webhook = prepareWebhook(definition, readXml);
  const expressions = createProgrammableExpressions();
  const routing =
    definition.routing === undefined
      ? undefined
      : { lookup: definition.routing.context_lookup_field, accountContext: definition.routing.account_context };
  const traitsOf = (resource: string) => recordTraitsOf(definition, resource, versioned.get(resource)?.schema);
  const contexts = createInMemoryContexts();
  const parking = createInMemoryParking(clock, retention);
  const settings = createInMemorySettings();
  const provider = createProgrammableProvider();
  const providerKeys = createProgrammableKeys();
  const nonces = createInMemoryNonces(clock);
  const statistics = createInMemoryStatistics(clock);
  const canaries = createInMemoryCanaries(clock, tenantPolicies);
  const canaryNotes = createOutcomeTally();

  const quotas = usualQuotas;
  const publishPorts: PublishPorts = {
    events,
    records,
    payloads,
    subscriptions,
    deliveryQueue: deliveryQueueOn(deliveryQueue),
    drainQueue: drainQueueOn(drainQueue),
    shadowQueue: shadowQueueOn(shadowQueue),
    endpoints,
    endpointPolicy: defaultEndpointPolicy,
    tenantPolicies,
    pause,
    randomness,
    clock,
    claimThresholdBytes,
  };
  const drainPorts = {
    ...publishPorts,
    events,
    subscriptions,
    deliveries,
    replays,
    runningWork,
    prepare: prepareSubscription,
    keptLeases: createKeptLeases(),
    shadowHealth: createShadowHealth(),
    resources,
    expressions,
    callbacks,
    tokens,
    engineKey,
    notices,
    operations,
  } satisfies DrainPorts & ContinueReplayPorts & ShadowPorts;
  return {
    clock,
    accounts,
    subscriptions,
    events,
    records,
    consumers,
    payloads,
    rawBodies,
    archive,
    deliveries,
    endpoints,
    replays,
    runningWork,
    resources,
    expressions,
    callbacks,
    tokens,
    engineKey,
    notices,
    operations,
    egress,
    ownAccount,
    randomness,
    pause,
    rawQueue,
    rawDeadLetters,
    deliveryQueue,
    drainQueue,
    shadowQueue,
    governanceQueue,
    enrichQueue,
    fetches,
    pollQueue,
    syncs,
    credentials,
    apiKeys,
    tenants,
    contexts,
    parking,
    settings,
    provider,
    providerKeys,
    nonces,
    statistics,
    canaries,
    canaryNotes,
    quotas,
    publishPorts,
    feedPorts: { events, payloads, clock } satisfies FeedPorts,
    consumerPorts: { events, payloads, consumers, clock, pause, randomness, quotas } satisfies ConsumerPorts & {
      readonly quotas: Quotas;
    },
    receivePorts: {
      accounts: { ...accounts.reader(clock), replace: (account) => accounts.replace(account) },
      contexts,
      settings,
      providerKeys,
      engineKey,
      callLimits,
      admission,
      pause,
      nonces,
      webhook: async (name) => (name === definition.name ? webhook : undefined),
      rawBodies,
      rawQueue: rawQueueOn(rawQueue),
      clock,
      randomness,
      claimThresholdBytes,
    } satisfies ReceivePorts,
    normalizePorts: {
      ...publishPorts,
      accounts: accounts.reader(clock),
      settings,
      provider,
      integration: async (name) =>
        name === definition.name
          ? {
              webhook,
              mapping: definition.mapping,
              contextOf: (context) => context,
              records: carriedRecordPlansOf(definition),
              isRead: (resource) => isRead(definition, resource),
              resources: noResources,
              routing,
              traitsOf,
            }
          : undefined,
      expressions,
      candidateExpressions: createProgrammableExpressions(),
      canaries,
      canaryNotes,
      contexts: contexts.reader(clock),
      parking,
      rawBodies,
      archive,
      archiveKeys: accounts.archiveKeys,
      rawDeadLetters: deadLetterQueueOn(rawDeadLetters),
      pollQueue: pollQueueOn(pollQueue),
      fetches,
      enrichQueue: enrichQueueOn(enrichQueue),
    } satisfies NormalizePorts,
    /** Ports for counting requests. They take no time. */
    countPorts: {
      accounts: accounts.reader(clock),
      webhook: async (name) => (name === definition.name ? webhook : undefined),
      statistics,
      clock,
      pause: () => new Promise<never>(() => {}),
    } satisfies CountRejectionPorts & CountNormalizationPorts,
    /** Ports for administering accounts, settings and dead letters. */
    adminPorts: {
      accounts,
      tenants,
      egress,
      governanceQueue: governanceQueueOn(governanceQueue),
      retentionDays: limits.retentionDays,
      rawRetentionDays,
      integrations: createInMemoryCatalog([definition]),
      credentials,
      syncs,
      contexts,
      parked: parking,
      settings,
      rawQueue: rawQueueOn(rawQueue),
      rawLetters: deadLetterInboxOn(rawDeadLetters),
      archive,
      clock,
      randomness,
      quotas,
    },
    deliverPorts: drainPorts satisfies DeliverPorts,
    drainPorts,
    dispatchPorts: {
      deliveries,
      endpoints,
      events,
      deliveryQueue: deliveryQueueOn(deliveryQueue),
      drainQueue: drainQueueOn(drainQueue),
      governanceQueue: governanceQueueOn(governanceQueue),
      replays,
      tenants,
      runningWork,
      fetches,
      enrichQueue: enrichQueueOn(enrichQueue),
      syncs,
      pollQueue: pollQueueOn(pollQueue),
      clock,
    } satisfies DispatchPorts & RestartPorts & DispatchFetchesPorts & DispatchSyncsPorts,
    manageSubscriptionPorts: { ...drainPorts, tenants, egress, ownAccount, quotas } satisfies ManageSubscriptionPorts,
    exportPorts: {
      tenants,
      accounts,
      subscriptions,
      consumers,
      keys: apiKeys,
      deliveries,
      records,
      syncs,
      events,
      payloads,
    } satisfies ExportPorts,
    startErasurePorts: {
      tenants,
      governanceQueue: governanceQueueOn(governanceQueue),
      runningWork,
      clock,
      randomness,
    } satisfies StartErasurePorts,
    erasePorts: {
      tenants,
      governanceQueue: governanceQueueOn(governanceQueue),
      runningWork,
      accounts: accounts.eraser,
      contexts,
      credentials,
      fetches: fetches.eraser,
      syncs: syncs.eraser,
      parked: parking,
      rawLetters: deadLetterInboxOn(rawDeadLetters),
      subscriptions,
      deliveries: bothErasers(deliveries, replays),
      endpoints,
      events: events.eraser,
      records: records.eraser,
      apiKeys: apiKeys.eraser,
      consumers: consumers.eraser,
      // They share a table, and an eraser.
      statistics: {
        async find(tenant, after = 'canaries ') {
          const [which, within] = after.split(/ (.*)/s) as [string, string];
          const eraser = which === 'canaries' ? canaries.eraser : statistics.eraser;
          const { items, next } = await eraser.find(tenant, within === '' ? undefined : within);
          if (next !== undefined) return { items, next: `${which} ${next}` };
          return { items, next: which === 'canaries' ? 'statistics ' : undefined };
        },
        async remove(tenant, items) {
          await canaries.eraser.remove(tenant, items);
          await statistics.eraser.remove(tenant, items);
        },
      },
      payloads: payloads.eraser,
      rawBodies: rawBodies.eraser,
      clock,
      retentionDays: limits.retentionDays,
      rawRetentionDays,
      auditRetentionDays: 400,
    } satisfies EraseTenantPorts,
    manageDeliveryPorts: drainPorts satisfies ManageDeliveryPorts,
  };
}
