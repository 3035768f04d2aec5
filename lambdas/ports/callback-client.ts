export interface CallbackRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type CallbackOutcome =
  /** Any answer, of whatever status. */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfter: string | undefined;
      /** Beginning of the answer's body. */
      readonly response: string;
      readonly durationMs: number;
    }
  /** No answer: refused by the egress policy, unreachable, or too slow. */
  | { readonly kind: 'failed'; readonly error: string; readonly durationMs: number };

/** Posts callbacks. Never throws for what the receiver does, and never follows a redirect. */
export interface CallbackClient {
  post(request: CallbackRequest): Promise<CallbackOutcome>;
}

/** Decides whether an outbound URL may be called at all. */
export interface EgressPolicy {
  /** @returns Undefined when the URL may be called, otherwise why not, in words for its owner. */
  refusalOf(url: string): Promise<string | undefined>;
}
