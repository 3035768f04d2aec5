import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeJson } from '../../../../lambdas/engine/expression/json-text.ts';

const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });

test('writes a JSON value if and only if it is small enough', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.nat(60), (value, maxBytes) => {
      const text = JSON.stringify(value);
      expect(writeJson(value, maxBytes)).toEqual(
        Buffer.byteLength(text) <= maxBytes
          ? { kind: 'text', text }
          : { kind: 'fault', message: `more than ${maxBytes} bytes` },
      );
    }),
  );
});

test("writes JSONata's lists without their extra members", () => {
  const list = Object.assign([1, 2], { sequence: true, push: () => 0 });
  expect(writeJson({ list }, 100)).toEqual({ kind: 'text', text: '{"list":[1,2]}' });
});

test.each<[string, unknown, RegExp]>([
  ['the value holds a function', { a: [() => 1] }, /type function, which is not JSON/],
  ['a number is NaN', [Number.NaN], /NaN, which is not JSON/],
  ['a number is infinite', Number.POSITIVE_INFINITY, /Infinity, which is not JSON/],
  ['the value has too many levels', nested(201), /more than 200 levels/],
])('fails when %s', (_name, value, message) => {
  expect(writeJson(value, 10_000)).toEqual({ kind: 'fault', message: expect.stringMatching(message) });
});

test('writes as many levels as are allowed', () => {
  expect(writeJson(nested(200), 10_000).kind).toBe('text');
});

test('fails fast when a small value would become enormous text', () => {
  let value: unknown = 'x';
  for (let level = 0; level < 150; level += 1) value = { a: value, b: value };
  expect(writeJson(value, 1_000_000)).toEqual({ kind: 'fault', message: 'more than 1000000 bytes' });
  const name = 'x'.repeat(1_000_000);
  expect(
    writeJson(
      Array.from({ length: 1000 }, () => ({ [name]: 1 })),
      1_000_000,
    ),
  ).toMatchObject({ kind: 'fault' });
});
