import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { noResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import type { RunFetchesPorts } from '../../../lambdas/flows/enrich/run-fetches.ts';
import { createNormalizationCounter } from '../../../lambdas/flows/normalize/count-normalizations.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { createStatisticsBuffer } from '../../../lambdas/flows/statistics/statistics-buffer.ts';
import { createDeliverHandler } from '../../../lambdas/functions/deliver/handler.ts';
import { createDrainHandler } from '../../../lambdas/functions/drain/handler.ts';
import { createEnrichHandler } from '../../../lambdas/functions/enrich/handler.ts';
import { createGovernHandler } from '../../../lambdas/functions/govern/handler.ts';
import { retrySoon } from '../../../lambdas/functions/invocation/retry-soon.ts';
import { createNormalizeHandler } from '../../../lambdas/functions/normalize/handler.ts';
import { createFakeEngine } from '../../fakes/fake-engine.ts';
import { createFakeProvider } from '../../fakes/fake-provider.ts';
import { createInMemoryQueue, enrichQueueOn, failedMessagesOn } from '../../fakes/in-memory-queue.ts';
import { createManualClock } from '../../fakes/manual-clock.ts';
import { noTelemetry } from '../../fakes/no-telemetry.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';
import { anAccount, anEvent, aSubscription } from '../../fakes/samples.ts';
import { rawMessage } from '../provider-request.ts';

const log = new Logger({ logLevel: 'SILENT' });
type Handle = (event: SQSEvent) => Promise<SQSBatchResponse>;
const failing = (...ids: readonly string[]): SQSBatchResponse => ({
  batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })),
});

/** A queue, and a consumer that polls its visible messages. */
function consume(handle: Handle, failedMessages?: Parameters<typeof retrySoon>[0]['failedMessages']) {
  const clock = createManualClock();
  const queue = createInMemoryQueue(clock, 360_000);
  const received = new Map<string, number>();
  const consumer = retrySoon(
    { failedMessages: failedMessages ?? failedMessagesOn(queue), randomness: { fraction: () => 0 }, log },
    handle,
  );
  return {
    queue,
    clock,
    /** @returns The bodies received. */
    poll: async (): Promise<readonly string[]> => {
      const messages = queue.receive();
      for (const { id } of messages) received.set(id, (received.get(id) ?? 0) + 1);
      const Records = messages.map(
        ({ id, body }) =>
          ({
            messageId: id,
            receiptHandle: id,
            body,
            attributes: { ApproximateReceiveCount: String(received.get(id)) },
          }) as SQSRecord,
      );
      const { batchItemFailures } = await consumer({ Records }).catch(() =>
        failing(...Records.map(({ messageId }) => messageId)),
      );
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      for (const { id } of messages) if (!failed.has(id)) queue.remove(id);
      return messages.map(({ body }) => body);
    },
  };
}

