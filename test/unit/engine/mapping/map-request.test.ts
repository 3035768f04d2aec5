import { describe, expect, test } from 'vitest';
import { type MappingInput, mapRequest, prepareMapping } from '../../../../lambdas/engine/mapping/map-request.ts';
import { type MappingContext } from '../../../../lambdas/engine/mapping/mapping-context.ts';

const context: MappingContext = {
  tenant: 'acme',
  account: 'acc_1',
  integration: 'hibob',
  receivedAt: '2026-11-22T12:00:00.000Z',
  deliveryId: 'delivery-1',
  rawBody: Buffer.from('{}'),
};
const input: MappingInput = { body: {}, headers: {}, query: {}, method: 'POST', path: '/in/hibob/acc_1' };

const map = (mapping: string, body: unknown = {}, changed: Partial<MappingContext> = {}) =>
  mapRequest(prepareMapping(mapping), { ...input, body }, { ...context, ...changed });

async function eventsOf(...call: Parameters<typeof map>) {
  const result = await map(...call);
  if (result.kind === 'failed') throw new Error(result.reason);
  return result.events;
}

async function reasonOf(...call: Parameters<typeof map>): Promise<string> {
  const result = await map(...call);
  return result.kind === 'failed' ? result.reason : `mapped to ${JSON.stringify(result.events)}`;
}

/** A mapping that returns one good event, with members added or replaced. */
const eventWith = (members: string) =>
  `$merge([{ "event_type": "updated", "resource": "hris/employees", "record_id": "7", "raw_event_type": "employee.updated" }, ${members}])`;

test('returns an event with tenant, account, integration and times', async () => {
  expect(
    await eventsOf(eventWith('{ "occurred_at": body.at, "data": { "id": "7" } }'), { at: '2026-11-20T08:00:00Z' }),
  ).toEqual([
    {
      id: expect.stringMatching(/^evt_[0-9a-f]{32}$/),
      type: 'record:updated',
      timestamp: '2026-11-22T12:00:00.000Z',
      tenant: 'acme',
      account: 'acc_1',
      integration: 'hibob',
      resource: 'hris/employees',
      record_id: '7',
      origin: 'webhook',
      raw_event_type: 'employee.updated',
      schema_version: '0.0.0',
      occurred_at: '2026-11-20T08:00:00.000Z',
      data: { id: '7' },
    },
  ]);
});

test.each([
  ['{ "poll": "*" }', [{ poll: '*' }]],
  ['[{ "poll": "crm/contacts", "context": 7 }]', [{ poll: 'crm/contacts', context: '7' }]],
])('asks for a poll: %s', async (mapping, polls) => {
  expect(await map(mapping)).toMatchObject({ kind: 'mapped', events: [], polls });
});

test.each(['{ "poll": "contacts" }', '{ "poll": "*", "record_id": "1" }', '{ "poll": true }'])(
  'refuses a poll that is none: %s',
  async (mapping) => {
    expect(await reasonOf(mapping)).toMatch(/^mapping gave a bad event \(0\): (poll|event): /);
  },
);

test('gives the mapping the whole request', async () => {
  const mapping = prepareMapping(
    eventWith('{ "data": { "h": headers."x-event", "q": query.a, "m": method, "p": path, "b": body.x } }'),
  );
  const result = await mapRequest(
    mapping,
    { body: { x: 1 }, headers: { 'x-event': 'e' }, query: { a: 'b' }, method: 'PUT', path: '/p' },
    context,
  );
  expect(result).toMatchObject({ events: [{ data: { h: 'e', q: 'b', m: 'PUT', p: '/p', b: 1 } }] });
});

test('accepts lists from every kind of list expression', async () => {
  const data = '{ "data": { "id": "7", "a": body.items.name, "b": [1..2].{ "n": $ }, "c": [body.items.name] } }';
  const events = await eventsOf(eventWith(data), { items: [{ name: 'x' }, { name: 'y' }] });
  expect(JSON.parse(JSON.stringify(events[0]?.data))).toEqual({
    id: '7',
    a: ['x', 'y'],
    b: [{ n: 1 }, { n: 2 }],
    c: ['x', 'y'],
  });
});

