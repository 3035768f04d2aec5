import { describe, expect, test } from 'vitest';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { beginAtEnd } from '../../../lambdas/flows/subscriptions/create-subscription.ts';
import { updateSubscription } from '../../../lambdas/flows/subscriptions/manage-subscription.ts';
import { startReplay } from '../../../lambdas/flows/subscriptions/replay-events.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { anAccount, anEvent, aSubscription, staff } from '../../fakes/samples.ts';
import { letTimePass } from '../let-time-pass.ts';
import { rawMessage } from '../provider-request.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** Represents an expression that uses up its time limit. */
const endless = '($f := function($n) { $n = -1 ? 0 : $f($n + 1) }; $f(0))';

let published = 0;

async function publish(engine: FakeEngine, count: number, data: object = {}): Promise<readonly string[]> {
  const events = Array.from({ length: count }, () => {
    published += 1;
    const id = `evt_${String(published).padStart(6, '0')}`;
    const timestamp = new Date(engine.clock.nowMs()).toISOString();
    return anEvent({ id, record_id: 'one', timestamp, data: { id: 'one', ...data } });
  });
  await publishEvents(
    engine.publishPorts,
    events.map((event) => ({ event, owner: event.id })),
  );
  return events.map(({ id }) => id);
}

/** An engine that stops one expression, with a neighbour and a subscription to operational events. */
async function engineWith(change: Partial<Subscription>): Promise<{ engine: FakeEngine; subscription: Subscription }> {
  const engine = createFakeEngine();
  engine.expressions.stopped.add(endless);
  const subscription = aSubscription({ id: 'sub_hostile', ...change });
  if (subscription.ordering !== 'none') await beginAtEnd(engine.drainPorts, subscription);
  await engine.subscriptions.create(subscription);
  await engine.subscriptions.create(aSubscription({ id: 'sub_quiet', shaping: { filter: 'data.id = "one"' } }));
  await engine.subscriptions.create(aSubscription({ id: 'sub_ops', types: ['subscription.*'] }));
  // Both endpoints are known to be fast.
  await publish(engine, 1, { isFirst: true });
  await letTimePass(engine, minuteMs);
  return { engine, subscription };
}

const sentTo = (engine: FakeEngine, id: string) =>
  engine.callbacks.requests.filter(({ url }) => url.startsWith(`https://${id}.`));
const idsOf = (requests: readonly CallbackRequest[]) => requests.map(({ headers }) => String(headers['webhook-id']));
const bodyOf = ({ body }: CallbackRequest) => JSON.parse(body) as Record<string, unknown> & { data: object };

async function mend(engine: FakeEngine, filter: string | undefined): Promise<void> {
  engine.expressions.stopped.clear();
  if (filter !== undefined)
    await updateSubscription(engine.manageSubscriptionPorts, 'sub_hostile', { shaping: { filter } });
}