describe('a message that fails', () => {
  test('is redelivered in seconds, and a message that succeeds is not', async () => {
    const { queue, clock, poll } = consume(async ({ Records }) =>
      failing(...Records.filter(({ body }) => body === 'bad').map(({ messageId }) => messageId)),
    );
    for (const body of ['good', 'bad', 'fine']) queue.send(body);
    expect(await poll()).toHaveLength(3);
    const waits: number[] = [];
    for (let receive = 2; receive <= limits.maxReceiveCount; receive += 1) {
      const shownAtMs = queue.messages()[0]?.visibleAtMs ?? 0;
      waits.push((shownAtMs - clock.nowMs()) / 1000);
      clock.advance(shownAtMs - clock.nowMs() - 1);
      expect(await poll()).toEqual([]);
      clock.advance(1);
      expect(await poll()).toEqual(['bad']);
    }
    expect(waits).toEqual([2, 10, 40, 120, 360, 900, 1_800]);
  });

  test('is redelivered in seconds when the run throws', async () => {
    const { queue, clock, poll } = consume(async () => {
      throw new Error('unexpected');
    });
    queue.send('a');
    queue.send('b');
    await poll();
    clock.advance(2_000);
    expect(await poll()).toEqual(['a', 'b']);
  });

  test('is hidden in the queue that delivered it, of several that a function consumes', async () => {
    const clock = createManualClock();
    const [drainQueue, shadowQueue] = [createInMemoryQueue(clock, 360_000), createInMemoryQueue(clock, 360_000)];
    const consumer = retrySoon(
      {
        failedMessages: failedMessagesOn(drainQueue),
        otherQueues: new Map([['Stack-ShadowQueue', failedMessagesOn(shadowQueue)]]),
        randomness: { fraction: () => 0 },
        log,
      },
      async ({ Records }) => failing(...Records.map(({ messageId }) => messageId)),
    );
    const received = [
      [drainQueue, 'Stack-DrainQueue'],
      [shadowQueue, 'Stack-ShadowQueue'],
    ] as const;
    for (const [queue] of received) queue.send('a');
    const Records = received.flatMap(([queue, name]) =>
      queue.receive().map(({ id, body }) => ({
        ...record(id, body, 1),
        eventSourceARN: `arn:aws:sqs:eu-west-1:111111111111:${name}`,
      })),
    );
    await consumer({ Records });
    for (const [queue] of received) {
      const [message] = queue.messages();
      expect((message?.visibleAtMs ?? 0) - clock.nowMs()).toBe(2_000);
    }
  });

  test('is redelivered after the visibility timeout when the queue rejects the change', async () => {
    const hide = () => Promise.reject(new Error('unavailable'));
    const { queue, clock, poll } = consume(async ({ Records }) => failing(...Records.map((one) => one.messageId)), {
      hide,
    });
    queue.send('a');
    await poll();
    clock.advance(359_000);
    expect(await poll()).toEqual([]);
    clock.advance(1_000);
    expect(await poll()).toEqual(['a']);
  });
});

const record = (messageId: string, body: unknown, receiveCount: number) =>
  ({
    messageId,
    receiptHandle: messageId,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    attributes: { ApproximateReceiveCount: String(receiveCount) },
  }) as SQSRecord;
const last = limits.maxReceiveCount;

