import { expect, inject, test } from 'vitest';
import { faultsOf, playHistory } from './record-model.ts';

/** TRIBUTARY_RECORDS_SEED repeats the histories of a run. */
const seed = process.env['TRIBUTARY_RECORDS_SEED'] ?? (inject('isExploring') ? String(Date.now()) : 'npm test');
const histories = inject('isExploring') ? 10_000 : 300;

test(`records converge: ${histories} histories by the seed "${seed}" (invariant 4)`, { timeout: 600_000 }, async () => {
  const outcomes = new Map<string, number>();
  for (let index = 0; index < histories; index += 1) {
    const history = await playHistory(`${seed} ${index}`);
    expect(faultsOf(history), `history "${history.seed}", provider ${JSON.stringify(history.provider)}`).toEqual([]);
    for (const [kind, count] of history.outcomes) outcomes.set(kind, (outcomes.get(kind) ?? 0) + count);
  }
  // The histories reach every outcome.
  for (const kind of ['published', 'stale', 'unchanged', 'duplicate'])
    expect(outcomes.get(kind)).toBeGreaterThan(histories / 20);
});
