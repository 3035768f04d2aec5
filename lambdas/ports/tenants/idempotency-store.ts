/** An answer, stored to be repeated. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A claim on a request that must be carried out once. */
export interface AnswerClaim {
  /** The caller's key id and a digest of its idempotency key. */
  readonly id: string;
  /** Digest of the request, which detects an idempotency key reused for another request. */
  readonly fingerprint: string;
  /** Id of this run. */
  readonly owner: string;
  /** Seed for the ids of created objects, unless an earlier run has begun with another seed. */
  readonly seed: string;
  /** Key that encrypts the answer; never stored. */
  readonly sealKey: Uint8Array;
  /** Epoch milliseconds; end of this run's lease. */
  readonly leaseUntilMs: number;
  readonly expiresAtEpochSeconds: number;
}

export type AnswerStanding =
  /** `seed`: that of the first run, if an earlier run died or failed. */
  | { readonly kind: 'claimed'; readonly seed: string }
  | { readonly kind: 'running'; readonly leaseUntilMs: number }
  | { readonly kind: 'answered'; readonly answer: StoredAnswer }
  /** The idempotency key belongs to another request. */
  | { readonly kind: 'mismatch' };

/** Answers by idempotency key. They are stored encrypted, since they may hold secrets. */
export interface AnswerStore {
  /** Claim a request, or return its state. A repeat of the request gets the claim once an earlier run's lease ends. */
  claim(claim: AnswerClaim): Promise<AnswerStanding>;
  /** Store the answer, if this run still holds the claim. */
  complete(claim: AnswerClaim, answer: StoredAnswer): Promise<void>;
  /** Delete the claim, if this run still holds it: the call changed nothing. */
  release(claim: AnswerClaim): Promise<void>;
  /** End the lease but keep the seed for a retry, if this run still holds the claim: its progress is unknown. */
  leave(claim: AnswerClaim): Promise<void>;
}
