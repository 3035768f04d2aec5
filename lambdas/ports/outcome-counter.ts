/** Counts how inputs end. Each input ends as exactly one outcome. */
export interface OutcomeCounter {
  count(outcome: string, amount?: number): void;
}
