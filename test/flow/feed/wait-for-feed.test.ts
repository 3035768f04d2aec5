import { expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { type FeedQuery, waitForFeed } from '../../../lambdas/flows/feed/read-feed.ts';
import { alwaysEnter } from '../../fakes/always-enter.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { anEventRow } from '../../fakes/samples.ts';

const everything: FeedQuery = { tenant: 'acme', position: 0, limit: 10 };

async function write(engine: FakeEngine, ...rows: readonly ReturnType<typeof anEventRow>[]): Promise<void> {
  const writtenAtMs = engine.clock.nowMs();
  await engine.events.writeRows(rows.map((row) => ({ ...row, writtenAtMs })));
}

/** Wait for the feed, and run actions at the end of pauses, by the number of the pause from 1. */
async function wait(
  engine: FakeEngine,
  waitMs: number,
  happen: (pause: number) => Promise<void> | undefined = () => undefined,
  query: Partial<FeedQuery> = {},
  enter = alwaysEnter,
) {
  const startedAtMs = engine.clock.nowMs();
  let pauses = 0;
  const pause = async (ms: number) => {
    pauses += 1;
    engine.clock.advance(ms);
    await happen(pauses);
  };
  const page = await waitForFeed({ ...engine.feedPorts, pause }, { ...everything, ...query }, waitMs, enter);
  return {
    sequences: page.events.map(({ sequence }) => sequence),
    position: page.position,
    caughtUp: page.caughtUp,
    pauses,
    waitedMs: engine.clock.nowMs() - startedAtMs,
  };
}

test('stored events are returned immediately', async () => {
  const engine = createFakeEngine();
  await write(engine, anEventRow(1));
  expect(await wait(engine, 20_000)).toMatchObject({ sequences: [1], caughtUp: true, pauses: 0 });
});

test('the reader gets an event within one polling interval of its write', async () => {
  const engine = createFakeEngine();
  const answer = await wait(engine, 20_000, (pause) => (pause === 3 ? write(engine, anEventRow(1)) : undefined));
  expect(answer).toEqual({
    sequences: [1],
    position: 1,
    caughtUp: true,
    pauses: 3,
    waitedMs: 3 * limits.feedLookMs,
  });
});

test('the reader gets an empty page after its time', async () => {
  const engine = createFakeEngine();
  expect(await wait(engine, 1_200)).toEqual({
    sequences: [],
    position: 0,
    caughtUp: true,
    pauses: 3,
    waitedMs: 1_200,
  });
  expect(await wait(engine, 0)).toMatchObject({ sequences: [], pauses: 0, waitedMs: 0 });
});

test('no reader waits longer than a function may run, whatever it requests', async () => {
  const { waitedMs } = await wait(createFakeEngine(), 3_600_000);
  expect(waitedMs).toBe(limits.feedMaxWaitMs);
  // Leaves time for a last read, no part of which begins later than this.
  expect(limits.feedMaxWaitMs + 5_000).toBeLessThan(limits.apiTimeoutSeconds * 1000);
});

test('the reader waits before a gap, and continues when it is filled (invariant 8)', async () => {
  const engine = createFakeEngine();
  await write(engine, anEventRow(2));
  const answer = await wait(engine, 20_000, (pause) => (pause === 2 ? write(engine, anEventRow(1)) : undefined));
  expect(answer).toMatchObject({ sequences: [1, 2], position: 2, caughtUp: true, pauses: 2 });
});

test('the reader waits before a gap, and continues once no writer can fill it (invariant 8)', async () => {
  const engine = createFakeEngine();
  await write(engine, anEventRow(2));
  engine.clock.advance(limits.sequenceHoleLifetimeMs - 1_000);
  const answer = await wait(engine, 20_000);
  expect(answer).toMatchObject({ sequences: [2], caughtUp: true, waitedMs: 1_000 + limits.feedLookMs });
});

test('the reader skips excluded events without a pause, and keeps its position', async () => {
  const engine = createFakeEngine();
  const count = 2 * limits.feedMaxRows + 10;
  await write(engine, ...Array.from({ length: count }, (_, index) => anEventRow(index + 1)));
  const contact = anEventRow(count + 1, { resource: 'crm/contacts' });
  const contacts = { resources: ['crm/*'] };
  expect(await wait(engine, 1_000, undefined, contacts)).toMatchObject({ position: count, caughtUp: true, pauses: 2 });
  await write(engine, contact);
  expect(await wait(engine, 1_000, undefined, contacts)).toMatchObject({ sequences: [count + 1], pauses: 0 });
});

test('a call that finds an event, or does not wait, is not counted', async () => {
  const engine = createFakeEngine();
  const refuse = () => Promise.reject(new Error('it was counted'));
  expect(await wait(engine, 0, undefined, {}, refuse)).toMatchObject({ sequences: [], waitedMs: 0 });
  await write(engine, anEventRow(1));
  expect(await wait(engine, 20_000, undefined, {}, refuse)).toMatchObject({ sequences: [1], pauses: 0 });
});

test('a call that may not wait is answered immediately, and the answer says so', async () => {
  const engine = createFakeEngine();
  const full = async () => ({ kind: 'full' as const, whose: 'key' as const, most: 5 });
  const page = await waitForFeed({ ...engine.feedPorts, pause: engine.pause }, everything, 20_000, full);
  expect(page).toEqual({ events: [], position: 0, caughtUp: true, isWaitRefused: true });
});

test.each(['an event arrives', 'no event arrives', 'the store fails'])(
  'a call that waits leaves when %s',
  async (what) => {
    const engine = createFakeEngine();
    let left = 0;
    const enter = async () => ({ kind: 'entered' as const, leave: async () => void (left += 1) });
    const waiting = wait(
      engine,
      2_000,
      (pause) => {
        if (pause === 1 && what === 'an event arrives') return write(engine, anEventRow(1));
        if (pause === 1 && what === 'the store fails') throw new Error('not now');
        return undefined;
      },
      {},
      enter,
    );
    const ending = await waiting.then(
      () => 'answered',
      (error: Error) => error.message,
    );
    expect(ending).toBe(what === 'the store fails' ? 'not now' : 'answered');
    expect(left).toBe(1);
  },
);
