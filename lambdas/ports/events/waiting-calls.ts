/** Whose calls are counted, and how many of them may hold a function at the same time. */
export interface WaitingBucket {
  /** Two owners never share a bucket. */
  readonly name: string;
  readonly most: number;
}

export type WaitingEntry =
  | { readonly kind: 'entered'; readonly leave: () => Promise<void> }
  /** So many are waiting already; `name` is the first bucket that is full. */
  | { readonly kind: 'full'; readonly name: string };

/** Calls that hold a function while they wait, counted over all functions. */
export interface WaitingCalls {
  /**
   * Count one more call in each of these buckets, or in none of them where one is full.
   *
   * @param untilMs - When the call's function is certainly over. One that died without leaving counts no longer then.
   * @throws {contended} when others were always first.
   */
  enter(buckets: readonly WaitingBucket[], untilMs: number): Promise<WaitingEntry>;
}
