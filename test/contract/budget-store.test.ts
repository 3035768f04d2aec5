import { describe, expect, test } from 'vitest';
import { createDynamoBudgetStore } from '../../lambdas/adapters/dynamo/stores/budget-store.ts';
import { type BudgetState, newBudget } from '../../lambdas/engine/provider/budget/budget-state.ts';
import type { BudgetStore, StoredBudget } from '../../lambdas/ports/provider/budget-store.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import { createInMemoryBudgets } from '../fakes/in-memory-budgets.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import { useTables } from './emulated-aws.ts';

const tables = useTables();
const openDynamo = async (clock: Clock = createManualClock()) =>
  createDynamoBudgetStore(tables.client(), await tables.create('limits'), clock);
const implementations: readonly (readonly [string, () => Promise<BudgetStore>])[] = [
  ['the fake', async () => createInMemoryBudgets()],
  ['DynamoDB', openDynamo],
];

const absent: StoredBudget = { state: newBudget, revision: 0 };
const busy = (id: string): BudgetState => ({
  flights: [{ id, priority: 'webhook', startedAtMs: 1, expiresAtMs: 2, costs: { minute: 1, 'a day': 2.5 } }],
  limits: {
    minute: { ended: [[60_000, 1]], told: { remaining: 0, askedAtMs: 1, untilMs: 2, since: 3 }, maximum: 100 },
    bucket: { ended: [], level: { tokens: 0.25, atMs: 7 }, resetAtMs: 9 },
  },
  blocks: { '*': 12, 'crm/contacts.get': 13 },
  waiting: { poll: { sinceMs: 1, untilMs: 2, calls: 3 } },
  strikes: 2,
});

describe.each(implementations)('budgets on %s', (_, open) => {
  test('are new until they are written, and come back as they were written', async () => {
    const budgets = await open();
    expect(await budgets.read('acc_1')).toEqual(absent);
    expect(await budgets.write('acc_1', absent, busy('one'))).toBeUndefined();
    expect(await budgets.read('acc_1')).toEqual({ state: busy('one'), revision: 1 });
    expect(await budgets.write('acc_1', { state: busy('one'), revision: 1 }, newBudget)).toBeUndefined();
    expect(await budgets.read('acc_1')).toEqual({ state: newBudget, revision: 2 });
  });

  test('are kept apart by scope', async () => {
    const budgets = await open();
    for (const scope of ['acc_1', 'app stripe', 'app stripe2', 'acc_ü#1'])
      await budgets.write(scope, absent, busy(scope));
    for (const scope of ['acc_1', 'app stripe', 'app stripe2', 'acc_ü#1'])
      expect(await budgets.read(scope)).toEqual({ state: busy(scope), revision: 1 });
    expect(await budgets.read('acc_ü')).toEqual(absent);
  });

  test('are written by one of two that read the same; the other gets what is stored', async () => {
    const budgets = await open();
    await budgets.write('acc_1', absent, busy('one'));
    const stored = { state: busy('one'), revision: 1 };
    // As a creation, and as a change of an earlier revision.
    expect(await budgets.write('acc_1', absent, busy('late'))).toEqual(stored);
    await budgets.write('acc_1', stored, busy('two'));
    expect(await budgets.write('acc_1', stored, busy('late'))).toEqual({ state: busy('two'), revision: 2 });
    expect(await budgets.read('acc_1')).toEqual({ state: busy('two'), revision: 2 });
  });

  test('fails when the budget that was read is not stored: it is new', async () => {
    const budgets = await open();
    expect(await budgets.write('acc_1', { state: busy('one'), revision: 3 }, busy('two'))).toEqual(absent);
    expect(await budgets.read('acc_1')).toEqual(absent);
  });

  test('lose no change of many concurrent writers', async () => {
    const budgets = await open();
    const names = Array.from({ length: 12 }, (__, index) => `call-${index}`);
    await Promise.all(
      names.map(async (name) => {
        let read = absent;
        for (;;) {
          const [flight] = busy(name).flights;
          const next = { ...read.state, flights: [...read.state.flights, ...(flight === undefined ? [] : [flight])] };
          const current = await budgets.write('acc_1', read, next);
          if (current === undefined) return;
          read = current;
        }
      }),
    );
    const { state, revision } = await budgets.read('acc_1');
    expect(state.flights.map(({ id }) => id).sort()).toEqual([...names].sort());
    expect(revision).toBe(names.length);
  });
});

test('a budget that was not used for 32 days is new, although its row is still stored', async () => {
  const clock = createManualClock();
  const budgets = await openDynamo(clock);
  await budgets.write('acc_1', absent, busy('one'));
  const stored = { state: busy('one'), revision: 1 };
  clock.advance(32 * 86_400_000 - 1);
  expect(await budgets.read('acc_1')).toEqual(stored);
  clock.advance(1);
  expect(await budgets.read('acc_1')).toEqual(absent);
  expect(await budgets.write('acc_1', stored, busy('late'))).toEqual(absent);
  expect(await budgets.write('acc_1', absent, busy('two'))).toBeUndefined();
  expect(await budgets.read('acc_1')).toEqual({ state: busy('two'), revision: 1 });
});