describe.each(['filter', 'transform'] as const)('a subscription whose %s is stopped', (kind) => {
  test('is held back and notified, and its neighbours are not (invariant 12)', async () => {
    const { engine } = await engineWith({ shaping: { [kind]: endless } });
    const before = sentTo(engine, 'sub_quiet').length;
    const ids = await publish(engine, 30);
    const startMs = engine.clock.nowMs();
    await letTimePass(engine, 10_000);
    expect(idsOf(sentTo(engine, 'sub_quiet').slice(before))).toEqual(expect.arrayContaining([...ids]));
    expect(engine.clock.nowMs() - startMs).toBeLessThan(11_000);
    expect(sentTo(engine, 'sub_hostile')).toEqual([]);

    const [state] = await engine.endpoints.getMany([{ endpoint: 'sub_hostile', scope: 'acme' }]);
    expect(state).toMatchObject({ circuit: 'open', hasBacklog: true });
    const told = sentTo(engine, 'sub_ops').map(bodyOf);
    expect(told).toMatchObject([
      {
        type: 'subscription.disabling',
        record_id: 'sub_hostile',
        data: { reason: 'expression-stopped', detail: expect.stringContaining(`${kind}: it was stopped`) },
      },
    ]);
    await letTimePass(engine, 6 * hourMs);
    // One notice, however many attempts, until half of the time to its disabling is over.
    expect(sentTo(engine, 'sub_ops')).toHaveLength(1);
    const [delivery] = (await engine.deliveries.list('sub_hostile', 100, undefined)).items.slice(-1);
    expect(delivery?.attempts.at(-1)).toMatchObject({
      status: undefined,
      error: expect.stringContaining('it was stopped after 1 s'),
    });
  });

  test('causes no more evaluations once its circuit is open', async () => {
    const { engine } = await engineWith({ shaping: { [kind]: endless } });
    await publish(engine, 30);
    await letTimePass(engine, 10_000);
    const before = engine.expressions.runs.filter(({ owner }) => owner.includes('hostile')).length;
    expect(before).toBeLessThan(8);
    await publish(engine, 200);
    await letTimePass(engine, 1_000);
    expect(engine.expressions.runs.filter(({ owner }) => owner.includes('hostile')).length - before).toBeLessThan(3);
  });

  test('gets the events that it missed once it is fixed, each event once', async () => {
    const { engine } = await engineWith({ shaping: { [kind]: endless } });
    const ids = await publish(engine, 30);
    await letTimePass(engine, 5 * minuteMs);
    await mend(engine, undefined);
    engine.expressions.stopped.clear();
    await updateSubscription(engine.manageSubscriptionPorts, 'sub_hostile', {
      shaping: { [kind]: kind === 'filter' ? 'true' : '{ "id": id }' },
    });
    await letTimePass(engine, 20 * hourMs);
    const sent = idsOf(sentTo(engine, 'sub_hostile'));
    expect(new Set(sent)).toEqual(new Set([...sent.filter((id) => !ids.includes(id)), ...ids]));
    expect(sent.filter((id) => ids.includes(id))).toHaveLength(ids.length);
  });
});

test.each([
  ['filter', 'none'],
  ['transform', 'none'],
  ['filter', 'record'],
  ['transform', 'record'],
] as const)('a suspended %s, ordering %s, is not an attempt: its events wait', async (kind, ordering) => {
  const { engine } = await engineWith({ ordering, shaping: { [kind]: kind === 'filter' ? 'true' : '{ "id": id }' } });
  engine.expressions.suspended.add('tenant acme');
  const ids = await publish(engine, 20);
  const before = sentTo(engine, 'sub_hostile').length;
  await letTimePass(engine, minuteMs);
  expect(sentTo(engine, 'sub_hostile')).toHaveLength(before);
  const [state] = await engine.endpoints.getMany([{ endpoint: 'sub_hostile', scope: 'acme' }]);
  expect(state).toMatchObject({ circuit: 'closed', hasBacklog: true });
  engine.expressions.suspended.clear();
  await letTimePass(engine, minuteMs);
  expect(idsOf(sentTo(engine, 'sub_hostile')).slice(before).sort()).toEqual([...ids].sort());
  const { items } = await engine.deliveries.list('sub_hostile', 100, undefined);
  expect(items.filter(({ event }) => ids.includes(event)).map(({ attemptCount }) => attemptCount)).toEqual(
    ids.map(() => 1),
  );
});

test('events that waited for a stopped filter are not sent when the fixed filter rejects them', async () => {
  const { engine } = await engineWith({ shaping: { filter: endless } });
  const unwanted = await publish(engine, 5, { kind: 'unwanted' });
  const wanted = await publish(engine, 5, { kind: 'wanted' });
  await letTimePass(engine, 5 * minuteMs);
  await mend(engine, 'data.kind = "wanted"');
  await letTimePass(engine, 20 * hourMs);
  expect(new Set(idsOf(sentTo(engine, 'sub_hostile')))).toEqual(new Set(wanted));
  const deliveries = (await engine.deliveries.list('sub_hostile', 100, undefined)).items;
  const leftOut = deliveries.filter(({ event }) => unwanted.includes(event));
  expect(leftOut.map(({ state, waitsIn }) => [state, waitsIn])).toEqual(leftOut.map(() => ['cancelled', undefined]));
  expect(leftOut).toHaveLength(5);
  expect(await engine.deliveries.listBacklog('sub_hostile', 100, undefined)).toEqual([]);
});

