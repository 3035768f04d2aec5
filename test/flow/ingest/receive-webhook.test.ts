import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { RawMessage } from '../../../lambdas/contracts/messages.ts';
import type { WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount } from '../../fakes/samples.ts';
import { staffRequest } from '../provider-request.ts';

const target = { integration: 'staff', account: 'acc_acme' };

async function prepare(): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await engine.accounts.create(anAccount());
  return engine;
}

const receive = (engine: FakeEngine, request: WebhookRequest, to = target) =>
  receiveProviderRequest(engine.receivePorts, to, request);
const queuedOf = (engine: FakeEngine): readonly RawMessage[] =>
  engine.rawQueue.messages().map(({ body }) => JSON.parse(body));

describe('accepting', () => {
  test('queues a small body in the message, in the group of the account', async () => {
    const engine = await prepare();
    const request = staffRequest({ changes: [] }, { query: 'a=1' });
    const receipt = await receive(engine, request);
    expect(queuedOf(engine)).toEqual([
      {
        rawId: receipt.kind === 'accepted' ? receipt.rawId : undefined,
        integration: 'staff',
        account: 'acc_acme',
        incarnation: '2026-11-01T00:00:00.000Z',
        receivedAt: '2026-11-21T12:00:00.000Z',
        request: {
          method: 'POST',
          url: 'https://hooks.example.com/in/staff/acc_acme',
          path: '/in/staff/acc_acme',
          query: 'a=1',
          headers: request.headers,
        },
        body: { kind: 'inline', encoding: 'utf8', content: '{"changes":[]}' },
      },
    ]);
    expect(engine.rawQueue.messages().map(({ group }) => group)).toEqual(['acc_acme']);
    expect(engine.rawBodies.keys()).toEqual([]);
  });

  test('stores a large body before it queues its claim (invariant 1)', async () => {
    const engine = await prepare();
    const { ports, calls } = injectFault(engine.receivePorts);
    const request = staffRequest({ text: 'x'.repeat(limits.claimThresholdBytes) });
    expect((await receiveProviderRequest(ports, target, request)).kind).toBe('accepted');
    // The account comes from the cache when its incarnation and its retention are read.
    const remembered = ['accounts.get', 'accounts.get'];
    expect(calls).toEqual(['webhook', 'accounts.get', ...remembered, 'rawBodies.put', 'rawQueue.send']);
    const [key = ''] = engine.rawBodies.keys();
    expect(queuedOf(engine)[0]?.body).toEqual({ kind: 'claim', key, sizeBytes: request.body.length });
    expect(await engine.rawBodies.get(key)).toEqual(request.body);
  });

  test('fails when any port call fails, so that the provider sends it again (invariant 1)', async () => {
    const request = staffRequest({ text: 'x'.repeat(limits.claimThresholdBytes) });
    for (let at = 1; at <= 4; at += 1)
      for (const fault of faultsAt(at)) {
        const engine = await prepare();
        const { ports } = injectFault(engine.receivePorts, fault);
        await expect(receiveProviderRequest(ports, target, request)).rejects.toThrow(/failed (before|after)/);
      }
  });

  test('gives two sends of one request two ids', async () => {
    const engine = await prepare();
    await receive(engine, staffRequest({ changes: [] }));
    await receive(engine, staffRequest({ changes: [] }));
    expect(new Set(queuedOf(engine).map(({ rawId }) => rawId)).size).toBe(2);
  });

  test.each([
    ['text', Buffer.from('{"text":"“ü” 😀 \\u0000 line\\nend"}')],
    ['text with control characters', Buffer.from('{"text":"\u0001\u001f"}')],
    ['text with noncharacters', Buffer.from('{"text":"\uFFFE\uFFFF"}')],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x80, 0x00, 0xc3, 0x28, 0x22])],
    ['a body with a byte order mark', Buffer.from('\uFEFF{}')],
  ])('hands %s on byte by byte', async (_, body) => {
    const engine = await prepare();
    // Not every body is JSON; ingress accepts those that the provider's definition can read.
    const webhook = await engine.receivePorts.webhook('staff');
    if (webhook === undefined) throw new Error('there is no such integration');
    const ports = { ...engine.receivePorts, webhook: async () => ({ ...webhook, decode: 'text' as const }) };
    const receipt = await receiveProviderRequest(ports, target, staffRequest(body));
    expect(receipt.kind).toBe('accepted');
    const [message] = queuedOf(engine);
    if (message?.body.kind !== 'inline') throw new Error('expected the body in the message');
    expect(Buffer.from(message.body.content, message.body.encoding)).toEqual(body);
  });

  test('passes on no header that authenticates the sender (invariant 10)', async () => {
    const engine = await prepare();
    const headers = {
      authorization: 'Bearer hush-1',
      'proxy-authorization': 'Basic hush-2',
      cookie: 'session=hush-3',
      'x-staff-delivery': 'delivery-1',
    };
    expect((await receive(engine, staffRequest({ changes: [] }, { headers }))).kind).toBe('accepted');
    const [message] = engine.rawQueue.messages();
    expect(message?.body).toContain('delivery-1');
    expect(message?.body).not.toMatch(/hush|a secret of acme/);
  });

  test('accepted requests can be normalized, inline or from the claim store', async () => {
    const engine = await prepare();
    const name = 'x'.repeat(limits.claimThresholdBytes);
    const changes = [{ verb: 'created', id: '1' }];
    await receive(engine, staffRequest({ changes }));
    await receive(
      engine,
      staffRequest({ changes: [{ ...changes[0], name }] }, { headers: { 'x-staff-delivery': 'delivery-2' } }),
    );
    const deliveries = engine.rawQueue
      .receive()
      .map(({ id, body }) => ({ messageId: id, body, message: JSON.parse(body) }));
    const normalizations = await normalizeWebhooks(engine.normalizePorts, deliveries);
    expect(normalizations).toMatchObject([
      { kind: 'mapped', publications: [{ kind: 'published' }] },
      { kind: 'mapped', publications: [{ kind: 'published' }] },
    ]);
  });
});

