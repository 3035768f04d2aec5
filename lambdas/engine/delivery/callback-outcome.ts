export type CallbackOutcome =
  /** The endpoint answered, with any status. */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfter: string | undefined;
      /** Beginning of the response body. */
      readonly response: string;
      readonly durationMs: number;
    }
  /** No answer: blocked by the egress policy, unreachable, or too slow. */
  | {
      readonly kind: 'failed';
      readonly error: string;
      readonly durationMs: number;
      /** The answer was late, and another run already waits for one of this endpoint. The request may have arrived. */
      readonly isAbandoned?: true;
      /** Nothing was delivered, because of the callback itself. The endpoint is not at fault. */
      readonly isOwn?: true;
      /** The destination takes no message of this size: another attempt would end so, too. */
      readonly isTooLarge?: true;
      /** Nothing was sent, because an expression of the subscription exceeded its time or memory and was stopped. */
      readonly hasDied?: true;
      /** The expression did not even start, because its owner's expressions exceeded their limits just before. Not an attempt. */
      readonly isSuspended?: true;
    };
