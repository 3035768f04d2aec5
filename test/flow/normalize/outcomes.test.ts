import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { RawMessage } from '../../../lambdas/contracts/messages.ts';
import type { Delivery } from '../../../lambdas/engine/delivery/delivery.ts';
import type { IntegrationStatistics } from '../../../lambdas/engine/statistics/integration-statistics.ts';
import { dispatchDue } from '../../../lambdas/flows/deliver/dispatch-due.ts';
import { createNormalizationCounter } from '../../../lambdas/flows/normalize/count-normalizations.ts';
import { readStatistics, type SubscriptionStatistics } from '../../../lambdas/flows/statistics/read-statistics.ts';
import { createDeliverHandler } from '../../../lambdas/functions/deliver/handler.ts';
import { createDrainHandler } from '../../../lambdas/functions/drain/handler.ts';
import { createNormalizeHandler } from '../../../lambdas/functions/normalize/handler.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import type { EventRow, FeedRow } from '../../../lambdas/ports/events/event-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import type { InMemoryQueue, QueuedMessage } from '../../fakes/in-memory-queue.ts';
import { injectFault } from '../../fakes/inject-fault.ts';
import { noTelemetry } from '../../fakes/no-telemetry.ts';
import { createOutcomeTally, type OutcomeTally } from '../../fakes/outcome-tally.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anAccount, aSubscription } from '../../fakes/samples.ts';
import { propertyRuns } from '../../property-runs.ts';
import { anyFault } from '../any-fault.ts';
import { rawMessage } from '../provider-request.ts';

const log = new Logger({ logLevel: 'SILENT' });

type Handler = (event: SQSEvent) => Promise<SQSBatchResponse>;

/** A function that works on its queue. */
interface Worker {
  readonly queue: InMemoryQueue;
  readonly outcomes: OutcomeTally;
  /** Messages that were removed from the queue. */
  removed(): number;
  /** Handle the visible messages. @returns Whether there were any. */
  work(): Promise<boolean>;
}

function createWorker(
  queue: InMemoryQueue,
  handlerOf: (run: number, outcomes: OutcomeTally) => Handler,
  batchSize = 10,
): Worker {
  const outcomes = createOutcomeTally();
  let removed = 0;
  let runs = 0;
  const received = new Map<string, number>();
  const invoke = async (messages: readonly QueuedMessage[]) => {
    for (const { id } of messages) received.set(id, (received.get(id) ?? 0) + 1);
    const records = messages.map(
      ({ id, body }) =>
        ({ messageId: id, body, attributes: { ApproximateReceiveCount: String(received.get(id)) } }) as SQSRecord,
    );
    const handler = handlerOf(runs, outcomes);
    runs += 1;
    expect(runs, 'runs').toBeLessThan(1_000);
    const response = await handler({ Records: records }).catch(() => ({
      batchItemFailures: messages.map(({ id }) => ({ itemIdentifier: id })),
    }));
    const failed = new Set(response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const { id } of messages.filter((message) => !failed.has(message.id))) {
      queue.remove(id);
      removed += 1;
    }
  };
  return {
    queue,
    outcomes,
    removed: () => removed,
    async work() {
      const messages = queue.receive();
      for (let at = 0; at < messages.length; at += batchSize) await invoke(messages.slice(at, at + batchSize));
      return messages.length > 0;
    },
  };
}

const minuteMs = 60_000;

/** Run the workers, and dispatch every minute, until every failed message has been redelivered. */
async function letWork(engine: FakeEngine, workers: readonly Worker[], durationMs: number): Promise<void> {
  const untilMs = engine.clock.nowMs() + durationMs;
  while (engine.clock.nowMs() < untilMs) {
    let isWorking = false;
    for (const worker of workers) isWorking = (await worker.work()) || isWorking;
    if (isWorking) continue;
    const nowMs = engine.clock.nowMs();
    const nextMinuteMs = (Math.floor(nowMs / minuteMs) + 1) * minuteMs;
    const shown = workers.flatMap(({ queue }) => queue.messages().map(({ visibleAtMs }) => visibleAtMs));
    engine.clock.advance(Math.max(1, Math.min(nextMinuteMs, ...shown) - nowMs));
    if (engine.clock.nowMs() === nextMinuteMs) await dispatchDue(engine.dispatchPorts);
  }
}

/** The statistics over the whole time. */
const statisticsOf = async (engine: FakeEngine, subscriptions: readonly Subscription[]) =>
  readStatistics(engine, { tenant: undefined, subscriptions, sinceMs: 0, untilMs: engine.clock.nowMs() + 1 });

const anyInput = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('changes' as const),
      account: fc.constantFrom('acc_acme', 'acc_globex'),
      // Few ids and deliveries, so that requests repeat each other.
      deliveryId: fc.constantFrom('d1', 'd2', 'd3', 'd4'),
      ids: fc.array(fc.constantFrom('1', '2', '3'), { maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'bad mapping' as const,
        'bad body' as const,
        'no account' as const,
        'no integration' as const,
      ),
    }),
  },
);
type Input = typeof anyInput extends fc.Arbitrary<infer T> ? T : never;

