/** Whether one function instance still posts to second endpoints. */
export interface ShadowHealth {
  isResting(url: string, nowMs: number): boolean;
  note(url: string, isTaken: boolean, nowMs: number): void;
}

/** Failures in a row after which an instance leaves an endpoint alone, and for how long. */
const maxFailures = 3;
const restMs = 30_000;
/** Bound of the memory; forgetting a second endpoint costs it a few more posts. */
const maxRemembered = 1_000;

/** A second endpoint that hangs may hold an instance for one timeout in each rest, not for one in each message. */
export function createShadowHealth(): ShadowHealth {
  const failing = new Map<string, { readonly failures: number; readonly restsUntilMs: number }>();
  return {
    isResting: (url, nowMs) => (failing.get(url)?.restsUntilMs ?? 0) > nowMs,
    note(url, isTaken, nowMs) {
      const failures = isTaken ? 0 : (failing.get(url)?.failures ?? 0) + 1;
      failing.delete(url);
      if (failures === 0) return;
      failing.set(url, { failures, restsUntilMs: failures >= maxFailures ? nowMs + restMs : 0 });
      const [oldest] = failing.keys();
      if (failing.size > maxRemembered && oldest !== undefined) failing.delete(oldest);
    },
  };
}