describe('rejecting', () => {
  test.each([
    ['the integration', { integration: 'nothing', account: 'acc_acme' }],
    ['the account', { integration: 'staff', account: 'acc_none' }],
    ['the account of this integration', { integration: 'staff', account: 'acc_github' }],
  ])('fails when %s is unknown', async (_, to) => {
    const engine = await prepare();
    await engine.accounts.create(anAccount({ id: 'acc_github', integration: 'github' }));
    expect(await receive(engine, staffRequest({}), to)).toEqual({ kind: 'unknown' });
    expect(queuedOf(engine)).toEqual([]);
  });

  test('fails when another secret made the signature', async () => {
    const engine = await prepare();
    expect(await receive(engine, staffRequest({}, {}, 'the secret of globex'))).toMatchObject({
      kind: 'rejected',
      reason: 'signature-mismatch',
    });
    expect(queuedOf(engine)).toEqual([]);
  });

  test('fails when the body is larger than the limit, before its signature is checked', async () => {
    const engine = await prepare();
    const request = { ...staffRequest({}), body: Buffer.alloc(limits.maxBodyBytes + 1) };
    expect(await receive(engine, request)).toEqual({ kind: 'too-large', maxBytes: limits.maxBodyBytes });
  });

  test('fails when the body cannot be read', async () => {
    const engine = await prepare();
    expect(await receive(engine, staffRequest(Buffer.from('{"changes":')))).toEqual({
      kind: 'malformed',
      expected: 'a JSON body',
    });
    expect(await receive(engine, staffRequest(Buffer.alloc(0)))).toMatchObject({ kind: 'malformed' });
    expect(queuedOf(engine)).toEqual([]);
  });

  test.each(['GET', 'PUT', 'DELETE', 'HEAD'])('fails when the method is %s, signed or not', async (method) => {
    const engine = await prepare();
    expect(await receive(engine, staffRequest({}, { method }))).toEqual({ kind: 'method-not-allowed' });
    expect(await receive(engine, staffRequest({}, { method }, 'another secret'))).toEqual({
      kind: 'method-not-allowed',
    });
    expect(queuedOf(engine)).toEqual([]);
  });
});

test('a handshake is answered and queues nothing', async () => {
  const engine = await prepare();
  const receipt = await receive(engine, staffRequest({}, { query: 'challenge=yes' }));
  expect(receipt).toMatchObject({ kind: 'handshake', name: 'challenge', response: { status: 200, body: 'yes' } });
  expect(queuedOf(engine)).toEqual([]);
});

describe('a secret that was changed since the account was read', () => {
  test('is accepted at once', async () => {
    const engine = await prepare();
    await receive(engine, staffRequest({}));
    engine.accounts.overwrite(anAccount({ secrets: { signing_secret: 'rotated' } }));
    expect((await receive(engine, staffRequest({}, {}, 'rotated'))).kind).toBe('accepted');
    expect((await receive(engine, staffRequest({}))).kind).toBe('rejected');
  });

  test('is accepted along with the old one while both are current', async () => {
    const engine = await prepare();
    engine.accounts.overwrite(anAccount({ secrets: { signing_secret: ['a secret of acme', 'rotated'] } }));
    expect((await receive(engine, staffRequest({}))).kind).toBe('accepted');
    expect((await receive(engine, staffRequest({}, {}, 'rotated'))).kind).toBe('accepted');
  });

  test('fails when the account was removed in the meantime', async () => {
    const engine = await prepare();
    await receive(engine, staffRequest({}));
    await engine.accounts.remove(anAccount());
    expect(await receive(engine, staffRequest({}, {}, 'rotated'))).toEqual({ kind: 'unknown' });
  });
});
