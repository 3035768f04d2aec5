/** The time that the sandboxes of a pool have been at work, all together. */
export interface BusyTime {
  began(): void;
  ended(): void;
  /** Milliseconds since the start; those of running work included. */
  totalMs(): number;
}

export function createBusyTime(): BusyTime {
  let running = 0;
  let totalMs = 0;
  let countedUntilMs = performance.now();
  const count = () => {
    const untilMs = performance.now();
    totalMs += running * (untilMs - countedUntilMs);
    countedUntilMs = untilMs;
  };
  return {
    began() {
      count();
      running += 1;
    },
    ended() {
      count();
      running -= 1;
    },
    totalMs() {
      count();
      return totalMs;
    },
  };
}
