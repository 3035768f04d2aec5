import { newBudget } from '../../lambdas/engine/provider/budget/budget-state.ts';
import type { BudgetStore, StoredBudget } from '../../lambdas/ports/provider/budget-store.ts';

/** Budgets in memory. */
export function createInMemoryBudgets(): BudgetStore {
  const stored = new Map<string, StoredBudget>();
  const read = (scope: string): StoredBudget => stored.get(scope) ?? { state: newBudget, revision: 0 };
  return {
    read: async (scope) => structuredClone(read(scope)),
    async write(scope, { revision }, next) {
      const current = read(scope);
      if (current.revision !== revision) return structuredClone(current);
      stored.set(scope, { state: structuredClone(next), revision: revision + 1 });
      return undefined;
    },
  };
}