function toMessage(input: Input, index: number): RawMessage {
  const rawId = `raw_${index}`;
  switch (input.kind) {
    case 'changes': {
      // Each says something else: what says the same is no event.
      const changes = input.ids.map((id, place) => ({ verb: 'updated', id, name: `${input.deliveryId} ${place}` }));
      return rawMessage(rawId, changes, { account: input.account, deliveryId: input.deliveryId });
    }
    case 'bad mapping':
      return rawMessage(rawId, [{ verb: 'exploded', id: '1' }]);
    case 'bad body':
      return rawMessage(rawId, [], { body: { kind: 'inline', encoding: 'utf8', content: '{' } });
    case 'no account':
      return rawMessage(rawId, [{ verb: 'created', id: '1' }], { account: 'acc_gone' });
    case 'no integration':
      return rawMessage(rawId, [{ verb: 'created', id: '1' }], { integration: 'gone' });
  }
}

const anySubscription = fc.record({
  tenant: fc.constantFrom('acme', 'globex', null),
  /** The answers of its endpoint, in turn; the last one repeats. */
  statuses: fc.array(fc.constantFrom(200, 410, 500), { minLength: 1, maxLength: 3 }),
  isOrdered: fc.boolean(),
  filter: fc.constantFrom(undefined, 'record_id != "2"'),
});