test('an ordered subscription whose filter is stopped loses no event, and gets its events in order', async () => {
  const { engine } = await engineWith({ ordering: 'record', shaping: { filter: endless } });
  const first = await publish(engine, 3);
  await letTimePass(engine, 2 * minuteMs);
  const later = await publish(engine, 3);
  await letTimePass(engine, 2 * minuteMs);
  expect(sentTo(engine, 'sub_hostile')).toEqual([]);
  await mend(engine, '$not($exists(data.isFirst))');
  await letTimePass(engine, 20 * hourMs);
  expect(idsOf(sentTo(engine, 'sub_hostile'))).toEqual([...first, ...later]);
});

test('a replay to a subscription whose filter is stopped ends, and sends what the fixed filter passes', async () => {
  const { engine, subscription } = await engineWith({ shaping: { filter: 'false' } });
  const wanted = await publish(engine, 4, { kind: 'wanted' });
  await publish(engine, 4, { kind: 'unwanted' });
  await letTimePass(engine, minuteMs);
  engine.expressions.stopped.add(endless);
  await updateSubscription(engine.manageSubscriptionPorts, 'sub_hostile', { shaping: { filter: endless } });
  const replay = await startReplay(engine.drainPorts, subscription, { tenant: 'acme', mode: 'all', ratePerSecond: 50 });
  await letTimePass(engine, minuteMs);
  expect(await engine.replays.find('sub_hostile', replay.id)).toMatchObject({ state: 'done' });
  await mend(engine, 'data.kind = "wanted"');
  await letTimePass(engine, 20 * hourMs);
  expect(new Set(idsOf(sentTo(engine, 'sub_hostile')))).toEqual(new Set(wanted));
});

describe('a request whose mapping is stopped', () => {
  const received = (rawId: string, receiveCount = 1) => {
    const message = rawMessage(rawId, [{ verb: 'updated', id: rawId }]);
    return { messageId: rawId, body: JSON.stringify(message), message, receiveCount };
  };
  async function prepare(): Promise<FakeEngine> {
    const engine = createFakeEngine();
    await engine.accounts.create(anAccount());
    return engine;
  }

  test('is redelivered, and dead-lettered with the reason after three times', async () => {
    const engine = await prepare();
    engine.expressions.stopped.add(staff.mapping);
    for (const receiveCount of [1, 2])
      expect(await normalizeWebhooks(engine.normalizePorts, [received('raw_1', receiveCount)])).toMatchObject([
        { kind: 'failed', error: { code: 'mapping-timeout', retryable: true } },
      ]);
    expect(engine.rawDeadLetters.messages()).toEqual([]);
    expect(await normalizeWebhooks(engine.normalizePorts, [received('raw_1', 3)])).toMatchObject([
      { kind: 'dead-lettered', reason: expect.stringContaining('mapping was stopped') },
    ]);
    expect(engine.rawDeadLetters.messages()).toHaveLength(1);
  });

  test('fails alone: the others of its batch are published', async () => {
    const engine = await prepare();
    const expressions = { ...engine.expressions };
    let mappings = 0;
    engine.normalizePorts.expressions.run = async (...call) => {
      mappings += 1;
      return mappings === 2 ? { kind: 'died', by: 'memory', reason: 'it was stopped' } : expressions.run(...call);
    };
    const results = await normalizeWebhooks(engine.normalizePorts, [
      received('raw_1'),
      received('raw_2'),
      received('raw_3'),
    ]);
    expect(results.map(({ kind }) => kind).sort()).toEqual(['failed', 'mapped', 'mapped']);
  });
});
