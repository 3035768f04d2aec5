import { expect, onTestFinished, test, vi } from 'vitest';
import { compileExpression, runExpression } from '../../../../lambdas/engine/expression/run-expression.ts';
import { event, frozen } from '../shaping/any-event.ts';

function compiled(text: string) {
  const compilation = compileExpression(text);
  if (compilation.kind === 'fault') throw new Error(compilation.message);
  return compilation.expression;
}

test('compiles a text once, and evicts the least recently used text', () => {
  const first = compiled('1 + 1');
  expect(compiled('1 + 1')).toBe(first);
  for (let number = 0; number < 999; number += 1) compiled(`${number} + 0`);
  expect(compiled('1 + 1')).toBe(first);
  compiled('2 + 2');
  expect(compiled('1 + 1')).toBe(first);
  for (let number = 0; number < 1000; number += 1) compiled(`${number} + 1000`);
  expect(compiled('1 + 1')).not.toBe(first);
});

test('keeps the values of concurrent evaluations apart', async () => {
  const expression = compiled('($id := record_id; $map([1..20], function($i) { $id & "/" & $$.record_id })[-1])');
  const results = await Promise.all(
    [...Array(20).keys()].map((id) => runExpression(expression, { ...event, record_id: String(id) })),
  );
  expect(results).toEqual([...Array(20).keys()].map((id) => ({ kind: 'gave', value: `${id}/${id}` })));
});

test('does not change the event', async () => {
  const untouched = frozen(structuredClone(event));
  expect(await runExpression(compiled('{ "all": data.emails[] }'), untouched)).toMatchObject({ kind: 'gave' });
});

test.each([
  ['data.name + 1', 'JSONata T2001 in "+" at character 11'],
  ['$unknown(data.name)', 'JSONata T1006 in "unknown" at character 9'],
  ['$error("no name")', 'no name'],
  ['$assert(false, "no name")', 'no name'],
  ['$error($pad("", 9999, "x"))', 'x'.repeat(200)],
  ['($f := function($n) { 1 + $f($n + 1) }; $f(0))', expect.stringMatching(/^JSONata D1011 \(stack overflow\)/)],
  ['[1..100001]', expect.stringMatching(/^JSONata D2015 \(too many values\)/)],
])('fails when %s is evaluated, without quoting the value', async (text, reason) => {
  expect(await runExpression(compiled(text), event)).toEqual({ kind: 'failed', reason });
});

test('fails when an expression takes too long', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  onTestFinished(() => void vi.useRealTimers());
  const running = runExpression(compiled('$map([1..20], function($n) { $n })'), event);
  vi.setSystemTime(2001);
  expect(await running).toEqual({ kind: 'failed', reason: expect.stringMatching(/^JSONata D1012 \(timeout\)/) });
});
