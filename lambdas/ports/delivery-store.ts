import type { Page } from './account-store.ts';

/** One try at a callback. */
export interface DeliveryAttempt {
  /** Counts from 1. */
  readonly number: number;
  /** ISO 8601. */
  readonly at: string;
  readonly durationMs: number;
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined;
  /** Why no answer came, or was not taken. */
  readonly error: string | undefined;
  /** Beginning of the receiver's answer, kept of failures only. */
  readonly response: string | undefined;
}

/** One event for one subscription. */
export interface Delivery {
  readonly subscription: string;
  readonly event: string;
  readonly tenant: string;
  readonly sequence: number;
  /** The event's timestamp, ISO 8601. */
  readonly timestamp: string;
  readonly state: 'delivered' | 'retrying' | 'exhausted';
  readonly attempts: readonly DeliveryAttempt[];
  /** Why there is no further attempt; only when exhausted. */
  readonly exhaustedBy: 'gone' | 'attempts-exhausted' | undefined;
  /** ISO 8601; only while retrying. */
  readonly nextAttemptAt: string | undefined;
}

export type DeliveryKey = Pick<Delivery, 'subscription' | 'event' | 'timestamp'>;

export interface DeliveryStore {
  getMany(keys: readonly DeliveryKey[]): Promise<readonly Delivery[]>;
  putMany(deliveries: readonly Delivery[]): Promise<void>;
}

export interface DeliveryLog {
  /** Newest first. */
  list(subscription: string, limit: number, after: string | undefined): Promise<Page<Delivery>>;
}
