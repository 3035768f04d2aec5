import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { holdsHops, readHops, writeHops } from '../../../../lambdas/engine/request/hop-count.ts';

const key = Buffer.alloc(32, 7);
const id = 'evt_0123456789abcdef0123456789abcdef';
const count = (hops: number, of = id) => writeHops(key, { hops, id: of });

describe('a hop count', () => {
  test('is readable only with the key that signed it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999 }), fc.stringMatching(/^(evt|bat)_[0-9a-f]{32}$/), (hops, of) => {
        const header = writeHops(key, { hops, id: of });
        expect(holdsHops(header)).toBe(true);
        expect(readHops(key, header)).toEqual({ hops, id: of });
        expect(readHops(randomBytes(32), header)).toBeUndefined();
      }),
    );
  });

  test('fails when a character is changed', () => {
    const header = count(2);
    const characters = fc.constantFrom(...'0123456789abcdefABCXYZ_-.'.split(''));
    fc.assert(
      fc.property(fc.nat(header.length - 2), characters, (at, character) => {
        fc.pre(header[at] !== character);
        expect(readHops(key, `${header.slice(0, at)}${character}${header.slice(at + 1)}`)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  test('fails when the number or the callback id is changed', () => {
    const [, , signature] = count(2).split('.');
    for (const forged of [`1.${id}.${signature}`, `3.${id}.${signature}`, `2.evt_other.${signature}`])
      expect(readHops(key, forged)).toBeUndefined();
  });

  test.each([
    '',
    '3',
    'three',
    `3.${id}`,
    `3.${id}.`,
    `0.${id}.${'A'.repeat(22)}`,
    `-3.${id}.${'A'.repeat(22)}`,
    `3e0.${id}.${'A'.repeat(22)}`,
    `1000.${id}.${'A'.repeat(22)}`,
    `3.${'x'.repeat(65)}.${'A'.repeat(22)}`,
    `3.${id}.${'A'.repeat(23)}`,
    ','.repeat(10_000),
  ])('ignores a header of another form: %s', (header) => {
    expect(holdsHops(header)).toBe(false);
    expect(readHops(key, header)).toBeUndefined();
  });

  test('is the highest of several signed counts', () => {
    const forged = `9.${id}.${'A'.repeat(22)}`;
    expect(readHops(key, `${count(1)}, ${count(3)},${count(2)},${forged}`)).toEqual({ hops: 3, id });
  });

  test('reads only the first entries, so a long header costs little', () => {
    expect(readHops(key, `${'x,'.repeat(8)}${count(3)}`)).toBeUndefined();
  });
});
