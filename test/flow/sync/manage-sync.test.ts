import { describe, expect, test } from 'vitest';
import { holdSync } from '../../../lambdas/flows/sync/hold-sync.ts';
import { resetSync } from '../../../lambdas/flows/sync/manage-sync.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { answerThings, aThing, createSyncApi } from './sync-api.ts';
import { shopWith } from './sync-world.ts';

const job = { resources: [{ resource: 'commerce/products' }], reconcile: 'off' };

/** A shop whose declared sync `products` has run. */
async function begun(definition = shopWith()) {
  const world = await createSyncApi(definition);
  await world.workOff();
  const stored = async (sync = 'products') => {
    const row = await world.engine.syncs.get({ account: 'acc_1', sync });
    if (row === undefined) throw new Error('no such sync');
    return row;
  };
  return { ...world, stored };
}

describe('a pause', () => {
  test('keeps a sync from running until it is resumed, and then it runs at once', async () => {
    const { of, pass, provider, workOff } = await begun();
    const paused = await of('POST', '/syncs/products/pause');
    expect(paused.body).toMatchObject({ status: 'paused', next_run_at: null, next_reconcile_at: null });
    const calls = provider.requests.length;
    await pass(20);
    expect(provider.requests).toHaveLength(calls);
    expect((await of('GET', '/syncs/products')).body.lag_seconds).toBe(20 * 60);
    expect((await of('POST', '/syncs/products/resume')).body.status).toBe('idle');
    await workOff();
    expect(provider.requests.length).toBeGreaterThan(calls);
    expect((await of('GET', '/syncs/products')).body.lag_seconds).toBe(0);
  });

  test('twice is the same, and so is a resume of what runs', async () => {
    const { of } = await begun();
    for (const what of ['pause', 'pause', 'resume', 'resume'])
      expect((await of('POST', `/syncs/products/${what}`)).status).toBe(200);
  });

  test('leaves the lease to the function that works on it, which stops', async () => {
    const { of, ports, stored } = await begun();
    const hold = await holdSync(ports, { account: 'acc_1', sync: 'products' });
    const { lease, dueAtMs } = await stored();
    await of('POST', '/syncs/products/pause');
    expect(await stored()).toMatchObject({ lease, dueAtMs, state: { isPaused: true } });
    await hold?.update((state) => ({ ...state, failures: 7 }));
    expect((await stored()).state).toMatchObject({ isPaused: true, failures: 7 });
  });
});

describe('a change', () => {
  test('of a declared sync stands in the place of what the definition says, until it is cleared', async () => {
    const { of, stored } = await begun(
      shopWith({ syncs: { products: { resource: 'commerce/products', every: '5m' } } }),
    );
    const slower = await of('PATCH', '/syncs/products', { every: '2h', reconcile: 'off' });
    expect(slower.body).toMatchObject({ declared: true, every: '2h', reconcile: 'off', next_reconcile_at: null });
    expect((await stored()).state).toMatchObject({ timing: { every: '2h', reconcile: 'off' } });
    expect(Date.parse(slower.body.next_run_at)).toBeLessThanOrEqual(Date.parse('2026-11-21T14:00:00Z'));
    const nightly = await of('PATCH', '/syncs/products', { cron: '0 3 * * *', time_zone: 'Europe/Berlin' });
    expect(nightly.body).toMatchObject({ every: null, cron: '0 3 * * *', next_run_at: '2026-11-22T02:00:00.000Z' });
    const cleared = await of('PATCH', '/syncs/products', { cron: null, time_zone: null, reconcile: null });
    expect(cleared.body).toMatchObject({ every: '5m', cron: null, reconcile: null });
    expect(cleared.body.next_reconcile_at).not.toBeNull();
    expect((await stored()).state.timing).toBeUndefined();
  });

  test('holds for the runs that follow', async () => {
    const { of, pass, provider } = await begun();
    await pass(6);
    await of('PATCH', '/syncs/products', { every: '2h' });
    const calls = provider.requests.length;
    await pass(130);
    // One run, which may take a second call where its place in the two hours is at the bounds.
    expect(provider.requests.length - calls).toBeLessThanOrEqual(2);
    expect(provider.requests.length - calls).toBeGreaterThanOrEqual(1);
  });

  test('of a posted sync changes its job', async () => {
    const { of } = await begun();
    await of('POST', '/syncs', { ...job, id: 'mine', every: '5m' });
    const changed = await of('PATCH', '/syncs/mine', { between: ['2m', '1h'], emit: 'combined' });
    expect(changed.body).toMatchObject({ every: null, between: ['2m', '1h'], emit: 'combined', reconcile: 'off' });
    expect((await of('PATCH', '/syncs/mine', { emit: 'records', between: null })).body).toMatchObject({
      between: null,
      emit: 'records',
      resources: ['commerce/products'],
    });
  });

  test('fails where the schedule is none, or where it would change what a declared sync gives', async () => {
    const { of, stored } = await begun();
    const before = await stored();
    for (const [body, path] of [
      [{ every: '10s' }, 'every'],
      [{ every: '5m', cron: '0 3 * * *' }, 'every'],
      [{ cron: 'every day at three' }, 'cron'],
      [{ reconcile: '0 3 * *' }, 'reconcile'],
      [{ emit: 'combined' }, 'emit'],
      [{ resources: [] }, ''],
    ] as const) {
      const answer = await of('PATCH', '/syncs/products', body);
      expect([answer.status, answer.body.errors[0].path]).toEqual([422, path]);
    }
    expect(await stored()).toEqual(before);
  });
});

