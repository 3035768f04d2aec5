/** So many calls at once, and as many again over each window, evenly: a token bucket. */
export interface CallQuota {
  readonly calls: number;
  readonly windowMs: number;
}

export interface CallLimit extends CallQuota {
  /** Whose: a key or a tenant. Two names never share a bucket. */
  readonly bucket: string;
  /** Calls to take at once, all or none; at most `calls`. @default 1 */
  readonly cost?: number;
}

export type CallAdmission =
  | {
      readonly kind: 'admitted';
      /** Calls that could follow at once. */
      readonly remaining: number;
      /** Until the bucket is full again. */
      readonly fullInMs: number;
    }
  | { readonly kind: 'limited'; readonly retryAfterMs: number };

/** What all functions together know of who calls how often. */
export interface CallLimits {
  take(limit: CallLimit): Promise<CallAdmission>;
}
