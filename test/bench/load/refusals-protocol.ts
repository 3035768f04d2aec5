/** Endpoints that are all given more than they can take, at the same time. */
export interface RefusalsPlan {
  readonly secret: string;
  readonly endpoints: readonly RefusingEndpoint[];
  readonly bodyBytes: number;
  /** How long an endpoint takes to answer, whatever it answers. */
  readonly answerMs: number;
  /** Events of one endpoint that may be under way without having been posted to it. */
  readonly window: number;
  /** Time in which first retries begin to come, which is not counted. */
  readonly warmUpMs: number;
  readonly measuredMs: number;
  /** The longest that is waited for what was sent. */
  readonly maxDrainMs: number;
}

/** The endpoint of the one subscription of a GitHub account, at the subscriber's path `/<its index>`. */
export interface RefusingEndpoint {
  /** Webhook URL of the account. */
  readonly url: string;
  /** Share of events whose first attempt is answered 503, without Retry-After. */
  readonly share: number;
}

/** How one endpoint fared. */
export interface RefusalsResult {
  readonly accepted: number;
  /** Events that it took while it was measured, at whichever attempt. */
  readonly taken: number;
  /** Posts to it while it was measured, and those that it refused. */
  readonly posts: number;
  readonly refused: number;
  /** The most that were under way at a time. */
  readonly mostAtATime: number;
  /** Events that the provider was told are taken, and that the endpoint had not taken when the wait was over. */
  readonly outstanding: number;
}

export type RefusalsMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'ended'; readonly results: readonly RefusalsResult[] }
  | { readonly kind: 'failed'; readonly message: string };

export interface RefusalsOrder {
  readonly plan: RefusalsPlan;
}
