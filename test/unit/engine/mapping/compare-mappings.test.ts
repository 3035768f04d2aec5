import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareMappings } from '../../../../lambdas/engine/mapping/compare-mappings.ts';
import { anEvent } from '../../../fakes/samples.ts';

describe('two mappings of one input', () => {
  test('agree where only derived members differ', () => {
    const one = anEvent({ id: 'evt_1', data: { name: 'Ada' } });
    const other = { ...one, id: 'evt_2', timestamp: '2026-01-01T00:00:00.000Z' };
    expect(compareMappings([one], [other])).toEqual({ events: [], more: 0 });
    expect(compareMappings([], [])).toEqual({ events: [], more: 0 });
  });

  test('differ member by member, also in members beside the data', () => {
    const one = anEvent({ type: 'record:updated', data: { name: 'Ada', emails: ['a'], gone: 1 } });
    const other = { ...one, type: 'record:created' as const, data: { name: 'Eve', emails: ['a', 'b'] } };
    expect(compareMappings([one], [other]).events).toEqual([
      {
        kind: 'changed',
        resource: one.resource,
        record_id: one.record_id,
        differences: expect.arrayContaining([
          { path: 'type', current: 'record:updated', candidate: 'record:created' },
          { path: 'data.name', current: 'Ada', candidate: 'Eve' },
          { path: 'data.emails.1', candidate: 'b' },
          { path: 'data.gone', current: 1 },
        ]),
        more: 0,
      },
    ]);
  });

  test('are compared by record, whatever their order', () => {
    const [a, b] = [anEvent({ record_id: 'a' }), anEvent({ record_id: 'b' })];
    expect(compareMappings([a, b], [b, a]).events).toEqual([]);
    expect(compareMappings([a, b, b], [b, a]).events).toMatchObject([{ kind: 'only-current', record_id: 'b' }]);
    expect(compareMappings([a], [b]).events).toMatchObject([
      { kind: 'only-current', record_id: 'a' },
      { kind: 'only-candidate', record_id: 'b' },
    ]);
  });

  test('are bounded: events, members, and the length of each value', () => {
    const data = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`m${index}`, 'x'.repeat(10_000)]));
    const many = Array.from({ length: 15 }, (_, index) => anEvent({ record_id: String(index), data }));
    const { events, more } = compareMappings(many, []);
    expect([events.length, more]).toEqual([10, 5]);
    expect(JSON.stringify(events).length).toBeLessThan(100_000);
    const [first] = compareMappings([anEvent({ data })], [anEvent({ data: {} })]).events;
    expect([first?.differences.length, first?.more]).toEqual([20, 30]);
    expect(first?.differences[0]?.current).toMatch(/^"x+…$/);
  });

  test.each(['toString', 'constructor', '__proto__'])(
    'differ by a member named like one of every object: %s',
    (name) => {
      const [named, bare] = [JSON.parse(`{"${name}": ""}`) as object, {}];
      const compared = (one: object, other: object) =>
        compareMappings([anEvent({ data: { one } })], [anEvent({ data: { one: other } })]).events[0]?.differences;
      expect(compared(bare, named)).toEqual([{ path: `data.one.${name}`, candidate: '' }]);
      expect(compared(named, bare)).toEqual([{ path: `data.one.${name}`, current: '' }]);
    },
  );

  test('differ exactly where their data differ, for any data', () => {
    const dataOf = fc.dictionary(fc.string(), fc.jsonValue()).map((data) => JSON.parse(JSON.stringify(data)));
    fc.assert(
      fc.property(dataOf, dataOf, (data, others) => {
        const compared = (one: object, other: object) =>
          compareMappings([anEvent({ data: { one } })], [anEvent({ data: { one: other } })]).events.length;
        expect(compared(data, structuredClone(data))).toBe(0);
        expect(compared(data, others)).toBe(isDeepStrictEqual(data, others) ? 0 : 1);
      }),
    );
  });
});
