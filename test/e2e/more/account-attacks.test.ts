import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CommandPorts } from '../../../lib/cli/command.ts';
import { runCommandLine } from '../../../lib/cli/run-command-line.ts';
import { seedApiKey } from '../../../lib/local/admin-key.ts';
import { type Answer, useRunningEngine } from '../running-engine.ts';

/*
 * Replays the review's proofs (issue 12, C1 and H2): a tenant tries to receive another tenant's data. "mallory" is the
 * attacker. An operator may act for it by mistake, with a key for all tenants.
 */

const running = useRunningEngine();
const malloryKey = 'tk_mallory_secret-of-mallory';
const victimKey = 'tk_victim_secret-of-victim';
const appSecret = "the client secret of the operator's app";

beforeAll(async () => {
  const { engine, call } = running();
  await seedApiKey(engine, malloryKey, 'mallory');
  await seedApiKey(engine, victimKey, 'victim');
  await call('PUT', '/v1/integrations/hubspot/settings', { secrets: { signing_secret: appSecret } });
});

/** Create a HubSpot account with these portals in its context. */
const connect = (id: string, tenant: string, portals: unknown, key?: string): Promise<Answer> =>
  running().call(
    'POST',
    '/v1/accounts',
    { id, tenant, integration: 'hubspot', context: { portal_id: portals } },
    ...(key === undefined ? [] : [key]),
  );

let events = 3_100_000;

/** HubSpot reports a new contact of a portal at the shared URL. */
async function hubspot(portalId: number, objectId: number): Promise<void> {
  const { engine, post } = running();
  const eventId = ++events;
  const occurredAt = 1_795_165_201_000 + eventId;
  const body = JSON.stringify([
    { eventId, subscriptionId: 1, portalId, appId: 2, occurredAt, subscriptionType: 'contact.creation', objectId },
  ]);
  const answer = await post(`${engine.url}/in/hubspot`, body, {
    'x-hubspot-signature-version': 'v1',
    'x-hubspot-signature': createHash('sha256').update(`${appSecret}${body}`).digest('hex'),
  });
  expect(answer.status).toBe(200);
}

async function recordsOf(tenant: string): Promise<readonly string[]> {
  const { body } = await running().call('GET', `/v1/events?tenant=${tenant}&limit=500`);
  return body.data.map((event: { record_id: string; account: string }) => `${event.record_id} ${event.account}`);
}

const normalized = (outcome: string) => running().engine.metrics.sum(outcome, { service: 'normalize' });

function expectRefusal(answer: Answer, status: number, reason: string): void {
  expect([answer.status, answer.body.reason]).toEqual([status, reason]);
  expect(JSON.stringify(answer.body)).not.toContain('victim');
}

test("C1: a tenant cannot claim another tenant's routing context, whichever key is used", async () => {
  const { call, eventually } = running();
  expect((await connect('acc_victim', 'victim', '62515')).status).toBe(201);
  expect((await connect('acc_bystander', 'mallory', '1001')).status).toBe(201);
  // The value as text, as a number and in a list; with the operator's key and with the attacker's own.
  for (const key of [undefined, malloryKey])
    for (const portals of ['62515', 62515, ['1001', 62515]])
      expectRefusal(await connect('acc_mallory', 'mallory', portals, key), 409, 'context-claimed');
  for (const key of [undefined, malloryKey]) {
    const change = { context: { portal_id: ['1001', '62515'] } };
    expectRefusal(
      await call('PATCH', '/v1/accounts/acc_bystander', change, ...(key === undefined ? [] : [key])),
      409,
      'context-claimed',
    );
  }
  expect((await call('GET', '/v1/accounts/acc_mallory')).status).toBe(404);
  expect((await call('GET', '/v1/accounts/acc_bystander')).body.context).toEqual({ portal_id: '1001' });
  await hubspot(62515, 501);
  await eventually(async () => (await recordsOf('victim')).includes('501 acc_victim'));
  expect(await recordsOf('mallory')).toEqual([]);
  // A second account of the victim may have the value. A refused claim left nothing behind.
  expect((await connect('acc_victim_2', 'victim', 62515, victimKey)).status).toBe(201);
  expect((await connect('acc_other', 'other', '1001')).body.reason).toBe('context-claimed');
});

test("C1: a tenant's own key cannot claim a free value, and parked requests stay parked", async () => {
  const { call, eventually } = running();
  const unrouted = normalized('unrouted');
  await hubspot(77001, 601);
  await hubspot(77002, 602);
  await eventually(() => normalized('unrouted') === unrouted + 2);
  const refused = await connect('acc_grab', 'mallory', 77001, malloryKey);
  expectRefusal(refused, 403, 'claim-needs-operator');
  expect(refused.body.detail).toContain('portal_id');
  expect((await call('GET', '/v1/accounts/acc_grab')).status).toBe(404);
  // Another tenant's account id does not help either, not even with the operator's key.
  expect((await connect('acc_owner', 'victim', [])).status).toBe(201);
  expect((await connect('acc_owner', 'mallory', [77001, 77002])).status).toBe(409);
  expect((await connect('acc_victim_parked', 'victim', 77001)).status).toBe(201);
  expect((await connect('acc_globex_parked', 'globex', 77002)).status).toBe(201);
  await eventually(async () => (await recordsOf('victim')).includes('601 acc_victim_parked'));
  await eventually(async () => (await recordsOf('globex')).includes('602 acc_globex_parked'));
  expect(await recordsOf('mallory')).toEqual([]);
});