test('every input ends as exactly one counted outcome, at each stage, whatever fails (invariant 9)', async () => {
  const faults = fc.array(fc.option(anyFault(30), { nil: undefined, freq: 2 }), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyInput, { maxLength: 25 }),
      fc.array(anySubscription, { maxLength: 3 }),
      faults,
      faults,
      faults,
      async (inputs, subscribed, normalizeFaults, deliverFaults, drainFaults) => {
        const engine = createFakeEngine();
        await engine.accounts.create(anAccount());
        await engine.accounts.create(anAccount({ id: 'acc_globex', tenant: 'globex' }));
        const subscriptions = subscribed.map(({ tenant, isOrdered, filter }, index) =>
          aSubscription({
            id: `sub_${index}`,
            tenant,
            ordering: isOrdered && tenant !== null ? 'record' : 'none',
            shaping: filter === undefined ? {} : { filter },
            retry: { scheduleMs: [1_000, 5_000] },
          }),
        );
        for (const subscription of subscriptions) await engine.subscriptions.create(subscription);
        engine.callbacks.answerWith(({ url }, earlier) => {
          const { statuses = [] } = subscribed.find((_, index) => url.includes(`sub_${index}.`)) ?? {};
          return answered(statuses[Math.min(earlier, statuses.length - 1)] ?? 200);
        });
        const messages = inputs.map(toMessage);
        for (const message of messages) engine.rawQueue.send(JSON.stringify(message));

        const statistics = createNormalizationCounter(engine.countPorts);
        const normalize = createWorker(engine.rawQueue, (run, outcomes) =>
          createNormalizeHandler({
            ports: injectFault(engine.normalizePorts, normalizeFaults[run]).ports,
            log,
            ...noTelemetry,
            outcomes,
            outcomesNow: outcomes,
            statistics,
          }),
        );
        await letWork(engine, [normalize], 60 * minuteMs);
        expect(engine.rawQueue.messages()).toEqual([]);
        const requests = normalize.outcomes;
        const mapped = inputs.flatMap((input) => (input.kind === 'changes' && input.ids.length > 0 ? [input] : []));
        expect(normalize.removed()).toBe(messages.length);
        expect(requests.sum('mapped')).toBe(mapped.length);
        expect(requests.sum('unrouted')).toBe(inputs.filter(({ kind }) => kind === 'no account').length);
        expect(requests.sum('mapped', 'ignored', 'unrouted', 'dead-lettered')).toBe(messages.length);
        const counted = (await statisticsOf(engine, [])).integrations.items;
        const sumOf = (count: (one: IntegrationStatistics) => number) =>
          counted.reduce((sum, one) => sum + count(one), 0);
        expect(sumOf((one) => one.verified)).toBe(messages.length);
        expect(sumOf((one) => one.mapped)).toBe(requests.sum('mapped'));
        expect(sumOf((one) => one.ignored)).toBe(requests.sum('ignored'));
        expect(sumOf((one) => one.unrouted)).toBe(requests.sum('unrouted'));
        expect(sumOf((one) => one.deadLettered)).toBe(requests.sum('dead-lettered'));
        expect(sumOf((one) => one.published)).toBe(requests.sum('published'));
        expect(sumOf((one) => one.duplicate)).toBe(requests.sum('duplicate'));
        const events = mapped.flatMap(({ account, deliveryId, ids }) =>
          ids.map((id, index) => `${account} ${deliveryId} ${id} ${index}`),
        );
        expect(requests.sum('published', 'duplicate', 'stale', 'unchanged')).toBe(events.length);
        expect(requests.sum('published')).toBeGreaterThanOrEqual(new Set(events).size);
        const stored = (
          await Promise.all(['acme', 'globex'].map((tenant) => engine.events.listAfter(tenant, 0, 1_000)))
        )
          .flat()
          .filter((row): row is EventRow & FeedRow => !('sealed' in row));
        expect(stored).toHaveLength(new Set(events).size);

        const jobs = engine.deliveryQueue.messages().length;
        const deliver = createWorker(engine.deliveryQueue, (run, outcomes) =>
          createDeliverHandler({
            ports: injectFault(engine.deliverPorts, deliverFaults[run]).ports,
            log,
            ...noTelemetry,
            outcomes,
            outcomesNow: outcomes,
          }),
        );
        const drain = createWorker(
          engine.drainQueue,
          (run, outcomes) =>
            createDrainHandler({
              ports: injectFault(engine.drainPorts, drainFaults[run]).ports,
              log,
              ...noTelemetry,
              outcomes,
              outcomesNow: outcomes,
            }),
          limits.drainBatchSize,
        );
        await letWork(engine, [deliver, drain], 120 * minuteMs);
        expect(
          deliver.outcomes.sum('delivered', 'retried', 'parked', 'postponed', 'duplicate', 'dead-lettered', 'filtered'),
        ).toBe(deliver.removed());
        let isLeftInFeed = false;
        let waiting = 0;
        let untold = 0;
        let given = 0;
        for (const [index, { id, tenant, ordering }] of subscriptions.entries()) {
          const { items } = await engine.deliveries.list(id, 1_000, undefined);
          const isDisabled = (await engine.subscriptions.find(id))?.status === 'disabled';
          const [endpoint] = await engine.endpoints.getMany([{ endpoint: id, scope: tenant ?? '*' }]);
          const ended = items.filter(({ state }) => state === 'delivered' || state === 'exhausted');
          // Events for an endpoint that is gone, or broken, keep waiting.
          const isHeld = isDisabled || endpoint?.circuit === 'open';
          expect(ended.length === items.length || isHeld, `${id} is done`).toBe(true);
          isLeftInFeed ||= isHeld && ordering !== 'none';
          waiting += items.length - ended.length;
          // A run that dies leaves outcomes uncounted; the next run that finds them in the backlog or the feed counts
          // them, once the endpoint is enabled.
          const entries = await engine.deliveries.listBacklog(id, 1_000, undefined);
          const isFoundAgain = ({ event, sequence }: Delivery) =>
            entries.some((entry) => entry.event === event) ||
            (ordering !== 'none' && sequence > (endpoint?.position ?? 0));
          if (isHeld) untold += ended.filter(isFoundAgain).length;
          given += items.length;
          const unwanted = subscribed[index]?.filter === undefined ? '' : '2';
          const wanted = stored
            .filter((row) => (tenant ?? row.tenant) === row.tenant && row.record_id !== unwanted)
            .map((row) => row.id)
            .sort();
          expect(isHeld ? wanted : items.map(({ event }) => event).sort()).toEqual(wanted);
        }
        const fared = (await statisticsOf(engine, subscriptions)).subscriptions;
        const fare = (count: (one: SubscriptionStatistics) => number) =>
          fared.reduce((sum, one) => sum + count(one), 0);
        expect(fare(({ deliveries }) => deliveries.total)).toBe(given);
        expect(fare(({ deliveries }) => deliveries.delivered + deliveries.exhausted)).toBe(given - waiting);
        const sent = (...outcomes: readonly string[]) =>
          deliver.outcomes.sum(...outcomes) + drain.outcomes.sum(...outcomes);
        // Whatever failed or died, no outcome is missing; redelivered ones may be counted twice.
        expect(sent('delivered', 'dead-lettered')).toBeGreaterThanOrEqual(given - waiting - untold);
        const isUndisturbed = [...normalizeFaults, ...deliverFaults, ...drainFaults].every(
          (fault) => fault === undefined,
        );
        if (!isUndisturbed) return;
        expect(requests.sum('published')).toBe(new Set(events).size);
        expect(requests.sum('enqueued')).toBeGreaterThanOrEqual(jobs);
        expect(deliver.outcomes.sum('duplicate')).toBe(0);
        expect(sent('delivered', 'dead-lettered')).toBe(given - waiting);
        expect(fare(({ deliveries }) => deliveries.delivered)).toBe(sent('delivered'));
        expect(fare(({ attempts }) => attempts.byClass['2xx'])).toBe(sent('delivered'));
        expect(fare(({ attempts }) => attempts.total)).toBe(engine.callbacks.requests.length);
        const ended = sent('delivered', 'dead-lettered', 'filtered') + waiting;
        // Unsent events of an ordered subscription that is held back are only in the feed.
        expect(requests.sum('enqueued') - ended).toBeGreaterThanOrEqual(0);
        expect(isLeftInFeed || requests.sum('enqueued') === ended, `${ended} ended`).toBe(true);
      },
    ),
    propertyRuns(30, 500),
  );
});
