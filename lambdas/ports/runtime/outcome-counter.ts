/** Counts the outcomes of inputs. Each input has exactly one outcome. */
export interface OutcomeCounter<Outcome extends string> {
  count(outcome: Outcome, amount?: number): void;
}
