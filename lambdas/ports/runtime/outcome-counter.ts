/** Counts how inputs end. Each input ends as exactly one outcome. */
export interface OutcomeCounter<Outcome extends string> {
  count(outcome: Outcome, amount?: number): void;
}
