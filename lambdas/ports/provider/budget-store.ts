import type { BudgetState } from '../../engine/provider/budget/budget-state.ts';

/** A budget as it is stored. */
export interface StoredBudget {
  readonly state: BudgetState;
  /** Counts the writes; 0 where nothing is stored. */
  readonly revision: number;
}

/** Budgets by scope: of an account, or of all accounts of an integration. */
export interface BudgetStore {
  /** What is stored now. */
  read(scope: string): Promise<StoredBudget>;
  /**
   * Write a budget, if it is still as it was read.
   *
   * @returns Undefined where it was; else what is stored now.
   */
  write(scope: string, read: StoredBudget, next: BudgetState): Promise<StoredBudget | undefined>;
}
