/** Source of the time; tests drive it. */
export interface Clock {
  /** Epoch milliseconds. */
  nowMs(): number;
}