test.each(['null', '$nothing', '[]', 'body.items', 'body.none', 'body.items[id > 5]'])(
  '%s returns no event',
  async (mapping) => {
    expect(await eventsOf(mapping, { items: [] })).toEqual([]);
  },
);

test('returns every event of the mapping in order, each with its own id', async () => {
  const records = [...Array(25).keys()].map((id) => ({ id: id % 5 }));
  const mapping =
    'body.records.{ "event_type": "created", "resource": "crm/contacts", "record_id": id, "raw_event_type": "c" }';
  const events = await eventsOf(mapping, { records });
  expect(events.map(({ record_id }) => record_id)).toEqual(records.map(({ id }) => String(id)));
  expect(new Set(events.map(({ id }) => id)).size).toBe(25);
});

test.each([
  ['created', 'record:created'],
  ['updated', 'record:updated'],
  ['deleted', 'record:deleted'],
  ['record:deleted', 'record:deleted'],
])('event_type %s becomes %s', async (verb, type) => {
  expect(await eventsOf(eventWith(`{ "event_type": "${verb}" }`))).toMatchObject([{ type }]);
});

test.each([
  ['an instant in UTC', '"2026-11-20T08:00:00Z"', '2026-11-20T08:00:00.000Z'],
  ['an offset', '"2026-11-20T08:00:00.5+05:30"', '2026-11-20T02:30:00.500Z'],
  ['a local time as UTC, in any time zone of the machine', '"2026-11-20T08:00:00.123456"', '2026-11-20T08:00:00.123Z'],
  ['epoch milliseconds', '1795161600000', '2026-11-20T08:00:00.000Z'],
])('reads %s', async (_name, written, occurredAt) => {
  expect(await eventsOf(eventWith(`{ "occurred_at": ${written} }`))).toMatchObject([{ occurred_at: occurredAt }]);
});

describe('ids', () => {
  const idsOf = async (...call: Parameters<typeof map>) => (await eventsOf(...call)).map(({ id }) => id);
  const mapping = eventWith('{}');

  test('are the same for the same delivery at any time', async () => {
    expect(await idsOf(mapping, {}, { receivedAt: '2027-01-01T00:00:00.000Z' })).toEqual(await idsOf(mapping));
  });

  test('differ by account, by delivery, and by body when the delivery has no id', async () => {
    const unnamed = { deliveryId: undefined };
    const ids = await Promise.all([
      idsOf(mapping),
      idsOf(mapping, {}, { account: 'acc_2' }),
      idsOf(mapping, {}, { deliveryId: 'delivery-2' }),
      idsOf(mapping, {}, { ...unnamed, rawBody: Buffer.from('a') }),
      idsOf(mapping, {}, { ...unnamed, rawBody: Buffer.from('b') }),
    ]);
    expect(new Set(ids.flat()).size).toBe(5);
    expect(await idsOf(mapping, {}, { ...unnamed, rawBody: Buffer.from('a') })).toEqual(ids[3]);
  });

  test('of thin events come from the acceptance, not from a digest of the body, when nothing else names the change', async () => {
    const thin = (members: string) => eventWith(`{ "method": "get", "method_config": { "id": "7" }, ${members} }`);
    const twice = async (mapping: string, headers: readonly string[] = ['', ''], deliveryId?: string) =>
      Promise.all(
        ['raw_1', 'raw_2'].map(async (acceptanceId, index) => {
          const given = { ...input, headers: { 'x-time': headers[index] ?? '' } };
          const changed = { ...context, deliveryId, acceptanceId };
          const result = await mapRequest(prepareMapping(mapping), given, changed);
          return result.kind === 'mapped' ? result.events[0]?.id : result.reason;
        }),
      );
    const isOne = async (...call: Parameters<typeof twice>) => new Set(await twice(...call)).size === 1;
    expect(await isOne(thin('"raw_payload": 1'))).toBe(false);
    expect(await isOne(thin('"occurred_at": "2026-11-20T08:00:00Z"'))).toBe(true);
    expect(await isOne(thin('"occurred_at": headers."x-time"'), ['2026-11-20T08:00:00Z', '2026-11-20T08:00:01Z'])).toBe(
      false,
    );
    expect(await isOne(thin('"id": "change-9"'))).toBe(true);
    expect(await isOne(thin('"version": 3'))).toBe(true);
    expect(await isOne(thin('"raw_payload": 1'), ['', ''], 'delivery-1')).toBe(true);
    expect(await isOne(eventWith('{ "data": { "id": "7" } }'))).toBe(true);
  });

  test("come from the provider's id of the change, in any delivery, when the mapping returns it", async () => {
    const named = eventWith('{ "id": "change-9" }');
    expect(await idsOf(named, {}, { deliveryId: 'delivery-2' })).toEqual(await idsOf(named));
    expect(await idsOf(named)).not.toEqual(await idsOf(mapping));
  });
});

