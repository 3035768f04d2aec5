import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { compactDecrypt } from 'jose';
import { describe, expect, test } from 'vitest';
import { limits } from '../../../../lambdas/contracts/limits.ts';
import type { CanonicalEvent } from '../../../../lambdas/engine/event/canonical-event.ts';
import { judgeEvent, transformEvent } from '../../../../lambdas/engine/expression/run-expression.ts';
import { prepareShaping, shapeEvents } from '../../../../lambdas/engine/shaping/shape-event.ts';
import { type ShapingOptions, shapingSchema } from '../../../../lambdas/engine/shaping/shaping-schema.ts';
import { event, frozen, isNamed, leavesOf, markedDataAndPaths, pathOf } from './any-event.ts';

const prepare = (options: Record<string, unknown>) => prepareShaping(shapingSchema.parse(options));
const shape = (options: Record<string, unknown>, ...events: CanonicalEvent[]) =>
  shapeEvents(prepare(options), events.length === 0 ? [event] : events, transformEvent);

async function sentBy(...call: Parameters<typeof shape>) {
  const shaped = await shape(...call);
  if (shaped.kind === 'failed') throw new Error(shaped.failures[0]?.reason);
  return { ...shaped, json: JSON.parse(shaped.body) };
}

const batch = { max_events: 100, max_wait_seconds: 5 };
const keys = {
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  X25519: generateKeyPairSync('x25519'),
};
const jwkOf = (name: keyof typeof keys) => keys[name].publicKey.export({ format: 'jwk' });

const isJwe = (value: unknown): value is string => typeof value === 'string' && /^eyJ[\w-]*(\.[\w-]+){4}$/.test(value);

async function decrypt(jwe: string, key: KeyObject): Promise<{ value: unknown; header: object }> {
  const { plaintext, protectedHeader } = await compactDecrypt(jwe, key);
  return { value: JSON.parse(new TextDecoder().decode(plaintext)), header: protectedHeader };
}

/** What the receiver makes of it: each JWE decrypted. */
async function restore(value: unknown, key: KeyObject): Promise<unknown> {
  if (isJwe(value)) return (await decrypt(value, key)).value;
  if (Array.isArray(value)) return Promise.all(value.map((item) => restore(item, key)));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(async ([name, member]) => [name, await restore(member, key)] as const);
  return Object.fromEntries(await Promise.all(members));
}

/** The forms that a callback may have. */
const forms = fc.record(
  {
    envelope: fc.constantFrom('tributary', 'cloudevents'),
    batch: fc.constant(batch),
    transform: fc.constantFrom('$', 'data', '{ "text": $string(data) }', '[$, data.**]'),
  },
  { requiredKeys: [] },
);

describe('without options', () => {
  test('is the event as JSON, exactly', async () => {
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
  ])('%s lets the event through', async (filter) => {
    expect(await verdictOf(filter)).toEqual({ kind: 'wanted' });
  });

  test.each(['false', 'data.salary > 100000', 'data.none', 'data.none > 5', 'null', '0', '""', '[]', '{}', '[[], 0]'])(
    '%s keeps the event back',
    async (filter) => {
      expect(await verdictOf(filter)).toEqual({ kind: 'unwanted' });
    },
  );

  test.each(['data.name > 5', '$nobody(data)', '$error("undecided")'])(
    'that fails lets the event through, and says why: %s',
    async (filter) => {
      expect(await verdictOf(filter)).toEqual({
        kind: 'undecided',
        reason: expect.stringMatching(/^filter failed: (JSONata T|undecided)/),
      });
    },
  );
});

describe('fields', () => {
  test('drop leaves the envelope and the rest of the data', async () => {
    const { json } = await sentBy({ fields: { drop: ['data.salary', 'data.lines.price', 'data.emails'] } });
    const { salary: _, emails: __, ...data } = event.data;
    expect(json).toEqual({ ...event, data: { ...data, lines: [{ sku: 'a' }, { sku: 'b' }, 'odd', [{}]] } });
  });

  test('include leaves the envelope and nothing else', async () => {
    const { json } = await sentBy({ fields: { include: ['data.id', 'data.name'] } });
    expect(json).toEqual({ ...event, data: { id: '123', name: 'Ada' } });
  });

  test('what is dropped appears nowhere, in whatever form the event is sent, and all else does', async () => {
    await fc.assert(
      fc.asyncProperty(markedDataAndPaths, forms, async ([data, paths], form) => {
        const { body } = await sentBy({ ...form, fields: { drop: paths.map(pathOf) } }, { ...event, data });
        for (const { names, leaf } of leavesOf(data)) expect(body.includes(leaf)).toBe(!isNamed(names, paths));
      }),
    );
  });

  test('what is included is all that is left, in whatever form the event is sent', async () => {
    await fc.assert(
      fc.asyncProperty(markedDataAndPaths, forms, async ([data, paths], form) => {
        const { body } = await sentBy({ ...form, fields: { include: paths.map(pathOf) } }, { ...event, data });
        for (const { names, leaf } of leavesOf(data)) expect(body.includes(leaf)).toBe(isNamed(names, paths));
      }),
    );
  });
});

