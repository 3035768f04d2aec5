import type { EndpointState } from '../../engine/delivery/endpoint-state.ts';

export interface EndpointKey {
  /** The subscription's id. */
  readonly endpoint: string;
  readonly scope: string;
}

/**
 * Endpoint states, shared by all functions. A state belongs to one scope: a state stored under another scope is neither
 * returned nor changed (invariant 3).
 */
export interface EndpointStore {
  /** Strongly consistent. Returns a new state when none is stored, or when the stored one belongs to another scope. */
  getMany(keys: readonly EndpointKey[]): Promise<readonly EndpointState[]>;
  /**
   * @param state - With the revision that was read.
   * @param dueAtMs - When dispatch asks for a drain; undefined for never.
   * @param isUnwoken - Whether to replace only if the backlog was not woken since the read. A state that says that the
   *   backlog is empty always has this condition. @default false
   * @returns False when another caller wrote in between, when the condition on wake-ups fails, or when the stored state
   *   belongs to another scope; then nothing is changed.
   */
  replace(state: EndpointState, dueAtMs: number | undefined, isUnwoken?: boolean): Promise<boolean>;
  /**
   * Count a wake-up: an entry was put into the backlog. Many callers do so and none waits for another: a wake-up never
   * conflicts with a `replace`, except one whose condition is that the backlog is empty or not woken.
   *
   * @returns The state that includes it.
   * @throws {EngineError} corrupt-state when the stored state belongs to another scope.
   */
  wake(key: EndpointKey): Promise<EndpointState>;
}

/** An endpoint in the due index. */
export interface DueEndpoint extends EndpointKey {
  /** Epoch milliseconds, from the index: the endpoint itself may have a newer value. */
  readonly dueAtMs: number;
}

export interface DueEndpoints {
  /**
   * Endpoints of a shard that are due, the earliest first. Eventually consistent.
   *
   * @param after - The last endpoint of the previous page.
   * @returns Fewer than `limit` only when no more are due.
   */
  listDue(shard: number, untilMs: number, limit: number, after?: DueEndpoint): Promise<readonly DueEndpoint[]>;
  /**
   * Change only an endpoint's due time. This never conflicts with a `replace`, and each `replace` sets the due time of
   * its own state again.
   *
   * @param due - As it was read.
   * @returns False when the endpoint has another due time by now, has none, or is gone; then nothing is changed.
   */
  postpone(due: DueEndpoint, untilMs: number): Promise<boolean>;
}