test('C1: a limit bounds the accounts that share a context value, and so the copies of a webhook', async () => {
  const { eventually } = running();
  const created = [];
  for (let n = 1; n <= 20; n += 1) created.push(await connect(`acc_many_${n}`, 'many', 88001));
  expect(created.map(({ status }) => status)).toEqual([...Array(10).fill(201), ...Array(10).fill(409)]);
  expect(created.at(-1)?.body.reason).toBe('context-accounts');
  await hubspot(88001, 701);
  await eventually(async () => (await recordsOf('many')).length === 10);
});

describe('C1: a context shared by tenants', () => {
  const share = (isShared: boolean) =>
    running().call('PUT', '/v1/integrations/hubspot/settings', {
      secrets: { signing_secret: appSecret },
      shared_contexts: isShared,
    });

  test('C1: needs the opt-in of the integration, without which a request with owners in two tenants is dead-lettered', async () => {
    const { call, engine, eventually } = running();
    expect((await connect('acc_left', 'left', 99001)).status).toBe(201);
    expect((await share(true)).body).toMatchObject({ shared_contexts: true });
    expectRefusal(await connect('acc_right', 'mallory', 99001, malloryKey), 403, 'claim-needs-operator');
    expect((await connect('acc_right', 'right', 99001)).status).toBe(201);
    await engine.advanceClock(60_000);
    await hubspot(99001, 801);
    await eventually(async () => (await recordsOf('left')).length === 1 && (await recordsOf('right')).length === 1);

    const page = (await call('GET', '/v1/context-collisions')).body;
    const accounts = [
      { id: 'acc_left', tenant: 'left' },
      { id: 'acc_right', tenant: 'right' },
    ];
    expect(page).toEqual({ data: [{ integration: 'hubspot', value: '99001', accounts }], next_cursor: null });
    expect((await call('GET', '/v1/context-collisions', undefined, malloryKey)).status).toBe(403);
    const ports = { fetch } as unknown as CommandPorts;
    expect(await runCommandLine(['collisions', '--url', engine.url], ports)).toEqual({
      exitCode: 1,
      output: 'hubspot "99001": acc_left of left, acc_right of right\n1 value has accounts of several tenants\n',
    });

    expect((await share(false)).body).not.toHaveProperty('shared_contexts');
    await engine.advanceClock(60_000);
    const dead = normalized('dead-lettered');
    await hubspot(99001, 802);
    await eventually(() => normalized('dead-lettered') === dead + 1);
    expect((await call('DELETE', '/v1/accounts/acc_right')).status).toBe(204);
    await call('POST', '/v1/integrations/hubspot/reprocess');
    await eventually(async () => (await recordsOf('left')).length === 2);
    expect(await recordsOf('right')).toEqual(['801 acc_right']);
  });
});

test("H2: a deleted account's id stays with its tenant, and its webhooks reach no other tenant", async () => {
  const { account, call, github, engine, eventually } = running();
  const { url } = await account('github', { tenant: 'victim', id: 'acc_deleted', secret: "the victim's" });
  expect((await github(url, { secret: "the victim's", delivery: 'd-1', issue: 9001 })).status).toBe(200);
  await eventually(async () => (await recordsOf('victim')).includes('9001 acc_deleted'));
  expect((await call('DELETE', '/v1/accounts/acc_deleted')).status).toBe(204);
  const body = { id: 'acc_deleted', integration: 'github', secrets: { signing_secret: "mallory's" } };
  for (const answer of [
    await call('POST', '/v1/accounts', { ...body, tenant: 'mallory' }),
    await call('POST', '/v1/accounts', body, malloryKey),
  ])
    expect([answer.status, answer.body.detail]).toEqual([409, 'An account with this id exists.']);
  // Functions may cache the account for a moment: a webhook received meanwhile belongs to the victim, or is ignored.
  await github(url, { secret: "the victim's", delivery: 'd-2', issue: 9002 });
  await engine.advanceClock(10_000);
  expect((await github(url, { secret: "the victim's", delivery: 'd-3', issue: 9003 })).status).toBe(404);
  expect((await github(url, { secret: "mallory's", delivery: 'd-4', issue: 9004 })).status).toBe(404);

  const again = await account('github', { tenant: 'victim', id: 'acc_deleted', secret: 'a new one' });
  await engine.advanceClock(10_000);
  expect((await github(again.url, { secret: 'a new one', delivery: 'd-5', issue: 9005 })).status).toBe(200);
  await eventually(async () => (await recordsOf('victim')).includes('9005 acc_deleted'));
  expect((await recordsOf('victim')).filter((one) => /^900[34]/.test(one))).toEqual([]);
  expect((await recordsOf('mallory')).filter((one) => one.startsWith('900'))).toEqual([]);
});
