import { expect, test } from 'vitest';
import { nextHop } from '../../../../lib/local/sources/lineage.ts';

const drain = 'arn:aws:lambda:us-east-1:000000000000:function:drain';
const deliver = 'arn:aws:lambda:us-east-1:000000000000:function:deliver';

test('counts how often a chain has invoked each function, and keeps its root', () => {
  const first = nextHop(drain, [], 0);
  const second = nextHop(deliver, [first.traceHeader], 0);
  const third = nextHop(drain, [second.traceHeader], 0);
  expect([first, second, third].map(({ hops }) => hops)).toEqual([1, 1, 2]);
  expect(third.traceHeader.split(';')[0]).toBe(first.traceHeader.split(';')[0]);
  expect(third.traceHeader).toMatch(/^Root=1-[0-9a-f]+-[0-9a-f]{24};Sampled=0;Lineage=[0-9a-f]{8}:2\|[0-9a-f]{8}:1$/);
});

test('a batch continues the longest of its chains', () => {
  const short = nextHop(drain, [], 0).traceHeader;
  const long = nextHop(drain, [nextHop(drain, [short], 0).traceHeader], 0).traceHeader;
  expect(nextHop(drain, [short, long, 'Root=1-a-b', 'Lineage=nonsense'], 0).hops).toBe(4);
});
