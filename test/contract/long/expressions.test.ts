import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  createExpressionProcess,
  type ExpressionProcessOptions,
} from '../../../lambdas/adapters/node/expression-process.ts';
import type { Expressions } from '../../../lambdas/ports/runtime/expressions.ts';
import { anEvent } from '../../fakes/samples.ts';
import { propertyRuns } from '../../property-runs.ts';

const script = new URL('../../../lambdas/functions/expressions.child.ts', import.meta.url);
const opened: { stop(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.stop();
});
function open(options: Partial<ExpressionProcessOptions> = {}) {
  const expressions = createExpressionProcess({ script, heapMb: 96, limitMs: 500, ...options });
  opened.push(expressions);
  return expressions;
}
const judge = (expressions: Expressions, filter: string, owner = 'sub_1') =>
  expressions.run(
    'judge',
    { filter, event: { ...anEvent({ data: { id: '123', status: 'active' } }), sequence: 1 } },
    owner,
  );
const wanted = { kind: 'ended', result: { kind: 'wanted' } };

/** Expressions that use too much time or memory. */
const hostile: Readonly<Record<string, string>> = {
  'a huge string': '$pad("x", 100000) ~> $split("") ~> $map(function($c) { $pad($c, 100000) }) ~> $join()',
  'a string that doubles':
    '($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, $uppercase($a & $a)) }; $f(40, "xxxxxxxx"))',
  'nested ranges': '[1..99999].([1..99999])',
  'a loop without end': '($f := function($n) { $n = -1 ? 0 : $f($n + 1) }; $f(0))',
  'a slow function of JSONata': '$distinct([1..99999].{ "a": $ })',
};

