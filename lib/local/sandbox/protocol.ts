/** What a sandbox's thread is started with. */
export interface SandboxData {
  readonly codeFolder: string;
  readonly handler: string;
  /** The engine's clock, on shared memory. */
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
  readonly timeoutMs: number;
}

/** An error as Lambda reports it to the invoker. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export type SandboxMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'init-failed'; readonly error: FunctionError }
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  /** `payload` is JSON, as Lambda's runtime sends it. */
  | { readonly kind: 'succeeded'; readonly requestId: string; readonly payload: string }
  | { readonly kind: 'failed'; readonly requestId: string; readonly error: FunctionError };
