import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../../../lambdas/engine/records/canonical-json.ts';
import { changeKey, fingerprintOf } from '../../../../lambdas/engine/records/fingerprint.ts';

test('canonical JSON is that of RFC 8785, as another library writes it (property)', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      expect(canonicalJson(value)).toBe(canonicalize(value));
    }),
    { numRuns: 500 },
  );
});

test('the order of members does not matter, that of elements does', () => {
  const one = fingerprintOf({ a: 1, b: { c: [1, 2], d: 'é' } });
  expect(one).toMatch(/^[\w-]{22}$/);
  expect(fingerprintOf({ b: { d: 'é', c: [1, 2] }, a: 1 })).toBe(one);
  expect(fingerprintOf({ a: 1, b: { c: [2, 1], d: 'é' } })).not.toBe(one);
  expect(fingerprintOf({ a: '1', b: { c: [1, 2], d: 'é' } })).not.toBe(one);
  // A webhook may leave out what a read has as null.
  expect(fingerprintOf({ a: 1, b: { c: [1, 2], d: 'é', f: null }, e: null })).toBe(one);
});

test('volatile members are left out, in lists too, and others are not', () => {
  const data = (score: number, seen: number, name = 'x') => ({
    name,
    rating: { score, by: 'me' },
    items: [{ seen, id: 1 }, { id: 2 }, 'text'],
  });
  const volatile = ['rating.score', 'items.seen', 'missing.path'];
  expect(fingerprintOf(data(1, 2), volatile)).toBe(fingerprintOf(data(3, 4), volatile));
  expect(fingerprintOf(data(1, 2), volatile)).not.toBe(fingerprintOf(data(1, 2, 'y'), volatile));
  expect(fingerprintOf(data(1, 2))).not.toBe(fingerprintOf(data(3, 2)));
});

test('text that is not Unicode, and members named as those of objects are, have a fingerprint', () => {
  const strange = JSON.parse('{"a": "\\ud800", "__proto__": {"x": 1}, "toJSON": "no"}') as Record<string, unknown>;
  expect(fingerprintOf(strange)).not.toBe(fingerprintOf({ ...strange, a: '\udfff' }));
  expect(fingerprintOf(strange, ['constructor.name', '__proto__.x'])).toMatch(/^[\w-]{22}$/);
});

test('a change without a name has no key', () => {
  expect(changeKey(undefined)).toBe('');
  expect(changeKey('delivery 1')).toMatch(/^[\w-]{12}$/);
  expect(changeKey('delivery 1')).not.toBe(changeKey('delivery 2'));
});
