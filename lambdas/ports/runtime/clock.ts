/** The time of day, so that tests drive it. */
export interface Clock {
  /** Epoch milliseconds. */
  nowMs(): number;
}
