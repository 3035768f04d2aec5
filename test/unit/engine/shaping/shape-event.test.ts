import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limits } from '../../../../lambdas/contracts/limits.ts';
import type { CanonicalEvent } from '../../../../lambdas/engine/event/canonical-event.ts';
import { judgeEvent, transformEvent } from '../../../../lambdas/engine/expression/run-expression.ts';
import { prepareShaping, shapeEvents } from '../../../../lambdas/engine/shaping/shape-event.ts';
import type { ShapingOptions } from '../../../../lambdas/engine/shaping/shaping-schema.ts';
import { event, isNamed, leavesOf, markedDataAndPaths, pathOf } from './any-event.ts';
import { batch, forms, prepare, sentBy, shape } from './shape-with-options.ts';

describe('without options', () => {
  test('the body is exactly the event as JSON', async () => {
    const anyData = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }));
    await fc.assert(
      fc.asyncProperty(anyData, async (data) => {
        const changed = { ...event, data };
        const sent = { kind: 'body', contentType: 'application/json', body: JSON.stringify(changed) };
        expect(await shape({}, changed)).toEqual(sent);
        expect(await shapeEvents(prepareShaping({}), [changed], transformEvent)).toEqual(sent);
      }),
    );
  });
});

describe('filter', () => {
  const verdictOf = (filter: string) => judgeEvent(filter, event);

  test.each([
    'true',
    'resource = "hris/employees" and data.salary > 1000',
    'data.name',
    '"hris" in $split(resource, "/")',
    'data.emails[$contains("example.org")]',
    '[false, 0, "x"]',
    'data.address',
  ])('%s accepts the event', async (filter) => {
    expect(await verdictOf(filter)).toEqual({ kind: 'wanted' });
  });

  test.each(['false', 'data.salary > 100000', 'data.none', 'data.none > 5', 'null', '0', '""', '[]', '{}', '[[], 0]'])(
    '%s filters the event out',
    async (filter) => {
      expect(await verdictOf(filter)).toEqual({ kind: 'unwanted' });
    },
  );

  test.each(['data.name > 5', '$missing(data)', '$error("undecided")'])(
    'a failing filter accepts the event, and says why: %s',
    async (filter) => {
      expect(await verdictOf(filter)).toEqual({
        kind: 'undecided',
        reason: expect.stringMatching(/^filter failed: (JSONata T|undecided)/),
      });
    },
  );
});

describe('fields', () => {
  test('drop keeps the envelope and the rest of the data', async () => {
    const { json } = await sentBy({ fields: { drop: ['data.salary', 'data.lines.price', 'data.emails'] } });
    const { salary: _, emails: __, ...data } = event.data;
    expect(json).toEqual({ ...event, data: { ...data, lines: [{ sku: 'a' }, { sku: 'b' }, 'odd', [{}]] } });
  });

  test('include keeps the envelope and the named fields only', async () => {
    const { json } = await sentBy({ fields: { include: ['data.id', 'data.name'] } });
    expect(json).toEqual({ ...event, data: { id: '123', name: 'Ada' } });
  });

  test('a dropped value appears in no form of the callback, and all other values appear', async () => {
    await fc.assert(
      fc.asyncProperty(markedDataAndPaths, forms, async ([data, paths], form) => {
        const { body } = await sentBy({ ...form, fields: { drop: paths.map(pathOf) } }, { ...event, data });
        for (const { names, leaf } of leavesOf(data)) expect(body.includes(leaf)).toBe(!isNamed(names, paths));
      }),
    );
  });

  test('only included values appear in any form of the callback', async () => {
    await fc.assert(
      fc.asyncProperty(markedDataAndPaths, forms, async ([data, paths], form) => {
        const { body } = await sentBy({ ...form, fields: { include: paths.map(pathOf) } }, { ...event, data });
        for (const { names, leaf } of leavesOf(data)) expect(body.includes(leaf)).toBe(isNamed(names, paths));
      }),
    );
  });
});

