/** The functions on an event's path from its provider to a subscriber. */
export const stageNames = ['ingress', 'normalize', 'deliver'] as const;
export type StageName = (typeof stageNames)[number];

/** These functions, and the one that every stack runs each minute. */
export const functionNames = [...stageNames, 'dispatch'] as const;
export type MeasuredFunction = (typeof functionNames)[number];

/** The input of the functions' thread. */
export interface StageData {
  /** The folder of each function's bundle. */
  readonly bundles: Readonly<Record<MeasuredFunction, string>>;
}

export interface StageOrder {
  readonly stage: MeasuredFunction;
  readonly event: unknown;
}

/** The cost of an invocation. */
export interface StageCost {
  /** AWS requests by operation: `dynamodb:PutItem`. */
  readonly requests: Readonly<Record<string, number>>;
  /** Requests that send messages with a `MessageGroupId`. */
  readonly groupedSends: number;
  /** CPU of the thread, including the AWS SDK and HTTP. */
  readonly cpuUs: number;
  readonly durationMs: number;
  /** What the function wrote to its log. */
  readonly logBytes: number;
  readonly logLines: number;
  /** Custom metrics that CloudWatch creates from the log. */
  readonly metrics: readonly string[];
}

export type StageMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'ended'; readonly result: unknown; readonly cost: StageCost }
  | { readonly kind: 'failed'; readonly message: string };
