import { describe, expect, test } from 'vitest';
import { pollNow } from '../../../lambdas/flows/sync/poll-now.ts';
import { answerThings, aThing, createSyncApi } from './sync-api.ts';
import { shopWith } from './sync-world.ts';

/** A shop whose declared sync `products` runs every hour, and has run. */
async function begun() {
  const world = await createSyncApi(shopWith({ syncs: { products: { resource: 'commerce/products', every: '1h' } } }));
  await world.workOff();
  const { createdAt: incarnation } = (await world.engine.accounts.find('acc_1')) ?? { createdAt: '' };
  const ask = (change: { readonly incarnation?: string; readonly resource?: string } = {}) =>
    pollNow(world.ports, { kind: 'poll-now', account: 'acc_1', incarnation, ...change });
  const calls = () => world.provider.requests.length;
  return { ...world, ask, calls };
}

describe('a webhook that says that something was missed', () => {
  test('brings the next run forward, and what was missed becomes an event', async () => {
    const { ask, provider, workOff, pass, events } = await begun();
    provider.respond(answerThings([1, 2, 3, 4].map(aThing)));
    expect(await ask()).toEqual(['products']);
    await workOff();
    // The last run began within this minute.
    expect(await events()).toHaveLength(3);
    await pass(1);
    expect(await events()).toHaveLength(4);
  });

  test('starts no more than a run a minute, however often it comes', async () => {
    const { ask, calls, pass, workOff } = await begun();
    const before = calls();
    for (let minute = 0; minute < 5; minute += 1) {
      for (let times = 0; times < 20; times += 1) await ask();
      await workOff();
      await pass(1);
    }
    expect(calls() - before).toBe(5);
  });

  test('concerns the syncs of its resource only, and those of the account that it was sent to', async () => {
    const { ask } = await begun();
    expect(await ask({ resource: 'commerce/orders' })).toEqual([]);
    expect(await ask({ incarnation: '2020-01-01T00:00:00.000Z' })).toEqual([]);
    expect(await ask({ resource: 'commerce/products' })).toEqual(['products']);
  });

  test('neither resumes a paused sync, nor ends what keeps it from calling', async () => {
    const { ask, of, calls, pass, provider, clock } = await begun();
    await of('POST', '/syncs/products/pause');
    expect(await ask()).toEqual([]);
    await of('POST', '/syncs/products/resume');
    provider.respond(() => ({ status: 429, headers: { 'retry-after': '1800' }, body: {} }));
    await of('POST', '/syncs/products/run', { mode: 'incremental' });
    await pass(1);
    const before = calls();
    const retryAt = Date.parse((await of('GET', '/syncs/products')).body.retry_at);
    expect(retryAt).toBeGreaterThan(clock.nowMs() + 20 * 60_000);
    await ask();
    await pass(5);
    expect(calls()).toBe(before);
  });

  test('during a run lets another one follow, which reads what the first may have passed', async () => {
    const { ask, engine } = await begun();
    const row = await engine.syncs.get({ account: 'acc_1', sync: 'products' });
    if (row?.state.lastRun === undefined) throw new Error('it has not run');
    const current = { ...row.state.lastRun, startedAtMs: 0, isAsked: false, previousRunDate: '', step: 0, part: 0 };
    const counts = { calls: 0, pages: 0, records: 0, created: 0, updated: 0, deleted: 0, unchanged: 0 };
    const rest = { missed: [], spooled: {}, partial: [], complete: [], skipped: [], counts };
    await engine.syncs.replace({ ...row, state: { ...row.state, current: { ...current, ...rest } } });
    expect([await ask(), await ask()]).toEqual([['products'], []]);
    const after = await engine.syncs.get({ account: 'acc_1', sync: 'products' });
    expect(after?.state.wanted).toMatchObject([{ mode: 'incremental' }]);
  });
});
