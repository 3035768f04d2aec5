import { limits } from '../../contracts/limits.ts';

/**
 * Visibility timeouts in seconds after each failed receive except the last. The first ones are short, for momentary
 * failures. Together they last 54 minutes, so most AWS outages end before a message reaches the dead-letter queue.
 */
const waitsSeconds = [2, 10, 40, 120, 360, 900, 1_800] as const;
/** Jitter, so messages that failed together do not return together. */
const jitterRatio = 0.25;

/** A run that dies hides its messages for so long at most, where it serves webhooks. */
const diedMs = 180_000;

/** The input of an event is retried for so long at most, or given up. */
export const retriedForMs =
  waitsSeconds.reduce((sum, seconds) => sum + seconds, 0) * 1_000 * (1 + jitterRatio) + limits.maxReceiveCount * diedMs;

/**
 * How long a failed message stays hidden.
 *
 * @param receiveCount - How often the queue has delivered it, this time included.
 * @param random - In [0, 1); the caller draws it.
 * @returns Whole seconds, as SQS requires; 0 after the last receive, so the message reaches the dead-letter queue soon.
 */
export function hiddenSeconds(receiveCount: number, random: number): number {
  const waitSeconds = waitsSeconds[receiveCount - 1] ?? 0;
  return Math.round(waitSeconds * (1 + jitterRatio * random));
}
