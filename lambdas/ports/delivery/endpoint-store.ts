import type { EndpointState } from '../../engine/delivery/endpoint-state.ts';

export interface EndpointKey {
  /** The subscription's id. */
  readonly endpoint: string;
  readonly scope: string;
}

/**
 * What all functions together know of endpoints. A state belongs to one scope: what is stored under another one is
 * neither given nor changed (invariant 3).
 */
export interface EndpointStore {
  /** Reads what is stored now; a new state where nothing is, or where what is stored is another scope's. */
  getMany(keys: readonly EndpointKey[]): Promise<readonly EndpointState[]>;
  /**
   * @param state - With the revision that was read.
   * @param dueAtMs - When dispatch is to look at it; undefined for never.
   * @param isUnwoken - Whether it is replaced only if its backlog was not woken since it was read. One that is said to be
   *   empty always is. @default false
   * @returns False when another writer came in between, or has woken a backlog that must not be, or when the stored
   *   state is another scope's; nothing is changed then.
   */
  replace(state: EndpointState, dueAtMs: number | undefined, isUnwoken?: boolean): Promise<boolean>;
  /**
   * Note that something was put into the backlog. Many do, so that none waits for another:
   * it is no change that a `replace` could run into, unless that says that the backlog is empty or not woken.
   *
   * @returns The state with it.
   * @throws {EngineError} corrupt-state where the stored state is another scope's.
   */
  wake(key: EndpointKey): Promise<EndpointState>;
}

/** An endpoint in the due index. */
export interface DueEndpoint extends EndpointKey {
  /** Epoch milliseconds, as the index shows it: the endpoint itself may have a newer one. */
  readonly dueAtMs: number;
}

export interface DueEndpoints {
  /**
   * Endpoints of a shard that are due, the earliest first. May be late by a moment.
   *
   * @param after - The last endpoint of the page before.
   * @returns Fewer than `limit` only where no more are due.
   */
  listDue(shard: number, untilMs: number, limit: number, after?: DueEndpoint): Promise<readonly DueEndpoint[]>;
  /**
   * Move an endpoint's due time, and nothing else of it. No `replace` runs into this, and each sets the due time of its
   * own state again.
   *
   * @param due - As it was read.
   * @returns False when the endpoint has another due time by now, or none, or is gone; nothing is changed then.
   */
  postpone(due: DueEndpoint, untilMs: number): Promise<boolean>;
}