describe('a reset', () => {
  test('asks first, and says what it does', async () => {
    const { of, stored } = await begun();
    const before = await stored();
    for (const body of [undefined, {}, { confirm: false }])
      expect(await of('POST', '/syncs/products/reset', body)).toMatchObject({
        status: 409,
        body: { reason: 'confirmation-required', detail: expect.stringContaining('reads everything again') },
      });
    expect(await stored()).toEqual(before);
  });

  test('forgets the cursors, and the next run reads everything and publishes what differs', async () => {
    const { of, workOff, provider, events } = await begun();
    const reset = await of('POST', '/syncs/products/reset', { confirm: true });
    expect(reset.body).toMatchObject({ cursor: null, lag_seconds: null, next_run_at: '2026-11-21T12:00:00.000Z' });
    provider.respond(answerThings([aThing(1), { ...aThing(2), changed: '2026-11-21T11:30:00.000Z' }, aThing(3)]));
    await workOff();
    expect(new URL(provider.requests.at(-1)?.url ?? '').searchParams.get('since')).toBe('1970-01-01T00:00:00.000Z');
    expect((await of('GET', '/syncs/products')).body).toMatchObject({
      last_run: { records: 3, created: 0, unchanged: 3 },
      cursor: { 'commerce/products': { value: '2026-11-21T11:30:00.000Z' } },
    });
    expect(await events()).toHaveLength(3);
  });

  test('cancels the run that goes on, and the function that works on it writes no more', async () => {
    const { of, ports, stored } = await begun();
    const hold = await holdSync(ports, { account: 'acc_1', sync: 'products' });
    const current = { startedAtMs: 0, isAsked: false, previousRunDate: '', step: 0, part: 0, missed: [] };
    const rest = { spooled: {}, partial: [], complete: [], skipped: [] };
    const counts = { calls: 4, pages: 2, records: 20, created: 0, updated: 0, deleted: 0, unchanged: 20 };
    await hold?.update((state) => ({
      ...state,
      current: { id: 'run_now', mode: 'full', ...current, ...rest, counts },
      wanted: [{ id: 'run_next', mode: 'reconcile' }],
    }));
    expect((await of('GET', '/syncs/products')).body).toMatchObject({
      status: 'running',
      current_run: { id: 'run_now', outcome: 'running', phase: 'read', reading: 'commerce/products', pages: 2 },
      waiting_runs: [{ id: 'run_next', outcome: 'waiting' }],
    });
    await of('POST', '/syncs/products/reset', { confirm: true });
    const row = await stored();
    expect(row.lease).toBeUndefined();
    expect(row.state).toMatchObject({ resets: 1, wanted: [], lastRun: { id: 'run_now', outcome: 'cancelled' } });
    expect(row.state.current).toBeUndefined();
    expect((await of('GET', '/syncs/products/runs/run_now')).body).toMatchObject({ outcome: 'cancelled', pages: 2 });
    expect((await of('GET', '/syncs/products/runs/run_next')).body).toMatchObject({ outcome: 'cancelled', pages: 0 });
    await expect(hold?.update((state) => state)).rejects.toMatchObject({ code: 'contended' });
  });
});

