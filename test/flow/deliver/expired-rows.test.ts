import { describe, expect, test } from 'vitest';
import { dueShards } from '../../../lambdas/contracts/shards.ts';
import type { Delivery } from '../../../lambdas/engine/delivery/delivery.ts';
import { createAccount } from '../../../lambdas/flows/accounts/create-account.ts';
import { dispatchDue } from '../../../lambdas/flows/deliver/dispatch-due.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { readStatistics } from '../../../lambdas/flows/statistics/read-statistics.ts';
import { beginAtEnd } from '../../../lambdas/flows/subscriptions/create-subscription.ts';
import { removeSubscription } from '../../../lambdas/flows/subscriptions/manage-subscription.ts';
import { erasurePhases } from '../../../lambdas/flows/tenants/erasure-phases.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { waitingRequests } from '../../fakes/in-memory-routing.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';
import { rawMessage } from '../provider-request.ts';

/*
 * DynamoDB deletes rows days after they have expired. Until then they fill places in the pages that are read.
 */

const dayMs = 86_400_000;
const keptMs = 31 * dayMs;

/** A delivery of an event that expired long ago. */
const aLeftover = (number: number, change: Partial<Delivery> = {}): Delivery => ({
  subscription: 'sub_1',
  scope: 'acme',
  event: `evt_old_${String(number).padStart(5, '0')}`,
  tenant: 'acme',
  sequence: 0,
  timestamp: '2026-10-01T00:00:00.000Z',
  state: 'waiting',
  exhaustedBy: undefined,
  attempts: [],
  attemptCount: 0,
  scheduledCount: 0,
  firstAttemptAt: undefined,
  nextAttemptAt: undefined,
  waitsIn: 'backlog',
  replay: undefined,
  isManual: undefined,
  revision: 0,
  ...change,
});

/** An engine whose backlog of `sub_1` holds entries of expired deliveries. */
async function withLeftovers(count: number, change: Partial<Subscription> = {}): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await engine.deliveries.putMany(Array.from({ length: count }, (_, index) => aLeftover(index)));
  engine.clock.advance(keptMs);
  const subscription = aSubscription(change);
  if (subscription.ordering !== 'none') await beginAtEnd(engine.drainPorts, subscription);
  await engine.subscriptions.create(subscription);
  return engine;
}

async function publish(engine: FakeEngine, ids: readonly string[], record = '1'): Promise<void> {
  const timestamp = new Date(engine.clock.nowMs()).toISOString();
  await publishEvents(
    engine.publishPorts,
    ids.map((id) => ({ event: anEvent({ id, record_id: record, timestamp }), owner: id })),
  );
}

/** Put the events of the feed into the backlog. */
async function park(engine: FakeEngine, change: Partial<Delivery> = {}): Promise<void> {
  const rows = (await engine.events.listAfter('acme', 0, 1_000)).filter((row) => 'id' in row);
  await engine.deliveries.putMany(
    rows.map(({ id, sequence, timestamp }) => aLeftover(0, { event: id, sequence, timestamp, ...change })),
  );
}

const drain = (engine: FakeEngine) =>
  drainEndpoint(engine.drainPorts, { kind: 'drain', subscription: 'sub_1', scope: 'acme' });
const sent = (engine: FakeEngine) => engine.callbacks.requests.map(({ headers }) => String(headers['webhook-id']));
const backlogOf = async (engine: FakeEngine) =>
  (await engine.deliveries.listBacklog('sub_1', 10_000, undefined)).map(({ event }) => event);

