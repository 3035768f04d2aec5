import { cpus } from 'node:os';

/** Whether the machine's cores have idle time. */
export interface MachineLoad {
  /** Measured since the previous call; calls within the minimum period repeat its result. */
  isBusy(): boolean;
}

/** Share of idle time below which the cores count as busy. */
const busyBelowIdleShare = 0.15;
/** The kernel counts in hundredths of a second, so a shorter period is too inaccurate. */
const minPeriodMs = 250;

/** CPU time of all cores since the machine started. */
export interface CpuTimes {
  readonly idleMs: number;
  readonly totalMs: number;
}

export function createMachineLoad(read: () => CpuTimes = readTimes, nowMs = () => performance.now()): MachineLoad {
  let lookedAtMs = nowMs();
  let before = read();
  let isBusy = false;
  return {
    isBusy() {
      if (nowMs() - lookedAtMs < minPeriodMs) return isBusy;
      const now = read();
      lookedAtMs = nowMs();
      isBusy = now.idleMs - before.idleMs < (now.totalMs - before.totalMs) * busyBelowIdleShare;
      before = now;
      return isBusy;
    },
  };
}

function readTimes(): CpuTimes {
  let idleMs = 0;
  let totalMs = 0;
  for (const { times } of cpus()) {
    idleMs += times.idle;
    totalMs += times.idle + times.user + times.nice + times.sys + times.irq;
  }
  return { idleMs, totalMs };
}
