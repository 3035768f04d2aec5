import type { OutcomeCounter } from '../../lambdas/ports/runtime/outcome-counter.ts';

export interface OutcomeTally extends OutcomeCounter<string> {
  /** Sum of the counts of these outcomes. */
  sum(...outcomes: readonly string[]): number;
}

export function createOutcomeTally(): OutcomeTally {
  const counts = new Map<string, number>();
  return {
    count: (outcome, amount = 1) => void counts.set(outcome, (counts.get(outcome) ?? 0) + amount),
    sum: (...outcomes) => outcomes.reduce((total, outcome) => total + (counts.get(outcome) ?? 0), 0),
  };
}
