import { describe, expect, test } from 'vitest';
import { answerThings, aThing, createSyncApi } from './sync-api.ts';
import { shopWith } from './sync-world.ts';

const idsOf = (answer: { readonly body: { readonly data: readonly { readonly id: string }[] } }) =>
  answer.body.data.map(({ id }) => id);
const account = '/v1/accounts/acc_1';
const job = { id: 'mine', resources: [{ resource: 'commerce/products' }] };
const credentials = { type: 'api_key', key: 'another key' };

describe('the declared syncs of an account', () => {
  test('begin when it is created with credentials', async () => {
    const { of, engine, workOff, events } = await createSyncApi(shopWith());
    expect(engine.syncs.all().map(({ sync }) => sync)).toEqual(['products']);
    await workOff();
    expect(await events()).toHaveLength(3);
    expect(idsOf(await of('GET', '/syncs'))).toEqual(['products']);
  });

  test('begin when it gets credentials', async () => {
    const { of, call, engine, workOff } = await createSyncApi(shopWith(), { credentials: undefined });
    expect(idsOf(await of('GET', '/syncs'))).toEqual([]);
    await call('PATCH', account, { credentials });
    expect(engine.syncs.all().map(({ sync }) => sync)).toEqual(['products']);
    await workOff();
    expect((await of('GET', '/syncs/products')).body.last_run).toMatchObject({ outcome: 'succeeded' });
  });

  test('appear when a newer definition declares them', async () => {
    const { of, api } = await createSyncApi(shopWith());
    const newer = shopWith({
      syncs: { products: { resource: 'commerce/products' }, again: { resource: 'commerce/products', every: '1h' } },
    });
    Object.assign(api.ports.integrations, { get: async () => newer });
    expect((await of('GET', '/syncs/again')).body).toMatchObject({ id: 'again', every: '1h' });
    expect(idsOf(await of('GET', '/syncs'))).toEqual(['again', 'products']);
  });
});

describe('"syncs": "off"', () => {
  test('leaves an account without the declared ones, until it says "on"', async () => {
    const { of, call, engine } = await createSyncApi(shopWith(), { syncs: 'off' });
    expect((await call('GET', account)).body.syncs).toBe('off');
    expect(idsOf(await of('GET', '/syncs'))).toEqual([]);
    expect((await of('POST', '/syncs', job)).status).toBe(201);
    expect((await call('PATCH', account, { syncs: 'on' })).body.syncs).toBe('on');
    expect(
      engine.syncs
        .all()
        .map(({ sync }) => sync)
        .sort(),
    ).toEqual(['mine', 'products']);
  });

  test('removes the declared ones with their cursors, and leaves those that were posted', async () => {
    const { of, call, engine, workOff } = await createSyncApi(shopWith());
    await of('POST', '/syncs', job);
    await workOff();
    await call('PATCH', account, { syncs: 'off' });
    expect(engine.syncs.all().map(({ sync }) => sync)).toEqual(['mine']);
    expect(engine.syncs.cursors().map(({ sync }) => sync)).toEqual(['mine']);
    // Another change of the account says nothing of its syncs.
    expect((await call('PATCH', account, { name: 'A shop' })).body).toMatchObject({ syncs: 'off', name: 'A shop' });
  });
});

test('new credentials wake the syncs that waited for them', async () => {
  const { of, call, provider, workOff, pass, events } = await createSyncApi(shopWith());
  provider.respond(() => 401);
  await workOff();
  expect((await of('GET', '/syncs/products')).body).toMatchObject({ status: 'failing', retry_at: expect.any(String) });
  const calls = provider.requests.length;
  await pass(2);
  expect(provider.requests.length - calls).toBeLessThanOrEqual(1);
  provider.respond(answerThings([aThing(1), aThing(2)]));
  await call('PATCH', account, { credentials });
  await workOff();
  expect((await of('GET', '/syncs/products')).body).toMatchObject({ status: 'idle', reason: null });
  expect(await events()).toHaveLength(2);
});
