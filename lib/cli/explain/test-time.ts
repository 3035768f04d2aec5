/** When samples and exchanges are sent and read: each run has the same signatures and times. */
export const testTimeMs = Date.parse('2026-11-29T12:00:00.000Z');