test('marks an event as thin when its record must be fetched', async () => {
  expect(await eventsOf(eventWith('{ "method": "get", "method_config": { "id": "7" } }'))).toMatchObject([
    { thin: true, data: {} },
  ]);
  expect((await eventsOf(eventWith('{ "method": "get" }')))[0]).not.toHaveProperty('thin');
});

describe('a bad event', () => {
  const good = eventWith('{}');
  test.each([
    ['an event is a number', '5', /\(0\): event: .*expected object/],
    ['an event is text', '"created"', /\(0\): event: .*expected object/],
    ['an event in a list is null', `[${good}, null]`, /\(1\): event: .*expected object/],
    [
      'the verb is unknown',
      eventWith('{ "event_type": "renamed" }'),
      /event_type: expected created, updated or deleted/,
    ],
    ['the verb is missing', '{ "resource": "a/b" }', /event_type: .*raw_event_type: /],
    ['the resource has no model', eventWith('{ "resource": "employees" }'), /resource: expected <model>\/<plural>/],
    ['the record id is empty', eventWith('{ "record_id": "" }'), /record_id: /],
    ['the record id is half a character', eventWith('{ "record_id": "a\\ud83d" }'), /record_id: .*surrogate/],
    ['the record id is null', eventWith('{ "record_id": null }'), /record_id: /],
    ['the record id is a list', eventWith('{ "record_id": [1] }'), /record_id: /],
    ['the time is not a time', eventWith('{ "occurred_at": "yesterday" }'), /occurred_at: /],
    ['the date does not exist', eventWith('{ "occurred_at": "2026-02-30T00:00:00Z" }'), /occurred_at: /],
    ['the time is out of range', eventWith('{ "occurred_at": 1e300 }'), /occurred_at: /],
    ['a member is misspelt', eventWith('{ "occured_at": 5 }'), /\(0\): event: .*"occured_at"/],
    ['the data is a list', eventWith('{ "data": [1] }'), /data: /],
    [
      'the data holds a function',
      eventWith('{ "data": { "a": [function($x) { $x }] } }'),
      /data: expected JSON values only/,
    ],
    ['the data holds a built-in function', eventWith('{ "data": { "a": $sum } }'), /data: expected JSON values only/],
    ['the data holds a regular expression', eventWith('{ "data": { "a": /x/ } }'), /data: expected JSON values only/],
    [
      'the second of three events is bad',
      `[${good}, ${eventWith('{ "record_id": "" }')}, ${good}]`,
      /bad event \(1\): record_id: /,
    ],
    ['the time is in microseconds', eventWith('{ "occurred_at": 1795161600000000 }'), /occurred_at/],
  ])('fails when %s', async (_name, mapping, reason) => {
    expect(await reasonOf(mapping)).toMatch(reason);
  });

  test('fails when the data is nested too deeply to store', async () => {
    const nested: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    expect(await reasonOf(eventWith('{ "data": { "a": body.deep } }'), { deep: nested })).toMatch(
      /data: expected JSON values only, at most 100 levels deep/,
    );
  });

  test('never quotes the body', async () => {
    const secretive = { event_type: 'marker-of-the-body', record_id: { a: 'marker-of-the-body' } };
    expect(await reasonOf('body', secretive)).not.toContain('marker-of-the-body');
  });
});

