/** Start parameters of a sandbox's thread. */
export interface SandboxData {
  readonly codeFolder: string;
  readonly handler: string;
  /** The engine's clock, in shared memory. */
  readonly clockOffsetMs: Float64Array;
  readonly context: {
    readonly functionName: string;
    readonly functionArn: string;
    readonly memorySizeMb: number;
    readonly logGroupName: string;
    readonly logStreamName: string;
  };
}

export interface InvokeMessage {
  readonly requestId: string;
  readonly event: unknown;
  /** The SDK forwards it with each request of the invocation. */
  readonly traceHeader: string;
  readonly timeoutMs: number;
}

/** An error as Lambda reports it to the invoker. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

/** Text that was written to a stream, in the order of writing. */
export interface Output {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** Each message carries the output since the previous one, which was written before the news of the message. */
export type SandboxMessage = { readonly output: readonly Output[] } & SandboxNews;

export type SandboxNews =
  | { readonly kind: 'ready' }
  | { readonly kind: 'init-failed'; readonly error: FunctionError }
  | { readonly kind: 'output' }
  /** `payload` is JSON, as Lambda's runtime sends it. */
  | { readonly kind: 'succeeded'; readonly requestId: string; readonly payload: string }
  | { readonly kind: 'failed'; readonly requestId: string; readonly error: FunctionError };
