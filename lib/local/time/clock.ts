/** The engine's clock: real time plus an offset that only grows. */
export interface EngineClock {
  /** Epoch milliseconds, as in the functions and the emulators. */
  now(): number;
  /** Shared with the sandbox workers, which read it at every `Date.now()`. */
  readonly sharedOffsetMs: Float64Array;
  /** Call the listener after every advance. @returns A function that removes the listener. */
  onAdvance(listener: () => void): () => void;
  /** Move the clock forward. @throws {RangeError} when `ms` is negative or not finite. */
  advance(ms: number): void;
}

export function createEngineClock(): EngineClock {
  const sharedOffsetMs = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT));
  const listeners = new Set<() => void>();
  return {
    sharedOffsetMs,
    now: () => Date.now() + (sharedOffsetMs[0] ?? 0),
    onAdvance(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    advance(ms) {
      if (!Number.isFinite(ms) || ms < 0) throw new RangeError(`The clock only goes forward; got ${ms} ms.`);
      sharedOffsetMs[0] = (sharedOffsetMs[0] ?? 0) + ms;
      for (const listener of listeners) listener();
    },
  };
}
