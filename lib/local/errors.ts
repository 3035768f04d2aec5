/** Faults that prevent the local engine from starting or running. */
export type LocalEngineErrorCode =
  /** The cloud assembly, its stack or one of its assets cannot be read. */
  | 'assembly-unreadable'
  /** `bin/app.ts` ended with an error. */
  | 'synthesis-failed'
  /** The template has a resource, a property or an intrinsic that the runner does not understand. */
  | 'template-not-understood'
  /** Another process listens on the requested port. */
  | 'port-in-use'
  /** An emulator did not start, or ended by itself. */
  | 'emulator-failed'
  /** A function's bundle cannot be loaded. */
  | 'function-init-failed'
  /** No function, or more than one, has the requested name. */
  | 'unknown-function';

/** The only error that `lib/local` throws; its message says what, where, and what to do. */
export class LocalEngineError extends Error {
  readonly code: LocalEngineErrorCode;

  constructor(code: LocalEngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LocalEngineError';
    this.code = code;
  }
}
