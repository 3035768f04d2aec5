/** The engine's own clock: real time plus an offset that only grows. */
export interface EngineClock {
  /** Milliseconds since the epoch, as the functions and the emulators see it. */
  now(): number;
  /** Shared with the sandbox workers, which read it at every `Date.now()`. */
  readonly sharedOffsetMs: Float64Array;
  /** Calls the listener after every advance. @returns what ends it. */
  onAdvance(listener: () => void): () => void;
  /** Moves the clock. @throws {RangeError} when `ms` is negative or not finite. */
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
