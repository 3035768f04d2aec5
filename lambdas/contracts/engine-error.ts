/** Faults that the input does not explain. The codes are stable, for alarms and for the runbook. */
export type EngineErrorCode =
  /** The environment lacks a key or gives it a value that cannot be used. */
  | 'configuration-invalid'
  /** A store or queue did not take a write in the time there was. */
  | 'storage-unavailable'
  /** Another invocation holds what this one needs; later it will not. */
  | 'contended'
  /** A mapping took more time or memory than it may. */
  | 'mapping-timeout'
  /** The process that evaluates expressions does not start, or does not answer. */
  | 'expressions-unavailable'
  /** A provider did not answer, or may not be called. */
  | 'provider-unavailable'
  /** A stored row or a queue message is not of the shape that the engine writes. */
  | 'corrupt-state';

/** A fault that its thrower cannot mend. The message is safe to show: no body, no secret. */
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
