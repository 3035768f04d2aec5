/** The functions that an event passes on its way from its provider to a subscriber. */
export const stageNames = ['ingress', 'normalize', 'deliver'] as const;
export type StageName = (typeof stageNames)[number];

/** Those, and the one that every stack runs each minute. */
export const functionNames = [...stageNames, 'dispatch'] as const;
export type MeasuredFunction = (typeof functionNames)[number];

/** What the thread of the functions is started with. */
export interface StageData {
  /** Folder of each function's bundle. */
  readonly bundles: Readonly<Record<MeasuredFunction, string>>;
}

export interface StageOrder {
  readonly stage: MeasuredFunction;
  readonly event: unknown;
}

/** What an invocation cost. */
export interface StageCost {
  /** AWS requests by operation: `dynamodb:PutItem`. */
  readonly requests: Readonly<Record<string, number>>;
  /** Those of them that send messages with a `MessageGroupId`. */
  readonly groupedSends: number;
  /** CPU of the thread, the AWS SDK's and HTTP's included. */
  readonly cpuUs: number;
  readonly durationMs: number;
  /** What it wrote to its log. */
  readonly logBytes: number;
  readonly logLines: number;
  /** Custom metrics that CloudWatch makes of its log. */
  readonly metrics: readonly string[];
}

export type StageMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'ended'; readonly result: unknown; readonly cost: StageCost }
  | { readonly kind: 'failed'; readonly message: string };
