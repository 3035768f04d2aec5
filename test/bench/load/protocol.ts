/** What a provider sends, and how. */
export interface TrafficPlan {
  /** Webhook URLs of GitHub accounts at one origin, which receive the events in turn. */
  readonly urls: readonly string[];
  readonly secret: string;
  /** Number of the first record; unique per run. */
  readonly firstRecord: number;
  readonly events: number;
  readonly bodyBytes: number;
  /** Callback endpoints that each event must reach: paths `/0`, `/1`, … of the subscriber. */
  readonly subscriptions: number;
  readonly connections: number;
  /** Undefined to send as fast as the engine accepts, with at most `window` events in flight. */
  readonly ratePerSecond: number | undefined;
  /** Events in flight from provider to subscriber. */
  readonly window: number;
  /** An endpoint that answers late from this event on. An event counts as received when all others have it. */
  readonly hanging?: Hanging | undefined;
  /** The longest time to send, and the longest wait for the events sent. */
  readonly maxMs: number;
  readonly maxDrainMs: number;
}

export interface Hanging {
  readonly subscription: number;
  /** Counts the run's events from 0. */
  readonly fromEvent: number;
  readonly answersAfterMs: number;
}

/** Quantiles, in milliseconds. */
export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** The results of a run, with every event checked. */
export interface TrafficResult {
  readonly sent: number;
  readonly accepted: number;
  /** Distinct callbacks received, out of accepted events times subscriptions. */
  readonly received: number;
  readonly lost: number;
  readonly doubled: number;
  /** Callbacks of events that this run did not send. */
  readonly unknown: number;
  /** From the first request to the last answer. */
  readonly answeredMs: number;
  /** From the first request to the last callback. */
  readonly totalMs: number;
  /** From an event's request to the last of its callbacks. */
  readonly endToEndMs: Quantiles;
  /** From an event's request to each of its callbacks. */
  readonly deliveryMs: Quantiles;
  /** From the provider's request to its answer. */
  readonly answerMs: Quantiles;
}

export type TrafficMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'ended'; readonly result: TrafficResult }
  | { readonly kind: 'failed'; readonly message: string };

export interface TrafficOrder {
  readonly plan: TrafficPlan;
}
