/** Percentages of the time until disabling at which the owner gets a notice. At 100, the last probe is sent instead. */
export const noticePercents = [50, 75, 90, 100] as const;

/** Marks the notice that an expression was stopped, which precedes all others. */
export const stoppedPercent = 1;
