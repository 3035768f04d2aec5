import { beforeEach, expect, test } from 'vitest';
import { operations } from '../../../../lambdas/engine/api/operations.ts';
import { useIntegrationsFolder } from '../integrations-folder.ts';
import { type Loopback, type Reply, useLoopback } from '../loopback-server.ts';

const folder = useIntegrationsFolder();
const serve = useLoopback();

const { getReplay, getDelivery } = operations;
const aReplay = (change: object = {}) => ({ ...getReplay.example.answer, id: 'rpl_1', ...change });
const aDelivery = (change: object = {}) => ({
  ...getDelivery.example.answer,
  id: 'dlv_1',
  event_id: 'evt_1',
  state: 'waiting',
  attempt_count: 10,
  ...change,
});

let notes = '';
beforeEach(() => {
  notes = '';
});

function replay(engine: Loopback, argv: readonly string[], isInterrupted = false) {
  const interrupted = new AbortController();
  return folder.run([...argv, '--url', engine.url, '--key', 'tk_a_b'], {
    fetch,
    note: (text) => {
      notes += text;
    },
    pause: () => {
      if (isInterrupted) interrupted.abort();
      return Promise.resolve();
    },
    interruption: () => interrupted.signal,
  });
}

/** An engine that gives these replies in order, and repeats the last one. */
const serveInTurn = (...replies: readonly (Reply | undefined)[]) =>
  serve((_, number) => replies[Math.min(number, replies.length) - 1]);

const bodyOf = ({ received }: Loopback) => JSON.parse(received[0]?.body ?? '') as unknown;

test('sends events that were never delivered, unless another mode is set', async () => {
  const engine = await serveInTurn({ status: 202, body: aReplay() });
  expect(await replay(engine, ['replay', 'sub_1'])).toEqual({
    exitCode: 0,
    output:
      'rpl_1 has started. GET /v1/subscriptions/sub_1/replays/rpl_1 shows its progress, POST /v1/subscriptions/sub_1/replays/rpl_1/cancel ends it.\n',
  });
  const [{ method, path, headers }] = engine.received as [(typeof engine.received)[number]];
  expect([method, path, headers.authorization]).toEqual(['POST', '/v1/subscriptions/sub_1/replay', 'Bearer tk_a_b']);
  expect(bodyOf(engine)).toEqual({ mode: 'missing', dry_run: false });
});

test('counts first, with all limits of the window', async () => {
  const counted = { dry_run: true, scanned: 8120, matched: 412, is_complete: true };
  const engine = await serveInTurn({ body: counted }, { body: { ...counted, is_complete: false } }, { body: counted });
  const since = '2026-11-20T00:00:00Z';
  const until = '2026-11-21T00:00:00Z';
  const argv = ['replay', 'sub_1', '--mode', 'all', '--tenant', 'acme', '--since', since, '--until', until];
  const { exitCode, output } = await replay(engine, [...argv, '--rate', '2.5', '--dry-run']);
  expect([exitCode, output]).toEqual([0, 'would send 412 of 8120 events to sub_1\n']);
  expect(bodyOf(engine)).toEqual({ mode: 'all', tenant: 'acme', since, until, rate_per_second: 2.5, dry_run: true });
  expect((await replay(engine, [...argv, '--dry-run'])).output).toContain(
    'and more: one call was too short to count the whole window',
  );
  expect(JSON.parse((await replay(engine, [...argv, '--dry-run', '--json'])).output)).toEqual(counted);
});

test('waits until a replay has ended, and shows its progress', async () => {
  const engine = await serveInTurn(
    { status: 202, body: aReplay() },
    { body: aReplay({ scanned: 100, replayed: 4 }) },
    { status: 503, body: { detail: 'Not now.' } },
    { body: aReplay({ scanned: 100, replayed: 4 }) },
    { body: aReplay({ scanned: 150, replayed: 9, state: 'done' }) },
  );
  expect(await replay(engine, ['replay', 'sub_1', '--wait'])).toEqual({
    exitCode: 0,
    output: 'rpl_1 is done: 9 events of 150 queued for its endpoint, which receives them at its rate\n',
  });
  expect(notes.split('\n')).toEqual([
    'rpl_1: 4 of 100 events queued',
    expect.stringContaining('answered 503: Not now. Retrying.'),
    'rpl_1: 9 of 150 events queued',
    '',
  ]);
  expect(engine.received.at(-1)).toMatchObject({ method: 'GET', path: '/v1/subscriptions/sub_1/replays/rpl_1' });
});

test('fails when a replay is cancelled while it waits', async () => {
  const engine = await serveInTurn({ status: 202, body: aReplay() }, { body: aReplay({ state: 'cancelled' }) });
  const { exitCode, output } = await replay(engine, ['replay', 'sub_1', '--wait', '--json']);
  expect(exitCode).toBe(1);
  expect(JSON.parse(output)).toEqual(aReplay({ state: 'cancelled' }));
});

