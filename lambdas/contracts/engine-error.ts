/** Faults that the input does not cause. The codes are stable, for alarms and for the runbook. */
export type EngineErrorCode =
  /** The environment lacks a key, or the key has an invalid value. */
  | 'configuration-invalid'
  /** A store or queue did not accept a write in time. */
  | 'storage-unavailable'
  /** Another invocation holds the lease or claim that this one needs; a retry may succeed. */
  | 'contended'
  /** A mapping exceeded its time or memory limit. */
  | 'mapping-timeout'
  /** The process that evaluates expressions does not start, or does not answer. */
  | 'expressions-unavailable'
  /** A provider did not answer, or the egress policy forbids the call. */
  | 'provider-unavailable'
  /** A stored row or a queue message does not have the shape that the engine writes. */
  | 'corrupt-state';

/** A fault that the code cannot recover from. The message is safe to show: no body, no secret. */
export class EngineError extends Error {
  readonly code: EngineErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;

  constructor(code: EngineErrorCode, message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'EngineError';
    this.code = code;
    this.retryable = options.retryable;
  }
}
