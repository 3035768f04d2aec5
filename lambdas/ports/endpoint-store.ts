import type { EndpointState } from '../engine/endpoint/endpoint-state.ts';

export interface EndpointKey {
  /** The subscription's id. */
  readonly endpoint: string;
  readonly scope: string;
}

/** What all functions together know of endpoints. */
export interface EndpointStore {
  /** Reads what is stored now; a new state where nothing is. */
  getMany(keys: readonly EndpointKey[]): Promise<readonly EndpointState[]>;
  /**
   * @param state - With the revision that was read.
   * @param dueAtMs - When dispatch is to look at it; undefined for never.
   * @returns False when somebody else wrote in between, or put something into a backlog that is said to be
   *   empty; nothing is changed then.
   */
  replace(state: EndpointState, dueAtMs: number | undefined): Promise<boolean>;
  /**
   * Note that something was put into the backlog. Whoever does is many, so that nobody waits for another:
   * it is no change that a `replace` could run into, unless that says that the backlog is empty.
   *
   * @returns The state with it.
   */
  wake(key: EndpointKey): Promise<EndpointState>;
}

export interface DueEndpoints {
  /** Endpoints of a shard that are due. May be late by a moment. */
  listDue(shard: number, untilMs: number, limit: number): Promise<readonly EndpointKey[]>;
}
