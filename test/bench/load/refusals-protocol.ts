/** Endpoints that all receive more than they can handle, at the same time. */
export interface RefusalsPlan {
  readonly secret: string;
  readonly endpoints: readonly RefusingEndpoint[];
  readonly bodyBytes: number;
  /** How long an endpoint takes to answer, whatever the status. */
  readonly answerMs: number;
  /** Events of one endpoint in flight that have not been posted yet. */
  readonly window: number;
  /** Time without measurement, in which the first retries begin. */
  readonly warmUpMs: number;
  readonly measuredMs: number;
  /** The longest wait for events that were sent. */
  readonly maxDrainMs: number;
}

/** The endpoint of the only subscription of a GitHub account, at the subscriber's path `/<its index>`. */
export interface RefusingEndpoint {
  /** Webhook URL of the account. */
  readonly url: string;
  /** Share of events whose first attempt gets a 503 without Retry-After. */
  readonly share: number;
}

/** The results of one endpoint. */
export interface RefusalsResult {
  readonly accepted: number;
  /** Events that it accepted during the measurement, on any attempt. */
  readonly taken: number;
  /** Posts to it during the measurement, and how many it refused. */
  readonly posts: number;
  readonly refused: number;
  /** The highest number of concurrent posts. */
  readonly mostAtATime: number;
  /** Acknowledged events that the endpoint had not accepted when the wait ended. */
  readonly outstanding: number;
}

export type RefusalsMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'ended'; readonly results: readonly RefusalsResult[] }
  | { readonly kind: 'failed'; readonly message: string };

export interface RefusalsOrder {
  readonly plan: RefusalsPlan;
}