describe('expressions in a separate process', () => {
  test('return their results', async () => {
    const expressions = open();
    expect(await judge(expressions, 'data.status = "active"')).toEqual(wanted);
    expect(await judge(expressions, 'data.status = "gone"')).toEqual({ kind: 'ended', result: { kind: 'unwanted' } });
    expect(await judge(expressions, '$error("no")')).toMatchObject({ result: { kind: 'undecided' } });
    expect(
      await expressions.run(
        'transform',
        { transform: '{ "n": data.id & "é\n" }', event: { ...anEvent(), sequence: 1 } },
        'sub_1',
      ),
    ).toEqual({ kind: 'ended', result: { kind: 'text', text: '{"n":"123é\\n"}' } });
  });

  test('filter many large events at once', { timeout: 60_000 }, async () => {
    // The settings of deliver, without its allowance.
    const expressions = open({ heapMb: 128, limitMs: 250, suspendMs: 60_000 });
    const event = { ...anEvent({ data: { text: 'x'.repeat(90_000) } }), sequence: 1 };
    const runs = await Promise.all(
      Array.from({ length: 100 }, () => expressions.run('judge', { filter: 'false', event }, 'sub_1')),
    );
    expect(runs).toEqual(runs.map(() => ({ kind: 'ended', result: { kind: 'unwanted' } })));
  });

  test('give each concurrent caller its own result', async () => {
    const expressions = open();
    const runs = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        expressions.run(
          'transform',
          { transform: `"${index}" & record_id`, event: { ...anEvent({ record_id: `r${index}` }), sequence: 1 } },
          `sub_${index % 7}`,
        ),
      ),
    );
    expect(runs).toEqual(
      runs.map((_, index) => ({ kind: 'ended', result: { kind: 'text', text: `"${index}r${index}"` } })),
    );
  });

  test.each(Object.entries(hostile))('die alone: %s', { timeout: 30_000 }, async (_, filter) => {
    const expressions = open();
    // The neighbours' jobs are behind it in the same process, and go to the next one.
    const [died, ...others] = await Promise.all([
      judge(expressions, filter, 'sub_hostile'),
      ...Array.from({ length: 5 }, (_, index) => judge(expressions, 'data.status = "active"', `sub_${index}`)),
    ]);
    expect(died).toMatchObject({ kind: 'died', by: expect.stringMatching(/^(time|memory)$/) });
    expect(others).toEqual(others.map(() => wanted));
    expect(await judge(expressions, 'data.status = "active"')).toEqual(wanted);
  });

  test.each([
    '($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, $append($a, $a)) }; $count($f(40, [1, 2, 3])))',
    '$match($pad("a", 100000), /a(.*b)?/)',
    '$pad("x", 100000000)',
    '$contains($pad("a", 1000000), /(a{1,100}b){1,5}/)',
    '($f := function($n) { 1 + $f($n + 1) }; $f(0))',
  ])('end within the bounds of JSONata where possible: %s', { timeout: 30_000 }, async (filter) => {
    expect(await judge(open({ limitMs: 5_000 }), filter)).toMatchObject({ kind: 'ended' });
  });

  test('never prevent a neighbour’s result, whatever the expression is', { timeout: 60_000 }, async () => {
    const value = fc.constantFrom(
      'data',
      '[1..5000]',
      '$pad("x", 1000000)',
      '"a"',
      '$string($$)',
      '[1..99]',
      '9007199',
    );
    const call = fc.constantFrom(
      (of: string) => `$join($map([1..3000], function($c) { ${of} & "" }))`,
      (of: string) => `$distinct([${of}, ${of}])`,
      (of: string) => `$sort([${of}], function($a, $b) { $string($a) > $string($b) })`,
      (of: string) => `$split($string(${of}), "")`,
      (of: string) => `$reduce([1..40], function($a, $b) { $append($a, $a) }, [${of}])`,
      (of: string) => `$reduce([1..40], function($a, $b) { $a & $a }, $string(${of}))`,
      (of: string) => `$replace($string(${of}), /(x|a|1)+/, "$1$1$1$1")`,
      (of: string) => `[${of}].([${of}])`,
      (of: string) => `$map([${of}], function($x) { $pad($string($x), 1000000) })`,
      (of: string) => `{ "a": ${of}, "b": [${of}, ${of}] }`,
    );
    const hostileExpression = fc
      .tuple(value, fc.array(call, { minLength: 1, maxLength: 4 }))
      .map(([start, calls]) => calls.reduce<string>((of, apply) => apply(of), start));
    const expressions = open({ limitMs: 200 });
    await fc.assert(
      fc.asyncProperty(hostileExpression, async (filter) => {
        const [run, neighbour] = await Promise.all([
          judge(expressions, filter, 'sub_hostile'),
          judge(expressions, 'data.status = "active"', 'sub_quiet'),
        ]);
        expect(['ended', 'died']).toContain(run.kind);
        expect(neighbour).toEqual(wanted);
      }),
      propertyRuns(8, 60),
    );
  });

  test('are refused for a while after one of the same owner has died, unlike those of others', async () => {
    const expressions = open({ limitMs: 100, suspendMs: 60_000 });
    const loop = hostile['a loop without end'] as string;
    const runs = await Promise.all([1, 2, 3].map(() => judge(expressions, loop, 'sub_hostile')));
    expect(runs.map((run) => run.kind === 'died' && run.by)).toEqual(['time', 'suspended', 'suspended']);
    expect(await judge(expressions, 'true', 'sub_hostile')).toMatchObject({ kind: 'died', by: 'suspended' });
    expect(await judge(expressions, 'true', 'sub_other')).toEqual(wanted);
  });

  test('of an owner that has used its allowance are refused until the excess is repaid', async () => {
    const expressions = open({ allowance: { burstMs: 200, share: 0.05 } });
    const busy = '$sum([1..20000].($ * $)) > 0';
    // On a busy machine the process gets little CPU time: the share must be less, or the allowance never runs out.
    const kinds: string[] = [];
    for (let run = 0; run < 200 && !kinds.includes('died'); run += 1)
      kinds.push((await judge(expressions, busy, 'sub_busy')).kind);
    expect(kinds.at(-1)).toBe('died');
    expect(await judge(expressions, 'true', 'sub_other')).toEqual(wanted);
    await vi.waitFor(async () => expect(await judge(expressions, 'true', 'sub_busy')).toEqual(wanted), 10_000);
  });

  test('of an owner with many do not delay another owner’s until all are done', async () => {
    const expressions = open();
    const order: string[] = [];
    const note = (owner: string) => async () =>
      judge(expressions, '$sum([1..2000].($ * $)) > 0', owner).then(() => order.push(owner));
    await Promise.all([...Array.from({ length: 40 }, () => note('sub_busy')()), note('sub_quiet')()]);
    expect(order.indexOf('sub_quiet')).toBeLessThan(20);
  });

  test('cannot reach the environment or the process', async () => {
    process.env['TRIBUTARY_TEST_SECRET'] = 'hidden';
    const expressions = open();
    for (const filter of [
      '$string.constructor("return process")()',
      'data.constructor.constructor("return process.env")()',
    ])
      expect(await judge(expressions, filter)).not.toMatchObject({ result: { kind: 'wanted' } });
    delete process.env['TRIBUTARY_TEST_SECRET'];
  });

  test('fails when the process does not start, with a retryable error', async () => {
    const expressions = open({ script: new URL('./no-such-script.ts', import.meta.url) });
    await expect(judge(expressions, 'true')).rejects.toMatchObject({
      code: 'expressions-unavailable',
      retryable: true,
    });
  });
});
