/**
 * Messages between functions. Queues carry ids and metadata; a body travels inline only up to the claim threshold.
 */

/** A body: inline when small, otherwise the key of an S3 object (claim check). */
export type BodyReference =
  | { readonly kind: 'inline'; readonly encoding: 'utf8' | 'base64'; readonly content: string }
  | { readonly kind: 'claim'; readonly key: string; readonly sizeBytes: number };

/** Raw queue: one provider request that ingress verified and acknowledged. */
export interface RawMessage {
  /** Id of this acceptance, from which its trace follows. When a provider sends a request twice, each has its own id. */
  readonly rawId: string;
  readonly integration: string;
  /** Absent for requests at the URL for all accounts: normalize finds the account. */
  readonly account?: string;
  /**
   * The account's `createdAt` when it accepted the request: an account that was created later with the same id is
   * another account. Absent for requests at the URL for all accounts, and in messages of older versions.
   */
  readonly incarnation?: string;
  /** Name of a handshake that the engine completes with a call to the provider; absent for an event. */
  readonly handshake?: string;
  /** ISO 8601, the instant of acceptance. */
  readonly receivedAt: string;
  /** Milliseconds from the arrival of the request until then. @default 0 */
  readonly tookMs?: number;
  /**
   * How often the cause of this request has passed through this deployment: 2 for a request that a callback of an
   * ordinary event caused. @default 1
   */
  readonly hops?: number;
  /** Whether the request was read from the raw archive, so that it is not archived again. @default false */
  readonly archived?: true;
  readonly request: {
    readonly method: string;
    /** The public URL as the provider called it. */
    readonly url: string;
    readonly path: string;
    /** Raw query string, without the question mark. */
    readonly query: string;
    /** Lower-case names; credentials are left out. */
    readonly headers: Readonly<Record<string, string>>;
  };
  readonly body: BodyReference;
}

/** Delivery queue: one attempt at one event for one subscription. */
export interface DeliveryJob {
  readonly subscription: string;
  /**
   * The subscription's scope: a tenant, or `*` where it serves all tenants. Scope and id are the subscription's key.
   */
  readonly scope: string;
  readonly event: string;
  readonly tenant: string;
  readonly sequence: number;
  /** The event's timestamp, ISO 8601; part of the delivery's key. */
  readonly timestamp: string;
  /** Counts from 1. */
  readonly attempt: number;
  /** How often the job was queued again without an attempt. @default 0 */
  readonly postponed?: number;
  /** The event's trace, for log lines. Absent where only the event's row tells it: in retries. */
  readonly trace?: string;
}

/** Drain queue: asks a run to continue an endpoint's backlog, or a replay. */
export type DrainMessage =
  | { readonly kind: 'drain'; readonly subscription: string; readonly scope: string }
  | {
      readonly kind: 'replay';
      readonly replay: string;
      readonly subscription: string;
      readonly scope: string;
      /** How often dispatch had restarted the replay before this message. @default 0 */
      readonly restarts?: number | undefined;
    };

/** Shadow queue: new deliveries of a subscription that also go to their tenant's second endpoint, once. */
export interface ShadowMessage {
  readonly kind: 'shadow';
  readonly subscription: string;
  readonly scope: string;
  readonly tenant: string;
  readonly events: readonly { readonly id: string; readonly sequence: number }[];
}

/** Enrich queue: asks a run to read the records that wait for one resource of an account. */
export interface EnrichMessage {
  readonly kind: 'enrich';
  readonly account: string;
  readonly resource: string;
}

/** Enrich queue: asks to tell the tenant what has become of an account's credentials. */
export interface AccountNewsMessage {
  readonly kind: 'account-news';
  readonly account: string;
}

/** Poll queue: asks a run to continue a sync of an account. */
export interface PollMessage {
  readonly kind: 'poll';
  readonly account: string;
  readonly sync: string;
}

/** Poll queue: a webhook said that something was missed, so the syncs of a resource, or all of them, run at once. */
export interface PollNowMessage {
  readonly kind: 'poll-now';
  readonly account: string;
  /** The account's `createdAt`: a later account with the same id is another one. */
  readonly incarnation: string;
  /** @default all resources */
  readonly resource?: string;
  /** Trace of the webhook; of several, of the last. Absent in messages of an earlier version. */
  readonly trace?: string;
}

/** Governance queue: asks a run to continue a tenant's erasure. */
export interface GovernanceMessage {
  readonly kind: 'erase';
  readonly tenant: string;
  readonly erasure: string;
}

/** Message attribute that says why the engine itself put a message on a dead-letter queue. */
export const deadLetterReasonAttribute = 'reason';
