import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { configureIntegration } from '../../../lambdas/flows/accounts/configure-integration.ts';
import { type ReceivePorts, receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount } from '../../fakes/samples.ts';
import { followFeed } from '../follow-feed.ts';
import { staffRequest, staffWith } from '../provider-request.ts';

/** As Mailgun, it signs a time and a token: the owner of one signature could send any body with it. */
const unbound = staffWith({
  verify: {
    hmac: {
      algorithm: 'sha256',
      encoding: 'hex',
      key: 'signing_secret',
      message: '{header.X-Time}{json.token}',
      signature: '{header.X-Signature}',
    },
  },
  nonce: { value: '{json.token}', ttl_seconds: 3600 },
  handshakes: [{ name: 'ping', when: { 'json.ping': true }, respond: {} }],
  delivery_id: undefined,
});
const target = { integration: 'staff', account: 'acc_acme' };

function request(token: unknown, change: object = {}) {
  const signature = createHmac('sha256', 'a secret of acme')
    .update(`17${String(token)}`)
    .digest('hex');
  const headers = { 'content-type': 'application/json', 'x-time': '17', 'x-signature': signature };
  return {
    ...staffRequest({ token, changes: [{ verb: 'created', id: '1' }], ...change }),
    headers,
  };
}

async function prepare(): Promise<FakeEngine> {
  const engine = createFakeEngine(unbound);
  await engine.accounts.create(anAccount());
  await engine.accounts.create(anAccount({ id: 'acc_globex', tenant: 'globex' }));
  return engine;
}

const receive = (engine: FakeEngine, sent = request('t1'), to: { integration: string; account?: string } = target) =>
  receiveProviderRequest(engine.receivePorts, to, sent);
const accepted = { kind: 'accepted' };
const replayed = { kind: 'rejected', reason: 'nonce-replayed' };
const forged = request('t1', { changes: [{ verb: 'deleted', id: '1' }] });

describe('a nonce', () => {
  test('admits its request, and the same request again, because providers repeat', async () => {
    const engine = await prepare();
    for (let time = 0; time < 3; time += 1) expect(await receive(engine)).toMatchObject(accepted);
    expect(engine.rawQueue.messages()).toHaveLength(3);
  });

  test('fails when it comes with another body, although the request is signed', async () => {
    const engine = await prepare();
    await receive(engine);
    expect(await receive(engine, forged)).toMatchObject(replayed);
    expect(
      await receive(engine, { ...forged, body: Buffer.concat([request('t1').body, Buffer.from(' ')]) }),
    ).toMatchObject(replayed);
    expect(await receive(engine, request('t2', { changes: [] }))).toMatchObject(accepted);
    expect(engine.rawQueue.messages()).toHaveLength(2);
  });

  test('fails for one of two requests at the same time', async () => {
    const engine = await prepare();
    const receipts = await Promise.all([receive(engine), receive(engine, forged)]);
    expect(receipts.map(({ kind }) => kind).sort()).toEqual(['accepted', 'rejected']);
    expect(engine.rawQueue.messages()).toHaveLength(1);
  });

  test('is remembered for the time in the definition, from its last repetition on', async () => {
    const engine = await prepare();
    await receive(engine);
    engine.clock.advance(3_599_999);
    expect(await receive(engine, forged)).toMatchObject(replayed);
    await receive(engine);
    engine.clock.advance(3_599_000);
    expect(await receive(engine, forged)).toMatchObject(replayed);
    engine.clock.advance(2_000);
    expect(await receive(engine, forged)).toMatchObject(accepted);
  });

  test('belongs to one account, or to the URL for all accounts', async () => {
    const engine = await prepare();
    await configureIntegration(engine.adminPorts, {
      integration: 'staff',
      secrets: { signing_secret: 'a secret of acme' },
    });
    await receive(engine);
    expect(await receive(engine, forged, { integration: 'staff', account: 'acc_globex' })).toMatchObject(accepted);
    expect(await receive(engine, forged, { integration: 'staff' })).toMatchObject(accepted);
    expect(await receive(engine, request('t1'), { integration: 'staff' })).toMatchObject(replayed);
  });

  test('fails when it is missing, or not a string', async () => {
    const engine = await prepare();
    for (const token of ['', null, [], {}]) {
      const receipt = await receive(engine, request(token));
      expect(receipt).toMatchObject({ kind: 'rejected' });
    }
    expect(engine.rawQueue.messages()).toEqual([]);
  });

  test('is not claimed by an unsigned request', async () => {
    const engine = await prepare();
    const unsigned = { ...forged, headers: { ...forged.headers, 'x-signature': '0'.repeat(64) } };
    expect(await receive(engine, unsigned)).toMatchObject({ reason: 'signature-mismatch' });
    expect(await receive(engine, { ...forged, method: 'PUT' })).toEqual({ kind: 'method-not-allowed' });
    expect(await receive(engine)).toMatchObject(accepted);
  });

  test('is not required of a handshake', async () => {
    const engine = await prepare();
    expect(await receive(engine, request('t1', { ping: true }))).toMatchObject({ kind: 'handshake' });
    expect(await receive(engine)).toMatchObject(accepted);
  });
});

test('a request whose acceptance died is accepted on repetition, and published once (invariants 1 and 2)', async () => {
  const { ports, calls } = injectFault((await prepare()).receivePorts);
  await receiveProviderRequest(ports, target, request('t1'));
  expect(calls).toContain('nonces.claim');
  for (let at = 1; at <= calls.length; at += 1)
    for (const fault of faultsAt(at)) {
      const engine = await prepare();
      const struck = injectFault<ReceivePorts>(engine.receivePorts, fault);
      await expect(receiveProviderRequest(struck.ports, target, request('t1'))).rejects.toThrow(/failed/);
      expect(await receive(engine)).toMatchObject(accepted);
      expect(await receive(engine, forged)).toMatchObject(replayed);
      const deliveries = engine.rawQueue
        .receive()
        .map(({ id, body }) => ({ messageId: id, body, message: JSON.parse(body) }));
      for (const one of await normalizeWebhooks(engine.normalizePorts, deliveries)) expect(one.kind).toBe('mapped');
      const reader = followFeed(engine.feedPorts, 'acme');
      await reader.read();
      expect(reader.seen.map(({ type }) => type)).toEqual(['record:created']);
    }
});
