/**
 * Shapes that travel between functions. Queues carry ids and metadata; a body travels inline only
 * up to the claim threshold.
 */

/** A body: inline when small, otherwise the key of an S3 object (claim check). */
export type BodyReference =
  | { readonly kind: 'inline'; readonly encoding: 'utf8' | 'base64'; readonly content: string }
  | { readonly kind: 'claim'; readonly key: string; readonly sizeBytes: number };

/** Raw queue: one verified provider request that was acknowledged. */
export interface RawMessage {
  /** Id of this acceptance. Two sends of one request by the provider have two ids. */
  readonly rawId: string;
  readonly integration: string;
  /** Absent where it came by the URL for all accounts: normalize finds out whose it is. */
  readonly account?: string;
  /**
   * The account's `createdAt` when it accepted the request: an account that was created since with the same id is
   * another one. Absent at the URL for all accounts, and in messages of versions that did not write it.
   */
  readonly incarnation?: string;
  /** Name of the handshake that a call of the engine's own completes; absent for an event. */
  readonly handshake?: string;
  /** ISO 8601, the instant of acceptance. */
  readonly receivedAt: string;
  /**
   * How often what caused it has passed through this deployment: 2 for what a callback of an ordinary event brought
   * back. @default 1
   */
  readonly hops?: number;
  /** Whether it was read from the raw archive, so that it is not archived once more. @default false */
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
  /** The subscription's scope: a tenant, or `*` where it serves all tenants. With the id it is its key. */
  readonly scope: string;
  readonly event: string;
  readonly tenant: string;
  readonly sequence: number;
  /** The event's timestamp, ISO 8601; part of the delivery's key. */
  readonly timestamp: string;
  /** Counts from 1. */
  readonly attempt: number;
}

/** Drain queue: an endpoint's backlog may go on, or a replay. */
export type DrainMessage =
  | { readonly kind: 'drain'; readonly subscription: string; readonly scope: string }
  | {
      readonly kind: 'replay';
      readonly replay: string;
      readonly subscription: string;
      readonly scope: string;
      /** Times that dispatch had started the replay again when this was sent. @default 0 */
      readonly restarts?: number | undefined;
    };

/** Governance queue: a tenant's erasure may go on. */
export interface GovernanceMessage {
  readonly kind: 'erase';
  readonly tenant: string;
  readonly erasure: string;
}

/** Message attribute that says why a message was put on a dead-letter queue by the engine itself. */
export const deadLetterReasonAttribute = 'reason';
