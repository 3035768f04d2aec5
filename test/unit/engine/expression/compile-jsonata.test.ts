import fc from 'fast-check';
import jsonata from 'jsonata';
import { expect, test } from 'vitest';
import { compileJsonata } from '../../../../lambdas/engine/expression/compile-jsonata.ts';

test('a transform keeps all other members, and every digit of numbers', async () => {
  const change = compileJsonata('$ ~> |$| { "name": full_name }, ["full_name"] |');
  const input = { id: 9_007_199_254_740_991, full_name: 'Ada', rate: 0.1234567890123456, none: null, list: [[1], []] };
  const { full_name: _, ...rest } = input;
  expect(await change.evaluate(structuredClone(input))).toEqual({ ...rest, name: 'Ada' });
});

test('a transform changes a copy of any JSON object', async () => {
  const change = compileJsonata('$ ~> |$| {} |');
  const anyObject = fc.dictionary(fc.string(), fc.jsonValue());
  await fc.assert(
    fc.asyncProperty(anyObject, async (input) => {
      expect(JSON.stringify(await change.evaluate(input))).toBe(JSON.stringify(input));
    }),
  );
  const inner = { a: 1 };
  await compileJsonata('$ ~> |inner| { "a": 2 } |').evaluate({ inner });
  expect(inner).toEqual({ a: 1 });
});

test('functions inside a transformed object can still be called', async () => {
  const text =
    '($changed := { "f": function($x) { $x + 1 }, "g": $sum } ~> |$| { "h": 1 } |; [$changed.f(1), $changed.g([1, 2])])';
  expect(await compileJsonata(text).evaluate({})).toEqual([2, 3]);
});

test('fails when the copy that a transform makes has too many values', async () => {
  const doubled = '$reduce([1..60], function($all, $n) { { "l": $all, "r": $all } }, {}) ~> |$| {} |';
  await expect(compileJsonata(doubled).evaluate({})).rejects.toMatchObject({ code: 'D2015' });
});

test.each(['$eval("1")', '($run := $eval; $run("1"))', '[1..3].{ "a": $eval($) }'])(
  'fails when a mapping uses $eval: %s',
  (text) => {
    expect(() => compileJsonata(text)).toThrow(expect.objectContaining({ code: 'eval', token: 'eval' }));
  },
);

test('$pad matches JSONata up to a bound', async () => {
  const padding = fc.record({
    text: fc.string({ maxLength: 20 }),
    width: fc.integer({ min: -40, max: 40 }),
    fill: fc.string({ maxLength: 3 }),
  });
  const own = jsonata('$pad(text, width, fill)');
  const bounded = compileJsonata('$pad(text, width, fill)');
  await fc.assert(
    fc.asyncProperty(padding, async (input) => {
      expect(await bounded.evaluate(input)).toBe(await own.evaluate(input));
    }),
  );
  for (const width of [1_000_001, -1_000_001, 100_000_000])
    await expect(compileJsonata(`$pad("x", ${width})`).evaluate({})).rejects.toMatchObject({ code: 'pad' });
});

test('fails when a text is too long to search with the pattern', async () => {
  const input = { text: 'a'.repeat(1_000_000) };
  expect(await compileJsonata('$contains(text, /b/)').evaluate(input)).toBe(false);
  await expect(compileJsonata('$contains(text, /(a{1,100}b){1,5}/)').evaluate(input)).rejects.toMatchObject({
    code: 'search',
  });
});
