import { expect, test } from 'vitest';
import { isSampled, readTraceparent, writeTraceparent } from '../../../../lambdas/engine/trace/traceparent.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

test('is written as version 00 of W3C Trace Context, and read again', () => {
  for (const sampled of [true, false]) {
    const context = { traceId, spanId, isSampled: sampled };
    expect(writeTraceparent(context)).toBe(`00-${traceId}-${spanId}-${sampled ? '01' : '00'}`);
    expect(readTraceparent(writeTraceparent(context))).toEqual(context);
  }
});

test('of a later version is read with what it appends', () => {
  expect(readTraceparent(`cc-${traceId}-${spanId}-01-what-the-future-holds`)).toEqual({
    traceId,
    spanId,
    isSampled: true,
  });
});

test.each([
  undefined,
  '',
  'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more',
  '00-00000000000000000000000000000000-b7ad6b7169203331-01',
  '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
  '00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01',
  `00-${'a'.repeat(100_000)}`,
])('fails when the text is none: %s', (text) => {
  expect(readTraceparent(text)).toBeUndefined();
});

test('a ratio samples that share of the traces, and always the same', () => {
  const traces = Array.from(
    { length: 4_000 },
    (_, index) =>
      `${'0'.repeat(19)}${Math.floor((index / 4_000) * 2 ** 52)
        .toString(16)
        .padStart(13, '0')}`,
  );
  const share = (ratio: number) => traces.filter((trace) => isSampled(trace, ratio)).length / traces.length;
  expect(share(0)).toBe(0);
  expect(share(0.25)).toBe(0.25);
  expect(share(1)).toBe(1);
});
