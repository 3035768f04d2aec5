/** An answer that was given, as it is given again. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A request that is to be carried out once. */
export interface AnswerClaim {
  /** The caller's key and the name that it gave the request. */
  readonly id: string;
  /** Digest of what was asked: the same name with another request is a mistake. */
  readonly fingerprint: string;
  /** This run and no other. */
  readonly owner: string;
  /** Part of the ids of what the request makes, unless a run before this one has begun with another. */
  readonly seed: string;
  /** What the answer is sealed with; never stored. */
  readonly sealKey: Uint8Array;
  /** Epoch milliseconds until which the run that claims it may be at it. */
  readonly leaseUntilMs: number;
  readonly expiresAtEpochSeconds: number;
}

export type AnswerStanding =
  /** `seed` is that of the first run, where one before this has died or failed. */
  | { readonly kind: 'claimed'; readonly seed: string }
  | { readonly kind: 'running'; readonly leaseUntilMs: number }
  | { readonly kind: 'answered'; readonly answer: StoredAnswer }
  /** The name stands for another request. */
  | { readonly kind: 'mismatch' };

/** Answers to requests that are to be carried out once. There may be secrets in them: they are stored sealed. */
export interface AnswerStore {
  /** Claim a request, or tell how it stands. The same request may go on where a run has not ended in its time. */
  claim(claim: AnswerClaim): Promise<AnswerStanding>;
  /** Keep the answer, if the claim still stands. */
  complete(claim: AnswerClaim, answer: StoredAnswer): Promise<void>;
  /** Forget the request, if the claim still stands: nothing was done. */
  release(claim: AnswerClaim): Promise<void>;
  /** Let the next try go on with the claim's seed, if the claim still stands: how much was done is not known. */
  leave(claim: AnswerClaim): Promise<void>;
}
