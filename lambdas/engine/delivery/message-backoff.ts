/**
 * Seconds for which a message stays hidden after each failed receive but the last. The first are as short as what fails
 * for a moment; together they are 54 minutes, so that an outage of AWS ends before the dead-letter queue is reached.
 */
const waitsSeconds = [2, 10, 40, 120, 360, 900, 1_800] as const;
/** Messages that failed together do not come again together. */
const jitterRatio = 0.25;

/**
 * How long a message that failed stays hidden.
 *
 * @param receiveCount - How often the queue has handed it over, this time included.
 * @param random - In [0, 1); the caller draws it.
 * @returns Whole seconds, as SQS takes them; 0 after the last receive, so that the dead-letter queue has the message soon.
 */
export function hiddenSeconds(receiveCount: number, random: number): number {
  const waitSeconds = waitsSeconds[receiveCount - 1] ?? 0;
  return Math.round(waitSeconds * (1 + jitterRatio * random));
}
