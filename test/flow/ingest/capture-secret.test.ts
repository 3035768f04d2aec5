import { Logger } from '@aws-lambda-powertools/logger';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import { configureIntegration } from '../../../lambdas/flows/accounts/configure-integration.ts';
import { createAccount } from '../../../lambdas/flows/accounts/create-account.ts';
import { updateAccount } from '../../../lambdas/flows/accounts/update-account.ts';
import { createRejectionCounter } from '../../../lambdas/flows/ingest/count-rejections.ts';
import { answerOf, type ReceivePorts, receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { createIngressHandler } from '../../../lambdas/functions/ingress/handler.ts';
import type { Account } from '../../../lambdas/ports/accounts/account-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';
import { staffRequest, staffWith } from '../provider-request.ts';

const capturing = staffWith(
  {
    handshakes: [
      {
        name: 'hook_secret',
        when: { 'header.X-Hook-Secret': { present: true } },
        verify: 'none',
        capture: { secret: 'signing_secret', from: '{header.X-Hook-Secret}' },
        respond: { headers: { 'X-Hook-Secret': '{header.X-Hook-Secret}' } },
      },
    ],
  },
  ['other_secret'],
);
const target = { integration: 'staff', account: 'acc_acme' };
const [first, second] = ['the first secret of a webhook', 'the second secret of a webhook'] as const;
const armed = { secrets: ['signing_secret'], expiresInSeconds: 3600 };

const handshake = (value: string) => ({
  ...staffRequest({}),
  headers: { 'x-hook-secret': value },
  body: Buffer.from('{}'),
});

async function prepare({ isArmed = true, secrets = {} } = {}): Promise<FakeEngine> {
  const capture = isArmed ? armed : undefined;
  const engine = createFakeEngine(capturing);
  const account = { id: 'acc_acme', tenant: 'acme', integration: 'staff', secrets, context: {}, capture };
  expect(await createAccount(engine.adminPorts, account)).toMatchObject({ kind: 'created' });
  return engine;
}

const shake = (engine: FakeEngine, value: string, ports: ReceivePorts = engine.receivePorts) =>
  receiveProviderRequest(ports, target, handshake(value));
const send = (engine: FakeEngine, secret: string) =>
  receiveProviderRequest(engine.receivePorts, target, staffRequest({ changes: [] }, {}, secret));
const accountOf = (engine: FakeEngine) => engine.accounts.find('acc_acme');
const taken = { kind: 'handshake', name: 'hook_secret' };
const refused = { kind: 'rejected', reason: 'capture-not-armed' };

test('an armed secret is stored before the handshake is answered, and verifies later requests', async () => {
  const engine = await prepare();
  expect(await send(engine, first)).toMatchObject({ kind: 'rejected', reason: 'secret-not-configured' });
  const receipt = await shake(engine, first);
  expect(receipt).toMatchObject({ ...taken, response: { status: 200, headers: { 'x-hook-secret': first } } });
  expect(await accountOf(engine)).toMatchObject({ secrets: { signing_secret: [first] }, capture: { secrets: [] } });
  expect(await send(engine, first)).toMatchObject({ kind: 'accepted' });
});

describe('a secret is rejected, and nothing changes', () => {
  test.each<[string, Parameters<typeof prepare>[0], number, string]>([
    ['its capture is not armed', { isArmed: false }, 0, 'capture-not-armed'],
    ['its capture has expired', {}, 3_600_000, 'capture-not-armed'],
    [
      'a secret is stored already, and no capture is armed',
      { isArmed: false, secrets: { signing_secret: 'known' } },
      0,
      'capture-not-armed',
    ],
  ])('fails when %s', async (_name, options, laterMs, reason) => {
    const engine = await prepare(options);
    const before = await accountOf(engine);
    engine.clock.advance(laterMs);
    expect(await shake(engine, first)).toMatchObject({ kind: 'rejected', reason });
    expect(await accountOf(engine)).toEqual(before);
  });

  test.each([
    ['short', 'x'.repeat(15)],
    ['long', 'x'.repeat(513)],
  ])('fails when the secret is too %s', async (_name, value) => {
    const engine = await prepare();
    expect(await shake(engine, value)).toMatchObject({ kind: 'rejected', reason: 'token-malformed' });
    expect((await accountOf(engine))?.capture?.secrets).toEqual(['signing_secret']);
  });

  test('fails when the secret cannot be echoed: it is not stored either', async () => {
    const engine = await prepare();
    expect((await shake(engine, `${first}\r\nX: y`)).kind).toBe('malformed');
    expect((await accountOf(engine))?.capture?.secrets).toEqual(['signing_secret']);
  });

  test('fails when the account is gone, or belongs to another integration', async () => {
    const engine = await prepare();
    await engine.accounts.remove((await accountOf(engine)) as Account);
    expect(await shake(engine, first)).toEqual({ kind: 'unknown' });
  });
});

test('is armed up to the exact millisecond of its expiry', async () => {
  const engine = await prepare();
  engine.clock.advance(3_600_000 - 1);
  expect(await shake(engine, first)).toMatchObject(taken);
});

test('is captured once: another value is rejected, the same is answered as a repetition, however late', async () => {
  const engine = await prepare();
  await shake(engine, first);
  const stored = await accountOf(engine);
  expect(await shake(engine, second)).toMatchObject(refused);
  engine.clock.advance(86_400_000);
  expect(await shake(engine, first)).toMatchObject(taken);
  expect(await accountOf(engine)).toEqual(stored);
  expect((await send(engine, second)).kind).toBe('rejected');
});

test('is added to the stored ones when the account is armed again, and the latest ten are kept', async () => {
  const engine = await prepare();
  const values = Array.from({ length: 12 }, (_, at) => `the secret of webhook ${at}`);
  for (const value of values) {
    await updateAccount(engine.adminPorts, 'acc_acme', { capture: armed });
    expect(await shake(engine, value)).toMatchObject(taken);
  }
  expect(await send(engine, values[2] ?? '')).toMatchObject({ kind: 'accepted' });
  expect(await send(engine, values[11] ?? '')).toMatchObject({ kind: 'accepted' });
  expect((await send(engine, values[1] ?? '')).kind).toBe('rejected');
});

test('fails when the owner has disarmed the capture', async () => {
  const engine = await prepare();
  await updateAccount(engine.adminPorts, 'acc_acme', { capture: null });
  expect(await shake(engine, first)).toMatchObject(refused);
});

test('fails when a capture is armed for a secret that no handshake brings', async () => {
  const engine = await prepare();
  const capture = { secrets: ['other_secret'], expiresInSeconds: 60 };
  expect(await updateAccount(engine.adminPorts, 'acc_acme', { capture })).toEqual({
    kind: 'not-captured',
    got: ['other_secret'],
    captured: ['signing_secret'],
  });
});

describe('at the same time', () => {
  test('one of two values is captured', async () => {
    const engine = await prepare();
    const receipts = await Promise.all([shake(engine, first), shake(engine, second)]);
    expect(receipts.map(({ kind }) => kind).sort()).toEqual(['handshake', 'rejected']);
    const [known] = (await accountOf(engine))?.secrets['signing_secret'] ?? [];
    expect(known).toBe(receipts[0]?.kind === 'handshake' ? first : second);
  });

  test('all handshakes with the same value are answered, and it is stored once', async () => {
    const engine = await prepare();
    const receipts = await Promise.all(Array.from({ length: 4 }, () => shake(engine, first)));
    expect(new Set(receipts.map(({ kind }) => kind))).toEqual(new Set(['handshake']));
    expect((await accountOf(engine))?.secrets['signing_secret']).toEqual([first]);
  });

  test('a capture and a change by the owner are both kept', async () => {
    const engine = await prepare();
    let meanwhile = 1;
    const { accounts } = engine.receivePorts;
    const ports: ReceivePorts = {
      ...engine.receivePorts,
      accounts: {
        ...accounts,
        async replace(account) {
          if (meanwhile-- > 0)
            await updateAccount(engine.adminPorts, 'acc_acme', { context: { company_id: '7' }, mayClaim: true });
          return accounts.replace(account);
        },
      },
    };
    expect(await shake(engine, first, ports)).toMatchObject(taken);
    expect(await accountOf(engine)).toMatchObject({
      context: { company_id: '7' },
      secrets: { signing_secret: [first] },
      capture: { secrets: [] },
    });
  });

  test('a capture is rejected while its owner disarms it', async () => {
    const engine = await prepare();
    const { accounts } = engine.receivePorts;
    const ports: ReceivePorts = {
      ...engine.receivePorts,
      accounts: {
        ...accounts,
        async replace(account) {
          await updateAccount(engine.adminPorts, 'acc_acme', { capture: null });
          return accounts.replace(account);
        },
      },
    };
    expect(await shake(engine, first, ports)).toMatchObject(refused);
    expect((await accountOf(engine))?.secrets).toEqual({});
  });

  test('a capture that always conflicts tells the provider to retry', async () => {
    const engine = await prepare();
    const { accounts } = engine.receivePorts;
    const ports: ReceivePorts = { ...engine.receivePorts, accounts: { ...accounts, replace: async () => false } };
    await expect(shake(engine, first, ports)).rejects.toMatchObject({ code: 'contended', retryable: true });
  });
});

test('a secret is answered only once it is stored, whatever fails; the provider’s next try succeeds', async () => {
  const { ports, calls } = injectFault((await prepare()).receivePorts);
  await receiveProviderRequest(ports, target, handshake(first));
  expect(calls.length).toBeGreaterThan(3);
  for (let at = 1; at <= calls.length; at += 1)
    for (const fault of faultsAt(at)) {
      const engine = await prepare();
      const struck = injectFault(engine.receivePorts, fault);
      await expect(receiveProviderRequest(struck.ports, target, handshake(first))).rejects.toThrow(/failed/);
      expect(await shake(engine, first)).toMatchObject(taken);
      expect((await accountOf(engine))?.secrets['signing_secret']).toEqual([first]);
      expect(await shake(engine, second)).toMatchObject(refused);
    }
});

describe('the URL for all accounts', () => {
  const shared = { integration: 'staff' };
  const shakeShared = (engine: FakeEngine, value: string) =>
    receiveProviderRequest(engine.receivePorts, shared, handshake(value));
  const configure = (engine: FakeEngine, change: object = {}) =>
    configureIntegration(engine.adminPorts, { integration: 'staff', secrets: {}, ...change });

  test('captures a secret of its own, once', async () => {
    const engine = createFakeEngine(capturing);
    expect(await shakeShared(engine, first)).toEqual({ kind: 'unknown' });
    await configure(engine);
    expect(await shakeShared(engine, first)).toMatchObject(refused);
    await configure(engine, { capture: armed });
    expect(await shakeShared(engine, first)).toMatchObject(taken);
    expect(await shakeShared(engine, second)).toMatchObject(refused);
    expect(await shakeShared(engine, first)).toMatchObject(taken);
    const signed = staffRequest({ changes: [] }, {}, first);
    expect(await receiveProviderRequest(engine.receivePorts, shared, signed)).toMatchObject({ kind: 'accepted' });
  });

  test('keeps it when its other secrets are replaced', async () => {
    const engine = createFakeEngine(capturing);
    await configure(engine, { capture: armed });
    await shakeShared(engine, first);
    await configure(engine, { secrets: { other_secret: 'x' } });
    expect((await engine.settings.get('staff', 0))?.secrets).toEqual({ signing_secret: [first], other_secret: 'x' });
  });

  test('stores it for no account, and an account’s URL does not store it for all accounts', async () => {
    const engine = await prepare();
    await configure(engine, { capture: armed });
    await shakeShared(engine, first);
    expect((await accountOf(engine))?.secrets).toEqual({});
    await shake(engine, second);
    expect((await engine.settings.get('staff', 0))?.secrets).toEqual({ signing_secret: [first] });
  });
});

test('a secret is in no log line, no rejection, no queue and no metric (invariant 10)', async () => {
  const lines: string[] = [];
  const log = new Logger();
  for (const level of ['debug', 'info', 'warn', 'error'] as const)
    log[level] = (...words: unknown[]) => void lines.push(JSON.stringify(words));
  for (const fault of [undefined, ...faultsAt(3)]) {
    const engine = await prepare();
    const { ports } = injectFault(engine.receivePorts, fault);
    const handle = createIngressHandler({
      ports,
      log,
      tell: (message, details) => log.info(message, details ?? {}),
      outcomes: createOutcomeTally(),
      rejections: createRejectionCounter(engine.countPorts),
      ingressUrl: 'https://x.example',
    });
    for (const value of [first, second]) {
      const answer = await handle({
        rawPath: '/in/staff/acc_acme',
        rawQueryString: '',
        pathParameters: { integration: 'staff', account: 'acc_acme' },
        headers: { 'x-hook-secret': value },
        requestContext: { http: { method: 'POST' } },
        body: '{}',
      } as unknown as APIGatewayProxyEventV2).catch((error: unknown) => ({ body: String(error) }));
      expect(JSON.stringify(answer.body)).not.toContain('secret of a webhook');
    }
    expect(JSON.stringify(engine.rawQueue.messages())).not.toContain('secret of a webhook');
  }
  expect(lines.join()).not.toContain('secret of a webhook');
  expect(lines.length).toBeGreaterThan(2);
});

test('the queued message of a signed request lacks the header that carries the secret', async () => {
  const engine = await prepare({ isArmed: false, secrets: { signing_secret: first } });
  const request = staffRequest({ changes: [] }, { headers: { 'x-hook-secret': '', 'x-staff-delivery': 'd' } }, first);
  expect(await receiveProviderRequest(engine.receivePorts, target, request)).toMatchObject({ kind: 'accepted' });
  expect(JSON.parse(engine.rawQueue.messages()[0]?.body ?? '').request.headers).not.toHaveProperty('x-hook-secret');
});

test('the answer of a rejection gives nothing away', async () => {
  const engine = await prepare({ isArmed: false });
  const { status, body } = answerOf(await shake(engine, first));
  expect(status).toBe(401);
  expect(JSON.parse(body)).toMatchObject({ reason: 'capture-not-armed' });
  expect(body).not.toContain(first);
});
