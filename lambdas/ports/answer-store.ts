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
  /** Epoch milliseconds until which the run that claims it may be at it. */
  readonly leaseUntilMs: number;
  readonly expiresAtEpochSeconds: number;
}

export type AnswerStanding =
  | { readonly kind: 'claimed' }
  | { readonly kind: 'running'; readonly fingerprint: string; readonly leaseUntilMs: number }
  | { readonly kind: 'answered'; readonly fingerprint: string; readonly answer: StoredAnswer };

/** Answers to requests that are to be carried out once. */
export interface AnswerStore {
  /** Claim a request, or tell how it stands. One whose run has not ended in its time may be claimed anew. */
  claim(claim: AnswerClaim): Promise<AnswerStanding>;
  /** Keep the answer, if the claim still stands. */
  complete(claim: AnswerClaim, answer: StoredAnswer): Promise<void>;
  /** Let the next try carry it out, if the claim still stands. */
  release(claim: AnswerClaim): Promise<void>;
}
