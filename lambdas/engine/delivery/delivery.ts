import type { ExhaustedBy } from './next-attempt.ts';

/** One try at a callback. */
export interface DeliveryAttempt {
  /** Counts from 1. */
  readonly number: number;
  /**
   * Why it was made: as the schedule has it, to find out whether the endpoint is back, or because
   * a person asked. Only those of the schedule count against it, and the one that begins it.
   */
  readonly trigger: 'schedule' | 'probe' | 'manual';
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

/** Where a delivery's next attempt waits. */
export type WaitsIn =
  /** A message of the delivery queue, delayed for as long as SQS can. */
  | 'queue'
  /** The due index: dispatch wakes it. */
  | 'due-index'
  /** The endpoint's backlog: its drain takes it when its turn comes. */
  | 'backlog';

/** One event for one subscription. */
export interface Delivery {
  readonly subscription: string;
  /** The subscription's scope: a tenant, or `*`. */
  readonly scope: string;
  readonly event: string;
  readonly tenant: string;
  readonly sequence: number;
  /** The event's timestamp, ISO 8601. */
  readonly timestamp: string;
  readonly state: 'waiting' | 'retrying' | 'delivered' | 'exhausted' | 'cancelled';
  /** The last ones, oldest first. */
  readonly attempts: readonly DeliveryAttempt[];
  /** Attempts in all. */
  readonly attemptCount: number;
  /** Attempts that count against the schedule. */
  readonly scheduledCount: number;
  /** ISO 8601, of the present schedule: a replay begins a new one. Undefined before its first attempt. */
  readonly firstAttemptAt: string | undefined;
  /** Why there is no further attempt; only when exhausted. */
  readonly exhaustedBy: ExhaustedBy | undefined;
  /** ISO 8601; only while retrying. */
  readonly nextAttemptAt: string | undefined;
  /** Only while it waits. */
  readonly waitsIn: WaitsIn | undefined;
  /** The replay that asked for it; undefined where the event itself did. */
  readonly replay: string | undefined;
  /** Whether a person asked for the next attempt. */
  readonly isManual: boolean | undefined;
  /** Whether the subscription's filter has not decided yet: it was stopped, and decides before the next attempt. */
  readonly isUnjudged?: boolean | undefined;
  /** Counts the conditional writes of the row; 0 where nothing is stored yet. */
  readonly revision: number;
}
