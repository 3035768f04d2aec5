import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../lambdas/contracts/engine-error.ts';
import type { RawMessage } from '../../../lambdas/contracts/messages.ts';
import { type ReceivePorts, receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import type { NormalizePorts } from '../../../lambdas/flows/normalize/normalization.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import type { ProviderAnswer } from '../../../lambdas/ports/provider/provider-client.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount } from '../../fakes/samples.ts';
import { followFeed } from '../follow-feed.ts';
import { rawMessage, staffRequest, staffWith } from '../provider-request.ts';

const confirm = {
  method: 'PUT',
  url: '{json.url}',
  hosts: ['api.staff.example'],
  headers: { Authorization: 'Bearer {secret.api_token}' },
  json: { token: '{json.token}' },
};
const confirming = staffWith(
  {
    handshakes: [
      { name: 'subscription', when: { 'json.type': 'subscribe' }, confirm, respond: {} },
      { name: 'plain', when: { 'json.type': 'ping' }, respond: {} },
      {
        name: 'by_query',
        when: { method: 'GET' },
        verify: 'none',
        token: { value: '{query.hub.token}', expected: 'signing_secret' },
        confirm: { url: 'https://api.staff.example/verify/{query.id}' },
        respond: { body: '{query.id}' },
      },
    ],
  },
  ['api_token'],
);
const target = { integration: 'staff', account: 'acc_acme' };
const subscribe = { type: 'subscribe', url: 'https://api.staff.example/confirm?t=1', token: 'a "token"' };

async function prepare(): Promise<FakeEngine> {
  const engine = createFakeEngine(confirming);
  await engine.accounts.create(anAccount({ secrets: { signing_secret: 'a secret of acme', api_token: 'hush' } }));
  return engine;
}

const receive = (engine: FakeEngine, body: object = subscribe) =>
  receiveProviderRequest(engine.receivePorts, target, staffRequest(body));

/** Run normalize over the visible messages, as SQS does: a failed message is redelivered. */
async function normalize(engine: FakeEngine, ports: NormalizePorts = engine.normalizePorts) {
  const received = engine.rawQueue.receive();
  const results = await normalizeWebhooks(
    ports,
    received.map(({ id, body }) => ({ messageId: id, body, message: JSON.parse(body) as RawMessage })),
  );
  for (const [index, { id }] of received.entries()) if (results[index]?.kind !== 'failed') engine.rawQueue.remove(id);
  return results;
}

const laterMs = 400_000;
const answers = (status: number) => ({ status }) satisfies Partial<ProviderAnswer>;

