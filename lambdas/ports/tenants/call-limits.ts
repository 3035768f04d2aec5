/** A token bucket: a burst of `calls`, refilled evenly by as many in each window. */
export interface CallQuota {
  readonly calls: number;
  readonly windowMs: number;
}

export interface CallLimit extends CallQuota {
  /** Name of the bucket, by key or tenant. Each name has its own bucket. */
  readonly bucket: string;
  /** Tokens to take, all or none; at most `calls`. @default 1 */
  readonly cost?: number;
}

export type CallAdmission =
  | {
      readonly kind: 'admitted';
      /** Tokens left in the bucket. */
      readonly remaining: number;
      /** Time until the bucket is full again. */
      readonly fullInMs: number;
    }
  | { readonly kind: 'limited'; readonly retryAfterMs: number };

/** Rate limits that all functions share. */
export interface CallLimits {
  take(limit: CallLimit): Promise<CallAdmission>;
}
