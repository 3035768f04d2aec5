/** Work that continues by messages to itself: each run leaves the rest to the next. */
export type RunningWork =
  | { readonly kind: 'replay'; readonly subscription: string; readonly replay: string }
  | { readonly kind: 'erasure'; readonly tenant: string; readonly erasure: string };

/** Running work, so that dispatch finds work whose message was lost or dead-lettered. */
export interface RunningWorkLog {
  /** Register work, which counts as silent unless this is called again by then. @param byMs - Epoch milliseconds. */
  expect(work: RunningWork, byMs: number): Promise<void>;
  remove(work: RunningWork): Promise<void>;
  /** Work whose deadline has passed; at most `limit`. */
  listSilent(nowMs: number, limit: number): Promise<readonly RunningWork[]>;
}
