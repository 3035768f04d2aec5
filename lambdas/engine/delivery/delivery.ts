import type { ExhaustedBy } from './next-attempt.ts';

/** One attempt to send a callback. */
export interface DeliveryAttempt {
  /** Counts from 1. */
  readonly number: number;
  /**
   * Why it was made: by the schedule, to probe whether the endpoint is back, or because a person asked. A post that
   * was ended early, because the endpoint hangs, counts as a probe. Only scheduled attempts, and the first attempt, count
   * against the schedule.
   */
  readonly trigger: 'schedule' | 'probe' | 'manual';
  /** ISO 8601. */
  readonly at: string;
  readonly durationMs: number;
  /** HTTP status; undefined without an answer. */
  readonly status: number | undefined;
  /** Why there was no answer, or none that could be used. */
  readonly error: string | undefined;
  /** Beginning of the receiver's answer; kept only for failures. */
  readonly response: string | undefined;
}

/** Where a delivery's next attempt waits. */
export type WaitsIn =
  /** A delayed message in the delivery queue. */
  | 'queue'
  /** The due index: dispatch queues it when it is due. */
  | 'due-index'
  /** The endpoint's backlog: the drain sends it when its turn comes. */
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
  /** The last attempts, oldest first. */
  readonly attempts: readonly DeliveryAttempt[];
  /** Total number of attempts. */
  readonly attemptCount: number;
  /** Attempts that count against the schedule. */
  readonly scheduledCount: number;
  /** ISO 8601, in the current schedule; a replay starts a new one. Undefined before the first attempt. */
  readonly firstAttemptAt: string | undefined;
  /** Why there is no further attempt; only when exhausted. */
  readonly exhaustedBy: ExhaustedBy | undefined;
  /** ISO 8601; only while retrying. */
  readonly nextAttemptAt: string | undefined;
  /** Only while the delivery waits. */
  readonly waitsIn: WaitsIn | undefined;
  /** Id of the replay that sends it; undefined if publishing the event does. */
  readonly replay: string | undefined;
  /** Whether a person requested the next attempt. */
  readonly isManual: boolean | undefined;
  /** Whether the filter has not decided yet, because it was stopped. It runs again before the next attempt. */
  readonly isUnjudged?: boolean | undefined;
  /** Counts conditional writes of the row; 0 before the first. */
  readonly revision: number;
}
