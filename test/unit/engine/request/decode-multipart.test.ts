import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMultipart } from '../../../../lambdas/engine/request/decode-multipart.ts';

const boundary = 'north-wind';
const contentType = `multipart/form-data; boundary=${boundary}`;

const part = (headers: string, content: string | Buffer) =>
  Buffer.concat([
    Buffer.from(`--${boundary}\r\n${headers}\r\n\r\n`),
    Buffer.from(content as string),
    Buffer.from('\r\n'),
  ]);
const field = (name: string, value: string) => part(`Content-Disposition: form-data; name="${name}"`, value);
const file = (name: string, filename: string, content: string | Buffer, type = 'Content-Type: application/pdf') =>
  part(`Content-Disposition: form-data; name="${name}"; filename="${filename}"\r\n${type}`, content);
const whole = (...parts: readonly Buffer[]) => Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);

test('returns fields as text and files as name, type and size', () => {
  const bytes = Buffer.from([0, 255, 13, 10, 45, 45, 13, 10]);
  expect(
    decodeMultipart(
      contentType,
      whole(field('subject', 'Grüße\r\nzwei'), field('empty', ''), file('a-1', 'a.pdf', bytes)),
    ),
  ).toEqual({
    subject: 'Grüße\r\nzwei',
    empty: '',
    'a-1': { filename: 'a.pdf', content_type: 'application/pdf', size: 8 },
  });
});

test('keeps the last of several fields with one name, and lists several files', () => {
  const files = [file('a', '1.pdf', 'x'), file('a', '2.pdf', 'xy'), file('a', '3.pdf', '')];
  expect(decodeMultipart(contentType, whole(field('b', 'one'), field('b', 'two'), ...files))).toEqual({
    b: 'two',
    a: [1, 2, 3].map((number) => ({
      filename: `${number}.pdf`,
      content_type: 'application/pdf',
      size: [1, 2, 0][number - 1],
    })),
  });
});

test('reads unusual but valid forms', () => {
  const quoted = Buffer.from(
    'a preamble\r\n--a b \t\r\ncontent-disposition: form-data; filename="x; name=y \\"z\\".txt"; name=doc\r\n\r\nhi\r\n--a b--',
  );
  expect(decodeMultipart('Multipart/Form-Data; charset=utf-8; boundary="a b"', quoted)).toEqual({
    doc: { filename: 'x; name=y "z".txt', content_type: 'application/octet-stream', size: 2 },
  });
});

test('a field named __proto__ does not change the prototype', () => {
  const decoded = decodeMultipart(contentType, whole(field('__proto__', 'x')));
  expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
  expect(Object.keys(decoded ?? {})).toEqual(['__proto__']);
});

describe('fails when', () => {
  test.each([
    ['the type is not multipart/form-data', 'multipart/mixed; boundary=north-wind', whole(field('a', '1'))],
    ['no boundary is named', 'multipart/form-data', whole(field('a', '1'))],
    ['the boundary is too long', `multipart/form-data; boundary=${'x'.repeat(71)}`, whole()],
    ['the body has no such boundary', contentType, Buffer.from('--other--')],
    ['the body is empty', contentType, Buffer.alloc(0)],
    ['the body is cut off', contentType, field('a', '1')],
    ['a part has no headers', contentType, Buffer.from(`--${boundary}\r\nabc\r\n--${boundary}--`)],
    ['a part has no name', contentType, whole(part('Content-Disposition: form-data', '1'))],
    ["a part's headers do not end", contentType, whole(part(`X: ${'x'.repeat(9000)}`, '1'))],
    ['it has too many parts', contentType, whole(...Array.from({ length: 1001 }, () => field('a', '1')))],
  ])('%s', (_name, type, body) => {
    expect(decodeMultipart(type, body)).toBeUndefined();
  });
});

test('reads back every form, and never throws', () => {
  const text = fc.string({ unit: 'grapheme' });
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '-', '_', ' ', '0', 'ä', 'ü'), minLength: 1 });
  fc.assert(
    fc.property(fc.dictionary(name, text), (fields) => {
      fc.pre(!JSON.stringify(fields).includes(boundary));
      const body = whole(...Object.entries(fields).map(([key, value]) => field(key, value)));
      expect(decodeMultipart(contentType, body)).toEqual(Object.fromEntries(Object.entries(fields)));
    }),
  );
  const pieces = fc.array(
    fc.constantFrom(`--${boundary}`, '\r\n', '--', 'Content-Disposition: form-data; name="a"', 'x', ' '),
  );
  fc.assert(fc.property(pieces, (written) => void decodeMultipart(contentType, Buffer.from(written.join('')))));
});

test('decodes a hostile body in linear time', () => {
  const parts = Buffer.from(`--${boundary}`.repeat(200_000));
  const quotes = whole(part(`Content-Disposition: form-data; name="${'\\'.repeat(7_000)}`, 'x'.repeat(2_000_000)));
  const started = performance.now();
  for (const body of [parts, quotes, Buffer.alloc(4_000_000, '\r\n--north-win')]) decodeMultipart(contentType, body);
  expect(performance.now() - started).toBeLessThan(1_000);
});