describe('encrypt', () => {
  test.each([
    ['RSA', 'RSA-OAEP-256'],
    ['P-256', 'ECDH-ES+A256KW'],
    ['X25519', 'ECDH-ES+A256KW'],
  ] as const)('replaces values by JWEs for a key of %s', async (name, alg) => {
    const options = { fields: ['data.email', 'data.emails', 'data.lines.price'], jwk: { ...jwkOf(name), kid: 'k1' } };
    const { json, body } = await sentBy({ encrypt: options });
    expect(await decrypt(json.data.email, keys[name].privateKey)).toEqual({
      value: 'ada@example.com',
      header: expect.objectContaining({ alg, enc: 'A256GCM', kid: 'k1' }),
    });
    expect(json.data.lines).toEqual([
      { sku: 'a', price: expect.toSatisfy(isJwe) },
      { sku: 'b' },
      'odd',
      [{ price: expect.toSatisfy(isJwe) }],
    ]);
    expect(await restore(json, keys[name].privateKey)).toEqual(event);
    expect(body).not.toContain('example');
  });

  test('names no key where the JWK has no id', async () => {
    const { json } = await sentBy({ encrypt: { fields: ['data.email'], jwk: jwkOf('X25519') } });
    expect((await decrypt(json.data.email, keys.X25519.privateKey)).header).not.toHaveProperty('kid');
  });

  test('encrypts nothing, zero and false too, since they tell as much as other values', async () => {
    const data = { a: null, b: 0, c: false, d: '' };
    const fields = ['data.a', 'data.b', 'data.c', 'data.d', 'data.e'];
    const { json } = await sentBy({ encrypt: { fields, jwk: jwkOf('X25519') } }, { ...event, data });
    expect(Object.values(json.data).every(isJwe)).toBe(true);
    expect(await restore(json.data, keys.X25519.privateKey)).toEqual(data);
  });

  test('makes equal values look different', async () => {
    const encrypt = { fields: ['data.a', 'data.b'], jwk: jwkOf('P-256') };
    const { json } = await sentBy({ encrypt }, { ...event, data: { a: 'same', b: 'same' } });
    expect(json.data.a).not.toBe(json.data.b);
  });

  test('hides what is named and gives all back to the holder of the private key', async () => {
    await fc.assert(
      fc.asyncProperty(
        markedDataAndPaths,
        fc.constantFrom('P-256', 'X25519', 'RSA'),
        fc.constantFrom('tributary', 'cloudevents'),
        async ([data, paths], name, envelope) => {
          const encrypt = { fields: paths.map(pathOf), jwk: jwkOf(name) };
          const { json, body } = await sentBy({ encrypt, envelope }, { ...event, data });
          for (const { names, leaf } of leavesOf(data)) expect(body.includes(leaf)).toBe(!isNamed(names, paths));
          expect(JSON.stringify(await restore(json.data, keys[name].privateKey))).toBe(JSON.stringify(data));
        },
      ),
      { numRuns: 50 },
    );
  });

  test('does not bring back what fields left out, and hides from the transform what it encrypts', async () => {
    const { json } = await sentBy({
      fields: { drop: ['data.salary'] },
      encrypt: { fields: ['data.salary', 'data.name'], jwk: jwkOf('P-256') },
      transform: '{ "salary": $exists(data.salary), "name": data.name }',
    });
    expect(json).toEqual({ salary: false, name: expect.toSatisfy(isJwe) });
  });

  test('fails when there are more values than may be encrypted', async () => {
    const data = { items: Array.from({ length: 1001 }, (_, price) => ({ price })) };
    const jwk = jwkOf('P-256');
    expect(await shape({ encrypt: { fields: ['data.items.price'], jwk } }, { ...event, data })).toEqual({
      kind: 'failed',
      failures: [
        {
          event: event.id,
          reason: 'encryption failed: 1001 values, expected at most 1000: name the list itself',
        },
      ],
    });
    expect((await shape({ encrypt: { fields: ['data.items'], jwk } }, { ...event, data })).kind).toBe('body');
  });

  test('fails when the key can be read but not used', async () => {
    const jwk = { kty: 'OKP', crv: 'X25519', x: Buffer.alloc(32).toString('base64url') };
    expect(await shape({ encrypt: { fields: ['data.name'], jwk } })).toEqual({
      kind: 'failed',
      failures: [{ event: event.id, reason: 'encryption failed: the key cannot be used' }],
    });
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
  ])('%s gives the body', async (transform, body) => {
    const sent = await sentBy({ transform });
    expect(sent.json).toEqual(body);
    expect(sent.contentType).toBe('application/json');
  });

  test.each([
    ['data.none', 'transform gave nothing'],
    ['data.name + 1', 'transform failed: JSONata T2001 in "+" at character 11'],
    ['$error("no email")', 'transform failed: no email'],
    ['{ "f": $sum }', 'transform gave a value of type function, which is no JSON'],
    ['[function($x) { $x }]', 'transform gave a value of type function, which is no JSON'],
    ['/a/', 'transform gave a value of type function, which is no JSON'],
    [
      '$reduce([1..25], function($text, $level) { $text & $text }, "x")',
      `transform gave more than ${limits.maxEventBytes} bytes`,
    ],
  ])('fails when it is %s', async (transform, reason) => {
    expect(await shape({ transform })).toEqual({ kind: 'failed', failures: [{ event: event.id, reason }] });
  });

  test('sees the deepest data there can be', async () => {
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

  test('cloudevents carries what the transform gives, whatever it is', async () => {
    const { json } = await sentBy({ envelope: 'cloudevents', transform: 'data.emails' });
    expect(json).toMatchObject({ specversion: '1.0', id: event.id, data: event.data['emails'] });
    expect((await sentBy({ envelope: 'cloudevents', transform: 'null' })).json.data).toBeNull();
  });
});

describe('batch', () => {
  const events = [event, { ...event, id: 'evt_2', sequence: 4212 }, { ...event, id: 'evt_3', sequence: 4213 }];

  test('has the events in their order', async () => {
    const { json, contentType } = await sentBy({ batch }, ...events);
    expect(json).toEqual({ events });
    expect(contentType).toBe('application/json');
  });

  test('has the same form for one event', async () => {
    expect((await sentBy({ batch })).json).toEqual({ events: [event] });
  });

  test('has each event as its transform gives it', async () => {
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

  test('tries no event after one whose transform was the last to be run', async () => {
    const tried: string[] = [];
    const shaped = await shapeEvents(prepare({ batch, transform: 'id' }), events, async (_, { id }) => {
      tried.push(id);
      return { kind: 'failed', reason: 'it was stopped', isLast: true };
    });
    expect(shaped).toEqual({ kind: 'failed', failures: [{ event: event.id, reason: 'it was stopped' }] });
    expect(tried).toEqual([event.id]);
  });

  test('fails when there is no event, or more than one without it', async () => {
    await expect(shapeEvents(prepare({ batch }), [], transformEvent)).rejects.toThrow('got 0 events');
    await expect(shapeEvents(prepare({}), events, transformEvent)).rejects.toThrow(
      'got 3 events for one callback, expected one',
    );
  });
});

test('never changes the event', async () => {
  await fc.assert(
    fc.asyncProperty(markedDataAndPaths, forms, async ([data, paths], form) => {
      const original = frozen({ ...event, data });
      const before = JSON.stringify(original);
      const named = paths.map(pathOf);
      const options = { ...form, fields: { drop: named }, encrypt: { fields: ['data.a'], jwk: jwkOf('X25519') } };
      await shape({ ...options, transform: '{ "a": data.*[], "b": data ~> |$|{ "a": 1 }| }' }, original);
      await judgeEvent('data.a[]', original);
      expect(JSON.stringify(original)).toBe(before);
    }),
    { numRuns: 50 },
  );
});

test.each<[string, ShapingOptions]>([
  ['a path', { fields: { drop: ['salary'] } }],
  ['a key', { encrypt: { fields: ['data.a'], jwk: { kty: 'RSA' } } }],
])('fails when %s is prepared that the schema would refuse', (_name, options) => {
  expect(() => prepareShaping(options)).toThrow(TypeError);
});
