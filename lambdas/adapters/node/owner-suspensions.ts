/** CPU time that an owner may use: `burstMs` at once, then `share` of the time that passes. */
export interface CpuAllowance {
  readonly burstMs: number;
  readonly share: number;
}

/** Owners whose expressions are refused for a while; instants are those of `performance.now()`. */
export interface OwnerSuspensions {
  isSuspended(owner: string): boolean;
  suspend(owner: string, ms: number): void;
  /** Count the CPU time of an evaluation; an owner that exceeds the allowance is suspended until it is repaid. */
  charge(owner: string, tookMs: number): void;
}

/** @param allowance - Undefined for no bound. */
export function createOwnerSuspensions(allowance: CpuAllowance | undefined): OwnerSuspensions {
  /** By owner, the instant until which its expressions are refused. */
  const suspended = new Map<string, number>();
  /** By owner, the instant at which its used CPU time is repaid. */
  const repaidAtMs = new Map<string, number>();
  return {
    isSuspended(owner) {
      const untilMs = suspended.get(owner);
      if (untilMs === undefined) return false;
      if (performance.now() < untilMs) return true;
      suspended.delete(owner);
      return false;
    },
    suspend(owner, ms) {
      suspended.set(owner, performance.now() + ms);
    },
    charge(owner, tookMs) {
      if (allowance === undefined) return;
      const nowMs = performance.now();
      const repaidMs = Math.max(nowMs, repaidAtMs.get(owner) ?? 0) + tookMs / allowance.share;
      repaidAtMs.delete(owner);
      repaidAtMs.set(owner, repaidMs);
      if (repaidMs - nowMs > allowance.burstMs / allowance.share) suspended.set(owner, repaidMs);
      // Forget owners that have repaid their time.
      for (const [other, atMs] of repaidAtMs) {
        if (atMs > nowMs) break;
        repaidAtMs.delete(other);
      }
    },
  };
}
