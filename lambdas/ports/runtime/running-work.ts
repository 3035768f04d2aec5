/** Work that goes on by messages to itself, each run leaving the rest to the next. */
export type RunningWork =
  | { readonly kind: 'replay'; readonly subscription: string; readonly replay: string }
  | { readonly kind: 'erasure'; readonly tenant: string; readonly erasure: string };

/** What runs, so that dispatch finds what has fallen silent: a message may be lost, or end as a dead letter. */
export interface RunningWorkLog {
  /** Count the work as silent unless this is called again before then. @param byMs - Epoch milliseconds. */
  expect(work: RunningWork, byMs: number): Promise<void>;
  remove(work: RunningWork): Promise<void>;
  /** Work that was expected before then; at most `limit`. */
  listSilent(nowMs: number, limit: number): Promise<readonly RunningWork[]>;
}
