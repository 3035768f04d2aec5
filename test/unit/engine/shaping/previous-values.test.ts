import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { transformEvent } from '../../../../lambdas/engine/expression/run-expression.ts';
import { previousValues } from '../../../../lambdas/engine/shaping/previous-values.ts';
import { shapeEvents } from '../../../../lambdas/engine/shaping/shape-event.ts';
import { event } from './any-event.ts';
import { prepare } from './shape-with-options.ts';

test('only what changed has a former value', () => {
  expect(
    previousValues(
      { same: 1, status: 'open', gone: 'x', list: [1, 2], within: { a: 1, b: { c: 2 } }, type: { a: 1 } },
      { same: 1, status: 'closed', added: true, list: [2, 1], within: { b: { c: 3 }, a: 1 }, type: 'text' },
    ),
  ).toEqual({ status: 'open', gone: 'x', added: null, list: [1, 2], within: { b: { c: 2 } }, type: { a: 1 } });
  expect(previousValues({ a: { b: [] } }, { a: { b: [] } })).toBeUndefined();
  // Providers leave out what others send as null.
  expect(previousValues({ a: null }, {})).toBeUndefined();
});

test('former values put over the data give the data of before, except for what is new (property)', () => {
  const data = fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.oneof(fc.integer(), fc.string(), fc.array(fc.integer())),
  );
  fc.assert(
    fc.property(data, data, (before, now) => {
      const restored = { ...now, ...previousValues(before, now) };
      for (const [name, value] of Object.entries(restored)) expect(value).toEqual(before[name] ?? null);
    }),
  );
});

describe('a callback', () => {
  const before = { ...event, id: 'evt_before', data: { id: '1', name: 'Ada', salary: 1, email: 'a@b.c' } };
  const now = { ...event, data: { id: '1', name: 'Ada L.', salary: 2, email: 'd@e.f' } };
  const sent = async (options: object, later = now, former: typeof event | null = before) => {
    const known = former === null ? new Map() : new Map([[later.id, former]]);
    const shaped = await shapeEvents(prepare({ ...options }), [later], transformEvent, known);
    return shaped.kind === 'body' ? JSON.parse(shaped.body) : shaped;
  };

  test('has the former values that its subscription asks for', async () => {
    expect((await sent({ include_previous: true })).previous).toEqual({
      data: { name: 'Ada', salary: 1, email: 'a@b.c' },
    });
    expect((await sent({ include_previous: ['data.name', 'data.id'] })).previous).toEqual({ data: { name: 'Ada' } });
    expect(await sent({})).toEqual(now);
  });

  test('has none where nothing asked for changed, without an event before, and where one of the two is thin', async () => {
    expect(await sent({ include_previous: ['data.id'] })).not.toHaveProperty('previous');
    expect(await sent({ include_previous: true }, now, null)).not.toHaveProperty('previous');
    expect(await sent({ include_previous: true }, now, { ...before, thin: true })).not.toHaveProperty('previous');
    expect(await sent({ include_previous: true }, { ...now, thin: true })).not.toHaveProperty('previous');
  });

  test('hides there what it hides in the data', async () => {
    const dropped = await sent({ include_previous: true, fields: { drop: ['data.salary'] } });
    expect(dropped.previous).toEqual({ data: { name: 'Ada', email: 'a@b.c' } });
    const included = await sent({ include_previous: true, fields: { include: ['data.name'] } });
    expect(included.previous).toEqual({ data: { name: 'Ada' } });
  });

  test('lets a transform see them', async () => {
    expect(await sent({ include_previous: true, transform: 'previous.data.name & " is now " & data.name' })).toBe(
      'Ada is now Ada L.',
    );
  });
});
