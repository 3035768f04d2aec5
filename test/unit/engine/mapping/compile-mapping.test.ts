import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileMapping } from '../../../../lambdas/engine/mapping/compile-mapping.ts';

test('a change of an object leaves all else as it is, numbers to their last digit', async () => {
  const change = compileMapping('$ ~> |$| { "name": full_name }, ["full_name"] |');
  const input = { id: 9_007_199_254_740_991, full_name: 'Ada', rate: 0.1234567890123456, none: null, list: [[1], []] };
  const { full_name: _, ...rest } = input;
  expect(await change.evaluate(structuredClone(input))).toEqual({ ...rest, name: 'Ada' });
});

test('a change of an object changes a copy, whatever JSON it is', async () => {
  const change = compileMapping('$ ~> |$| {} |');
  const anyObject = fc.dictionary(fc.string(), fc.jsonValue());
  await fc.assert(
    fc.asyncProperty(anyObject, async (input) => {
      expect(JSON.stringify(await change.evaluate(input))).toBe(JSON.stringify(input));
    }),
  );
  const inner = { a: 1 };
  await compileMapping('$ ~> |inner| { "a": 2 } |').evaluate({ inner });
  expect(inner).toEqual({ a: 1 });
});

test('functions within what is changed can still be called', async () => {
  const text =
    '($changed := { "f": function($x) { $x + 1 }, "g": $sum } ~> |$| { "h": 1 } |; [$changed.f(1), $changed.g([1, 2])])';
  expect(await compileMapping(text).evaluate({})).toEqual([2, 3]);
});

test('fails when what is changed grows without end once it is written down', async () => {
  const doubled = '$reduce([1..60], function($all, $n) { { "l": $all, "r": $all } }, {}) ~> |$| {} |';
  await expect(compileMapping(doubled).evaluate({})).rejects.toMatchObject({ code: 'D2015' });
});