describe('transform', () => {
  test.each([
    ['{ "text": data.name & " was " & $substringAfter(type, ":") }', { text: 'Ada was updated' }],
    ['$', event],
    ['data.emails', event.data['emails']],
    ['data.lines.sku[]', ['a', 'b']],
    ['"text"', 'text'],
    ['7', 7],
    ['false', false],
    ['null', null],
    ['[]', []],
  ])('%s makes the body', async (transform, body) => {
    const sent = await sentBy({ transform });
    expect(sent.json).toEqual(body);
    expect(sent.contentType).toBe('application/json');
  });

  test.each([
    ['data.none', 'transform returned nothing'],
    ['data.name + 1', 'transform failed: JSONata T2001 in "+" at character 11'],
    ['$error("no email")', 'transform failed: no email'],
    ['{ "f": $sum }', 'transform returned a value of type function, which is not JSON'],
    ['[function($x) { $x }]', 'transform returned a value of type function, which is not JSON'],
    ['/a/', 'transform returned a value of type function, which is not JSON'],
    [
      '$reduce([1..25], function($text, $level) { $text & $text }, "x")',
      `transform returned more than ${limits.maxEventBytes} bytes`,
    ],
  ])('fails when the transform is %s', async (transform, reason) => {
    expect(await shape({ transform })).toEqual({ kind: 'failed', failures: [{ event: event.id, reason }] });
  });

  test('reads the deepest data that is allowed', async () => {
    let deepest: Record<string, unknown> = { a: 1 };
    for (let level = 1; level < 100; level += 1) deepest = { a: deepest };
    const { json } = await sentBy({ transform: '$' }, { ...event, data: deepest });
    expect(json).toEqual({ ...event, data: deepest });
  });
});

describe('envelope', () => {
  test('cloudevents carries the reduced data', async () => {
    const { json, contentType } = await sentBy({ envelope: 'cloudevents', fields: { include: ['data.name'] } });
    expect(contentType).toBe('application/cloudevents+json');
    expect(json).toMatchObject({ specversion: '1.0', id: event.id, subject: 'hris/employees/123' });
    expect(json.data).toEqual({ name: 'Ada' });
  });

  test('cloudevents carries any result of the transform', async () => {
    const { json } = await sentBy({ envelope: 'cloudevents', transform: 'data.emails' });
    expect(json).toMatchObject({ specversion: '1.0', id: event.id, data: event.data['emails'] });
    expect((await sentBy({ envelope: 'cloudevents', transform: 'null' })).json.data).toBeNull();
  });
});

describe('batch', () => {
  const events = [event, { ...event, id: 'evt_2', sequence: 4212 }, { ...event, id: 'evt_3', sequence: 4213 }];

  test('holds the events in order', async () => {
    const { json, contentType } = await sentBy({ batch }, ...events);
    expect(json).toEqual({ events });
    expect(contentType).toBe('application/json');
  });

  test('has the same form for one event', async () => {
    expect((await sentBy({ batch })).json).toEqual({ events: [event] });
  });

  test('holds the transformed events', async () => {
    expect((await sentBy({ batch, transform: 'id' }, ...events)).json).toEqual({ events: events.map(({ id }) => id) });
  });

  test('of cloudevents is a JSON array', async () => {
    const { json, contentType } = await sentBy({ batch, envelope: 'cloudevents' }, ...events);
    expect(contentType).toBe('application/cloudevents-batch+json');
    expect(json.map(({ id }: CanonicalEvent) => id)).toEqual(events.map(({ id }) => id));
    expect((await sentBy({ batch, envelope: 'cloudevents' })).json).toHaveLength(1);
  });

  test('fails when some of its events cannot be shaped, and names each', async () => {
    expect(await shape({ batch, transform: 'sequence >= 4212 ? $error("no " & id) : id' }, ...events)).toEqual({
      kind: 'failed',
      failures: [
        { event: 'evt_2', reason: 'transform failed: no evt_2' },
        { event: 'evt_3', reason: 'transform failed: no evt_3' },
      ],
    });
  });

  test('tries no further event after a failure with isLast', async () => {
    const tried: string[] = [];
    const shaped = await shapeEvents(prepare({ batch, transform: 'id' }), events, async (_, { id }) => {
      tried.push(id);
      return { kind: 'failed', reason: 'it was stopped', isLast: true };
    });
    expect(shaped).toEqual({ kind: 'failed', failures: [{ event: event.id, reason: 'it was stopped' }] });
    expect(tried).toEqual([event.id]);
  });

  test('fails when there is no event, or more than one without a batch', async () => {
    await expect(shapeEvents(prepare({ batch }), [], transformEvent)).rejects.toThrow('got 0 events');
    await expect(shapeEvents(prepare({}), events, transformEvent)).rejects.toThrow(
      'got 3 events for one callback, expected one',
    );
  });
});

test.each<[string, ShapingOptions]>([
  ['a path', { fields: { drop: ['salary'] } }],
  ['an encryption key', { encrypt: { fields: ['data.a'], jwk: { kty: 'RSA' } } }],
])('fails when the options have %s that the schema rejects', (_name, options) => {
  expect(() => prepareShaping(options)).toThrow(TypeError);
});
