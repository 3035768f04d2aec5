import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { expect, test } from 'vitest';
import { dispatchDue } from '../../../lambdas/flows/deliver/dispatch-due.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { createDeliverHandler } from '../../../lambdas/functions/deliver/handler.ts';
import { createDrainHandler } from '../../../lambdas/functions/drain/handler.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import type { InMemoryQueue } from '../../fakes/in-memory-queue.ts';
import { type Fault, faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { noTelemetry } from '../../fakes/no-telemetry.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';

const log = new Logger({ logLevel: 'SILENT' });
const minuteMs = 60_000;

type Handler = (event: SQSEvent) => Promise<SQSBatchResponse>;

async function work(queue: InMemoryQueue, handler: () => Handler): Promise<void> {
  const messages = queue.receive();
  if (messages.length === 0) return;
  const records = messages.map(
    ({ id, body }) => ({ messageId: id, body, attributes: { ApproximateReceiveCount: '2' } }) as SQSRecord,
  );
  const { batchItemFailures } = await handler()({ Records: records }).catch(() => ({
    batchItemFailures: messages.map(({ id }) => ({ itemIdentifier: id })),
  }));
  const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  for (const { id } of messages) if (!failed.has(id)) queue.remove(id);
}

/** Deliver two events to an endpoint that is gone; the first run of `struck` has the fault. */
async function deliverToGone(
  engine: FakeEngine,
  ordering: 'none' | 'record',
  struck: 'deliver' | 'drain',
  fault: Fault | undefined,
) {
  await engine.subscriptions.create(aSubscription({ id: 'sub_gone', ordering }));
  await engine.subscriptions.create(aSubscription({ id: 'sub_ops', types: ['delivery.exhausted'] }));
  const faults: Record<'deliver' | 'drain', Fault | undefined> = { deliver: undefined, drain: undefined };
  const next = (name: 'deliver' | 'drain') => {
    const mine = faults[name];
    faults[name] = undefined;
    return mine;
  };
  const pass = async (minutes: number) => {
    for (let minute = 0; minute < minutes; minute += 1) {
      for (let round = 0; round < 4; round += 1) {
        await work(engine.deliveryQueue, () =>
          createDeliverHandler({
            ports: injectFault(engine.deliverPorts, next('deliver')).ports,
            log,
            ...noTelemetry,
            outcomes: createOutcomeTally(),
            outcomesNow: createOutcomeTally(),
          }),
        );
        await work(engine.drainQueue, () =>
          createDrainHandler({
            ports: injectFault(engine.drainPorts, next('drain')).ports,
            log,
            ...noTelemetry,
            outcomes: createOutcomeTally(),
            outcomesNow: createOutcomeTally(),
          }),
        );
      }
      engine.clock.advance(minuteMs);
      await dispatchDue(engine.dispatchPorts);
    }
  };
  const publish = (...names: readonly string[]) =>
    publishEvents(
      engine.publishPorts,
      names.map((name) => ({ event: anEvent({ id: `evt_${name}`, record_id: name }), owner: `evt_${name}` })),
    );
  if (struck === 'deliver') {
    // An endpoint that has answered is known to be fast, so deliver posts to it.
    engine.callbacks.answerWith(() => answered(200));
    await publish('zero');
    await pass(2);
  }
  engine.callbacks.answerWith(({ url }) => answered(url.includes('sub_gone.') ? 410 : 200));
  faults[struck] = fault;
  await publish('one', 'two');
  await pass(18);
}

test.each([
  ['none', 'deliver'],
  ['none', 'drain'],
  ['record', 'drain'],
] as const)(
  'ordering %s: whichever call of %s fails, each exhausted delivery is reported once',
  async (ordering, struck) => {
    for (const at of Array.from({ length: 36 }, (_, index) => index + 1))
      for (const fault of [undefined, ...faultsAt(at)]) {
        const engine = createFakeEngine();
        await deliverToGone(engine, ordering, struck, fault);
        const { items } = await engine.deliveries.list('sub_gone', 100, undefined);
        const ended = items.filter(({ state }) => state === 'exhausted').map(({ event }) => event);
        const told = engine.callbacks.requests
          .filter(({ url }) => url.includes('sub_ops.'))
          .map(({ body }) => JSON.parse(body) as { id: string; data: { event_id: string } });
        const where = `call ${at}: ${JSON.stringify(fault)}`;
        expect(ended.length, where).toBeGreaterThan(0);
        expect([...new Set(told.map(({ data }) => data.event_id))].sort(), where).toEqual(ended.sort());
        expect(new Set(told.map(({ id }) => id)).size, where).toBe(ended.length);
        expect((await engine.subscriptions.find('sub_gone'))?.status, where).toBe('disabled');
      }
  },
);