test('a reset that is cut off at any of its calls, and repeated, leaves each of its runs with an end', async () => {
  let calls = Number.POSITIVE_INFINITY;
  for (let at = 1; at <= calls; at += 1) {
    for (const fault of faultsAt(at)) {
      const { ports, engine, stored } = await begun();
      const hold = await holdSync(ports, { account: 'acc_1', sync: 'products' });
      await hold?.update((state) => ({ ...state, wanted: [{ id: 'run_next', mode: 'reconcile' }] }));
      const row = await stored();
      const injected = injectFault(ports, fault);
      await resetSync(injected.ports, row).catch(() => undefined);
      if (injected.calls.length < at) calls = injected.calls.length;
      await resetSync(ports, row);
      const run = await engine.syncs.getRun({ account: 'acc_1', sync: 'products' }, 'run_next');
      expect({ fault, outcome: run?.run.outcome }).toEqual({ fault, outcome: 'cancelled' });
    }
  }
  expect(calls).toBeGreaterThan(3);
});

describe('a removal', () => {
  test('of a posted sync removes it with its cursors', async () => {
    const { of, workOff, engine, pass, provider } = await begun(shopWith({ syncs: {} }));
    await of('POST', '/syncs', { ...job, id: 'mine' });
    await workOff();
    expect((await of('DELETE', '/syncs/mine')).status).toBe(204);
    expect((await of('GET', '/syncs/mine')).status).toBe(404);
    expect(engine.syncs.cursors()).toEqual([]);
    const calls = provider.requests.length;
    await pass(10);
    expect(provider.requests).toHaveLength(calls);
  });

  test('of a declared sync fails while it would come again', async () => {
    const { of, call } = await begun();
    const refused = await of('DELETE', '/syncs/products');
    expect(refused).toMatchObject({ status: 409, body: { reason: 'sync-declared' } });
    expect(refused.body.detail).toContain('"syncs": "off"');
    await call('PATCH', '/v1/accounts/acc_1', { syncs: 'off' });
    expect((await of('GET', '/syncs/products')).status).toBe(404);
  });
});

describe('a run that is asked for', () => {
  test('begins at once, and can be followed', async () => {
    const { of, workOff, provider, clock } = await begun();
    clock.advance(1_000);
    const asked = await of('POST', '/syncs/products/run', { mode: 'full' });
    expect(asked.status).toBe(202);
    const { run } = asked.body;
    const path = `/syncs/products/runs/${run}`;
    expect((await of('GET', path)).body).toMatchObject({ id: run, mode: 'full', outcome: 'waiting', started_at: null });
    const calls = provider.requests.length;
    await workOff();
    expect(provider.requests.length).toBeGreaterThan(calls);
    expect((await of('GET', path)).body).toMatchObject({ id: run, mode: 'full', outcome: 'succeeded', unchanged: 3 });
    expect((await of('GET', '/syncs/products/runs?limit=1')).body).toMatchObject({
      data: [{ id: run }],
      next_cursor: expect.any(String),
    });
    expect((await of('GET', '/syncs/products/runs/run_0')).status).toBe(404);
  });

  test('reads the stretch of a backfill, and leaves the cursor where it is', async () => {
    const { of, workOff, provider } = await begun();
    const before = (await of('GET', '/syncs/products')).body.cursor;
    await of('POST', '/syncs/products/run', { mode: 'backfill', since: '2026-11-21T12:00:01+01:00' });
    await workOff();
    expect(new URL(provider.requests.at(-1)?.url ?? '').searchParams.get('since')).toBe('2026-11-21T11:00:01.000Z');
    expect((await of('GET', '/syncs/products')).body.cursor).toEqual(before);
  });

  test('is the one that waits already, where it is the same; ten may wait', async () => {
    const { of } = await begun();
    const idOf = async (body: object) => (await of('POST', '/syncs/products/run', body)).body.run as string;
    const [first, again, other] = [
      await idOf({}),
      await idOf({ mode: 'incremental' }),
      await idOf({ mode: 'reconcile' }),
    ];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
    for (let day = 10; day < 18; day += 1) await idOf({ mode: 'backfill', since: `2026-11-${day}T00:00:00Z` });
    expect((await of('GET', '/syncs/products')).body.waiting_runs).toHaveLength(10);
    expect(await of('POST', '/syncs/products/run', { mode: 'full' })).toMatchObject({
      status: 409,
      body: { reason: 'too-many-runs' },
    });
    expect(await idOf({})).toBe(first);
  });

  test('does not wait for the end of a pause after failures', async () => {
    const { of, workOff, provider, pass } = await begun();
    provider.respond(() => 500);
    await pass(6);
    expect((await of('GET', '/syncs/products')).body).toMatchObject({
      status: 'backing-off',
      reason: expect.any(String),
      retry_at: expect.any(String),
    });
    provider.respond(answerThings([aThing(1), aThing(2), aThing(3)]));
    await of('POST', '/syncs/products/run', {});
    await workOff();
    expect((await of('GET', '/syncs/products')).body).toMatchObject({ status: 'idle', reason: null, failures: 0 });
  });

  test.each<[string, object, number, object]>([
    ['for another resource', { resource: 'commerce/orders' }, 422, { errors: [{ path: 'resource' }] }],
    ['with a stretch that is no backfill', { since: '2026-11-01T00:00:00Z' }, 422, { errors: [{ path: 'since' }] }],
    [
      'with a stretch that ends before it begins',
      { mode: 'backfill', since: '2026-11-02T00:00:00Z', until: '2026-11-01T00:00:00Z' },
      422,
      { errors: [{ path: 'until' }] },
    ],
  ])('fails %s', async (_, body, status, problem) => {
    const { of } = await begun();
    expect(await of('POST', '/syncs/products/run', body)).toMatchObject({ status, body: problem });
  });

  test('fails while the sync is paused', async () => {
    const { of } = await begun();
    await of('POST', '/syncs/products/pause');
    expect(await of('POST', '/syncs/products/run')).toMatchObject({ status: 409, body: { reason: 'sync-paused' } });
    expect(await of('POST', '/sync')).toMatchObject({ status: 409, body: { reason: 'sync-paused' } });
  });
});

