/** A count of an owner's waiting calls, with the number that may hold a function at the same time. */
export interface WaitingBucket {
  /** Two owners never share a bucket. */
  readonly name: string;
  readonly most: number;
}

export type WaitingEntry =
  | { readonly kind: 'entered'; readonly leave: () => Promise<void> }
  /** The limit is reached; `name` is the first full bucket. */
  | { readonly kind: 'full'; readonly name: string };

/** Calls that hold a function while they wait, counted over all functions. */
export interface WaitingCalls {
  /**
   * Count one more call in each of these buckets, or in none of them when one is full.
   *
   * @param untilMs - When the call's function has certainly ended. A call that died without leaving stops counting
   *   then.
   * @throws {contended} when concurrent writers won every attempt.
   */
  enter(buckets: readonly WaitingBucket[], untilMs: number): Promise<WaitingEntry>;
}
