import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { OperationShape } from '../../../lambdas/engine/api/operation.ts';
import { type OperationId, operations } from '../../../lambdas/engine/api/operations.ts';
import { propertyRuns } from '../../property-runs.ts';
import { type ApiWorld, createApiWorld } from '../api-world.ts';

/*
 * Calls every operation with input that its document does not allow: wrong types, missing and unknown members,
 * excessive sizes, text that is not JSON. Every answer must be declared (see `declared-answer.ts`) and never 5xx. Input
 * that happens to be valid may succeed.
 */

const ids = Object.keys(operations) as OperationId[];
const shapeOf = (id: OperationId): OperationShape => operations[id];
const runs = propertyRuns(20, 120);

/** Values that callers rarely send on purpose. */
const strange = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER + 1, '', ' ', [], {}, [[]], '\u0000'),
  fc.constantFrom<unknown>(
    'x'.repeat(3000),
    Array.from({ length: 2000 }, () => 'x'),
    { __proto__: null, constructor: 1 },
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.double(),
);

/** A body with one strange member, or a strange body. */
function spoilt(right: unknown): fc.Arbitrary<unknown> {
  if (typeof right !== 'object' || right === null || Array.isArray(right)) return strange;
  const members = Object.keys(right);
  const at = (name: string): fc.Arbitrary<unknown> =>
    spoilt((right as Record<string, unknown>)[name]).map((value) => ({ ...right, [name]: value }));
  const without = (name: string) => Object.fromEntries(Object.entries(right).filter(([key]) => key !== name));
  return fc.oneof(
    strange,
    fc.tuple(fc.string({ maxLength: 20 }), strange).map(([name, value]) => ({ ...right, [name]: value })),
    ...(members.length === 0
      ? []
      : [
          fc.constantFrom(...members).chain(at),
          fc.constantFrom(...members).map(without),
          fc.tuple(fc.constantFrom(...members), strange).map(([name, value]) => ({ ...right, [name]: value })),
        ]),
  );
}

/** The body as text: mostly JSON. */
const sent = (value: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 8, arbitrary: value.map((one) => JSON.stringify(one) ?? '') },
    { weight: 1, arbitrary: fc.string({ maxLength: 60 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('{', '{"a":', '[', '"', '﻿{}', '['.repeat(5000), `"${'x'.repeat(1_100_000)}"`),
    },
  );

function queryNames({ query }: OperationShape): string[] {
  const shape = (query as { readonly shape?: object } | undefined)?.shape;
  return Object.keys(shape ?? {});
}

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});

describe.each(ids.filter((id) => shapeOf(id).body !== undefined))('%s with an invalid body', (id) => {
  test('fails with a declared 4xx or succeeds, and never answers 5xx', async () => {
    const shape = shapeOf(id);
    const { path, body } = world.request(id);
    const valid = body ?? {};
    await fc.assert(
      fc.asyncProperty(sent(spoilt(valid)), async (text) => {
        const { status } = await world.api.call(shape.method, path, text);
        expect(status).toBeLessThan(500);
      }),
      runs,
    );
  });
});

describe.each(ids)('%s with an invalid query, path and headers', (id) => {
  test('fails with a declared 4xx or succeeds, and never answers 5xx', async () => {
    const shape = shapeOf(id);
    const names = [...queryNames(shape), 'nosuch', 'constructor', '__proto__'];
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 30 }),
      fc.constantFrom(
        '-1',
        '1e9',
        '0x10',
        'NaN',
        '9'.repeat(400),
        '2026-99-99T00:00:00Z',
        'eyJhIjoxfQ',
        ',,,',
        '*',
        'null',
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...names), text), { maxLength: 3 }),
        fc.option(fc.stringMatching(/^[\w.%~-]{1,40}$/)),
        fc.record(
          {
            'idempotency-key': fc.string({ maxLength: 300 }),
            'if-none-match': fc.string({ maxLength: 60 }),
            'content-type': fc.constantFrom('text/plain', 'application/x-www-form-urlencoded', ''),
          },
          { requiredKeys: [] },
        ),
        async (query, name, headers) => {
          const { path, body } = world.request(id);
          const [place = ''] = path.split('?');
          const odd = name === null ? place : place.replace(/^(\/v1\/\w+\/)[^/]+/, `$1${name}`);
          // A call that waits for events would wait by the world's clock.
          const parameters = query.filter(([one, value]) => one !== 'wait' || !(Number(value) > 0));
          const search = new URLSearchParams(parameters).toString();
          const { status } = await world.api.call(shape.method, `${odd}?${search}`, body, 'all', headers);
          expect(status).toBeLessThan(500);
        },
      ),
      runs,
    );
  });
});
