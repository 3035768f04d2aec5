import { describe, expect, test } from 'vitest';
import type { WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { createRejectionCounter } from '../../../lambdas/flows/ingest/count-rejections.ts';
import { answerOf, receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { unattributed } from '../../../lambdas/ports/runtime/statistics-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { injectFault } from '../../fakes/inject-fault.ts';
import { anAccount } from '../../fakes/samples.ts';
import { staffRequest, staffWith } from '../provider-request.ts';

const target = { integration: 'staff', account: 'acc_acme' };
const from = (sourceIp: string | undefined, change: Partial<WebhookRequest> = {}) => ({
  ...staffRequest({ changes: [] }, change),
  ...(sourceIp === undefined ? {} : { sourceIp }),
});
const receive = (engine: FakeEngine, request: WebhookRequest, to: { integration: string; account?: string } = target) =>
  receiveProviderRequest(engine.receivePorts, to, request);

describe('the addresses that a definition allows', () => {
  const restricted = () => createFakeEngine(staffWith({ allow_from: ['192.0.2.0/24', '2001:db8::/32'] }));

  test('pass, of both families', async () => {
    const engine = restricted();
    await engine.accounts.create(anAccount());
    for (const address of ['192.0.2.7', '2001:db8::7', '::ffff:192.0.2.7'])
      expect((await receive(engine, from(address))).kind).toBe('accepted');
  });

  test('fails when a request comes from another: 403 with a reason, before anything is read', async () => {
    const engine = restricted();
    const { ports, calls } = injectFault(engine.receivePorts);
    for (const account of ['acc_acme', 'acc_nobody']) {
      const receipt = await receiveProviderRequest(ports, { ...target, account }, from('198.51.100.7'));
      expect(receipt).toEqual({ kind: 'source-not-allowed', by: 'definition' });
      const { status, body } = answerOf(receipt);
      expect(status).toBe(403);
      expect(JSON.parse(body)).toMatchObject({ status: 403, reason: 'source-not-allowed' });
      // The answer tells a stranger neither ranges nor accounts.
      expect(body).not.toContain('192.0.2');
    }
    expect(calls).toEqual(['webhook', 'webhook']);
    expect(engine.rawQueue.messages()).toEqual([]);
  });

  test('fails when a header claims an allowed address: only the gateway knows the sender', async () => {
    const engine = restricted();
    await engine.accounts.create(anAccount());
    const headers = {
      'content-type': 'application/json',
      'x-forwarded-for': '192.0.2.7',
      forwarded: 'for=192.0.2.7',
      'x-real-ip': '192.0.2.7',
    };
    for (const address of ['198.51.100.7', undefined])
      expect((await receive(engine, from(address, { headers }))).kind).toBe('source-not-allowed');
  });
});

describe('the addresses that an account allows', () => {
  const allowedRanges = ['203.0.113.0/24'];

  test('pass, and other accounts take webhooks from everywhere', async () => {
    const engine = createFakeEngine();
    await engine.accounts.create(anAccount({ allowedRanges }));
    await engine.accounts.create(anAccount({ id: 'acc_globex', tenant: 'globex' }));
    expect((await receive(engine, from('203.0.113.9'))).kind).toBe('accepted');
    expect((await receive(engine, from('198.51.100.7'), { ...target, account: 'acc_globex' })).kind).toBe('accepted');
  });

  test('fails when a request comes from another, with one read of the account, however it is signed', async () => {
    const engine = createFakeEngine();
    await engine.accounts.create(anAccount({ allowedRanges }));
    const { ports, calls } = injectFault(engine.receivePorts);
    const receipt = await receiveProviderRequest(ports, target, from('198.51.100.7'));
    expect(receipt).toEqual({ kind: 'source-not-allowed', by: 'settings' });
    expect(calls).toEqual(['webhook', 'accounts.get']);
  });

  test('narrow those of the definition, and never widen them', async () => {
    const engine = createFakeEngine(staffWith({ allow_from: ['192.0.2.0/24'] }));
    await engine.accounts.create(anAccount({ allowedRanges: ['192.0.2.0/28', '203.0.113.0/24'] }));
    expect((await receive(engine, from('192.0.2.3'))).kind).toBe('accepted');
    for (const address of ['192.0.2.200', '203.0.113.9'])
      expect((await receive(engine, from(address))).kind).toBe('source-not-allowed');
  });

  test('stay when a handshake brings a secret, which writes the account', async () => {
    const engine = createFakeEngine(
      staffWith(
        {
          handshakes: [
            {
              name: 'hello',
              when: { 'json.hello': { present: true } },
              verify: 'none',
              capture: { secret: 'chosen', from: '{json.hello}' },
              respond: {},
            },
          ],
        },
        ['chosen'],
      ),
    );
    const capture = { secrets: ['chosen'], expiresAtEpochSeconds: 4_000_000_000 };
    await engine.accounts.create(anAccount({ allowedRanges, capture }));
    const hello = { ...staffRequest({ hello: 'a secret of enough letters' }), sourceIp: '198.51.100.7' };
    expect((await receive(engine, hello)).kind).toBe('source-not-allowed');
    expect((await receive(engine, { ...hello, sourceIp: '203.0.113.9' })).kind).toBe('handshake');
    expect(await engine.accounts.find('acc_acme')).toMatchObject({
      allowedRanges,
      secrets: { chosen: expect.anything() },
    });
  });
});

test("a request that the definition's list refuses is counted for no tenant, without a read of what its URL names", async () => {
  const engine = createFakeEngine(staffWith({ allow_from: ['192.0.2.0/24'] }));
  await engine.accounts.create(anAccount());
  const { ports, calls } = injectFault(engine.countPorts);
  const counter = createRejectionCounter(ports);
  for (const account of ['acc_acme', 'acc_nobody']) {
    const receipt = await receive(engine, from('198.51.100.7'), { ...target, account });
    expect(await counter.count({ ...target, account }, receipt)).toEqual({ kind: 'counted' });
  }
  expect(calls).not.toContain('accounts.get');
  const { hours } = await engine.statistics.read(unattributed, '2026-11-21T00', '2026-11-21T23');
  expect(hours).toMatchObject([{ integration: 'staff', counts: { 'rejected:source-not-allowed': 2 } }]);
});

test('a refused request is counted with its reason, for the tenant of the account that the URL names', async () => {
  const engine = createFakeEngine();
  await engine.accounts.create(anAccount({ allowedRanges: ['203.0.113.0/24'] }));
  const receipt = await receive(engine, from('198.51.100.7'));
  const counter = createRejectionCounter(engine.countPorts);
  expect(await counter.count(target, receipt)).toEqual({ kind: 'counted' });
  const { hours } = await engine.statistics.read('acme', '2026-11-21T00', '2026-11-21T23');
  expect(hours).toMatchObject([{ scope: 'acme', integration: 'staff', counts: { 'rejected:source-not-allowed': 1 } }]);
});
