import { beforeEach, expect, test } from 'vitest';
import { operations } from '../../../../lambdas/engine/api/operations.ts';
import { useIntegrationsFolder } from '../integrations-folder.ts';
import { type Loopback, type Reply, useLoopback } from '../loopback-server.ts';

const folder = useIntegrationsFolder();
const serve = useLoopback();

const { getSync, getSyncRun } = operations;
const aRun = (change: object = {}) => ({ ...getSyncRun.example.answer, id: 'run_1', ...change });
const waiting = aRun({ outcome: 'waiting', started_at: null, ended_at: null, pages: 0, records: 0 });
const running = aRun({ outcome: 'running', phase: 'read', reading: 'ticketing/tickets', ended_at: null });
const aSync = (change: object = {}) => ({ ...getSync.example.answer, ...change });
const asked = { status: 202, body: { runs: [{ sync: 'tickets', run: 'run_1' }], skipped: [] } };

let notes = '';
beforeEach(() => {
  notes = '';
});

function sync(
  engine: Loopback,
  argv: readonly string[],
  {
    isInterrupted = false,
    isTerminal = false,
  }: { readonly isInterrupted?: boolean; readonly isTerminal?: boolean } = {},
) {
  const interrupted = new AbortController();
  return folder.run(['sync', 'acc_1', ...argv, '--url', engine.url, '--key', 'tk_a_b'], {
    fetch,
    note: (text) => {
      notes += text;
    },
    pause: () => {
      if (isInterrupted) interrupted.abort();
      return Promise.resolve();
    },
    interruption: () => interrupted.signal,
    ...(isTerminal ? { ask: async () => '' } : {}),
  });
}

/** An engine that gives these replies in order, and repeats the last one. */
const serveInTurn = (...replies: readonly (Reply | undefined)[]) =>
  serve((_, number) => replies[Math.min(number, replies.length) - 1]);

const bodyOf = ({ received }: Loopback) => JSON.parse(received[0]?.body ?? '') as unknown;

const counted = '3 calls, 2 pages, 120 records, 4 created, 17 updated, 1 deleted, 98 unchanged';

test('runs all syncs of an account, and follows each until it ends', async () => {
  const engine = await serveInTurn(
    asked,
    { body: waiting },
    { body: aSync() },
    { body: running },
    { body: aSync({ status: 'rate-limited', reason: 'the limit "exports" is used up' }) },
    { body: aRun() },
  );
  expect(await sync(engine, [])).toEqual({ exitCode: 0, output: `tickets: succeeded in 2 s, ${counted}\n` });
  expect(bodyOf(engine)).toEqual({ mode: 'incremental' });
  expect(engine.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'POST /v1/accounts/acc_1/sync',
    'GET /v1/accounts/acc_1/syncs/tickets/runs/run_1',
    'GET /v1/accounts/acc_1/syncs/tickets',
    'GET /v1/accounts/acc_1/syncs/tickets/runs/run_1',
    'GET /v1/accounts/acc_1/syncs/tickets',
    'GET /v1/accounts/acc_1/syncs/tickets/runs/run_1',
  ]);
  expect(notes.split('\n')).toEqual([
    expect.stringMatching(/^tickets: waits to begin, 3 calls, 0 pages/),
    `tickets: rate-limited (the limit "exports" is used up), read ticketing/tickets, ${counted}`,
    '',
  ]);
});

test('asks for one sync, in any mode', async () => {
  const engine = await serveInTurn({ status: 202, body: { run: 'run_1' } }, { body: aRun({ mode: 'backfill' }) });
  const since = '2026-11-01T00:00:00Z';
  const until = '2026-11-02T00:00:00Z';
  const argv = ['--sync', 'tickets', '--mode', 'backfill', '--resource', 'ticketing/tickets', '--since', since];
  const { exitCode, output } = await sync(engine, [...argv, '--until', until, '--json']);
  expect(exitCode).toBe(0);
  expect(JSON.parse(output)).toEqual({
    runs: [{ sync: 'tickets', run: aRun({ mode: 'backfill' }), error: null }],
    skipped: [],
  });
  expect(engine.received[0]).toMatchObject({ method: 'POST', path: '/v1/accounts/acc_1/syncs/tickets/run' });
  expect(bodyOf(engine)).toEqual({ mode: 'backfill', resource: 'ticketing/tickets', since, until });
});

