import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CursorBinding, readSignedCursor, signCursor } from '../../../../lambdas/engine/access/signed-cursor.ts';

const key = createHash('sha256').update('a key').digest();
const binding: CursorBinding = { tenant: 'acme', list: 'listAccounts', parameters: { params: {}, query: { a: 'b' } } };
const position = { after: 'acc_1' };

const anyBinding = fc.record({
  tenant: fc.constantFrom('acme', 'globex', '*', ''),
  list: fc.constantFrom('listAccounts', 'feed', 'l', ''),
  parameters: fc.jsonValue({ maxDepth: 2 }),
});
const anyPosition = fc.record({ after: fc.string({ maxLength: 40 }) });

describe('a signed cursor (M2)', () => {
  test('returns its position', () => {
    fc.assert(
      fc.property(anyBinding, anyPosition, (of, place) => {
        const cursor = signCursor(key, of, place);
        expect(cursor).toMatch(/^[\w-]+$/);
        expect(readSignedCursor(key, of, cursor)).toEqual(place);
      }),
    );
  });

  test('does not depend on the order of parameters, nor on undefined ones', () => {
    const cursor = signCursor(key, { ...binding, parameters: { a: 1, b: undefined, c: [1] } }, position);
    expect(readSignedCursor(key, { ...binding, parameters: { c: [1], a: 1 } }, cursor)).toEqual(position);
  });

  test('fails when any byte or character changes', () => {
    const cursor = signCursor(key, binding, position);
    const bytes = Buffer.from(cursor, 'base64url');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flipped) => {
        const forged = Buffer.from(bytes);
        forged[at] = (bytes[at] as number) ^ flipped;
        expect(readSignedCursor(key, binding, forged.toString('base64url'))).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.nat(cursor.length - 1), fc.string({ maxLength: 3 }), (at, text) => {
        fc.pre(text !== cursor[at]);
        expect(readSignedCursor(key, binding, cursor.slice(0, at) + text + cursor.slice(at + 1))).toBeUndefined();
      }),
    );
  });

  test('fails when it is shortened, extended or invented', () => {
    const cursor = signCursor(key, binding, position);
    for (let length = 0; length < cursor.length; length += 1)
      expect(readSignedCursor(key, binding, cursor.slice(0, length))).toBeUndefined();
    for (const text of [`${cursor}A`, `${cursor}=`, ` ${cursor}`, `${cursor}\n`])
      expect(readSignedCursor(key, binding, text)).toBeUndefined();
    fc.assert(fc.property(fc.string(), (text) => readSignedCursor(key, binding, text) === undefined));
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        (bytes) => readSignedCursor(key, binding, Buffer.from(bytes).toString('base64url')) === undefined,
      ),
    );
  });

  test('fails for another tenant, another list, other parameters and another deployment', () => {
    fc.assert(
      fc.property(anyBinding, anyBinding, anyPosition, (one, other, place) => {
        fc.pre(one.tenant !== other.tenant || one.list !== other.list);
        expect(readSignedCursor(key, other, signCursor(key, one, place))).toBeUndefined();
      }),
    );
    const others: readonly CursorBinding[] = [
      { ...binding, tenant: 'globex' },
      { ...binding, tenant: '*' },
      { ...binding, list: 'listKeys' },
      { ...binding, parameters: { params: {}, query: {} } },
      { ...binding, parameters: { params: { id: 'x' }, query: { a: 'b' } } },
    ];
    const cursor = signCursor(key, binding, position);
    for (const other of others) expect(readSignedCursor(key, other, cursor)).toBeUndefined();
    const otherKey = createHash('sha256').update('another key').digest();
    expect(readSignedCursor(otherKey, binding, cursor)).toBeUndefined();
  });

  test('carries a signature of 16 bytes', () => {
    expect(Buffer.from(signCursor(key, binding, position), 'base64url')).toHaveLength(
      17 + JSON.stringify(position).length,
    );
  });
});
