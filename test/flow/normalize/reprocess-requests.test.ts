import { describe, expect, test } from 'vitest';
import type { RawMessage } from '../../../lambdas/contracts/messages.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { reprocessRequests } from '../../../lambdas/flows/normalize/reprocess-requests.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount, aSubscription } from '../../fakes/samples.ts';
import { followFeed } from '../follow-feed.ts';
import { letTimePass } from '../let-time-pass.ts';
import { rawMessage } from '../provider-request.ts';

const minuteMs = 60_000;

async function prepare(...letters: readonly unknown[]): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await engine.accounts.create(anAccount());
  await engine.subscriptions.create(aSubscription());
  for (const letter of letters)
    engine.rawDeadLetters.send(typeof letter === 'string' ? letter : JSON.stringify(letter), { reason: 'because' });
  engine.clock.advance(1);
  return engine;
}

const letter = (id: string, change: Partial<RawMessage> = {}) =>
  rawMessage(`raw_${id}`, [{ verb: 'created', id }], change);
const reprocess = (engine: FakeEngine, ports = engine.adminPorts) =>
  reprocessRequests(ports, 'staff', engine.clock.nowMs());
const queued = (engine: FakeEngine) =>
  engine.rawQueue.messages().map(({ body }) => (JSON.parse(body) as RawMessage).rawId);

/** Run normalize until its queue is empty. */
async function normalize(engine: FakeEngine) {
  for (let run = 0; engine.rawQueue.messages().length > 0; run += 1) {
    expect(run).toBeLessThan(100);
    const received = engine.rawQueue.receive();
    if (received.length === 0) engine.clock.advance(400_000);
    await normalizeWebhooks(
      engine.normalizePorts,
      received.map(({ id, body }) => ({ messageId: id, body, message: JSON.parse(body) as RawMessage })),
    );
    for (const { id } of received) engine.rawQueue.remove(id);
  }
}

async function recordsOf(engine: FakeEngine) {
  const reader = followFeed(engine.feedPorts, 'acme');
  await reader.read();
  return reader.seen.map(({ record_id: id }) => id).sort();
}

describe('dead letters of an integration', () => {
  test('are sent to the raw queue unchanged, and leave the dead-letter queue', async () => {
    const engine = await prepare(letter('1'), letter('2', { handshake: 'hello' }));
    const bodies = engine.rawDeadLetters.messages().map(({ body }) => JSON.parse(body));
    expect(await reprocess(engine)).toEqual({ reprocessed: 2, skipped: 0, more: false });
    expect(engine.rawQueue.messages().map(({ body }) => JSON.parse(body))).toEqual(bodies);
    expect(engine.rawQueue.messages().map(({ group }) => group)).toEqual(['acc_acme', 'acc_acme']);
    expect(engine.rawDeadLetters.messages()).toEqual([]);
  });

  test('are all taken, however many there are', async () => {
    const engine = await prepare(...Array.from({ length: 95 }, (_, at) => letter(String(at))));
    expect(await reprocess(engine)).toEqual({ reprocessed: 95, skipped: 0, more: false });
    expect(new Set(queued(engine)).size).toBe(95);
  });

  test('leave the other letters on the queue, visible at once', async () => {
    const others = [
      letter('of another', { integration: 'crm' }),
      'no JSON',
      'null',
      '7',
      '"staff"',
      '[]',
      '{"integration":"staff"}',
      { ...letter('x'), integration: undefined },
    ];
    const engine = await prepare(...others, letter('1'));
    const before = engine.rawDeadLetters.messages().slice(0, others.length);
    expect(await reprocess(engine)).toEqual({ reprocessed: 1, skipped: others.length, more: false });
    expect(engine.rawDeadLetters.messages().map(({ body, reason }) => ({ body, reason }))).toEqual(
      before.map(({ body, reason }) => ({ body, reason })),
    );
    expect(engine.rawDeadLetters.receive(), 'they are visible').toHaveLength(others.length);
  });

  test('that fail again during the call are not reprocessed in a loop', async () => {
    const engine = await prepare(letter('1'), letter('2'));
    const beforeMs = engine.clock.nowMs();
    const { rawQueue } = engine.adminPorts;
    // Normalize runs at once, and the mapping is not fixed.
    const ports = {
      ...engine.adminPorts,
      rawQueue: {
        async send(message: RawMessage) {
          await rawQueue.send(message);
          engine.rawDeadLetters.send(JSON.stringify(message), { reason: 'still' });
        },
      },
    };
    expect(await reprocessRequests(ports, 'staff', beforeMs)).toEqual({ reprocessed: 2, skipped: 2, more: false });
    expect(await reprocessRequests(ports, 'staff', beforeMs), 'nor in the next call').toMatchObject({
      reprocessed: 0,
      more: false,
    });
    expect(queued(engine)).toHaveLength(2);
    engine.clock.advance(1);
    expect(await reprocess(engine), 'but when an operator asks again').toMatchObject({ reprocessed: 2 });
  });

  test('that do not fit into one call are left for the next', async () => {
    const engine = await prepare(...Array.from({ length: 30 }, (_, at) => letter(String(at))));
    const { rawLetters } = engine.adminPorts;
    const slow = {
      ...engine.adminPorts,
      rawLetters: {
        ...rawLetters,
        async receive() {
          engine.clock.advance(10_000);
          return rawLetters.receive();
        },
      },
    };
    expect(await reprocess(engine, slow)).toEqual({ reprocessed: 20, skipped: 0, more: true });
    expect(await reprocess(engine, slow)).toEqual({ reprocessed: 10, skipped: 0, more: false });
  });
});

test('a letter is sent before it is removed: a crash loses and doubles nothing (invariants 1 and 2)', async () => {
  const letters = [letter('1'), letter('of another', { integration: 'crm' }), letter('2')];
  const { ports, calls } = injectFault((await prepare(...letters)).adminPorts);
  await reprocessRequests(ports, 'staff', Number.POSITIVE_INFINITY);
  expect(calls).toEqual([
    'rawLetters.receive',
    'rawQueue.send',
    'rawQueue.send',
    'rawLetters.remove',
    'rawLetters.receive',
    'rawLetters.remove',
    'rawLetters.putBack',
  ]);
  for (let at = 1; at <= calls.length; at += 1)
    for (const fault of faultsAt(at)) {
      const engine = await prepare(...letters);
      await expect(reprocess(engine, injectFault(engine.adminPorts, fault).ports)).rejects.toThrow(/failed|ended/);
      await normalize(engine);
      engine.clock.advance(10 * minuteMs);
      expect(await reprocess(engine)).toMatchObject({ more: false });
      await normalize(engine);
      expect(await recordsOf(engine)).toEqual(['1', '2']);
      // A repeated request queues its deliveries again: none is posted twice.
      await letTimePass(engine, 10 * minuteMs);
      expect(engine.callbacks.requests).toHaveLength(2);
      expect(engine.rawDeadLetters.messages().map(({ body }) => (JSON.parse(body) as RawMessage).rawId)).toEqual([
        'raw_of another',
      ]);
    }
});
