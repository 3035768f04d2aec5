import { describe, expect, test } from 'vitest';
import { holdsHops, writeHops } from '../../../lambdas/engine/request/hop-count.ts';
import type { WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { answerOf, type Receipt, receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { injectFault } from '../../fakes/inject-fault.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anAccount, aSubscription } from '../../fakes/samples.ts';
import { letTimePass } from '../let-time-pass.ts';
import { rawMessage, staffRequest } from '../provider-request.ts';

const target = { integration: 'staff', account: 'acc_acme' };
const receive = (engine: FakeEngine, request: WebhookRequest) =>
  receiveProviderRequest(engine.receivePorts, target, request);
let sent = 0;

/** A webhook of an account, with the headers of a callback, as a relay passes them on. */
function webhook(headers: Readonly<Record<string, string>> = {}): WebhookRequest {
  sent += 1;
  return staffRequest(
    { changes: [{ verb: 'created', id: String(sent) }] },
    { headers: { 'content-type': 'application/json', ...headers, 'x-staff-delivery': `delivery-${sent}` } },
  );
}

async function prepare(subscription: Parameters<typeof aSubscription>[0] = {}): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await engine.accounts.create(anAccount());
  await engine.subscriptions.create(aSubscription(subscription));
  return engine;
}

/** Normalize the accepted requests, and deliver their events. */
async function runOnce(engine: FakeEngine, durationMs = 60_000): Promise<void> {
  const messages = engine.rawQueue.receive();
  await normalizeWebhooks(
    engine.normalizePorts,
    messages.map(({ id, body }) => ({ messageId: id, body, message: JSON.parse(body) })),
  );
  for (const { id } of messages) engine.rawQueue.remove(id);
  await letTimePass(engine, durationMs);
}

const hopsOf = (request: CallbackRequest | undefined) => request?.headers['tributary-hops'] ?? '';
const signed = async (engine: FakeEngine, hops: number) =>
  writeHops(await engine.engineKey.derive('hops'), { hops, id: 'evt_1' });

describe('a loop (H4)', () => {
  test('ends after three hops when its relay passes the header on', async () => {
    const engine = await prepare();
    let receipt: Receipt = await receive(engine, webhook());
    for (const hops of [1, 2, 3]) {
      expect(receipt.kind).toBe('accepted');
      await runOnce(engine);
      const callback = engine.callbacks.requests.at(-1);
      expect(engine.callbacks.requests).toHaveLength(hops);
      expect(hopsOf(callback)).toMatch(new RegExp(`^${hops}\\.${callback?.headers['webhook-id']}\\.`));
      receipt = await receive(engine, webhook(callback?.headers));
    }
    const cause = engine.callbacks.requests.at(-1)?.headers['webhook-id'];
    expect(receipt).toEqual({ kind: 'hop-limit', hops: 3, cause });
    const answer = answerOf(receipt);
    expect(answer.status).toBe(508);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(answer.body)).toMatchObject({ title: 'Loop Detected', status: 508, reason: 'hop-limit' });
    expect(engine.rawQueue.messages()).toEqual([]);
  });

  test('is counted in batches, by the event with the most hops', async () => {
    const engine = await prepare({ shaping: { batch: { max_events: 2, max_wait_seconds: 60 } } });
    await receive(engine, webhook());
    await receive(engine, webhook({ 'tributary-hops': await signed(engine, 2) }));
    await runOnce(engine);
    expect(engine.callbacks.requests.map((one) => hopsOf(one).split('.')[0])).toEqual(['3']);
  });

  test('keeps its count when an event is retried', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith((_, earlier) => answered(earlier === 0 ? 500 : 204));
    await receive(engine, webhook({ 'tributary-hops': await signed(engine, 1) }));
    await runOnce(engine, 600_000);
    expect(engine.callbacks.requests.map((one) => hopsOf(one).split('.')[0])).toEqual(['2', '2']);
  });

  test('keeps its count through the event that reports a failed delivery', async () => {
    const engine = await prepare({ retry: { scheduleMs: [] } });
    await engine.subscriptions.create(
      aSubscription({ id: 'sub_told', url: 'https://told.example.com/', types: ['delivery.exhausted'] }),
    );
    engine.callbacks.answerWith(({ url }) => answered(url.includes('told') ? 204 : 400));
    await receive(engine, webhook({ 'tributary-hops': await signed(engine, 2) }));
    await runOnce(engine, 7_200_000);
    const told = engine.callbacks.requests.filter(({ url }) => url.includes('told'));
    expect(told.map((one) => hopsOf(one).split('.')[0])).toEqual(['3']);
  });
});

describe('a hop count', () => {
  test('is in no body and no row of an ordinary event', async () => {
    const engine = await prepare();
    await receive(engine, webhook());
    expect(engine.rawQueue.messages()[0]?.body).not.toContain('hops');
    await runOnce(engine);
    const [row] = await engine.events.listAfter('acme', 0, 1);
    expect(Object.keys(row ?? {})).not.toContain('hops');
  });

  test('is in no body of a later event, and reaches no mapping', async () => {
    const engine = await prepare();
    await receive(engine, webhook({ 'tributary-hops': await signed(engine, 1) }));
    const [message] = engine.rawQueue.messages();
    expect(JSON.parse(message?.body ?? '')).toMatchObject({ hops: 2 });
    expect(message?.body).not.toContain('tributary-hops');
    await runOnce(engine);
    expect(engine.callbacks.requests.map(({ body }) => body.includes('hops'))).toEqual([false]);
    expect(await engine.events.listAfter('acme', 0, 1)).toMatchObject([{ hops: 2 }]);
  });

  test.each([
    ['of another deployment', writeHops(Buffer.alloc(32), { hops: 3, id: 'evt_1' })],
    ['without a signature', '3.evt_1'],
    ['that is not a count', 'many'],
  ])('is ignored: %s', async (_, header) => {
    const engine = await prepare();
    expect((await receive(engine, webhook({ 'tributary-hops': header }))).kind).toBe('accepted');
    expect(engine.rawQueue.messages()[0]?.body).not.toContain('hops');
  });

  test('reads its key only when the header may hold a count', async () => {
    const engine = await prepare();
    for (const headers of [{}, { 'tributary-hops': 'many' }]) {
      const { ports, calls } = injectFault(engine.receivePorts);
      await receiveProviderRequest(ports, target, webhook(headers));
      expect(calls.filter((call) => call.startsWith('engineKey'))).toEqual([]);
    }
    const { ports, calls } = injectFault(engine.receivePorts);
    await receiveProviderRequest(ports, target, webhook({ 'tributary-hops': await signed(engine, 1) }));
    expect(calls.filter((call) => call.startsWith('engineKey'))).toEqual(['engineKey.derive']);
  });

  test('is not revealed to a caller of an unknown URL', async () => {
    const engine = await prepare();
    const request = webhook({ 'tributary-hops': await signed(engine, 3) });
    const other = { integration: 'staff', account: 'acc_none' };
    expect(holdsHops(request.headers['tributary-hops'])).toBe(true);
    expect(await receiveProviderRequest(engine.receivePorts, other, request)).toEqual({ kind: 'unknown' });
  });

  test('stays with a request that is parked for its account', async () => {
    const engine = await prepare();
    const message = rawMessage('raw_1', [{ verb: 'created', id: '1' }], { hops: 2 });
    await normalizeWebhooks(engine.normalizePorts, [{ messageId: 'm', body: JSON.stringify(message), message }]);
    expect(await engine.events.listAfter('acme', 0, 1)).toMatchObject([{ hops: 2 }]);
  });
});
