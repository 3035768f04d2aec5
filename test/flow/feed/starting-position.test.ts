import fc from 'fast-check';
import { expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { FeedStart } from '../../../lambdas/engine/feed/feed-start.ts';
import { startingPosition } from '../../../lambdas/flows/feed/starting-position.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { anEventRow } from '../../fakes/samples.ts';

/** Write events with these numbers, each stamped with its milliseconds since the start. */
async function write(engine: FakeEngine, stamps: ReadonlyMap<number, number>, startMs: number): Promise<void> {
  await engine.events.writeRows(
    [...stamps].map(([sequence, atMs]) => ({ ...anEventRow(sequence), writtenAtMs: startMs + atMs })),
  );
}

const minuteMs = 60_000;

test('the beginning is before the first event, and a number is before the event that has it', async () => {
  const engine = createFakeEngine();
  const from = (start: FeedStart) => startingPosition(engine.feedPorts, 'acme', start);
  expect(await from({ kind: 'beginning' })).toBe(0);
  expect(await from({ kind: 'sequence', sequence: 42 })).toBe(41);
  expect(await from({ kind: 'sequence', sequence: 0 })).toBe(0);
});

test('now is after all stored events, also in an empty feed', async () => {
  const engine = createFakeEngine();
  const from = () => startingPosition(engine.feedPorts, 'acme', { kind: 'now' });
  expect(await from()).toBe(0);
  const nowMs = engine.clock.nowMs();
  const stamps = new Map(Array.from({ length: 700 }, (_, index) => [index + 1, index * 1_000]));
  engine.clock.advance(700_000);
  await write(engine, stamps, nowMs);
  expect(await from()).toBe(700);
});

test('now is before a number that is taken but not written, and after one that never will be (invariant 8)', async () => {
  const engine = createFakeEngine();
  const startMs = engine.clock.nowMs();
  await write(engine, new Map([1, 3, 4, 6].map((sequence) => [sequence, sequence < 5 ? 0 : 30_000])), startMs);
  engine.clock.advance(30_000);
  expect(await startingPosition(engine.feedPorts, 'acme', { kind: 'now' })).toBe(1);
  engine.clock.advance(30_001);
  expect(await startingPosition(engine.feedPorts, 'acme', { kind: 'now' })).toBe(4);
});

test('a time is before the first event that was written then', async () => {
  const engine = createFakeEngine();
  const startMs = engine.clock.nowMs();
  await write(engine, new Map(Array.from({ length: 100 }, (_, index) => [index + 1, index * minuteMs])), startMs);
  engine.clock.advance(200 * minuteMs);
  const at = (timeMs: number) => startingPosition(engine.feedPorts, 'acme', { kind: 'time', timeMs: startMs + timeMs });
  expect(await at(41 * minuteMs)).toBe(41);
  expect(await at(41 * minuteMs + 1)).toBe(42);
  expect(await at(-1)).toBe(0);
  expect(await at(1_000 * minuteMs)).toBe(100);
});

test('a time excludes no event written then or later, in whatever order writers stamp their events (invariant 8)', async () => {
  // Writers stamp a number after they take it: by a skewed clock, and as late as a write may begin.
  const anyRow = fc.record({
    afterMs: fc.integer({ min: 0, max: 20_000 }),
    lateMs: fc.integer({ min: 0, max: limits.sequenceWriteBeginMs }),
    offMs: fc.integer({ min: -limits.clockSkewMs / 2, max: limits.clockSkewMs / 2 }),
    isMissing: fc.integer({ min: 0, max: 9 }).map((one) => one === 0),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRow, { minLength: 1, maxLength: 40 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (rows, part) => {
        const engine = createFakeEngine();
        const startMs = engine.clock.nowMs();
        let takenAtMs = 0;
        const stamps = new Map<number, number>();
        for (const [index, { afterMs, lateMs, offMs, isMissing }] of rows.entries()) {
          takenAtMs += afterMs;
          if (!isMissing) stamps.set(index + 1, takenAtMs + lateMs + offMs);
        }
        engine.clock.advance(takenAtMs + limits.sequenceWriteEndMs);
        await write(engine, stamps, startMs);
        const timeMs = Math.round(part * takenAtMs);
        const position = await startingPosition(engine.feedPorts, 'acme', { kind: 'time', timeMs: startMs + timeMs });
        const wanted = [...stamps].filter(([, atMs]) => atMs >= timeMs).map(([sequence]) => sequence);
        expect(wanted.filter((sequence) => sequence <= position)).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});

test('the position is found without reading expired rows that are still stored', async () => {
  const engine = createFakeEngine();
  const dayMs = 24 * 60 * minuteMs;
  const many = (first: number, count: number) =>
    new Map(Array.from({ length: count }, (_, index) => [first + index, index * 1_000] as const));
  await write(engine, many(1, 3_000), engine.clock.nowMs());
  engine.clock.advance(31 * dayMs);
  const startMs = engine.clock.nowMs();
  await write(engine, many(3_001, 100), startMs);
  engine.clock.advance(10 * minuteMs);
  const listAfter: FakeEngine['events']['listAfter'] = async (tenant, sequence, limit) => {
    if (sequence < 3_000) throw new Error(`rows after ${sequence} have expired`);
    return engine.events.listAfter(tenant, sequence, limit);
  };
  const ports = { ...engine.feedPorts, events: { ...engine.events, listAfter } };
  expect(await startingPosition(ports, 'acme', { kind: 'now' })).toBe(3_100);
  expect(await startingPosition(ports, 'acme', { kind: 'time', timeMs: startMs + 80_000 })).toBe(3_080);
});
