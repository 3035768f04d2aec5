import { describe, expect, test } from 'vitest';
import {
  joinedParts,
  pathsIn,
  placeOf,
  type Step,
  textsIn,
  valueAt,
  withValueAt,
} from '../../../../../lib/local/simulators/provider/expressions/expression-place.ts';
import { searchMembers } from '../../../../../lib/local/simulators/provider/expressions/search-members.ts';
import {
  readTime,
  readTimeFormat,
  writeTimeLike,
} from '../../../../../lib/local/simulators/provider/expressions/time-texts.ts';
import { idLike } from '../../../../../lib/local/simulators/provider/records/new-ids.ts';
import { createRecordForm } from '../../../../../lib/local/simulators/provider/records/record-form.ts';

describe('an expression', () => {
  test.each([
    ['$', []],
    ['a.b', ['a', 'b']],
    ['`@odata.next`', ['@odata.next']],
    ['$[0]', [0]],
    ['values[0].body', ['values', 0, 'body']],
    ['$count(a) > 0 ? a[-1].id', ['a', -1, 'id']],
    ['links[rel = "next"].href', ['links', { path: ['rel'], value: 'next' }, 'href']],
    ['{json.a.0.b}', ['a', 0, 'b']],
    ['$number(a.b)', ['a', 'b']],
  ])('%s reads the member at %j', (text, path) => {
    expect(placeOf(text)?.place).toEqual({ kind: 'member', path });
  });

  test.each(['$count(a)', 'a + 1', 'a.{ "id": b }', 'a[b > 1]', '$x.a', '"text"'])('%s computes its value', (text) => {
    expect(placeOf(text)).toBeUndefined();
  });

  test('reads a header, also under a condition', () => {
    expect(placeOf('{header.X-Left}')?.place).toEqual({ kind: 'header', name: 'x-left' });
    expect(placeOf('$header("a") = "core" ? $header("b")')).toEqual({
      place: { kind: 'header', name: 'b' },
      conditions: [{ place: { kind: 'header', name: 'a' }, value: 'core' }],
    });
  });

  test('tells the paths and texts within it, and the parts that it joins', () => {
    expect(pathsIn('$type(a.b) = "x" ? c[d = "y"] : $context.e')).toEqual([['a', 'b'], ['c'], ['d']]);
    expect(textsIn('a = "x" ? "y" : "x"')).toEqual(['x', 'y']);
    expect(joinedParts('"bill-" & a.b & "-" & c')).toEqual(['bill-', ['a', 'b'], '-', ['c']]);
    expect(joinedParts('$lowercase(a)')).toBeUndefined();
  });
});

describe('a place in a value', () => {
  const next: readonly Step[] = ['links', { path: ['rel'], value: 'next' }, 'href'];

  test.each([
    [{}, ['a', 'b'], 1, { a: { b: 1 } }],
    [{ a: [{ b: 1 }, { b: 2 }] }, ['a', 1, 'b'], 3, { a: [{ b: 1 }, { b: 3 }] }],
    [{ links: [{ rel: 'self' }] }, next, 'u', { links: [{ rel: 'self' }, { rel: 'next', href: 'u' }] }],
    [{ links: [{ rel: 'next', href: 'u' }] }, next, undefined, { links: [{ rel: 'next' }] }],
    [{ a: 1, b: 2 }, ['a'], undefined, { b: 2 }],
    [{ a: 1 }, [], 2, 2],
    [[], [0], 'x', ['x']],
    [{ a: [{ b: 1 }, { b: 2 }] }, ['a', -1, 'b'], 3, { a: [{ b: 1 }, { b: 3 }] }],
    [{ a: [] }, ['a', -1, 'b'], undefined, { a: [] }],
  ])('%j at %j becomes %j', (holder, path, value, expected) => {
    const before = JSON.stringify(holder);
    const written = withValueAt(holder, path, value);
    expect(written).toEqual(expected);
    expect(valueAt(written, path)).toEqual(value);
    expect(JSON.stringify(holder)).toBe(before);
  });

  test('is found by trial where an expression computes', async () => {
    const base = { total: 2, offset: 0 };
    const search = { base, paths: [['total'], ['offset']], pool: [5, 'x', undefined] };
    expect(await searchMembers({ ...search, isRight: (one) => valueAt(one, ['total']) === 5 })).toEqual({
      total: 5,
      offset: 0,
    });
    expect(await searchMembers({ ...search, isRight: (one) => Object.keys(one as object).length === 0 })).toEqual({});
    expect(await searchMembers({ ...search, isRight: () => false })).toBeUndefined();
  });
});