describe('expired rows hide no live ones:', () => {
  test('all requests parked for an account are replayed, although the first one has expired', async () => {
    const engine = createFakeEngine();
    await engine.parking.park('staff', ['7'], rawMessage('raw_00', []));
    engine.clock.advance(keptMs);
    const live = Array.from({ length: 59 }, (_, at) => `raw_${String(at + 1).padStart(2, '0')}`);
    for (const id of live) await engine.parking.park('staff', ['7'], rawMessage(id, []));
    await createAccount(engine.adminPorts, {
      id: 'acc_acme',
      tenant: 'acme',
      integration: 'staff',
      secrets: {},
      context: { company_id: '7' },
      mayClaim: true,
    });
    const queued = engine.rawQueue.messages().map(({ body }) => (JSON.parse(body) as { rawId: string }).rawId);
    expect(queued.sort()).toEqual(live);
    expect((await engine.parking.list('staff', '7', 10, undefined)).items, 'the expired one is removed').toEqual([]);
  });

  test('a tenant’s erasure finds all requests parked for its context value', async () => {
    const engine = createFakeEngine();
    await createAccount(engine.adminPorts, {
      id: 'acc_acme',
      tenant: 'acme',
      integration: 'staff',
      secrets: {},
      context: { company_id: '7' },
      mayClaim: true,
    });
    await engine.parking.park('staff', ['7'], rawMessage('raw_00', []));
    engine.clock.advance(keptMs);
    for (let at = 1; at < 60; at += 1)
      await engine.parking.park('staff', ['7'], rawMessage(`raw_${String(at).padStart(2, '0')}`, []));
    const phase = erasurePhases.find(({ name }) => name === 'contexts');
    if (phase === undefined) throw new Error('no such phase');
    let removed = 0;
    for (let position: string | undefined; ; ) {
      const { items, next } = await phase.find(engine.erasePorts, 'acme', position);
      await phase.remove(engine.erasePorts, 'acme', items);
      removed += items.filter(({ kind }) => kind === 'parked_requests').length;
      if (next === undefined || items.length === 0) break;
      position = next;
    }
    expect(removed).toBe(60);
    expect(await waitingRequests(engine.parking, 'staff', '7')).toEqual([]);
    expect((await engine.contexts.find('staff', '7')).claims).toEqual([]);
  });

  test('a backlog is drained behind a hundred expired entries, which are removed', async () => {
    const engine = await withLeftovers(100);
    await publish(engine, ['evt_1', 'evt_2']);
    await park(engine);
    await engine.endpoints.wake({ endpoint: 'sub_1', scope: 'acme' });
    expect(await drain(engine)).toMatchObject({ kind: 'drained' });
    expect(sent(engine)).toEqual(['evt_1', 'evt_2']);
    expect(await backlogOf(engine)).toEqual([]);
  });

  test('a full batch is sent at once', async () => {
    const engine = await withLeftovers(95, { shaping: { batch: { max_events: 10, max_wait_seconds: 3_600 } } });
    await publish(
      engine,
      Array.from({ length: 10 }, (_, at) => `evt_${at}`),
    );
    await park(engine);
    await engine.endpoints.wake({ endpoint: 'sub_1', scope: 'acme' });
    expect(await drain(engine)).toMatchObject({ kind: 'drained' });
    expect(engine.callbacks.requests).toHaveLength(1);
  });

  test.each([99, 100, 2_000, 2_050])(
    'an event that waits behind %i expired entries is not overtaken by the next event of its record',
    async (count) => {
      const engine = await withLeftovers(count, { ordering: 'record' });
      await publish(engine, ['evt_1']);
      const nextAttemptAt = new Date(engine.clock.nowMs() + 600_000).toISOString();
      await park(engine, { state: 'retrying', attemptCount: 1, scheduledCount: 1, nextAttemptAt });
      await publish(engine, ['evt_2']);
      await engine.endpoints.wake({ endpoint: 'sub_1', scope: 'acme' });
      await drain(engine);
      expect(sent(engine)).toEqual([]);
      expect(await backlogOf(engine)).toEqual(['evt_1', 'evt_2']);
      engine.clock.advance(600_000);
      await drain(engine);
      expect(sent(engine)).toEqual(['evt_1', 'evt_2']);
    },
  );

  test('a shard of the due index is dispatched behind a hundred expired entries, which are removed', async () => {
    const engine = await withLeftovers(0);
    const [event] = Array.from({ length: 100 }, (_, at) => `evt_${at}`);
    if (event === undefined) throw new Error('no event');
    const due = { event, state: 'retrying', waitsIn: 'due-index' } as const;
    const old = new Date(engine.clock.nowMs() + 3_600_000).toISOString();
    await engine.deliveries.putMany(
      Array.from({ length: 100 }, (_, at) => aLeftover(0, { ...due, subscription: `sub_${at}`, nextAttemptAt: old })),
    );
    engine.clock.advance(keptMs);
    await publish(engine, [event]);
    engine.deliveryQueue.receive().map(({ id }) => engine.deliveryQueue.remove(id));
    await park(engine, { ...due, nextAttemptAt: new Date(engine.clock.nowMs()).toISOString() });
    expect(await dispatchDue(engine.dispatchPorts)).toMatchObject({ attempts: 1 });
    expect(engine.deliveryQueue.messages()).toHaveLength(1);
    const shards = Array.from({ length: dueShards }, (_, shard) =>
      engine.deliveries.listDue(shard, Number.MAX_SAFE_INTEGER, 500),
    );
    expect((await Promise.all(shards)).flat()).toEqual([]);
  });

  test('a subscription is removed with its whole backlog', async () => {
    const engine = await withLeftovers(100);
    await publish(engine, ['evt_1']);
    await park(engine);
    expect(await removeSubscription(engine.manageSubscriptionPorts, 'sub_1')).toEqual({
      kind: 'removed',
      cancelled: 1,
    });
    expect(await backlogOf(engine)).toEqual([]);
  });

  test('statistics give the age of the oldest delivery, not of the oldest entry', async () => {
    const engine = await withLeftovers(20);
    const publishedAt = new Date(engine.clock.nowMs()).toISOString();
    await publish(engine, ['evt_1']);
    await park(engine);
    const { subscriptions } = await readStatistics(engine, {
      tenant: 'acme',
      subscriptions: [aSubscription()],
      sinceMs: engine.clock.nowMs() - dayMs,
      untilMs: engine.clock.nowMs() + 1,
    });
    expect(subscriptions).toMatchObject([{ oldestWaitingAt: publishedAt, backlog: { count: 1 } }]);
  });
});
