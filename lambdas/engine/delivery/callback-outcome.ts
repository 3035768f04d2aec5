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
  | {
      readonly kind: 'failed';
      readonly error: string;
      readonly durationMs: number;
      /** Nothing was sent: the fault is in what was to be sent, and none of the endpoint's. */
      readonly isOwn?: true;
      /** Nothing was sent: an expression of the subscription took too much time or memory, and was stopped. */
      readonly hasDied?: true;
      /** Nor was the expression begun: those of its owner were stopped, or took too much, a moment ago. No attempt. */
      readonly isSuspended?: true;
    };
