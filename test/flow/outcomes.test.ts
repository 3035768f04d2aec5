import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RawMessage } from '../../lambdas/contracts/messages.ts';
import { createDeliverHandler } from '../../lambdas/functions/deliver/handler.ts';
import { createNormalizeHandler } from '../../lambdas/functions/normalize/handler.ts';
import { createFakeEngine, type FakeEngine } from '../fakes/fake-engine.ts';
import type { InMemoryQueue } from '../fakes/in-memory-queue.ts';
import { injectFault } from '../fakes/inject-fault.ts';
import { createOutcomeTally, type OutcomeTally } from '../fakes/outcome-tally.ts';
import { answered } from '../fakes/programmable-callbacks.ts';
import { anAccount, aSubscription } from '../fakes/samples.ts';
import { anyFault } from './any-fault.ts';
import { rawMessage } from './provider-request.ts';

const log = new Logger({ logLevel: 'SILENT' });

interface Run {
  readonly outcomes: OutcomeTally;
  /** Messages that were taken off the queue for good. */
  readonly removed: number;
}

/** Give a queue's messages to a handler until there are none. */
async function drain(
  engine: FakeEngine,
  queue: InMemoryQueue,
  handlerOf: (run: number, outcomes: OutcomeTally) => (event: SQSEvent) => Promise<SQSBatchResponse>,
): Promise<Run> {
  const outcomes = createOutcomeTally();
  let removed = 0;
  for (let run = 0; queue.messages().length > 0; run += 1) {
    expect(run, 'runs').toBeLessThan(500);
    const nextMs = Math.min(...queue.messages().map(({ visibleAtMs }) => visibleAtMs));
    engine.clock.advance(Math.max(0, nextMs - engine.clock.nowMs()));
    const messages = queue.receive();
    const records = messages.map(({ id, body }) => ({ messageId: id, body }) as SQSRecord);
    const response = await handlerOf(
      run,
      outcomes,
    )({ Records: records }).catch(() => ({
      batchItemFailures: messages.map(({ id }) => ({ itemIdentifier: id })),
    }));
    const failed = new Set(response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const { id } of messages.filter((message) => !failed.has(message.id))) {
      queue.remove(id);
      removed += 1;
    }
  }
  return { outcomes, removed };
}

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
      const changes = input.ids.map((id) => ({ verb: 'updated', id }));
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
  /** What its endpoint answers, in turn; the last answer for ever. */
  statuses: fc.array(fc.constantFrom(200, 410, 500), { minLength: 1, maxLength: 3 }),
});

test('every input ends as exactly one counted outcome, at each stage, whatever fails on the way (invariant 9)', async () => {
  const faults = fc.array(fc.option(anyFault(25), { nil: undefined, freq: 2 }), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyInput, { maxLength: 25 }),
      fc.array(anySubscription, { maxLength: 3 }),
      faults,
      faults,
      async (inputs, subscribed, normalizeFaults, deliverFaults) => {
        const engine = createFakeEngine();
        await engine.accounts.create(anAccount());
        await engine.accounts.create(anAccount({ id: 'acc_globex', tenant: 'globex' }));
        for (const [index, { tenant }] of subscribed.entries())
          await engine.subscriptions.create(aSubscription({ id: `sub_${index}`, tenant }));
        engine.callbacks.answerWith(({ url }, earlier) => {
          const { statuses = [] } = subscribed.find((_, index) => url.includes(`sub_${index}.`)) ?? {};
          return answered(statuses[Math.min(earlier, statuses.length - 1)] ?? 200);
        });
        const messages = inputs.map(toMessage);
        for (const message of messages) engine.rawQueue.send(JSON.stringify(message));

        const normalized = await drain(engine, engine.rawQueue, (run, outcomes) =>
          createNormalizeHandler({
            ports: injectFault(engine.normalizePorts, normalizeFaults[run]).ports,
            log,
            outcomes,
          }),
        );
        const requests = normalized.outcomes;
        const mapped = inputs.flatMap((input) => (input.kind === 'changes' && input.ids.length > 0 ? [input] : []));
        expect(normalized.removed).toBe(messages.length);
        expect(requests.sum('mapped')).toBe(mapped.length);
        expect(requests.sum('unrouted')).toBe(inputs.filter(({ kind }) => kind === 'no account').length);
        expect(requests.sum('mapped', 'ignored', 'unrouted', 'dead-lettered')).toBe(messages.length);
        const events = mapped.flatMap(({ account, deliveryId, ids }) =>
          ids.map((id, index) => `${account} ${deliveryId} ${id} ${index}`),
        );
        expect(requests.sum('published', 'duplicate')).toBe(events.length);
        expect(requests.sum('published')).toBeGreaterThanOrEqual(new Set(events).size);
        const stored = (
          await Promise.all(['acme', 'globex'].map((tenant) => engine.events.listAfter(tenant, 0, 1_000)))
        )
          .flat()
          .filter((row) => !('sealed' in row));
        expect(stored).toHaveLength(new Set(events).size);

        const enqueued = new Set(engine.deliveryQueue.messages().map(({ body }) => body));
        const jobs = engine.deliveryQueue.messages().length;
        expect(jobs).toBeGreaterThanOrEqual(requests.sum('enqueued'));
        const delivered = await drain(engine, engine.deliveryQueue, (run, outcomes) =>
          createDeliverHandler({ ports: injectFault(engine.deliverPorts, deliverFaults[run]).ports, log, outcomes }),
        );
        const attempts = delivered.outcomes;
        expect(attempts.sum('delivered', 'retried', 'duplicate', 'dead-lettered', 'filtered')).toBe(delivered.removed);
        const records = (
          await Promise.all(subscribed.map((_, index) => engine.deliveries.list(`sub_${index}`, 1_000, undefined)))
        ).flatMap(({ items }) => items);
        expect(records).toHaveLength(enqueued.size);
        expect(records.every(({ state }) => state === 'delivered' || state === 'exhausted')).toBe(true);
        const isUndisturbed = [...normalizeFaults, ...deliverFaults].every((fault) => fault === undefined);
        if (!isUndisturbed) return;
        expect(requests.sum('published')).toBe(new Set(events).size);
        expect(requests.sum('enqueued')).toBe(jobs);
        expect(attempts.sum('delivered', 'dead-lettered')).toBe(jobs);
        expect(attempts.sum('duplicate', 'filtered')).toBe(0);
        expect(attempts.sum('dead-lettered')).toBe(engine.deliveryDeadLetters.messages().length);
      },
    ),
    { numRuns: 150 },
  );
});