describe('a mapping that goes wrong', () => {
  test('fails when it raises an error', async () => {
    expect(await reasonOf('$error("no such thing")')).toMatch(/^mapping failed: .*no such thing/);
    expect(await reasonOf('$toMillis("x")')).toMatch(/^mapping failed: /);
  });

  test.concurrent.each([
    ['recurses without end', '($f := function($x) { $f($x) + 1 }; $f(0))', /stack overflow/i],
    ['recurses without end in tail position', '($f := function($x) { $f($x + 1) }; $f(0))', /timeout/i],
    ['loops too long', '$map([1..100000], function($x) { $map([1..100000], function($y) { $x * $y }) })', /timeout/i],
    ['filters too long', '[1..100000].([1..100000][$ > 5])', /timeout/i],
    ['builds a list that is too long', '[1..100000000]', /^mapping failed: /],
    ['builds a text that is too long', '$pad("", 1000000000)', /^mapping failed: /],
  ])('fails within a bound when it %s', async (_name, mapping, reason) => {
    const startedMs = performance.now();
    expect(await reasonOf(mapping)).toMatch(reason);
    // The timeout is two seconds; the rest allows for a busy machine.
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });

  test('does not affect the next run of the same mapping', async () => {
    const mapping = prepareMapping(`(body.bad ? ($f := function($x) { $f($x) + 1 }; $f(0)); ${eventWith('{}')})`);
    const results = await Promise.all(
      [true, false, true, false].map((bad) => mapRequest(mapping, { ...input, body: { bad } }, context)),
    );
    expect(results.map(({ kind }) => kind)).toEqual(['failed', 'mapped', 'failed', 'mapped']);
  });
});

describe('a mapping that tries to escape', () => {
  test.each([
    'process',
    '$process',
    'globalThis',
    'require',
    'body.constructor',
    'body.__proto__',
    'body.toString',
    'body.list.constructor',
    'body.text.constructor',
    'body.text.length',
    '$lookup(body, "constructor")',
    '$lookup(body, "__proto__")',
    '$string.constructor',
    '$sum.implementation',
    '(function($x) { $x }).environment',
    'body.*.constructor',
    'body.**.__proto__',
  ])('%s returns nothing', async (mapping) => {
    expect(await map(mapping, { text: 'a', list: [1], object: {} })).toMatchObject({ kind: 'mapped', events: [] });
  });

  test.each([
    'body.constructor("return process")()',
    'body.constructor.constructor("return process")()',
    '$string.constructor("return process")()',
    '$merge([{}, { "__proto__": { "polluted": true } }])',
    'body ~> | $ | { "__proto__": { "polluted": true } } |',
    '$spread({ "__proto__": { "polluted": true } })',
  ])('%s changes no prototype', async (mapping) => {
    await map(mapping, { object: {} });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('does not change the request', async () => {
    const body = { a: { b: 1 }, list: [3, 1, 2] };
    const before = structuredClone(body);
    await map('(body ~> | a | { "b": 2 } |; $sort(body.list); $append(body.list, 9); $nothing)', body);
    expect(body).toEqual(before);
  });
});

describe('an event that could be numbered but not stored or read', () => {
  test.each(['record_id', 'raw_event_type', 'id'])('fails when %s is too long for a row', async (member) => {
    expect(await reasonOf(eventWith(`{ "${member}": body.long }`), { long: 'x'.repeat(513) })).toMatch(
      new RegExp(`^mapping gave a bad event \\(0\\): ${member}: `),
    );
  });

  test('fails when the data, escaped twice, is larger than an answer can carry', async () => {
    const data = eventWith('{ "data": { "text": body.long } }');
    expect(await reasonOf(data, { long: 'x'.repeat(4_000_000) })).toMatch(/^mapped to/);
    expect(await reasonOf(data, { long: '"'.repeat(2_000_000) })).toMatch(/data: \d+ bytes, expected at most/);
  });
});

test('a timeout is retryable, a fault of the mapping is not', async () => {
  expect(await map('($f := function($x) { $f($x + 1) }; $f(0))')).toMatchObject({ kind: 'failed', retryable: true });
  expect(await map('$error("no")')).toMatchObject({ kind: 'failed', retryable: false });
});