describe('a run of all syncs of an account', () => {
  test('is one of each that reads the resource, apart from those that are paused', async () => {
    const { of } = await begun();
    await of('POST', '/syncs', { ...job, id: 'mine' });
    await of('POST', '/syncs', { ...job, id: 'third' });
    await of('POST', '/syncs/third/pause');
    const all = await of('POST', '/sync', { mode: 'reconcile' });
    expect(all).toMatchObject({
      status: 202,
      body: {
        runs: [{ sync: 'mine' }, { sync: 'products' }],
        skipped: [{ sync: 'third', reason: 'sync-paused' }],
      },
    });
    const some = await of('POST', '/sync', { resource: 'commerce/products' });
    expect(some.body.runs).toHaveLength(2);
    expect(await of('POST', '/sync', { resource: 'commerce/orders' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'resource', message: expect.stringContaining('commerce/products') }] },
    });
  });

  test('fails where the account has none', async () => {
    const { of } = await begun(shopWith({ syncs: {} }));
    expect(await of('POST', '/sync')).toMatchObject({ status: 422, body: { reason: 'not-supported' } });
  });
});

test('a sync that the definition no longer declares says so, and can be removed', async () => {
  const { of, engine, stored } = await begun();
  const { revision: _, ...row } = await stored();
  await engine.syncs.replace({ ...row, sync: 'former', revision: 0 });
  expect((await of('GET', '/syncs/former')).body).toMatchObject({
    resources: [],
    reason: expect.stringContaining('no longer declares'),
    next_run_at: null,
  });
  for (const [method, path, body] of [
    ['POST', '/syncs/former/run', {}],
    ['PATCH', '/syncs/former', { every: '1h' }],
  ] as const)
    expect(await of(method, path, body)).toMatchObject({ status: 422, body: { reason: 'not-supported' } });
  expect((await of('DELETE', '/syncs/former')).status).toBe(204);
});

test('the audit log has what was changed', async () => {
  const { of, api, clock } = await begun();
  clock.advance(1_000);
  await of('PATCH', '/syncs/products', { every: '2h' });
  clock.advance(1_000);
  await of('POST', '/syncs/products/pause');
  const [paused, changed] = (await api.call('GET', '/v1/audit?tenant=acme', undefined, 'acme')).body.data;
  expect(changed).toMatchObject({
    operation: 'updateSync',
    object: 'accounts/acc_1/syncs/products',
    before: { timing: {} },
    after: { timing: { every: '2h' } },
  });
  expect(paused).toMatchObject({ operation: 'pauseSync', before: { paused: false }, after: { paused: true } });
});

test('fails for the syncs of another tenant as for those that do not exist', async () => {
  const { call } = await begun();
  for (const [method, path] of [
    ['GET', '/v1/accounts/acc_1/syncs'],
    ['GET', '/v1/accounts/acc_1/syncs/products'],
    ['POST', '/v1/accounts/acc_1/sync'],
  ] as const)
    expect((await call(method, path, undefined, 'globex')).status).toBe(404);
});
