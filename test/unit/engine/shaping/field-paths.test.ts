import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  changeFields,
  keepFields,
  parseFieldPath,
  plantPaths,
} from '../../../../lambdas/engine/shaping/field-paths.ts';
import { event, pathOf } from './any-event.ts';

const { data } = event;
const keep = (...paths: string[]) => keepFields(data, plantPaths(paths));
const drop = (...paths: string[]) => changeFields(data, plantPaths(paths), () => undefined);

test.each([
  ['data.salary', ['salary']],
  ['data.custom_fields.ssn', ['custom_fields', 'ssn']],
  ['data.$ref.@type.größe-2', ['$ref', '@type', 'größe-2']],
  ['data.`First name`.x', ['First name', 'x']],
  ['data.`a.b`.`7`', ['a.b', '7']],
  ['data.__proto__', ['__proto__']],
])('%s is a path', (text, names) => {
  expect(parseFieldPath(text)).toEqual({ kind: 'path', names });
});

test.each([
  ['', /expected a path below data/],
  ['data', /expected a path below data/],
  ['data.', /text after character 4 is not a name/],
  ['data..a', /after character 4/],
  ['data.a.', /after character 6/],
  ['id', /expected a path below data/],
  ['tenant.name', /expected a path below data/],
  ['database.a', /expected a path below data/],
  ['$.data.a', /expected a path below data/],
  ['data.a b', /after character 6/],
  ['data.a ', /after character 6/],
  ['data.*', /after character 4/],
  ['data.lines[0].price', /after character 10/],
  ['data.lines[].price', /after character 10/],
  ['data.lines.0.price', /a path has no list index.*`0`/],
  ['data.`a', /after character 4/],
  ['data.``', /after character 4/],
  ['data.`a`b', /after character 8/],
])('fails when a path is written "%s"', (text, message) => {
  expect(parseFieldPath(text)).toEqual({ kind: 'fault', message: expect.stringMatching(message) });
  expect(() => plantPaths([text])).toThrow(TypeError);
});

test('any name can be written in backticks', () => {
  const names = fc.array(
    fc.string({ minLength: 1 }).map((name) => name.replaceAll('`', "'")),
    { minLength: 1 },
  );
  fc.assert(
    fc.property(names, (names) => {
      expect(parseFieldPath(pathOf(names))).toEqual({ kind: 'path', names });
    }),
  );
});

test('keeps the named fields, and the objects and lists on the way to them', () => {
  expect(keep('data.id', 'data.address.city')).toEqual({ id: '123', address: { city: 'London' } });
  expect(keep('data.`First name`', 'data.`7`')).toEqual({ 'First name': 'Ada', '7': 'seven' });
  expect(keep('data.lines.price')).toEqual({ lines: [{ price: 1 }, {}, [{ price: 3 }]] });
  expect(keep('data.emails')).toEqual({ emails: data['emails'] });
  expect(keep('data.none')).toEqual({});
});

test('keeps nothing of a value that is shallower than the path', () => {
  expect(keep('data.name.first', 'data.emails.work', 'data.address.none')).toEqual({ emails: [], address: {} });
});

test('drops the named fields, also in the objects of lists', () => {
  const { salary: _, ...rest } = data;
  expect(drop('data.salary')).toEqual(rest);
  expect(drop('data.lines.price')).toEqual({ ...data, lines: [{ sku: 'a' }, { sku: 'b' }, 'odd', [{}]] });
  expect(drop('data.name.first', 'data.none')).toEqual(data);
});

test.each([[['data.address', 'data.address.city']], [['data.address.city', 'data.address']]])(
  'the shorter of two paths includes everything below it: %j',
  (paths) => {
    expect(keep(...paths)).toEqual({ address: data['address'] });
    expect(drop(...paths)).not.toHaveProperty('address');
  },
);

test('keeps the order of members', () => {
  expect(Object.keys(drop('data.name'))).toEqual(Object.keys(data).filter((name) => name !== 'name'));
});

test('changes named values in order, a list as one value', () => {
  const seen: unknown[] = [];
  const changed = changeFields(data, plantPaths(['data.lines.price', 'data.emails']), (value) => seen.push(value));
  expect(seen).toEqual([data['emails'], 1, 3]);
  expect(changed).toMatchObject({ emails: 1, lines: [{ price: 2 }, { sku: 'b' }, 'odd', [{ price: 3 }]] });
});
