import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { converge } from '../sync/converging-world.ts';
import { loadWith } from './mutants.ts';
import { guards } from './sync-guards.ts';

/*
 * Each guard of the polls is taken out in turn: some history must then end with another view than the provider's data.
 * A guard that no history needs is not tested.
 */

const histories = 150;
const entry = `export { converge } from './test/flow/sync/converging-world.ts';`;

test.each(guards)('$guard', { timeout: 600_000 }, async ({ file, line, without, kinds, firstSeed = 1 }) => {
  const whole = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
  expect(whole.split(line), 'the line of the guard').toHaveLength(2);
  const mutated = (await loadWith(entry, { file, source: whole.replace(line, () => without) })) as {
    readonly converge: typeof converge;
  };
  for (let seed = firstSeed; seed < firstSeed + histories; seed += 1)
    for (const kind of kinds) {
      const isCaught = await mutated.converge(kind, seed).then(
        ({ polled, known, truth, doubled, wrongEnds }) =>
          doubled.length > 0 || wrongEnds.length > 0 || !isSame(polled, truth) || !isSame(known, truth),
        () => true,
      );
      if (isCaught) return;
    }
  expect.fail('no history shows the absence of the guard');
});

function isSame(one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): boolean {
  return JSON.stringify([...one]) === JSON.stringify([...other]);
}