describe('a message that SQS moves to the dead-letter queue is counted (invariant 9)', () => {
  async function normalizing(events?: Partial<ReturnType<typeof createFakeEngine>['normalizePorts']['events']>) {
    const engine = createFakeEngine();
    await engine.accounts.create(anAccount());
    const [outcomes, outcomesNow] = [createOutcomeTally(), createOutcomeTally()];
    const ports = { ...engine.normalizePorts, events: { ...engine.normalizePorts.events, ...events } };
    const statistics = createNormalizationCounter(engine.countPorts);
    const handle = createNormalizeHandler({ ports, log, ...noTelemetry, outcomes, outcomesNow, statistics });
    return { engine, outcomes, outcomesNow, handle };
  }
  const unavailable = { takeSequences: () => Promise.reject(new Error('unavailable')) };

  test('normalize: a request that fails on its last receive, once', async () => {
    const { outcomes, outcomesNow, handle } = await normalizing(unavailable);
    for (let receive = 1; receive < last; receive += 1) {
      expect(
        (
          await handle({
            Records: [record('m1', rawMessage('raw_1', [{ verb: 'created', id: '1', name: 'Ada' }]), receive)],
          })
        ).batchItemFailures,
      ).toHaveLength(1);
      expect(outcomesNow.sum('dead-lettered')).toBe(0);
    }
    const response = await handle({
      Records: [
        record('m1', rawMessage('raw_1', [{ verb: 'created', id: '1', name: 'Ada' }]), last),
        record('m2', '{', last),
      ],
    });
    expect(response.batchItemFailures).toHaveLength(2);
    expect(outcomesNow.sum('dead-lettered')).toBe(2);
    expect(outcomes.sum('dead-lettered', 'mapped')).toBe(0);
  });

  test('normalize: a request that succeeds on its last receive is no dead letter', async () => {
    const { outcomes, outcomesNow, handle } = await normalizing();
    const Records = [
      record('m1', rawMessage('raw_1', [{ verb: 'created', id: '1', name: 'Ada' }]), last),
      record('m2', '{', last),
    ];
    expect(await handle({ Records })).toEqual(failing('m2'));
    expect(outcomesNow.sum('dead-lettered')).toBe(1);
    expect(outcomes.sum('mapped')).toBe(1);
  });

  test('deliver: each failed delivery of a message', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    await publishEvents(
      engine.publishPorts,
      ['evt_1', 'evt_2', 'evt_3'].map((id) => ({ owner: 'raw_1', event: anEvent({ id }) })),
    );
    const jobs = engine.deliveryQueue.messages().map(({ body }) => JSON.parse(body));
    const [outcomes, outcomesNow] = [createOutcomeTally(), createOutcomeTally()];
    const results = await deliverEvents(
      engine.deliverPorts,
      jobs.map((job) => ({ messageId: 'probe', job })),
    );
    expect(results.every(({ kind }) => kind !== 'failed')).toBe(true);
    const down = createFakeEngine();
    const handle = createDeliverHandler({
      ports: {
        ...down.deliverPorts,
        subscriptions: { ...down.deliverPorts.subscriptions, getMany: () => Promise.reject(new Error('unavailable')) },
      },
      log,
      ...noTelemetry,
      outcomes,
      outcomesNow,
    });
    const settled = await handle({ Records: [record('m1', jobs, last), record('m2', 'nonsense', last)] }).catch(() =>
      failing('m1', 'm2'),
    );
    expect(settled.batchItemFailures).toHaveLength(2);
    expect(outcomesNow.sum('dead-lettered')).toBe(jobs.length + 1);
    // A run counts its dead letters in advance; a later run that succeeds takes them back.
    const well = createDeliverHandler({ ports: engine.deliverPorts, log, ...noTelemetry, outcomes, outcomesNow });
    expect(await well({ Records: [record('m3', jobs, last)] })).toEqual(failing());
    expect(outcomesNow.sum('dead-lettered')).toBe(jobs.length + 1);
  });

  test('enrich, drain and govern: a message counts as a message, not as an input', async () => {
    const engine = createFakeEngine();
    const provider = createFakeProvider(engine.clock, engine.randomness, engine.expressions);
    const enrichPorts: RunFetchesPorts = {
      ...engine.publishPorts,
      accounts: engine.accounts.reader(engine.clock),
      definition: async () => undefined,
      enrichQueue: enrichQueueOn(engine.enrichQueue),
      fetches: engine.fetches,
      schemas: noResources,
      provider: provider.ports,
    };
    for (const create of [
      (outcomesNow: ReturnType<typeof createOutcomeTally>) =>
        createEnrichHandler({
          ports: enrichPorts,
          log,
          ...noTelemetry,
          outcomes: createOutcomeTally(),
          outcomesNow,
          statistics: createStatisticsBuffer(engine.countPorts),
        }),
      (outcomesNow: ReturnType<typeof createOutcomeTally>) =>
        createDrainHandler({
          ports: engine.drainPorts,
          log,
          ...noTelemetry,
          outcomes: createOutcomeTally(),
          outcomesNow,
        }),
      (outcomesNow: ReturnType<typeof createOutcomeTally>) =>
        createGovernHandler({ ports: engine.erasePorts, log, outcomes: createOutcomeTally(), outcomesNow }),
    ]) {
      const outcomesNow = createOutcomeTally();
      const handle = create(outcomesNow);
      expect(await handle({ Records: [record('m1', '{}', last - 1)] })).toEqual(failing('m1'));
      expect(outcomesNow.sum('messages-dead-lettered')).toBe(0);
      expect(await handle({ Records: [record('m1', '{}', last)] })).toEqual(failing('m1'));
      expect(outcomesNow.sum('messages-dead-lettered')).toBe(1);
    }
  });

  test('even when the run dies before it reports', async () => {
    const { outcomesNow, handle } = await normalizing({ takeSequences: () => new Promise(() => {}) });
    void handle({ Records: [record('m1', rawMessage('raw_1', [{ verb: 'created', id: '1', name: 'Ada' }]), last)] });
    await new Promise((resolve) => setImmediate(resolve));
    expect(outcomesNow.sum('dead-lettered')).toBe(1);
  });
});
