import { describe, expect, test } from 'vitest';
import type { WebhookAdmission } from '../../../lambdas/flows/ingest/admit-webhook.ts';
import { answerOf, type ReceivePorts, receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { injectFault } from '../../fakes/inject-fault.ts';
import { anAccount } from '../../fakes/samples.ts';
import { staffRequest } from '../provider-request.ts';

const target = { integration: 'staff', account: 'acc_acme' };
const never = () => new Promise<never>(() => {});
const minute = (calls: number) => ({ calls, windowMs: 60_000 });

async function prepare(
  perAccount: number,
  perTenant = 1_000_000,
  change: Partial<ReceivePorts> = {},
): Promise<{ engine: FakeEngine; ports: ReceivePorts }> {
  const engine = createFakeEngine();
  await engine.accounts.create(anAccount());
  await engine.accounts.create(anAccount({ id: 'acc_other' }));
  const admission: WebhookAdmission = {
    perAccount: minute(perAccount),
    perTenant: minute(perTenant),
    allowances: new Map(),
  };
  return { engine, ports: { ...engine.receivePorts, admission, pause: never, ...change } };
}

const send = (ports: ReceivePorts, account = 'acc_acme', secret?: string) =>
  receiveProviderRequest(ports, { ...target, account }, staffRequest({ changes: [] }, {}, secret));
const sendMany = async (ports: ReceivePorts, count: number, account?: string) => {
  const kinds = [];
  for (let at = 0; at < count; at += 1) kinds.push((await send(ports, account)).kind);
  return kinds;
};
const times = (count: number, kind: string) => Array.from({ length: count }, () => kind);

describe('webhooks of an account (H4)', () => {
  test('are rejected beyond its rate, with the time until the next one passes', async () => {
    const { engine, ports } = await prepare(3);
    expect(await sendMany(ports, 5)).toEqual([...times(3, 'accepted'), ...times(2, 'rate-limited')]);
    const receipt = await send(ports);
    expect(receipt).toEqual({ kind: 'rate-limited', by: 'account', retryAfterMs: 20_000 });
    const answer = answerOf(receipt);
    expect([answer.status, answer.headers['retry-after']]).toEqual([429, '20']);
    expect(JSON.parse(answer.body)).toMatchObject({ status: 429, reason: 'rate-limited' });
    expect(engine.rawQueue.messages()).toHaveLength(3);
    expect((await send(ports, 'acc_other')).kind).toBe('accepted');
    engine.clock.advance(20_000);
    expect(await sendMany(ports, 2)).toEqual(['accepted', 'rate-limited']);
  });

  test('are rejected beyond the rate of their tenant', async () => {
    const { ports } = await prepare(100, 3);
    expect(await sendMany(ports, 2)).toEqual(times(2, 'accepted'));
    expect(await sendMany(ports, 2, 'acc_other')).toEqual(['accepted', 'rate-limited']);
    expect(await send(ports)).toMatchObject({ kind: 'rate-limited', by: 'tenant' });
  });

  test('cost no request when they are few, and few requests when they are many', async () => {
    const { ports } = await prepare(12_000, 60_000);
    const few = injectFault(ports);
    await sendMany(few.ports, 20);
    expect(few.calls.filter((call) => call === 'callLimits.take')).toEqual([]);
    const many = injectFault(ports);
    await sendMany(many.ports, 1_000);
    expect(many.calls.filter((call) => call === 'callLimits.take').length).toBeLessThan(40);
  });

  test('that are rejected cost no request, and are not verified', async () => {
    const { ports } = await prepare(1);
    await sendMany(ports, 2);
    const refused = injectFault(ports);
    expect(await sendMany(refused.ports, 3)).toEqual(times(3, 'rate-limited'));
    expect(refused.calls).toEqual(times(3, 'webhook').flatMap((call) => [call, 'accounts.get']));
  });

  test('are not limited by unsigned requests of strangers', async () => {
    const { ports } = await prepare(2);
    for (let at = 0; at < 10; at += 1) expect((await send(ports, 'acc_acme', 'wrong')).kind).toBe('rejected');
    expect(await sendMany(ports, 2)).toEqual(times(2, 'accepted'));
  });

  test('pass with a warning when the shared bucket is unavailable; it is tried again after five seconds', async () => {
    const faults: unknown[] = [];
    const take = async () => {
      throw new Error('the table is not there');
    };
    const { engine, ports } = await prepare(1, 1, { callLimits: { take } });
    const sendWarned = () =>
      receiveProviderRequest(ports, target, staffRequest({ changes: [] }), (error) => faults.push(error));
    for (let at = 0; at < 5; at += 1) expect((await sendWarned()).kind).toBe('accepted');
    expect(faults).toEqual([new Error('the table is not there'), new Error('the table is not there')]);
    engine.clock.advance(5_000);
    await sendWarned();
    expect(faults).toHaveLength(4);
  });

  test('do not wait long for a bucket that does not answer', async () => {
    const { ports } = await prepare(1, 1, { callLimits: { take: never }, pause: async () => {} });
    expect((await send(ports)).kind).toBe('accepted');
  });

  test('are not counted at the URL for all accounts: only the provider can sign them', async () => {
    const { ports } = await prepare(1, 1);
    const shared = { ...ports, settings: sharedSettings(ports) };
    for (let at = 0; at < 3; at += 1)
      expect((await receiveProviderRequest(shared, { integration: 'staff' }, staffRequest({}))).kind).toBe('accepted');
  });

  test('are counted in a bounded number of buckets: the least recently used are forgotten', async () => {
    const { engine, ports } = await prepare(1_000_000);
    for (let at = 0; at < 5_100; at += 1) ports.admission.allowances.set(`ingress-account#old_${at}`, {} as never);
    await send(ports);
    expect(ports.admission.allowances.size).toBe(5_000);
    expect(ports.admission.allowances.has('ingress-account#acc_acme')).toBe(true);
    expect(engine.rawQueue.messages()).toHaveLength(1);
  });
});

/** The operator's settings for the URL for all accounts. */
function sharedSettings({ settings }: ReceivePorts): ReceivePorts['settings'] {
  return { ...settings, get: async () => ({ secrets: { signing_secret: 'a secret of acme' } }) as never };
}