test('keeps a replay running when the command is interrupted, and says how to end it', async () => {
  const engine = await serveInTurn({ status: 202, body: aReplay() });
  const { exitCode, output } = await replay(engine, ['replay', 'sub_1', '--wait'], true);
  expect(exitCode).toBe(1);
  expect(output).toBe('rpl_1 continues. POST /v1/subscriptions/sub_1/replays/rpl_1/cancel ends it.\n');
});

test.each([
  ['delivered', 0],
  ['exhausted', 1],
  ['cancelled', 1],
])('sends one event, and waits until it is %s', async (state, status) => {
  const engine = await serveInTurn(
    { status: 202, body: aDelivery() },
    { body: aDelivery({ state: 'retrying', attempt_count: 11 }) },
    { body: aDelivery({ state, attempt_count: 12 }) },
  );
  const { exitCode, output } = await replay(engine, ['replay', 'sub_1', '--event', 'evt_1', '--wait']);
  expect([exitCode, output]).toEqual([status, `evt_1: ${state}, 12 attempts\n`]);
  expect(bodyOf(engine)).toEqual({ event: 'evt_1', dry_run: false });
  expect(engine.received[1]).toMatchObject({ method: 'GET', path: '/v1/deliveries/dlv_1' });
  expect(notes).toContain('evt_1: retrying, 11 attempts\n');
});

test('sends one event and does not wait', async () => {
  const engine = await serveInTurn({ status: 202, body: aDelivery() });
  const { exitCode, output } = await replay(engine, ['replay', 'sub_1', '--event', 'evt_1']);
  expect([exitCode, output]).toEqual([0, 'evt_1 is sent again. GET /v1/deliveries/dlv_1 shows the result.\n']);
});

test('redrives the failed deliveries of a subscription', async () => {
  const engine = await serveInTurn({ status: 202, body: aReplay() }, { body: aReplay({ state: 'done' }) });
  const { exitCode } = await replay(engine, ['redrive', 'sub_1', '--since', '2026-11-20T00:00:00Z', '--wait']);
  expect(exitCode).toBe(0);
  expect(bodyOf(engine)).toEqual({ mode: 'failed', since: '2026-11-20T00:00:00Z', dry_run: false });
});

test.each<[string, Reply | undefined, string]>([
  ['it is disabled', { status: 409, body: { detail: 'It is disabled.' } }, 'answered 409: It is disabled.'],
  [
    'a time is malformed',
    { status: 422, body: { detail: 'Not taken.', errors: [{ path: 'since', message: 'expected a time' }] } },
    'answered 422: Not taken. since: expected a time',
  ],
  ['it is not an engine', { body: { ok: true } }, 'answered 200.'],
  ['it answers with half a replay', { status: 202, body: aReplay({ scanned: undefined }) }, 'answered 202.'],
  ['it answers like a dry run', { body: aReplay() }, 'answered 200.'],
  ['it hangs up', undefined, 'cannot be reached'],
])('fails when %s', async (_, reply, message) => {
  const engine = await serveInTurn(reply);
  const { exitCode, output } = await replay(engine, ['replay', 'sub_1']);
  expect(exitCode).toBe(1);
  expect(output).toContain(message);
  // A replay that may have started must not start twice.
  expect(engine.received).toHaveLength(1);
  const json = await replay(engine, ['replay', 'sub_1', '--json']);
  expect(JSON.parse(json.output)).toEqual({ error: expect.stringContaining(message) });
});

test('fails when an answer has another form while it waits, and shows the last state', async () => {
  const engine = await serveInTurn({ status: 202, body: aReplay({ replayed: 3 }) }, { body: aDelivery() });
  const { exitCode, output } = await replay(engine, ['replay', 'sub_1', '--wait', '--json']);
  expect(exitCode).toBe(1);
  expect(JSON.parse(output)).toMatchObject({
    id: 'rpl_1',
    replayed: 3,
    error: expect.stringMatching(/rpl_1 answered 200\.$/),
  });
});

test('fails when the engine stops answering while it waits, and shows the last state', async () => {
  const engine = await serveInTurn({ status: 202, body: aReplay({ replayed: 3 }) }, undefined);
  const { exitCode, output } = await replay(engine, ['replay', 'sub_1', '--wait', '--json']);
  expect(exitCode).toBe(1);
  expect(JSON.parse(output)).toMatchObject({ id: 'rpl_1', replayed: 3, error: expect.stringContaining('reached') });
});

test.each([
  ['there is no subscription', ['replay'], 'Expected <subscription>.'],
  ['the subscription is another path', ['replay', '..'], 'id: got "..", expected a name that can be part of a path.'],
  ['the mode is unknown', ['replay', 'sub_1', '--mode', 'some'], '--mode: got "some", expected all, failed, missing.'],
  ['the rate is not a number', ['replay', 'sub_1', '--rate', '5/s'], '--rate: got "5/s", expected a number'],
  ['a mode is named', ['redrive', 'sub_1', '--mode', 'all'], 'has no option --mode.'],
])('fails when %s, and sends nothing', async (_, argv, message) => {
  const engine = await serveInTurn({});
  const { exitCode, output } = await replay(engine, argv);
  expect(exitCode).toBe(2);
  expect(output).toContain(message);
  expect(engine.received).toEqual([]);
});