describe('a time', () => {
  const ms = Date.parse('2026-11-21T12:34:56.789Z');

  test.each([
    ['2026-01-01T00:00:00Z', '2026-11-21T12:34:56Z'],
    ['2026-01-01T00:00:00.000Z', '2026-11-21T12:34:56.789Z'],
    ['2026-01-01T00:00:00.000000Z', '2026-11-21T12:34:56.789000Z'],
    ['2026-01-01T00:00:00.000+0200', '2026-11-21T14:34:56.789+0200'],
    ['2026-01-01T00:00:00-05:30', '2026-11-21T07:04:56-05:30'],
    ['2026-01-01 00:00:00', '2026-11-21 12:34:56'],
    ['2026-01-01', '2026-11-21'],
    ['/Date(1700000000000+0000)/', `/Date(${ms}+0000)/`],
    [1_700_000_000, Math.floor(ms / 1000)],
    ['1700000000000', String(ms)],
  ])('is written like %s', (example, expected) => {
    expect(writeTimeLike(example, ms)).toBe(expected);
    expect(Math.abs((readTime(expected) ?? 0) - ms)).toBeLessThan(86_400_000);
  });

  test.each([[17], ['open'], [null], [{}], ['12']])('is not %j', (value) => {
    expect(writeTimeLike(value, ms)).toBeUndefined();
  });

  test('is read in a format', () => {
    expect(readTimeFormat('21.11.2026 12:34', 'dd.MM.yyyy HH:mm')).toBe(Date.parse('2026-11-21T12:34:00Z'));
    expect(readTimeFormat('2026-11-21T12:34:00+02:00', 'yyyy-MM-dd"T"HH:mm:ssXXX')).toBe(
      Date.parse('2026-11-21T10:34:00Z'),
    );
    expect(readTimeFormat('2026', 'yyyy-MM')).toBeUndefined();
  });
});

describe('a new id', () => {
  test.each([
    ['9007199254740993', 2, '9007199254740995'],
    ['0e6b2c1a-0000-4000-8000-000000000000', 255, '0e6b2c1a-0000-4000-8000-0000000000ff'],
    ['user-099', 2, 'user-101'],
    ['cus_NffrFeUfNV2Hib', 7, 'cus_NffrFeUf000007'],
    ['abc', 7, 'abc000007'],
  ])('like %s is another one of its form', (example, place, expected) => {
    expect(idLike(example, place)).toBe(expected);
  });
});

describe('a record', () => {
  const bindings = { status: 200, headers: {}, context: {} };
  const formOf = (plan: { id: string; version?: string }, versionKind?: 'integer' | 'opaque' | 'time') =>
    createRecordForm({ plan, versionKind, bindings });

  test.each([
    [
      'id',
      { id: 4711, url: 'https://a.example/x/4711?b=1' },
      '4712',
      { id: 4712, url: 'https://a.example/x/4712?b=1' },
    ],
    ['"bill-" & Id', { Id: '9' }, 'bill-10', { Id: '10' }],
    ['a & "-" & b', { a: 'x', b: 7 }, 'y-8', { a: 'y', b: 8 }],
    ['$split(id, "/")[-1]', { id: 'gid://shop/Order/55' }, '56', { id: 'gid://shop/Order/56' }],
    ['sys.id', { sys: { id: 'entry-one-two' }, copy_id: 'entry-one-two' }, 'x', { sys: { id: 'x' }, copy_id: 'x' }],
  ])('gets another id where %s reads it', async (id, raw, next, expected) => {
    expect(await formOf({ id }).withId(raw, next)).toEqual(expected);
  });

  test('fails when the id cannot be reversed', async () => {
    expect(await formOf({ id: '$lowercase(a)' }).withId({ a: 'X' }, 'Y')).toBeUndefined();
  });

  test('gets the version of a change in the form of the definition', () => {
    const ms = Date.parse('2026-11-21T12:00:00Z');
    const version = (kind: 'integer' | 'opaque' | 'time', from: string, raw: object) =>
      formOf({ id: 'id', version: from }, kind).withChange(raw, ms, 1);
    expect(version('integer', 'version', { version: 3 })).toEqual({ version: 4 });
    expect(version('opaque', 'etag', { etag: 'W/"abc"' })).toEqual({
      etag: expect.stringMatching(/^W\/"[0-9a-f]{32}"$/),
    });
    expect(version('time', '$replace(at, "+0000", "Z")', { at: '2026-01-01T00:00:00.000+0000' })).toEqual({
      at: '2026-11-21T12:00:00.000+0000',
    });
  });
});
