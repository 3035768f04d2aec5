/** Shares of the way to being disabled at which its owner is told, in percent; at the last of them it is probed. */
export const noticePercents = [50, 75, 90, 100] as const;

/** Stands for the notice that an expression was stopped, which comes before all others. */
export const stoppedPercent = 1;