describe('a handshake that a call completes', () => {
  test('is queued before it is answered, and the call is made from the queue', async () => {
    const engine = await prepare();
    const { ports, calls } = injectFault<ReceivePorts>(engine.receivePorts);
    const receipt = await receiveProviderRequest(ports, target, staffRequest(subscribe));
    expect(receipt).toMatchObject({ kind: 'handshake', name: 'subscription', response: { status: 200, body: '' } });
    expect(calls.at(-1)).toBe('rawQueue.send');
    expect(JSON.parse(engine.rawQueue.messages()[0]?.body ?? '')).toMatchObject({
      handshake: 'subscription',
      ...target,
    });
    expect(engine.provider.calls).toEqual([]);
    expect(await normalize(engine)).toEqual([{ kind: 'confirmed' }]);
    expect(engine.provider.calls).toEqual([
      {
        method: 'PUT',
        url: 'https://api.staff.example/confirm?t=1',
        headers: { 'content-type': 'application/json', Authorization: 'Bearer hush' },
        body: '{"token":"a \\"token\\""}',
      },
    ]);
    expect(engine.rawQueue.messages()).toEqual([]);
  });

  test('is not queued when it is not signed, or needs no call', async () => {
    const engine = await prepare();
    const forged = staffRequest(subscribe, {}, 'another secret');
    expect(await receiveProviderRequest(engine.receivePorts, target, forged)).toMatchObject({ kind: 'rejected' });
    expect(await receive(engine, { type: 'ping' })).toMatchObject({ kind: 'handshake', name: 'plain' });
    expect(engine.rawQueue.messages()).toEqual([]);
  });

  test.each<[string, Partial<ProviderAnswer> | Error]>([
    ['answers 500', answers(500)],
    ['answers 503', answers(503)],
    ['wants less', answers(429)],
    ['does not answer', new EngineError('provider-unavailable', 'did not answer', { retryable: true })],
  ])('is repeated while the provider %s', async (_name, answer) => {
    const engine = await prepare();
    await receive(engine);
    engine.provider.answerWith(answer, answer, answers(204));
    expect(await normalize(engine)).toMatchObject([
      { kind: 'failed', error: { code: 'provider-unavailable', retryable: true } },
    ]);
    expect(await normalize(engine), 'not before its time').toEqual([]);
    engine.clock.advance(laterMs);
    expect(await normalize(engine)).toMatchObject([{ kind: 'failed' }]);
    engine.clock.advance(laterMs);
    expect(await normalize(engine)).toEqual([{ kind: 'confirmed' }]);
    expect(engine.provider.calls).toHaveLength(3);
    expect(engine.rawDeadLetters.messages()).toEqual([]);
  });

  test.each([301, 400, 401, 403, 404, 410])(
    'is dead-lettered with the reason when the provider answers %i',
    async (status) => {
      const engine = await prepare();
      await receive(engine);
      engine.provider.answerWith(answers(status));
      const [message] = engine.rawQueue.messages();
      const reason = `handshake "subscription": the provider answered ${status} to its confirmation`;
      expect(await normalize(engine)).toEqual([{ kind: 'dead-lettered', reason }]);
      expect(engine.rawDeadLetters.messages()).toMatchObject([{ body: message?.body, reason }]);
      expect(reason).not.toContain('hush');
    },
  );

  test.each<[string, object, RegExp]>([
    ['names another host', { ...subscribe, url: 'https://evil.example/' }, /url-not-allowed/],
    ['names no URL', { type: 'subscribe', token: 't' }, /value-missing \(json\.url\)/],
    ['lacks a value that is sent', { type: 'subscribe', url: subscribe.url }, /value-missing \(json\.token\)/],
  ])('is dead-lettered with the reason when it %s, and no call is made', async (_name, body, reason) => {
    const engine = await prepare();
    await receive(engine, body);
    expect(await normalize(engine)).toMatchObject([{ kind: 'dead-lettered', reason: expect.stringMatching(reason) }]);
    expect(engine.provider.calls).toEqual([]);
  });

  test('is dead-lettered with the reason when its secret is missing, or its account or definition gone', async () => {
    for (const [change, reason] of [
      [(engine: FakeEngine) => engine.accounts.overwrite(anAccount()), /api_token/],
      [(engine: FakeEngine) => engine.accounts.remove(anAccount()), /api_token/],
    ] as const) {
      const engine = await prepare();
      await receive(engine);
      await change(engine);
      expect(await normalize(engine)).toMatchObject([{ kind: 'dead-lettered', reason: expect.stringMatching(reason) }]);
    }
    const engine = await prepare();
    const message = rawMessage('raw_1', [], { handshake: 'gone' });
    const delivery = { messageId: '1', body: JSON.stringify(message), message };
    expect(await normalizeWebhooks(engine.normalizePorts, [delivery])).toEqual([
      { kind: 'dead-lettered', reason: 'the definition has no handshake "gone"' },
    ]);
  });

  test('is completed whatever body it has, when it is unsigned', async () => {
    const engine = await prepare();
    const request = {
      ...staffRequest({}),
      method: 'GET',
      query: 'id=7&hub.token=a+secret+of+acme',
      body: Buffer.alloc(0),
    };
    const receipt = await receiveProviderRequest(engine.receivePorts, target, request);
    expect(receipt).toMatchObject({ kind: 'handshake', response: { body: '7' } });
    expect(JSON.stringify(engine.rawQueue.messages()), 'its token goes no further').not.toContain('hub.token');
    expect(await normalize(engine)).toEqual([{ kind: 'confirmed' }]);
    expect(engine.provider.calls).toMatchObject([{ method: 'GET', url: 'https://api.staff.example/verify/7' }]);
  });

  test('does not delay other events while its provider does not answer', async () => {
    const engine = await prepare();
    for (let at = 0; at < 5; at += 1) await receive(engine);
    await engine.receivePorts.rawQueue.send(rawMessage('raw_1', [{ verb: 'created', id: '1' }]));
    let running = 0;
    let most = 0;
    const feed = followFeed(engine.feedPorts, 'acme');
    const ports: NormalizePorts = {
      ...engine.normalizePorts,
      provider: {
        async call() {
          running += 1;
          most = Math.max(most, running);
          if (running === 1) await feed.read();
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          throw new EngineError('provider-unavailable', 'did not answer', { retryable: true });
        },
      },
    };
    const results = await normalize(engine, ports);
    expect(results.map(({ kind }) => kind)).toEqual([...Array<string>(5).fill('failed'), 'mapped']);
    expect(most, 'in parallel: in sequence they would outlast the function').toBe(5);
    expect(feed.seen.map(({ record_id: id }) => id)).toEqual(['1']);
  });
});

test('a handshake is answered only once it is durable, and completed whatever fails (invariant 1)', async () => {
  const probe = await prepare();
  const receiving = injectFault<ReceivePorts>(probe.receivePorts);
  await receiveProviderRequest(receiving.ports, target, staffRequest(subscribe));
  for (let at = 1; at <= receiving.calls.length; at += 1)
    for (const fault of faultsAt(at)) {
      const engine = await prepare();
      const { ports } = injectFault(engine.receivePorts, fault);
      await expect(receiveProviderRequest(ports, target, staffRequest(subscribe))).rejects.toThrow(/failed/);
    }

  const normalizing = injectFault<NormalizePorts>(probe.normalizePorts);
  await normalize(probe, normalizing.ports);
  // Whether the account is closed may come from the cache; its secrets are read again.
  expect(normalizing.calls).toEqual(['integration', 'accounts.get', 'accounts.get', 'provider.call']);
  for (const status of [204, 404])
    for (let at = 1; at <= normalizing.calls.length + (status === 404 ? 1 : 0); at += 1)
      for (const fault of faultsAt(at)) {
        const engine = await prepare();
        await receive(engine);
        engine.provider.answerWith(answers(status));
        const { ports } = injectFault<NormalizePorts>(engine.normalizePorts, fault);
        expect(await normalize(engine, ports)).toMatchObject([{ kind: 'failed' }]);
        expect(engine.rawQueue.messages(), 'it is redelivered').toHaveLength(1);
        engine.clock.advance(laterMs);
        expect(await normalize(engine)).toMatchObject([{ kind: status === 204 ? 'confirmed' : 'dead-lettered' }]);
        expect(engine.provider.calls.length).toBeGreaterThan(0);
      }
});
