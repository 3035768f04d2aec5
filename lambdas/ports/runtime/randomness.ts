/** Source of randomness; tests control it. */
export interface Randomness {
  /** In [0, 1). */
  fraction(): number;
  /** Cryptographically strong bytes. */
  bytes(count: number): Buffer;
}