test('returns at once where it is not to follow, and names the syncs that do not run', async () => {
  const skipped = [{ sync: 'users', reason: 'sync-paused' }];
  const engine = await serveInTurn({ ...asked, body: { ...asked.body, skipped } });
  expect(await sync(engine, ['--no-follow'])).toEqual({ exitCode: 0, output: 'tickets: run_1 waits to begin\n' });
  expect(notes).toBe('users does not run: sync-paused\n');
  expect(engine.received).toHaveLength(1);
});

test('shows its progress in one line at a terminal', async () => {
  const engine = await serveInTurn(asked, { body: running }, { body: aSync({ status: 'running' }) }, { body: aRun() });
  expect((await sync(engine, [], { isTerminal: true })).exitCode).toBe(0);
  expect(notes).toBe(`\r\u001B[Ktickets: read ticketing/tickets, ${counted}, 0 s\r\u001B[K`);
});

test('lists the syncs, and runs none', async () => {
  const failing = aSync({ id: 'users', status: 'failing', reason: 'refused', lag_seconds: null, last_run: null });
  const engine = await serveInTurn({ body: { data: [aSync(), failing], next_cursor: null } });
  const { exitCode, output } = await sync(engine, ['--list']);
  expect(exitCode).toBe(0);
  expect(output.split('\n')).toEqual([
    `tickets: idle; ticketing/tickets, ticketing/comments; next run 2026-11-29T12:05:00.000Z; lag 41 seconds; last succeeded in 2 s, ${counted}`,
    'users: failing (refused); ticketing/tickets, ticketing/comments; next run 2026-11-29T12:05:00.000Z; never run',
    '',
  ]);
  expect(engine.received[0]).toMatchObject({ method: 'GET', path: '/v1/accounts/acc_1/syncs' });
  expect(JSON.parse((await sync(engine, ['--list', '--sync', 'users', '--json'])).output)).toEqual({
    syncs: [failing],
  });
});

test.each<[string, Reply, string]>([
  [
    'a run fails',
    { body: aRun({ outcome: 'failed', reason: 'too many records are missing' }) },
    'too many records are',
  ],
  ['a reset cancels it', { body: aRun({ outcome: 'cancelled' }) }, 'tickets: cancelled in 2 s'],
  ['the run is gone', { status: 404, body: { detail: 'There is no such run.' } }, 'There is no such run.'],
])('fails when %s', async (_, reply, message) => {
  const { exitCode, output } = await sync(await serveInTurn(asked, reply), []);
  expect(exitCode).toBe(1);
  expect(output).toContain(message);
});

test.each([
  [{ status: 'paused' }, 'tickets: the sync is paused'],
  [
    { status: 'failing', reason: 'the provider refuses the credentials', retry_at: '2026-11-29T18:00:00.000Z' },
    'tickets: failing: the provider refuses the credentials; tried again at 2026-11-29T18:00:00.000Z',
  ],
])('gives up when the run cannot go on: %j', async (state, message) => {
  const engine = await serveInTurn(asked, { body: running }, { body: aSync(state) });
  const { exitCode, output } = await sync(engine, []);
  expect(exitCode).toBe(1);
  expect(output).toContain(message);
});

test('leaves the runs alone when it is interrupted', async () => {
  const engine = await serveInTurn(asked, { body: running }, { body: aSync() }, { body: running });
  const { exitCode, output } = await sync(engine, [], { isInterrupted: true });
  expect([exitCode, output]).toEqual([1, 'tickets: run_1 goes on; this command no longer follows it\n']);
});

test.each<[string, Reply | undefined, string]>([
  ['all syncs are paused', { status: 409, body: { detail: 'All are paused.' } }, 'answered 409: All are paused.'],
  ['it is not an engine', { body: { ok: true } }, 'answered 200.'],
  ['it hangs up', undefined, 'cannot be reached'],
])('fails when %s', async (_, reply, message) => {
  const engine = await serveInTurn(reply);
  const { exitCode, output } = await sync(engine, ['--json']);
  expect(exitCode).toBe(1);
  expect(JSON.parse(output)).toEqual({ error: expect.stringContaining(message) });
});

test.each([
  ['the mode is unknown', ['--mode', 'all'], '--mode: got "all", expected incremental, full, reconcile, backfill.'],
  ['a stretch is given without a backfill', ['--since', '2026-11-01T00:00:00Z'], 'expected --mode backfill'],
])('fails when %s, and sends nothing', async (_, argv, message) => {
  const engine = await serveInTurn({});
  const { exitCode, output } = await sync(engine, argv);
  expect(exitCode).toBe(2);
  expect(output).toContain(message);
  expect(engine.received).toEqual([]);
});
