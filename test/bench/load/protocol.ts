/** What a provider is to send, and how. */
export interface TrafficPlan {
  /** Webhook URL of a GitHub account. */
  readonly url: string;
  readonly secret: string;
  /** Number of the first record: no two runs share one. */
  readonly firstRecord: number;
  readonly events: number;
  readonly bodyBytes: number;
  /** Callback endpoints that each event is to reach: paths `/0`, `/1`, … of the subscriber. */
  readonly subscriptions: number;
  readonly connections: number;
  /** Undefined for as many as the engine takes, with no more under way than `window`. */
  readonly ratePerSecond: number | undefined;
  /** Events that may be on their way from provider to subscriber. */
  readonly window: number;
  /** The longest that is sent, and the longest that is waited for what was sent. */
  readonly maxMs: number;
  readonly maxDrainMs: number;
}

/** Quantiles, in milliseconds. */
export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** How a run went, every event looked at. */
export interface TrafficResult {
  readonly sent: number;
  readonly accepted: number;
  /** Callbacks that came, each once: of as many as there were events accepted, times subscriptions. */
  readonly received: number;
  readonly lost: number;
  readonly doubled: number;
  /** Callbacks of events that nobody sent in this run. */
  readonly unknown: number;
  /** From the first request to the last answer. */
  readonly answeredMs: number;
  /** From the first request to the last callback. */
  readonly totalMs: number;
  /** From an event's request to the last of its callbacks. */
  readonly endToEndMs: Quantiles;
  /** Until the provider's request was answered. */
  readonly answerMs: Quantiles;
}

export type TrafficMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'ended'; readonly result: TrafficResult }
  | { readonly kind: 'failed'; readonly message: string };

export interface TrafficOrder {
  readonly plan: TrafficPlan;
}
