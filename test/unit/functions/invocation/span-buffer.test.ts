import { expect, test, vi } from 'vitest';
import type { Span } from '../../../../lambdas/engine/trace/span.ts';
import { createSpanBuffer } from '../../../../lambdas/functions/invocation/span-buffer.ts';
import { createManualClock } from '../../../fakes/manual-clock.ts';

const span = (traceId = 'f'.repeat(32)): Span => ({
  traceId,
  spanId: 'b7ad6b7169203331',
  name: 'deliver',
  kind: 'client',
  startedAtMs: 0,
  endedAtMs: 1,
  attributes: {},
});

function prepare(sampleRatio = 1) {
  const clock = createManualClock();
  const posts: string[] = [];
  let answer: { kind: 'taken' } | { kind: 'failed'; reason: string } | Error = { kind: 'taken' };
  const warnings: unknown[] = [];
  const loads = vi.fn();
  const buffer = createSpanBuffer({
    source: { stage: 'dev', function: 'deliver' },
    sampleRatio,
    clock,
    log: { warn: (...line: unknown[]) => void warnings.push(line) },
    async exporter() {
      loads();
      return {
        async export(body) {
          posts.push(body);
          if (answer instanceof Error) throw answer;
          return answer;
        },
      };
    },
  });
  const countOf = (index: number) => JSON.parse(posts[index] ?? '').resourceSpans[0].scopeSpans[0].spans.length;
  return { buffer, clock, posts, warnings, loads, countOf, answerWith: (next: typeof answer) => void (answer = next) };
}

test('the spans of an invocation are one export', async () => {
  const { buffer, posts, countOf } = prepare();
  buffer.record(span());
  buffer.record(span());
  await buffer.flush();
  await buffer.flush();
  expect(posts).toHaveLength(1);
  expect(countOf(0)).toBe(2);
});

test('without a span, nothing is loaded and nothing is sent', async () => {
  const { buffer, loads } = prepare();
  await buffer.flush();
  expect(loads).not.toHaveBeenCalled();
});

test('traces that are not sampled are not exported', async () => {
  const { buffer, posts, countOf } = prepare(0.5);
  buffer.record(span(`${'0'.repeat(31)}1`));
  buffer.record(span('f'.repeat(32)));
  await buffer.flush();
  expect(posts).toHaveLength(1);
  expect(countOf(0)).toBe(1);
});

test('after an export that failed, an instance pauses, longer each time, and tells what it dropped', async () => {
  const { buffer, clock, posts, warnings, answerWith } = prepare();
  answerWith({ kind: 'failed', reason: 'the collector answered 503' });
  const round = async () => {
    buffer.record(span());
    await buffer.flush();
  };
  await round();
  expect(warnings).toEqual([
    ['spans are not exported', { reason: 'the collector answered 503', spans: 1, pause_ms: 30_000 }],
  ]);
  await round();
  expect(posts).toHaveLength(1);
  clock.advance(30_000);
  answerWith(new Error('died'));
  await round();
  expect(warnings.at(-1)).toEqual(['spans are not exported', { reason: 'Error', spans: 3, pause_ms: 60_000 }]);
  clock.advance(60_000);
  answerWith({ kind: 'taken' });
  await round();
  expect(warnings.at(-1)).toEqual(['spans were dropped', { spans: 3 }]);
  await round();
  expect(posts).toHaveLength(4);
});

test('an invocation with more spans than one export holds drops the rest', async () => {
  const { buffer, countOf, warnings } = prepare();
  for (let count = 0; count < 2_005; count += 1) buffer.record(span());
  await buffer.flush();
  expect(countOf(0)).toBe(2_000);
  expect(warnings).toEqual([['spans were dropped', { spans: 5 }]]);
});
